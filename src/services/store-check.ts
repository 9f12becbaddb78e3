import {hashOf} from '../domain/canonical.js'
import {isSignedBy, verdictFault} from '../domain/signed.js'
import {LeomaError} from '../errors.js'
import type {AnyMechanism} from '../mechanisms/types.js'
import type {Clock} from '../runtime/clock.js'
import {countScores, damage, taskIds, writtenTask, writtenVerdicts} from '../store/examine.js'
import {currentExam, findExam, listExams} from '../store/exams.js'
import type {Store} from '../store/open.js'
import {findState} from '../store/rankings.js'
import type {Verify} from '../wallet/port.js'
import {fold} from './scorer.js'

export interface StoreCheckDeps {
  readonly store: Store
  readonly mechanisms: readonly AnyMechanism[]
  readonly verify: Verify
  readonly time: Pick<Clock, 'sleep'>
  /** Check the signature of every verdict too: 0.3 ms each. */
  readonly signatures: boolean
}

export interface StoreCheck {
  readonly name: string
  /** How many things were looked at. */
  readonly count: number
  /** What is wrong, at most the first few. */
  readonly faults: readonly string[]
}

/** Faults shown for each check: a broken store has thousands. */
const maxFaults = 5

/** Whether a store is whole, and whether everything in it is what somebody signed. Changes nothing. */
export async function checkStore(deps: StoreCheckDeps, signal: AbortSignal): Promise<StoreCheck[]> {
  const {store} = deps
  const ids = taskIds(store)
  const examFaults = listExams(store).flatMap(({hash}) => examFault(deps, hash))
  return [
    result('file', 1, damage(store)),
    result('exams', listExams(store).length, examFaults),
    result('task numbers', ids.length, gaps(ids)),
    ...(await checkTasks(deps, ids, signal)),
    result('totals', 1, totals(store)),
    await checkState(deps, signal),
  ]
}

/** Throws `STORE_DAMAGED` when a check has found something. */
export function requireWhole(checks: readonly StoreCheck[]): void {
  const failed = checks.filter(({faults}) => faults.length > 0)
  if (failed.length === 0) return
  const lines = failed.flatMap(({name, faults}) => faults.map((fault) => `  ${name}: ${fault}`))
  throw new LeomaError('checks', 'STORE_DAMAGED', ['the store is not as it should be', ...lines].join('\n'), {
    hints: ['stop the services, keep the file, and restore a backup: leoma db restore'],
  })
}

const result = (name: string, count: number, faults: readonly string[]): StoreCheck => ({
  name,
  count,
  faults: faults.slice(0, maxFaults),
})

function examFault({store, verify}: StoreCheckDeps, hash: string): string[] {
  try {
    const signed = findExam(store, hash)
    if (!signed || hashOf(signed.exam) !== hash) return [`exam ${short(hash)} is not what its hash names`]
    const holds = isSignedBy('exam', signed.exam, signed.signature, signed.signer, verify)
    return holds ? [] : [`the signature of exam ${short(hash)} does not verify`]
  } catch {
    return [`exam ${short(hash)} cannot be read`]
  }
}

/** Old tasks may have been pruned; within what is left every number stands once. */
function gaps(ids: readonly number[]): string[] {
  return ids.flatMap((id, index) => {
    const before = ids[index - 1]
    return before === undefined || id === before + 1 ? [] : [`tasks ${before + 1} to ${id - 1} are missing`]
  })
}

async function checkTasks(deps: StoreCheckDeps, ids: readonly number[], signal: AbortSignal): Promise<StoreCheck[]> {
  const tasks: string[] = []
  const verdicts: string[] = []
  let count = 0
  for (const taskId of ids) {
    const written = writtenTask(deps.store, taskId)
    if (!written) tasks.push(`task ${taskId} cannot be read`)
    else tasks.push(...taskFaults(deps, taskId, written))
    for (const verdict of writtenVerdicts(deps.store, taskId)) {
      count++
      const fault = verdictFaultOf(deps, verdict)
      if (fault) verdicts.push(`the verdict of ${verdict.validator} on ${verdict.miner} in task ${taskId} ${fault}`)
    }
    await deps.time.sleep(0, signal)
  }
  return [result('tasks', ids.length, tasks), result('verdicts', count, verdicts)]
}

function taskFaults(
  {store, verify}: StoreCheckDeps,
  taskId: number,
  {task, hash, examHash}: NonNullable<ReturnType<typeof writtenTask>>,
): string[] {
  const {manifest, signer, signature} = task
  const exam = readable(() => findExam(store, examHash))?.exam
  const claims: readonly (readonly [boolean, string])[] = [
    [manifest.taskId === taskId && hashOf(manifest) === hash, 'is not what its hash names'],
    [manifest.examHash === examHash, 'belongs to another exam than it says'],
    [exam?.samplers.includes(signer) === true, `was signed by ${signer}, who is no sampler of its exam`],
    [isSignedBy('task', manifest, signature, signer, verify), 'has a signature that does not verify'],
  ]
  return claims.flatMap(([holds, fault]) => (holds ? [] : [`task ${taskId} ${fault}`]))
}

function verdictFaultOf(
  {verify, signatures}: StoreCheckDeps,
  {signed, hash, validator, miner, passed, overall}: ReturnType<typeof writtenVerdicts>[number],
): string | undefined {
  if (!signed) return 'cannot be read'
  const {verdict} = signed
  const isItself = verdict.validator === validator && verdict.miner === miner
  if (!isItself || hashOf(verdict) !== hash) return 'is not what its hash names'
  if (verdict.passed !== passed || verdict.overall !== overall) return 'counts as something else than it says'
  return signatures && verdictFault(signed, verify) ? 'has a signature that does not verify' : undefined
}

function totals(store: Store): string[] {
  return countScores(store).map(
    ({validator, miner, total, kept}) => `${validator} has ${total} samples on ${miner}, but ${kept} are counted`,
  )
}

/** Folds everything again and compares: equal hashes mean that the ranking follows from what is stored. */
async function checkState({store, mechanisms, time}: StoreCheckDeps, signal: AbortSignal): Promise<StoreCheck> {
  const exam = readable(() => currentExam(store))
  const stored = exam && readable(() => findState(store, exam.examHash))
  if (!exam || !stored) return result('ranking', 0, [])
  const mechanism = mechanisms.find(({name}) => name === exam.exam.mechanism)
  if (!mechanism) return result('ranking', 0, [`this program does not know the mechanism ${exam.exam.mechanism}`])
  try {
    const folded = await fold(store, exam, mechanism.rule(exam.exam), {time, signal, upTo: stored.lastTask})
    const agrees = folded.hash === stored.hash
    const fault = `the stored state is ${short(stored.hash)}, the evidence gives ${short(folded.hash)}`
    return result('ranking', 1, agrees ? [] : [fault])
  } catch (error) {
    signal.throwIfAborted()
    return result('ranking', 1, [LeomaError.from(error).message])
  }
}

/** What cannot be read is named by the check that it belongs to. */
function readable<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

const short = (hash: string) => `${hash.slice(0, 12)}…`
