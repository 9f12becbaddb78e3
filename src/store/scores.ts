import type {Hotkey} from '../domain/ids.js'
import type {Store} from './open.js'

/** All samples of settled tasks by one validator on one miner; kept up when a task settles, never counted again. */
export interface Score {
  readonly validator: Hotkey
  readonly miner: Hotkey
  readonly total: number
  readonly passed: number
  readonly updatedAt: number
}

/** By validator, then miner. */
export function listScores({sql}: Store, filter: {validator?: string; miner?: string} = {}): Score[] {
  let query = sql.q.selectFrom('scores').selectAll().orderBy('validator').orderBy('miner')
  if (filter.validator !== undefined) query = query.where('validator', '=', filter.validator)
  if (filter.miner !== undefined) query = query.where('miner', '=', filter.miner)
  return sql.all(query).map((row) => ({
    validator: row.validator as Hotkey, // Both were checked when the sample was taken in.
    miner: row.miner as Hotkey,
    total: row.total,
    passed: row.passed,
    updatedAt: row.updated_at,
  }))
}
