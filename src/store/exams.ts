import {SignedExam} from '../domain/exam.js'
import type {Sha256, TaskId} from '../domain/ids.js'
import type {Store} from './open.js'
import {latestTaskId} from './tasks.js'

/** The exam that the next task will be set under. */
export function currentExam(store: Store): SignedExam | undefined {
  return examOfTask(store, latestTaskId(store) + 1)
}

/** The exam that a task is set under: the newest of those that begin at or before it. */
export function examOfTask({sql}: Store, taskId: TaskId): SignedExam | undefined {
  const row = sql.get(
    sql.q
      .selectFrom('exams')
      .select('body')
      .where('from_task', '<=', taskId)
      // Of two that begin with the same task the later publication holds.
      .orderBy('from_task', 'desc')
      .orderBy('id', 'desc')
      .limit(1),
  )
  return row && SignedExam.parse(JSON.parse(row.body))
}

export function findExam({sql}: Store, hash: string): SignedExam | undefined {
  const row = sql.get(sql.q.selectFrom('exams').select('body').where('hash', '=', hash))
  return row && SignedExam.parse(JSON.parse(row.body))
}

/** In the order in which they were published, with the first task of each. */
export function listExams({sql}: Store): {hash: Sha256; fromTask: TaskId; publishedAt: number}[] {
  return sql
    .all(sql.q.selectFrom('exams').select(['hash', 'from_task', 'published_at']).orderBy('id'))
    .map((row) => ({hash: row.hash as Sha256, fromTask: row.from_task, publishedAt: row.published_at})) // Checked when stored.
}

/** JSON texts of signed exams as they were stored, in the order in which they were published. */
export function examTexts({sql}: Store): string[] {
  return sql.all(sql.q.selectFrom('exams').select('body').orderBy('id')).map(({body}) => body)
}

/** Appends. One that was published before counts as published now; under one that has tasks already only a signature changes. */
export function publishExam({sql, changes}: Store, signed: SignedExam, at: number): void {
  const {examHash: hash, exam} = signed
  const fields = {body: JSON.stringify(signed), published_at: at}
  sql.transaction(() => {
    const used = sql.get(sql.q.selectFrom('tasks').select('task_id').where('exam_hash', '=', hash).limit(1))
    if (used) sql.run(sql.q.updateTable('exams').set(fields).where('hash', '=', hash))
    else {
      sql.run(sql.q.deleteFrom('exams').where('hash', '=', hash))
      sql.run(sql.q.insertInto('exams').values({hash, from_task: exam.fromTask, ...fields}))
    }
    changes.bump('exams')
  })
}
