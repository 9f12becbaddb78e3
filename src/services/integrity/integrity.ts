import type {OwnerApi} from '../../api/port.js'
import type {TaskId} from '../../domain/ids.js'
import type {SettledTask} from '../../domain/verdict.js'
import type {Clock} from '../../runtime/clock.js'
import type {IntegrityFinding} from './findings.js'
import {minerFindings} from './miners.js'
import {RecentTasks} from './recent.js'
import {validatorFindings} from './validators.js'

/** Steps of a few milliseconds between two pauses. */
const stepsAtOnce = 8

/**
 * All signs of copying and collusion in settled tasks, which ascend: the same tasks give the same findings. Ten thousand
 * verdicts take seconds, so `pause` is awaited every some ten milliseconds, for others to get on with their work.
 */
export async function integrityFindings(
  tasks: readonly SettledTask[],
  pause: () => Promise<void>,
): Promise<IntegrityFinding[]> {
  const found: IntegrityFinding[] = []
  let steps = 0
  for (const part of [minerFindings(tasks), validatorFindings(tasks)]) {
    for (let step = part.next(); ; step = part.next()) {
      if (step.done) {
        found.push(...step.value)
        break
      }
      if (++steps % stepsAtOnce === 0) await pause()
    }
  }
  return found
}

export interface IntegrityReport {
  readonly api: string
  /** The tasks that were looked at: first, last and how many. */
  readonly from: TaskId | null
  readonly to: TaskId | null
  readonly tasks: number
  /** Older tasks that the window asked for and that are too much to look through at once. */
  readonly leftOut: number
  readonly findings: readonly IntegrityFinding[]
}

const pageSize = 20
/** A few hundred megabytes: an owner, or many of its validators, may not fill anybody's memory. */
const maxVerdictsAtOnce = 100_000

/**
 * Looks through the newest settled tasks that an owner's API publishes; what it says of them is all that is believed. Of
 * more than `maxVerdicts` verdicts the oldest tasks are left out.
 */
export async function inspectIntegrity(
  api: Pick<OwnerApi, 'url' | 'latestTask' | 'settledAfter'>,
  window: number,
  time: Pick<Clock, 'sleep'>,
  signal: AbortSignal,
  maxVerdicts = maxVerdictsAtOnce,
): Promise<IntegrityReport> {
  const latest = (await api.latestTask(signal)) ?? 0
  const recent = new RecentTasks(maxVerdicts)
  for (let after = Math.max(0, latest - window); ; ) {
    const page = await api.settledAfter(after, pageSize, signal)
    for (const task of page) recent.add(task)
    const last = page.at(-1)?.task.manifest.taskId
    if (last === undefined || last >= latest) break
    after = last
  }
  const tasks = recent.list()
  return {
    api: api.url,
    from: tasks[0]?.task.manifest.taskId ?? null,
    to: tasks.at(-1)?.task.manifest.taskId ?? null,
    tasks: tasks.length,
    leftOut: recent.leftOut,
    findings: await integrityFindings(tasks, () => time.sleep(0, signal)),
  }
}
