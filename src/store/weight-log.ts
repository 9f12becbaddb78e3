import {z} from 'zod'
import {type BlockNumber, Hotkey, type Uid} from '../domain/ids.js'
import type {Store} from './open.js'

/**
 * Where a decision came from: `recomputed` from the public evidence, `published` as read from the owner's `/weights`,
 * `held` because neither could be had and the last good winner still stands, `burn` because nobody is eligible.
 */
export const WeightSource = z.enum(['recomputed', 'published', 'held', 'burn'])
export type WeightSource = z.infer<typeof WeightSource>

export interface WeightDecision {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly block: BlockNumber
  readonly mecid: number
  readonly uids: readonly Uid[]
  readonly values: readonly number[]
  readonly source: WeightSource
  /** Null when there is no single winner (a burn). By hotkey, because a uid may have another owner later. */
  readonly winner: {readonly hotkey: Hotkey; readonly uid: Uid} | null
  readonly reason: string
  readonly extrinsic: string | null
  /** Why the chain did not take it; null when it did. */
  readonly error: string | null
}

export interface GoodWinner {
  readonly hotkey: Hotkey
  readonly uid: Uid
  readonly block: BlockNumber
  readonly at: number
}

export function appendWeights({sql}: Store, decision: WeightDecision): void {
  const {uids, values, winner, ...rest} = decision
  sql.run(
    sql.q.insertInto('weight_log').values({
      ...rest,
      uids: JSON.stringify(uids),
      weights: JSON.stringify(values),
      winner_hotkey: winner?.hotkey ?? null,
      winner_uid: winner?.uid ?? null,
    }),
  )
}

/** The newest decision, accepted by the chain or not. */
export function lastWeights({sql}: Store, mecid: number): WeightDecision | undefined {
  return listWeights({sql}, mecid, 1)[0]
}

/** Newest first. */
export function listWeights({sql}: Pick<Store, 'sql'>, mecid: number, limit: number): WeightDecision[] {
  const rows = sql.all(
    sql.q.selectFrom('weight_log').selectAll().where('mecid', '=', mecid).orderBy('id', 'desc').limit(limit),
  )
  return rows.map((row) => ({
    at: row.at,
    block: row.block,
    mecid: row.mecid,
    uids: z.array(z.number()).parse(JSON.parse(row.uids)),
    values: z.array(z.number()).parse(JSON.parse(row.weights)),
    source: WeightSource.parse(row.source),
    winner:
      row.winner_hotkey === null || row.winner_uid === null
        ? null
        : {hotkey: Hotkey.parse(row.winner_hotkey), uid: row.winner_uid},
    reason: row.reason,
    extrinsic: row.extrinsic,
    error: row.error,
  }))
}

/**
 * The winner of the newest fresh decision, with its age. Held decisions do not count, or holding would refresh itself for
 * ever; undefined when the newest fresh decision was a burn, because then there is nobody to hold.
 */
export function lastGoodWinner({sql}: Store, mecid: number): GoodWinner | undefined {
  const row = sql.get(
    sql.q
      .selectFrom('weight_log')
      .select(['winner_hotkey', 'winner_uid', 'block', 'at'])
      .where('mecid', '=', mecid)
      .where('source', '!=', 'held')
      .orderBy('id', 'desc')
      .limit(1),
  )
  if (!row || row.winner_hotkey === null || row.winner_uid === null) return undefined
  return {hotkey: Hotkey.parse(row.winner_hotkey), uid: row.winner_uid, block: row.block, at: row.at}
}

/** Block of the last weights that the chain took; undefined before the first. */
export function lastAcceptedBlock({sql}: Store, mecid: number): BlockNumber | undefined {
  return sql.get(
    sql.q
      .selectFrom('weight_log')
      .select('block')
      .where('mecid', '=', mecid)
      .where('error', 'is', null)
      .orderBy('id', 'desc')
      .limit(1),
  )?.block
}
