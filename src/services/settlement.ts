import type {TaskId} from '../domain/ids.js'
import {stakeVote} from '../domain/stake-vote.js'
import type {TaskManifest} from '../domain/task.js'
import {LeomaError} from '../errors.js'
import type {AnyMechanism} from '../mechanisms/types.js'
import type {Clock} from '../runtime/clock.js'
import type {Logger} from '../runtime/logger.js'
import {findExam} from '../store/exams.js'
import type {Store} from '../store/open.js'
import {findTask, type OpenTask, openTasks, type Settlement, settleTask} from '../store/tasks.js'
import {votesOfTask} from '../store/verdicts.js'

export interface SettlementOptions {
  readonly store: Store
  readonly mechanism: AnyMechanism
  /** The chain's head. */
  readonly block: number
  /** Milliseconds since 1970. */
  readonly at: number
  readonly log: Logger
}

/**
 * Closes tasks on which every voter has judged every output, or whose time is up. In task order without gaps, so that
 * the log of settled tasks only ever grows at its end and nobody has folded past a task that is still open.
 */
export function settleOnce(options: SettlementOptions): TaskId[] {
  const settled: TaskId[] = []
  for (let due = nextDue(options); due; due = nextDue(options)) if (close(due, options)) settled.push(due.open.taskId)
  return settled
}

/** The same beside a server: of a large subnet, one task takes as long as a few requests, which are answered in between. */
export async function settleInTurns(
  options: SettlementOptions,
  time: Pick<Clock, 'sleep'>,
  signal: AbortSignal,
): Promise<TaskId[]> {
  const settled: TaskId[] = []
  for (let due = nextDue(options); due; due = nextDue(options)) {
    await time.sleep(0, signal)
    // Verdicts that came in meanwhile count: then it is looked at again.
    if (close(due, options)) settled.push(due.open.taskId)
    await time.sleep(0, signal)
  }
  return settled
}

interface Due {
  readonly open: OpenTask
  readonly results: Settlement['results']
}

function nextDue({store, mechanism, block}: SettlementOptions): Due | undefined {
  const [open] = openTasks(store, 1)
  if (!open) return undefined
  if (!isComplete(open) && block < open.block + settleBlocks(store, mechanism, open.examHash)) return undefined
  const task = findTask(store, open.taskId)
  return task && {open, results: results(store, task.task.manifest)}
}

function close({open, results}: Due, {store, block, at, log}: SettlementOptions): boolean {
  const {taskId, verdicts, expectedVerdicts} = open
  if (!settleTask(store, {taskId, atBlock: Math.max(block, open.block), at, results, verdicts})) return false
  log.info(
    {task: taskId, verdicts, expected: expectedVerdicts, block},
    isComplete(open) ? 'task settled' : 'task settled with verdicts missing',
  )
  return true
}

function isComplete({verdicts, expectedVerdicts}: OpenTask): boolean {
  return verdicts >= expectedVerdicts
}

/** At once for a task of an exam that this program cannot run any more: it must not hold up the ones after it. */
function settleBlocks(store: Store, mechanism: AnyMechanism, examHash: string): number {
  const exam = findExam(store, examHash)
  if (!exam) return 0
  try {
    return mechanism.rule(exam.exam).settleBlocks
  } catch (error) {
    if (error instanceof LeomaError && error.code === 'EXAM_UNSUPPORTED') return 0
    throw error
  }
}

/** What pages show of each asked miner; the ranking folds the verdicts themselves. */
function results(store: Store, {answers, taskId, voters}: TaskManifest): Settlement['results'] {
  const stakes = new Map<string, bigint>(voters.map(({hotkey, stakeRao}) => [hotkey, BigInt(stakeRao)]))
  const tallies = new Map<string, {forRao: bigint; allRao: bigint; votes: number; judgedAt: number}>()
  for (const {miner, passed, validator, receivedAt} of votesOfTask(store, taskId)) {
    const stake = stakes.get(validator) ?? 0n
    const before = tallies.get(miner) ?? {forRao: 0n, allRao: 0n, votes: 0, judgedAt: 0}
    tallies.set(miner, {
      forRao: before.forRao + (passed ? stake : 0n),
      allRao: before.allRao + stake,
      votes: before.votes + 1,
      judgedAt: Math.max(before.judgedAt, receivedAt),
    })
  }
  return answers.map(({hotkey, outcome}) => {
    const tally = tallies.get(hotkey)
    if (!tally) return {miner: hotkey, passed: outcome.startsWith('rejected:') ? false : null, votes: 0, judgedAt: null}
    const {forRao, allRao, votes, judgedAt} = tally
    return {
      miner: hotkey,
      passed: stakeVote({forRao: String(forRao), allRao: String(allRao)}) ?? null,
      votes,
      judgedAt,
    }
  })
}
