import {hashOf} from '../domain/canonical.js'
import {compareText} from '../domain/ids.js'
import {manifestFault} from '../domain/signed.js'
import type {SignedManifest} from '../domain/task.js'
import type {Clock} from '../runtime/clock.js'
import type {Logger} from '../runtime/logger.js'
import {examOfTask} from '../store/exams.js'
import type {Store} from '../store/open.js'
import {addTask, findTaskFacts, latestTaskId} from '../store/tasks.js'
import type {Verify} from '../wallet/port.js'

export interface TaskIntakeDeps {
  readonly store: Store
  readonly verify: Verify
  readonly time: Pick<Clock, 'now'>
  readonly log: Logger
}

export type Intake = {readonly ok: true} | {readonly ok: false; readonly status: 409 | 422; readonly detail: string}

/** Takes in the next task. The same manifest again is fine, whoever asks twice; another one under its id is not. */
export function publishTask(task: SignedManifest, {store, verify, time, log}: TaskIntakeDeps): Intake {
  const {manifest} = task
  return store.sql.transaction((): Intake => {
    const known = findTaskFacts(store, manifest.taskId)
    if (known) {
      return known.hash === hashOf(manifest)
        ? {ok: true}
        : {ok: false, status: 409, detail: `Task ${manifest.taskId} was published with another manifest`}
    }
    const latest = latestTaskId(store)
    if (manifest.taskId !== latest + 1)
      return {ok: false, status: 409, detail: `The next task is ${latest + 1}, not ${manifest.taskId}`}
    const fault = taskFault(task, store, verify, latest)
    if (fault) return {ok: false, status: 422, detail: `Task ${manifest.taskId} is refused: ${fault}`}
    addTask(store, task, time.now())
    log.info({task: manifest.taskId, sampler: task.signer}, 'task taken in')
    return {ok: true}
  })
}

function taskFault(task: SignedManifest, store: Store, verify: Verify, latest: number): string | undefined {
  const {manifest} = task
  const exam = examOfTask(store, manifest.taskId)
  if (!exam) return 'no exam has been published'
  const signatureFault = manifestFault(task, exam, verify)
  if (signatureFault) return signatureFault
  // Evidence is folded by block, then task: a task before its predecessor would never be counted.
  const before = latest === 0 ? undefined : findTaskFacts(store, latest)
  if (before && manifest.block.number < before.block) return `its block is before that of task ${latest}`
  if (!isSortedByHotkey(manifest.voters)) return 'its voters are not sorted by hotkey, or one stands there twice'
  if (!isSortedByHotkey(manifest.answers)) return 'its answers are not sorted by hotkey, or one stands there twice'
  const empty = manifest.answers.find(({outcome, output}) => outcome === 'ok' && output === null)
  if (empty) return `the answer of ${empty.hotkey} is ok but names no output`
  return undefined
}

function isSortedByHotkey(rows: readonly {readonly hotkey: string}[]): boolean {
  return rows.every((row, index) => {
    const before = rows[index - 1]
    return before === undefined || compareText(before.hotkey, row.hotkey) < 0
  })
}
