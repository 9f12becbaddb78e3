import {SignedExam} from '../domain/exam.js'
import type {Sha256, TaskId} from '../domain/ids.js'
import {getMeta, setMeta} from './meta.js'
import type {Store} from './open.js'

const currentKey = 'exam.current'

/** The exam that the next task will be set under. */
export function currentExam(store: Store): SignedExam | undefined {
  const hash = getMeta(store, currentKey)
  return hash === undefined ? undefined : findExam(store, hash)
}

export function findExam({sql}: Store, hash: string): SignedExam | undefined {
  const row = sql.get(sql.q.selectFrom('exams').select('body').where('hash', '=', hash))
  return row && SignedExam.parse(JSON.parse(row.body))
}

/** Oldest first, with the first task of each. */
export function listExams({sql}: Store): {hash: Sha256; fromTask: TaskId; publishedAt: number}[] {
  return sql
    .all(sql.q.selectFrom('exams').select(['hash', 'from_task', 'published_at']).orderBy('id'))
    .map((row) => ({hash: row.hash as Sha256, fromTask: row.from_task, publishedAt: row.published_at})) // Checked when stored.
}

/** Makes it the current one. An exam that was current before may become so again, signed anew. */
export function publishExam(store: Store, signed: SignedExam, at: number): void {
  const {sql, changes} = store
  const fields = {body: JSON.stringify(signed), published_at: at}
  sql.transaction(() => {
    sql.run(
      sql.q
        .insertInto('exams')
        .values({hash: signed.examHash, from_task: signed.exam.fromTask, ...fields})
        .onConflict((conflict) => conflict.column('hash').doUpdateSet(fields)),
    )
    setMeta(store, currentKey, signed.examHash)
    changes.bump('exams')
  })
}
