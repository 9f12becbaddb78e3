import type {Hotkey, Uid} from '../domain/ids.js'
import type {Store} from './open.js'

export interface StoredValidator {
  readonly hotkey: Hotkey
  readonly uid: Uid
  /** What counts: the pinned stake where there is one, else the chain's. */
  readonly stakeRao: bigint
  /** Meets stake floor and permit on the chain, as of the last sync. */
  readonly qualifies: boolean
  /** Added by hand: no sync removes it. */
  readonly pinned: boolean
  readonly pinnedStakeRao: bigint | null
  /** Milliseconds since 1970 of the last accepted request; null before the first. */
  readonly lastActiveAt: number | null
}

/** Those that may vote and sign: qualified on the chain, or pinned. By hotkey. */
export function listValidators({sql}: Store): StoredValidator[] {
  return sql.all(sql.q.selectFrom('validators').selectAll().orderBy('hotkey')).map(toValidator).filter(isActive)
}

export function findValidator({sql}: Store, hotkey: string): StoredValidator | undefined {
  const row = sql.get(sql.q.selectFrom('validators').selectAll().where('hotkey', '=', hotkey))
  const validator = row && toValidator(row)
  return validator && isActive(validator) ? validator : undefined
}

/** Adds by hand. Without a stake the chain's is used, which is 0 until a sync finds the hotkey. */
export function pinValidator(
  {sql, changes}: Store,
  {hotkey, uid, stakeRao}: {hotkey: Hotkey; uid: Uid; stakeRao: bigint | undefined},
  at: number,
): StoredValidator {
  changes.bump('validators')
  const pinned = {pinned: 1, pinned_stake_rao: stakeRao === undefined ? null : String(stakeRao), updated_at: at}
  const row = sql.get(
    sql.q
      .insertInto('validators')
      .values({hotkey, uid, stake_rao: '0', qualifies: 0, last_active_at: null, ...pinned})
      .onConflict((conflict) => conflict.column('hotkey').doUpdateSet({uid, ...pinned}))
      .returningAll(),
  )
  if (!row) throw new Error('an inserted validator came back empty')
  return toValidator(row)
}

/** True when it was pinned. It stays when the chain says that it qualifies. */
export function unpinValidator({sql, changes}: Store, hotkey: string, at: number): boolean {
  changes.bump('validators')
  return (
    sql.run(
      sql.q
        .updateTable('validators')
        .set({pinned: 0, pinned_stake_rao: null, updated_at: at})
        .where('hotkey', '=', hotkey)
        .where('pinned', '=', 1),
    ) > 0
  )
}

export interface ChainValidator {
  readonly hotkey: Hotkey
  readonly uid: Uid
  readonly stakeRao: bigint
  readonly qualifies: boolean
}

/** What the chain says of all neurons now, in one transaction. Those it does not name no longer qualify. */
export function syncValidators({sql, changes}: Store, neurons: readonly ChainValidator[], at: number): void {
  sql.transaction(() => {
    changes.bump('validators')
    sql.run(sql.q.updateTable('validators').set({qualifies: 0, stake_rao: '0'}))
    const known = new Set(sql.all(sql.q.selectFrom('validators').select('hotkey')).map(({hotkey}) => hotkey))
    for (const {hotkey, uid, stakeRao, qualifies} of neurons) {
      if (!qualifies && !known.has(hotkey)) continue
      const fields = {uid, stake_rao: String(stakeRao), qualifies: Number(qualifies), updated_at: at}
      sql.run(
        sql.q
          .insertInto('validators')
          .values({hotkey, pinned: 0, pinned_stake_rao: null, last_active_at: null, ...fields})
          .onConflict((conflict) => conflict.column('hotkey').doUpdateSet(fields)),
      )
    }
  })
}

export function touchValidator({sql}: Store, hotkey: string, at: number): void {
  sql.run(sql.q.updateTable('validators').set({last_active_at: at}).where('hotkey', '=', hotkey))
}

const isActive = ({qualifies, pinned}: StoredValidator) => qualifies || pinned

function toValidator(row: {
  hotkey: string
  uid: number
  stake_rao: string
  qualifies: number
  pinned: number
  pinned_stake_rao: string | null
  last_active_at: number | null
}): StoredValidator {
  const pinnedStakeRao = row.pinned_stake_rao === null ? null : BigInt(row.pinned_stake_rao)
  return {
    hotkey: row.hotkey as Hotkey, // Checked when stored.
    uid: row.uid,
    stakeRao: pinnedStakeRao ?? BigInt(row.stake_rao),
    qualifies: row.qualifies === 1,
    pinned: row.pinned === 1,
    pinnedStakeRao,
    lastActiveAt: row.last_active_at,
  }
}
