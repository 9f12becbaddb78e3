import {SignedExam} from '../domain/exam.js'
import type {Store} from './open.js'

/** Exams of mechanisms that are not examined by tasks: the newest is in force. */
export function currentOwnExam({sql}: Store, mechanism: string): SignedExam | undefined {
  const row = sql.get(
    sql.q.selectFrom('own_exams').select('body').where('mechanism', '=', mechanism).orderBy('id', 'desc').limit(1),
  )
  return row && SignedExam.parse(JSON.parse(row.body))
}

/** Newest first. */
export function listOwnExams({sql}: Store, mechanism: string): SignedExam[] {
  return sql
    .all(sql.q.selectFrom('own_exams').select('body').where('mechanism', '=', mechanism).orderBy('id', 'desc'))
    .map(({body}) => SignedExam.parse(JSON.parse(body)))
}

/** One that was published before is in force again. */
export function publishOwnExam({sql, changes}: Store, signed: SignedExam, at: number): void {
  const {examHash: hash, exam} = signed
  sql.transaction(() => {
    sql.run(sql.q.deleteFrom('own_exams').where('hash', '=', hash))
    sql.run(
      sql.q
        .insertInto('own_exams')
        .values({mechanism: exam.mechanism, hash, body: JSON.stringify(signed), published_at: at}),
    )
    changes.bump('exams')
  })
}
