import type {Sha256, TaskId} from '../domain/ids.js'
import {SignedVerdict} from '../domain/verdict.js'
import type {Journal} from './journal-port.js'
import {openStore, type Store, type StoreOptions} from './open.js'

export function openJournal(path: string, options?: StoreOptions): Journal & {close(): void} {
  const store = openStore(path, options)
  return Object.assign(new StoreJournal(store), {close: () => store.close()})
}

/** A validator's memory in its store: what it has judged, and what has not reached the owner. */
export class StoreJournal implements Journal {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  evaluatedUpTo(): TaskId | 0 {
    const {sql} = this.#store
    if (!this.isEvaluated(1)) return 0
    // Task ids have no gaps, so the first one without a successor ends the run that began at 1.
    const last = sql.get(
      sql.q
        .selectFrom('journal_tasks as done')
        .select('done.task_id')
        .where(({not, exists, selectFrom}) =>
          not(
            exists(
              selectFrom('journal_tasks as next')
                .select('next.task_id')
                .whereRef('next.task_id', '=', (eb) => eb('done.task_id', '+', 1)),
            ),
          ),
        )
        .orderBy('done.task_id')
        .limit(1),
    )
    return last?.task_id ?? 0
  }

  isEvaluated(taskId: TaskId): boolean {
    const {sql} = this.#store
    return sql.get(sql.q.selectFrom('journal_tasks').select('task_id').where('task_id', '=', taskId)) !== undefined
  }

  /** Whether the owner has taken in what was judged. */
  isSent(taskId: TaskId): boolean {
    const {sql} = this.#store
    const row = sql.get(sql.q.selectFrom('journal_outbox').select('state').where('task_id', '=', taskId))
    return row?.state === 'sent'
  }

  verdictsOf(taskId: TaskId): readonly SignedVerdict[] {
    const {sql} = this.#store
    return sql
      .all(sql.q.selectFrom('journal_verdicts').select('body').where('task_id', '=', taskId).orderBy('miner'))
      .map(({body}) => SignedVerdict.parse(JSON.parse(body)))
  }

  findScore(examHash: Sha256, output: Sha256, clip: Sha256): SignedVerdict | undefined {
    const {sql} = this.#store
    const row = sql.get(
      sql.q
        .selectFrom('journal_verdicts')
        .select('body')
        .where('output', '=', output)
        .where('clip', '=', clip)
        .where('exam_hash', '=', examHash)
        .orderBy('task_id')
        .orderBy('miner')
        .limit(1),
    )
    return row && SignedVerdict.parse(JSON.parse(row.body))
  }

  addVerdict(signed: SignedVerdict): void {
    const {sql} = this.#store
    const {taskId, miner, examHash, artefacts} = signed.verdict
    sql.transaction(() => {
      const added = sql.run(
        sql.q
          .insertInto('journal_verdicts')
          .values({
            task_id: taskId,
            miner,
            exam_hash: examHash,
            output: artefacts.output,
            clip: artefacts.clip,
            body: JSON.stringify(signed),
          })
          .onConflict((conflict) => conflict.doNothing()),
      )
      if (added > 0) this.#setOutbox(taskId, 'unsent', null)
    })
  }

  closeTask(taskId: TaskId, note: string): void {
    const {sql} = this.#store
    sql.run(
      sql.q
        .insertInto('journal_tasks')
        .values({task_id: taskId, note})
        .onConflict((conflict) => conflict.doNothing()),
    )
  }

  unsentTasks(): readonly TaskId[] {
    const {sql} = this.#store
    return sql
      .all(sql.q.selectFrom('journal_outbox').select('task_id').where('state', '=', 'unsent').orderBy('task_id'))
      .map(({task_id}) => task_id)
  }

  markSent(taskId: TaskId): void {
    this.#setOutbox(taskId, 'sent', null)
  }

  markRefused(taskId: TaskId, reason: string): void {
    this.#setOutbox(taskId, 'refused', reason)
  }

  #setOutbox(taskId: TaskId, state: 'unsent' | 'sent' | 'refused', note: string | null): void {
    const {sql} = this.#store
    sql.run(
      sql.q
        .insertInto('journal_outbox')
        .values({task_id: taskId, state, note})
        .onConflict((conflict) => conflict.column('task_id').doUpdateSet({state, note})),
    )
  }
}
