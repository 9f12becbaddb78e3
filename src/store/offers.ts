import type {BlockNumber} from '../domain/ids.js'
import type {MinerRow} from './miners.js'
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
export function noteOffers(sql: Sql, miners: readonly MinerRow[], at: number): void {
  const rows = miners.flatMap((miner) =>
    miner.block === null
      ? []
      : [
          {
            hotkey: miner.hotkey,
            block: miner.block,
            model_name: miner.modelName,
            model_revision: miner.modelRevision,
            is_valid: Number(miner.isValid),
            invalid_reason: miner.invalidReason,
            first_seen_at: at,
            last_seen_at: at,
          },
        ],
  )
  sql.insertAll('offers', rows, {
    key: ['hotkey', 'block'],
    columns: ['model_name', 'model_revision', 'is_valid', 'invalid_reason', 'last_seen_at'],
  })
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
