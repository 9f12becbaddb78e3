import type {TaskId} from '../../domain/ids.js'
import type {TaskKind} from '../../domain/task.js'

/** What a miner is given, by kind of task. The seam inside the mechanism: everything else is the same for all three. */
export const kinds: Readonly<Record<TaskKind, {readonly sendsPrompt: boolean; readonly sendsFrame: boolean}>> = {
  ti2v: {sendsPrompt: true, sendsFrame: true},
  t2v: {sendsPrompt: true, sendsFrame: false},
  i2v: {sendsPrompt: false, sendsFrame: true},
}

/** The exam lists the kinds in turn; anyone can tell the kind of a task from its number. */
export function kindOf(taskId: TaskId, turn: readonly TaskKind[]): TaskKind {
  const kind = turn[taskId % turn.length]
  if (!kind) throw new RangeError('an exam has at least one kind of task')
  return kind
}
