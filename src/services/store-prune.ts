import type {SignedExam} from '../domain/exam.js'
import type {Ranking} from '../domain/ranking.js'
import type {AnyMechanism} from '../mechanisms/types.js'
import type {Clock} from '../runtime/clock.js'
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
/** SQLite looks about this often whether another process has finished writing. */
const pauseMs = 20

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

export interface PruneOptions {
  readonly keepDays: number
  readonly dryRun: boolean
  readonly mechanisms: readonly AnyMechanism[]
  readonly time: Pick<Clock, 'now' | 'sleep'>
}

/**
 * Removes tasks that settled long ago, with everything that belongs to them. What the ranking in force follows from stays:
 * the window and the memory of the current exam, whatever their age, and everything that has not settled. Totals per miner and validator,
 * exams, the ranking history and the blacklist are never touched.
 */
export async function pruneStore(
  store: Store,
  {keepDays, dryRun, mechanisms, time}: PruneOptions,
  signal: AbortSignal,
): Promise<PruneReport> {
  const at = time.now()
  const plan = planOf(store, mechanisms, at - keepDays * dayMs, at)
  const removed = dryRun ? countPrunable(store, plan) : await pruneInTurns(store, plan, time, signal)
  const {bytes, freeBytes} = storeSize(store)
  return {beforeTask: plan.before, removed, done: !dryRun, storeBytes: bytes, freeBytes}
}

/** With pauses, so that the API of another process has its turns to write. */
export async function pruneInTurns(
  store: Store,
  plan: PrunePlan,
  time: Pick<Clock, 'sleep'>,
  signal: AbortSignal,
): Promise<Pruned> {
  const steps = prune(store, plan)
  for (let next = steps.next(); ; next = steps.next()) {
    if (next.done) return next.value
    await time.sleep(pauseMs, signal)
  }
}

function planOf(store: Store, mechanisms: readonly AnyMechanism[], settledBefore: number, at: number): PrunePlan {
  const exam = currentExam(store)
  const ranking = lastRanking(store)?.ranking
  // Without a ranking of this exam nobody knows its window yet: then all of its tasks stay.
  const needed =
    exam === undefined
      ? undefined
      : ((ranking?.examHash === exam.examHash ? firstRemembered(exam, ranking, mechanisms) : undefined) ??
        firstTaskOfExam(store, exam.examHash))
  const limits = [firstTaskInUse(store), firstTaskSettledSince(store, settledBefore), needed]
  const before = Math.min(...limits.flatMap((task) => task ?? []))
  return {
    before: Number.isFinite(before) ? before : 0,
    nowS: Math.floor(at / 1000),
    examHash: exam?.examHash,
  }
}

/** The oldest task that the state of the ranking follows from; undefined when that is all of them, or cannot be said. */
function firstRemembered(
  {exam}: SignedExam,
  {window}: Ranking,
  mechanisms: readonly AnyMechanism[],
): number | undefined {
  const memory = mechanisms.find(({name}) => name === exam.mechanism)?.rule(exam).memoryTasks
  const [first, last] = [window[0], window.at(-1)]
  return memory === undefined || first === undefined || last === undefined
    ? undefined
    : Math.min(first, last - memory + 1)
}
