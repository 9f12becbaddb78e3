import {z} from 'zod'
import type {Sha256, TaskId} from '../domain/ids.js'
import {Ranking} from '../domain/ranking.js'
import {SubnetView} from '../domain/subnet.js'
import type {Store} from './open.js'
import {noteReign} from './reigns.js'

/** A rule's folded state up to and with a task: restart is "load this, fold the rest". */
export interface StoredState {
  readonly lastTask: TaskId | 0
  readonly hash: string
  readonly state: unknown
}

/** A state with the JSON text that its hash covers. */
export interface WrittenState extends Omit<StoredState, 'state'> {
  readonly text: string
}

export interface StoredRanking {
  readonly ranking: Ranking
  readonly view: SubnetView
  readonly madeAt: number
}

/** History that is kept; older rankings follow from the evidence whenever somebody wants them. */
const keep = 500

export function findState({sql}: Store, examHash: Sha256): StoredState | undefined {
  const row = sql.get(sql.q.selectFrom('rule_states').selectAll().where('exam_hash', '=', examHash))
  return row && {lastTask: row.last_task, hash: row.hash, state: z.json().parse(JSON.parse(row.state))}
}

/** State and ranking belong together and are written together. A state that is stored already is not written again. */
export function saveRanking({sql, changes}: Store, {lastTask, hash, text}: WrittenState, made: StoredRanking): void {
  const {ranking, view, madeAt} = made
  sql.transaction(() => {
    changes.bump('rankings')
    const fields = {last_task: lastTask, hash, state: text}
    sql.run(
      sql.q
        .insertInto('rule_states')
        .values({exam_hash: ranking.examHash, ...fields})
        .onConflict((conflict) =>
          conflict
            .column('exam_hash')
            .doUpdateSet(fields)
            .where((eb) => eb.or([eb('rule_states.hash', '!=', hash), eb('rule_states.last_task', '!=', lastTask)])),
        ),
    )
    const row = sql.get(
      sql.q
        .insertInto('rankings')
        .values({
          exam_hash: ranking.examHash,
          state_hash: ranking.stateHash,
          body: JSON.stringify(ranking),
          view: JSON.stringify(view),
          made_at: madeAt,
        })
        .returning('id'),
    )
    noteReign(sql, ranking, madeAt)
    if (row) sql.run(sql.q.deleteFrom('rankings').where('id', '<=', row.id - keep))
  })
}

export function lastRanking({sql}: Store): StoredRanking | undefined {
  const row = sql.get(sql.q.selectFrom('rankings').select(['body', 'view', 'made_at']).orderBy('id', 'desc').limit(1))
  return (
    row && {
      ranking: Ranking.parse(JSON.parse(row.body)),
      view: SubnetView.parse(JSON.parse(row.view)),
      madeAt: row.made_at,
    }
  )
}
