import type {TaskId} from '../domain/ids.js'
import type {Store} from './open.js'

export interface Pruned {
  readonly tasks: number
  readonly verdicts: number
  readonly samples: number
  readonly answers: number
  readonly evaluationSignatures: number
  readonly usedSignatures: number
  readonly ruleStates: number
}

/** Tables with one row for each task and something, and what they are called in a report. */
const perTask = {
  verdicts: 'verdicts',
  samples: 'samples',
  answers: 'answers',
  evaluation_signatures: 'evaluationSignatures',
} as const

export interface PrunePlan {
  /** Tasks with a smaller id may go. */
  readonly before: TaskId
  /** Used request signatures that expired before this second. */
  readonly nowS: number
  /** Folded states of other exams than this one follow from nothing that is still needed. */
  readonly examHash: string | undefined
}

/** Oldest task that must stay whatever its age; undefined when there is none at all. */
export function firstTaskInUse({sql}: Store): TaskId | undefined {
  const open = sql.get(
    sql.q.selectFrom('tasks').select('task_id').where('settled_at_block', 'is', null).orderBy('task_id').limit(1),
  )
  // Ids follow from the newest one.
  const latest = sql.get(sql.q.selectFrom('tasks').select('task_id').orderBy('task_id', 'desc').limit(1))
  return open?.task_id ?? latest?.task_id
}

/** First task that settled at or after a moment; undefined when all settled before. */
export function firstTaskSettledSince({sql}: Store, at: number): TaskId | undefined {
  return sql.get(sql.q.selectFrom('tasks').select('task_id').where('settled_at', '>=', at).orderBy('task_id').limit(1))
    ?.task_id
}

export function firstTaskOfExam({sql}: Store, examHash: string): TaskId | undefined {
  return sql.get(
    sql.q.selectFrom('tasks').select('task_id').where('exam_hash', '=', examHash).orderBy('task_id').limit(1),
  )?.task_id
}

/** What would go; nothing is changed. */
export function countPrunable({sql}: Store, {before, nowS, examHash}: PrunePlan): Pruned {
  const count = (text: string, ...parameters: (string | number)[]) =>
    (sql.prepare<(string | number)[]>(`SELECT count(*) AS n FROM ${text}`).get(...parameters) as {n: number}).n
  return {
    tasks: count('tasks WHERE task_id < ?', before),
    verdicts: count('verdicts WHERE task_id < ?', before),
    samples: count('samples WHERE task_id < ?', before),
    answers: count('answers WHERE task_id < ?', before),
    evaluationSignatures: count('evaluation_signatures WHERE task_id < ?', before),
    usedSignatures: count('seen_signatures WHERE expires_at < ?', nowS),
    ruleStates: count('rule_states WHERE exam_hash != ?', examHash ?? ''),
  }
}

/**
 * Removes in short transactions, and stops after each, so that a serving API has its turn to write. What a task's results
 * follow from goes at once: evidence is whole or not there.
 */
export function* prune(store: Store, {before, nowS, examHash}: PrunePlan): Generator<void, Pruned> {
  const {sql} = store
  const removed = {tasks: 0, verdicts: 0, samples: 0, answers: 0, evaluationSignatures: 0}
  const remove = (table: keyof typeof perTask, taskId: TaskId) => {
    removed[perTask[table]] += sql.prepare<[number]>(`DELETE FROM ${table} WHERE task_id = ?`).run(taskId).changes
  }
  const ids = sql.all(sql.q.selectFrom('tasks').select('task_id').where('task_id', '<', before).orderBy('task_id'))
  for (const {task_id: taskId} of ids) {
    // Only for display, and half of the work.
    remove('samples', taskId)
    yield
    sql.transaction(() => {
      for (const table of ['verdicts', 'answers', 'evaluation_signatures'] as const) remove(table, taskId)
      removed.tasks += sql.prepare<[number]>('DELETE FROM tasks WHERE task_id = ?').run(taskId).changes
    })
    yield
  }
  return {
    ...removed,
    usedSignatures: sql.run(sql.q.deleteFrom('seen_signatures').where('expires_at', '<', nowS)),
    ruleStates: sql.run(sql.q.deleteFrom('rule_states').where('exam_hash', '!=', examHash ?? '')),
  }
}

/** Bytes of the file, and of those the ones that hold nothing and will be used again. */
export function storeSize({sql}: Store): {readonly bytes: number; readonly freeBytes: number} {
  const {size, count, free} = sql
    .prepare<[]>(
      `SELECT page_size AS size, page_count AS count, freelist_count AS free
       FROM pragma_page_size, pragma_page_count, pragma_freelist_count`,
    )
    .get() as {size: number; count: number; free: number} // The columns of the statement.
  return {bytes: size * count, freeBytes: size * free}
}
