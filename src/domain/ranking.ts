import {z} from 'zod'
import {BlockNumber, Hotkey, Sha256, Uid} from './ids.js'

export const RankingRow = z.object({
  hotkey: Hotkey,
  /** Null when the hotkey has left the subnet. */
  uid: Uid.nullable(),
  /** 1 is the winner; null for miners that are not eligible. */
  rank: z.number().int().positive().nullable(),
  eligible: z.boolean(),
  /** Share of the emission, 0..1; over all rows 1, or 0 to burn. */
  weight: z.number().min(0).max(1),
  block: BlockNumber.nullable(),
  /** The mechanism's own figures by name (passed, evaluated, completeness, …). */
  numbers: z.record(z.string(), z.number()),
  /** One sentence a miner can act on. */
  sentence: z.string(),
})
export type RankingRow = z.infer<typeof RankingRow>

/**
 * `pay` the rows with a weight, `burn` because nobody deserves the emission, or `wait` because too little has settled to
 * say either: then whoever set weights before keeps them.
 */
export const Decision = z.enum(['pay', 'burn', 'wait'])
export type Decision = z.infer<typeof Decision>

export const Ranking = z.object({
  mechanism: z.string(),
  mechanismVersion: z.number().int().positive(),
  examHash: Sha256,
  /** Block of the subnet view that was weighed. */
  block: BlockNumber,
  /** Hash of the folded state: equal hashes mean equal evidence. */
  stateHash: Sha256,
  /** Tasks that count, in order; empty when nothing has settled. */
  window: z.array(z.number().int()),
  /** In rank order, then the rest by hotkey. */
  rows: z.array(RankingRow),
  decision: Decision,
  /** Share of the emission that is burned though somebody is paid; the rows share the rest. 0 when absent. */
  burnShare: z.exactOptional(z.number().min(0).max(1)),
  /** Why there is, or is no, winner. */
  summary: z.string(),
})
export type Ranking = z.infer<typeof Ranking>

export function winnerOf(ranking: Ranking): RankingRow | undefined {
  return ranking.rows.find((row) => row.rank === 1)
}
