import {z} from 'zod'
import {type BlockNumber, type Hotkey, Sha256, type Uid} from '../domain/ids.js'
import {noteOffers} from './offers.js'
import type {Store} from './open.js'

const WeightFiles = z.array(z.object({sha256: Sha256, sizeBytes: z.number()}))
export type WeightFiles = z.infer<typeof WeightFiles>

/** A miner as far as pages, voters and the ranking look at it. */
export interface MinerRow {
  readonly hotkey: Hotkey
  /** Null for one that has left the subnet or offers nothing any more; its row is history. */
  readonly uid: Uid | null
  readonly modelName: string | null
  readonly modelRevision: string | null
  readonly modelHash: string | null
  readonly chuteId: string | null
  readonly chuteSlug: string | null
  readonly isValid: boolean
  readonly invalidReason: string | null
  /** Block of the commitment in force. */
  readonly block: BlockNumber | null
  /** Checks in a row that gave no answer. */
  readonly failures: number
  readonly lastValidatedAt: number | null
}

/** With what copies are told by. Up to ten thousand files for each miner: whoever does not compare leaves them where they are. */
export interface StoredMiner extends MinerRow {
  readonly weightFiles: WeightFiles
}

const columns = [
  ...(['hotkey', 'uid', 'model_name', 'model_revision', 'model_hash', 'chute_id', 'chute_slug'] as const),
  ...(['is_valid', 'invalid_reason', 'block', 'failures', 'last_validated_at'] as const),
] as const

/** By uid; miners that have left come last, by hotkey. */
export function listMiners({sql}: Store, which: 'present' | 'all' = 'present'): MinerRow[] {
  let query = sql.q.selectFrom('miners').select(columns).orderBy('uid').orderBy('hotkey')
  if (which === 'present') query = query.where('uid', 'is not', null)
  return sql.all(query).map(toMiner)
}

export function findMiner({sql}: Store, hotkey: string): MinerRow | undefined {
  const row = sql.get(sql.q.selectFrom('miners').select(columns).where('hotkey', '=', hotkey))
  return row && toMiner(row)
}

export function findMinerByUid({sql}: Store, uid: number): MinerRow | undefined {
  const row = sql.get(sql.q.selectFrom('miners').select(columns).where('uid', '=', uid))
  return row && toMiner(row)
}

/** None for a miner that is not known. */
export function weightFilesOf({sql}: Store, hotkey: string): WeightFiles {
  const row = sql.get(sql.q.selectFrom('miners').select('weight_files').where('hotkey', '=', hotkey))
  return WeightFiles.parse(JSON.parse(row?.weight_files ?? '[]'))
}

/**
 * Replaces what is known of all miners in one transaction: two that swapped uids, or one that moved, break nothing, and a
 * miner that is not in `miners` keeps its row without uid and validity.
 */
export function replaceMiners({sql, changes}: Store, miners: readonly StoredMiner[], at: number): void {
  sql.transaction(() => {
    changes.bump('miners')
    const before = new Map(
      sql
        .all(sql.q.selectFrom('miners').select(['hotkey', 'model_hash']).where('weight_files', 'is not', null))
        .map((row) => [row.hotkey, row.model_hash]),
    )
    sql.run(sql.q.updateTable('miners').set({uid: null, is_valid: 0, invalid_reason: 'not_on_subnet'}))
    const rowOf = (miner: StoredMiner) => ({
      hotkey: miner.hotkey,
      first_seen_at: at,
      uid: miner.uid,
      model_name: miner.modelName,
      model_revision: miner.modelRevision,
      model_hash: miner.modelHash,
      chute_id: miner.chuteId,
      chute_slug: miner.chuteSlug,
      is_valid: Number(miner.isValid),
      invalid_reason: miner.invalidReason,
      block: miner.block,
      failures: miner.failures,
      last_validated_at: miner.lastValidatedAt,
    })
    // The hash says which files they are, and with many of them writing them again would be most of the work.
    const isSame = ({hotkey, modelHash}: StoredMiner) => before.has(hotkey) && before.get(hotkey) === modelHash
    const [same, others] = [miners.filter(isSame), miners.filter((miner) => !isSame(miner))]
    const withFiles = others.map((miner) => ({...rowOf(miner), weight_files: JSON.stringify(miner.weightFiles)}))
    sql.insertAll('miners', same.map(rowOf), {key: ['hotkey'], columns: columns.slice(1)})
    sql.insertAll('miners', withFiles, {key: ['hotkey'], columns: [...columns.slice(1), 'weight_files']})
    noteOffers(sql, miners, at)
  })
}

function toMiner(row: {
  hotkey: string
  uid: number | null
  model_name: string | null
  model_revision: string | null
  model_hash: string | null
  chute_id: string | null
  chute_slug: string | null
  is_valid: number
  invalid_reason: string | null
  block: number | null
  failures: number
  last_validated_at: number | null
}): MinerRow {
  return {
    hotkey: row.hotkey as Hotkey, // Checked when stored.
    uid: row.uid,
    modelName: row.model_name,
    modelRevision: row.model_revision,
    modelHash: row.model_hash,
    chuteId: row.chute_id,
    chuteSlug: row.chute_slug,
    isValid: row.is_valid === 1,
    invalidReason: row.invalid_reason,
    block: row.block,
    failures: row.failures,
    lastValidatedAt: row.last_validated_at,
  }
}
