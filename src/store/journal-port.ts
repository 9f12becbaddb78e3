import type {Sha256, TaskId} from '../domain/ids.js'
import type {SignedVerdict} from '../domain/verdict.js'

/**
 * What a validator must not forget: which tasks it has dealt with, and the verdicts that have not reached the owner yet.
 * Everything is written before it is acted upon, so a process killed at any line starts again without judging twice.
 */
export interface Journal {
  /** Tasks up to this id are all dealt with; the evaluator asks for what comes after. */
  evaluatedUpTo(): TaskId | 0
  isEvaluated(taskId: TaskId): boolean
  /** Verdicts of a task that were already made (sent or not). */
  verdictsOf(taskId: TaskId): readonly SignedVerdict[]
  /** A verdict already made for the same bytes under the same exam and judge, so that a restart never pays twice. */
  findScore(examHash: Sha256, output: Sha256, clip: Sha256): SignedVerdict | undefined
  /** Stores a verdict in the outbox. Idempotent for the same task and miner; the first one stays. */
  addVerdict(verdict: SignedVerdict): void
  /** Marks a task as dealt with, once every output has a verdict or has been given up with a reason. */
  closeTask(taskId: TaskId, note: string): void
  /** Tasks with verdicts that were not accepted yet, oldest first. */
  unsentTasks(): readonly TaskId[]
  markSent(taskId: TaskId): void
  /** The owner will never accept these (settled, unknown task): kept, with the reason, and not sent again. */
  markRefused(taskId: TaskId, reason: string): void
}
