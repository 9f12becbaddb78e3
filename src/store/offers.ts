import type {BlockNumber} from '../domain/ids.js'
import type {StoredMiner} from './miners.js'
import type {Store} from './open.js'
import type {Sql} from './sql.js'

/** What a miner offered once, and what became of it. */
export interface StoredOffer {
  readonly block: BlockNumber
  readonly modelName: string | null
  readonly modelRevision: string | null
  readonly isValid: boolean
  readonly invalidReason: string | null
  readonly firstSeenAt: number
  readonly lastSeenAt: number
}

/** The chain keeps a hotkey's last ten commitments, and nothing of what was thought of them. */
export function noteOffer(sql: Sql, miner: StoredMiner, at: number): void {
  if (miner.block === null) return
  const fields = {
    model_name: miner.modelName,
    model_revision: miner.modelRevision,
    is_valid: Number(miner.isValid),
    invalid_reason: miner.invalidReason,
    last_seen_at: at,
  }
  sql.run(
    sql.q
      .insertInto('offers')
      .values({hotkey: miner.hotkey, block: miner.block, first_seen_at: at, ...fields})
      .onConflict((conflict) => conflict.columns(['hotkey', 'block']).doUpdateSet(fields)),
  )
}

/** Newest first. */
export function listOffers({sql}: Store, hotkey: string, limit: number): StoredOffer[] {
  return sql
    .all(sql.q.selectFrom('offers').selectAll().where('hotkey', '=', hotkey).orderBy('block', 'desc').limit(limit))
    .map((row) => ({
      block: row.block,
      modelName: row.model_name,
      modelRevision: row.model_revision,
      isValid: row.is_valid === 1,
      invalidReason: row.invalid_reason,
      firstSeenAt: row.first_seen_at,
      lastSeenAt: row.last_seen_at,
    }))
}
