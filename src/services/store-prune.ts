import {currentExam} from '../store/exams.js'
import type {Store} from '../store/open.js'
import {
  countPrunable,
  firstTaskInUse,
  firstTaskOfExam,
  firstTaskSettledSince,
  type Pruned,
  type PrunePlan,
  prune,
  storeSize,
} from '../store/prune.js'
import {lastRanking} from '../store/rankings.js'

const dayMs = 86_400_000

export interface PruneReport {
  /** Tasks before this one are removed, or would be. */
  readonly beforeTask: number
  readonly removed: Pruned
  /** False when it was only counted. */
  readonly done: boolean
  readonly storeBytes: number
  /** Room in the file that new rows will use; the file itself does not shrink. */
  readonly freeBytes: number
}

/**
 * Removes tasks that settled long ago, with everything that belongs to them. What the ranking in force follows from stays:
 * the window of the current exam, whatever its age, and everything that has not settled. Totals per miner and validator,
 * exams, the ranking history and the blacklist are never touched.
 */
export function pruneStore(
  store: Store,
  {keepDays, at, dryRun}: {readonly keepDays: number; readonly at: number; readonly dryRun: boolean},
): PruneReport {
  const plan = planOf(store, at - keepDays * dayMs, at)
  const removed = dryRun ? countPrunable(store, plan) : prune(store, plan)
  const {bytes, freeBytes} = storeSize(store)
  return {beforeTask: plan.before, removed, done: !dryRun, storeBytes: bytes, freeBytes}
}

function planOf(store: Store, settledBefore: number, at: number): PrunePlan {
  const exam = currentExam(store)
  const ranking = lastRanking(store)?.ranking
  // Without a ranking of this exam nobody knows its window yet: then all of its tasks stay.
  const window =
    exam === undefined
      ? undefined
      : ranking?.examHash === exam.examHash
        ? ranking.window[0]
        : firstTaskOfExam(store, exam.examHash)
  const limits = [firstTaskInUse(store), firstTaskSettledSince(store, settledBefore), window]
  const before = Math.min(...limits.flatMap((task) => task ?? []))
  return {
    before: Number.isFinite(before) ? before : 0,
    nowS: Math.floor(at / 1000),
    examHash: exam?.examHash,
  }
}
