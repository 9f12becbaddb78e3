import {z} from 'zod'
import {type BlockNumber, type Hotkey, Sha256, type Uid} from '../domain/ids.js'
import {noteOffer} from './offers.js'
import type {Store} from './open.js'

const WeightFiles = z.array(z.object({sha256: Sha256, sizeBytes: z.number()}))
export type WeightFiles = z.infer<typeof WeightFiles>

export interface StoredMiner {
  readonly hotkey: Hotkey
  /** Null for one that has left the subnet or offers nothing any more; its row is history. */
  readonly uid: Uid | null
  readonly modelName: string | null
  readonly modelRevision: string | null
  readonly modelHash: string | null
  readonly weightFiles: WeightFiles
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

/** By uid; miners that have left come last, by hotkey. */
export function listMiners({sql}: Store, which: 'present' | 'all' = 'present'): StoredMiner[] {
  let query = sql.q.selectFrom('miners').selectAll().orderBy('uid').orderBy('hotkey')
  if (which === 'present') query = query.where('uid', 'is not', null)
  return sql.all(query).map(toMiner)
}

export function findMiner({sql}: Store, hotkey: string): StoredMiner | undefined {
  const row = sql.get(sql.q.selectFrom('miners').selectAll().where('hotkey', '=', hotkey))
  return row && toMiner(row)
}

export function findMinerByUid({sql}: Store, uid: number): StoredMiner | undefined {
  const row = sql.get(sql.q.selectFrom('miners').selectAll().where('uid', '=', uid))
  return row && toMiner(row)
}

/**
 * Replaces what is known of all miners in one transaction: two that swapped uids, or one that moved, break nothing, and a
 * miner that is not in `miners` keeps its row without uid and validity.
 */
export function replaceMiners({sql, changes}: Store, miners: readonly StoredMiner[], at: number): void {
  sql.transaction(() => {
    changes.bump('miners')
    sql.run(sql.q.updateTable('miners').set({uid: null, is_valid: 0, invalid_reason: 'not_on_subnet'}))
    for (const miner of miners) {
      const fields = {
        uid: miner.uid,
        model_name: miner.modelName,
        model_revision: miner.modelRevision,
        model_hash: miner.modelHash,
        weight_files: JSON.stringify(miner.weightFiles),
        chute_id: miner.chuteId,
        chute_slug: miner.chuteSlug,
        is_valid: Number(miner.isValid),
        invalid_reason: miner.invalidReason,
        block: miner.block,
        failures: miner.failures,
        last_validated_at: miner.lastValidatedAt,
      }
      sql.run(
        sql.q
          .insertInto('miners')
          .values({hotkey: miner.hotkey, first_seen_at: at, ...fields})
          .onConflict((conflict) => conflict.column('hotkey').doUpdateSet(fields)),
      )
      noteOffer(sql, miner, at)
    }
  })
}

function toMiner(row: {
  hotkey: string
  uid: number | null
  model_name: string | null
  model_revision: string | null
  model_hash: string | null
  weight_files: string | null
  chute_id: string | null
  chute_slug: string | null
  is_valid: number
  invalid_reason: string | null
  block: number | null
  failures: number
  last_validated_at: number | null
}): StoredMiner {
  return {
    hotkey: row.hotkey as Hotkey, // Checked when stored.
    uid: row.uid,
    modelName: row.model_name,
    modelRevision: row.model_revision,
    modelHash: row.model_hash,
    weightFiles: WeightFiles.parse(JSON.parse(row.weight_files ?? '[]')),
    chuteId: row.chute_id,
    chuteSlug: row.chute_slug,
    isValid: row.is_valid === 1,
    invalidReason: row.invalid_reason,
    block: row.block,
    failures: row.failures,
    lastValidatedAt: row.last_validated_at,
  }
}
