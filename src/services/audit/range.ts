import type {TaskId} from '../../domain/ids.js'
import {SignedManifest} from '../../domain/task.js'
import {LeomaError} from '../../errors.js'
import type {ExamHistory} from './exams.js'
import type {Published} from './published.js'
import type {AuditSource} from './source.js'

export type AuditRange =
  | {readonly of: 'window'}
  | {readonly of: 'task'; readonly taskId: TaskId}
  | {readonly of: 'from-block'; readonly block: number}

/** Both included. */
export interface TaskRange {
  readonly from: TaskId
  readonly to: TaskId
}

/** The tasks to audit; undefined when there are none. Tasks that the ranking has not counted yet are left out. */
export async function findRange(
  range: AuditRange,
  {
    source,
    published,
    exams,
  }: {
    readonly source: AuditSource
    readonly published: Published
    readonly exams: ExamHistory
  },
  signal: AbortSignal,
): Promise<TaskRange | undefined> {
  const last = published.ranking?.window.at(-1)
  if (range.of === 'window') {
    if (last === undefined) return undefined
    // Counted here: an owner who names a shorter window than the exam's would hide what stood in the rest.
    const {exam, memoryTasks} = exams.ofTask(last)?.rule ?? {}
    const first = Math.max(exam?.fromTask ?? 1, memoryTasks === undefined ? 1 : last - memoryTasks + 1)
    return {from: Math.min(first, last), to: last}
  }
  if (range.of === 'task') {
    if ((await source.evidenceTexts(range.taskId, signal)) !== undefined) return {from: range.taskId, to: range.taskId}
    throw new LeomaError('upstream', 'TASK_NOT_SETTLED', `there is no settled task ${range.taskId} at ${source.name}`, {
      hints: ['results are public once a task has settled', 'older tasks may be in an archive: --source DIR'],
      retryable: false,
    })
  }
  const to = last ?? (await lastSettled(source, signal))
  const from = await firstTaskAt(range.block, to, source, signal)
  return from === undefined ? undefined : {from, to}
}

/** Without a ranking nobody says how far tasks have settled; they settle in order. */
async function lastSettled(source: AuditSource, signal: AbortSignal): Promise<TaskId | 0> {
  let [low, high]: [number, number] = [0, await source.latestTask(signal)]
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if ((await source.evidenceTexts(middle, signal)) === undefined) high = middle - 1
    else low = middle
  }
  return low
}

/** Blocks grow with the tasks; those that nobody shows any more lie before all others. */
async function firstTaskAt(
  block: number,
  last: TaskId | 0,
  source: AuditSource,
  signal: AbortSignal,
): Promise<TaskId | undefined> {
  if (last === 0) return undefined
  let [low, high]: [number, number] = [1, last + 1]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const text = await source.manifestText(middle, signal)
    if (text !== undefined && (blockOf(text) ?? block) >= block) high = middle
    else low = middle + 1
  }
  return low > last ? undefined : low
}

/** Undefined for one that is damaged, which is then in the range and gets its finding. */
function blockOf(text: string): number | undefined {
  try {
    const parsed = SignedManifest.safeParse(JSON.parse(text))
    return parsed.success ? parsed.data.manifest.block.number : undefined
  } catch {
    return undefined
  }
}
