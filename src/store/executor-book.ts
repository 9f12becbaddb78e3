import {Hotkey} from '../domain/ids.js'
import type {SignedRecord} from '../domain/record.js'
import type {CommittedRow, ExecutorBook, ToldSubmission} from './executor-port.js'
import {getMeta, setMeta} from './meta.js'
import type {Store} from './open.js'
import type {Records} from './record-port.js'

const versionKey = 'executor.version'

export class StoreExecutorBook implements ExecutorBook {
  readonly #store: Store
  readonly #records: Records

  constructor(store: Store, records: Records) {
    this.#store = store
    this.#records = records
  }

  tell(submissions: readonly ToldSubmission[]): void {
    const {sql} = this.#store
    sql.transaction(() => {
      const before = new Map(this.rows().map((row) => [row.hotkey, row]))
      let isShownChange = false
      const told = new Set(submissions.map(({hotkey}) => hotkey))
      for (const {hotkey, committed} of before.values()) {
        if (told.has(hotkey)) continue
        isShownChange ||= committed !== null
        sql.run(sql.q.deleteFrom('executor_submissions').where('hotkey', '=', hotkey))
      }
      for (const told of submissions) {
        const known = before.get(told.hotkey)
        isShownChange ||=
          known !== undefined &&
          known.committed !== null &&
          (known.imageRef !== told.imageRef || known.submitTime !== told.submitTime)
        const values = {
          image_ref: told.imageRef,
          submit_time: told.submitTime,
          submit_block: told.submitBlock,
          claim_block: told.claimBlock,
        }
        sql.run(
          sql.q
            .insertInto('executor_submissions')
            .values({hotkey: told.hotkey, ...values, committed: null})
            .onConflict((conflict) => conflict.column('hotkey').doUpdateSet(values)),
        )
      }
      if (isShownChange) this.#bump()
    })
  }

  rows(): CommittedRow[] {
    const {sql} = this.#store
    return sql
      .all(sql.q.selectFrom('executor_submissions').selectAll().orderBy('submit_time').orderBy('hotkey'))
      .map((row) => ({
        hotkey: Hotkey.parse(row.hotkey),
        imageRef: row.image_ref,
        submitTime: row.submit_time,
        submitBlock: row.submit_block,
        claimBlock: row.claim_block,
        committed: row.committed,
      }))
  }

  version(): number {
    return Number(getMeta(this.#store, versionKey) ?? 0)
  }

  round(): string | undefined {
    const {sql} = this.#store
    return sql.get(sql.q.selectFrom('executor_round').select('body'))?.body
  }

  open(round: string): void {
    const {sql} = this.#store
    sql.transaction(() => {
      this.abandon()
      sql.run(sql.q.insertInto('executor_round').values({id: 1, body: round}))
    })
  }

  abandon(): void {
    const {sql} = this.#store
    sql.transaction(() => {
      sql.run(sql.q.deleteFrom('executor_round'))
      sql.run(sql.q.deleteFrom('executor_staged'))
    })
  }

  stage(hotkey: Hotkey, imageRef: string, result: string): void {
    const {sql} = this.#store
    sql.run(
      sql.q
        .insertInto('executor_staged')
        .values({hotkey, image_ref: imageRef, body: result})
        .onConflict((conflict) => conflict.columns(['hotkey', 'image_ref']).doUpdateSet({body: result})),
    )
  }

  staged(): {hotkey: string; imageRef: string; result: string}[] {
    const {sql} = this.#store
    return sql
      .all(sql.q.selectFrom('executor_staged').selectAll().orderBy('hotkey'))
      .map(({hotkey, image_ref, body}) => ({hotkey, imageRef: image_ref, result: body}))
  }

  commit(record: SignedRecord, shown: ReadonlyMap<string, string>): void {
    const {sql} = this.#store
    sql.transaction(() => {
      this.#records.append(record)
      for (const [hotkey, committed] of shown)
        sql.run(sql.q.updateTable('executor_submissions').set({committed}).where('hotkey', '=', hotkey))
      this.abandon()
      this.#bump()
    })
  }

  #bump(): void {
    setMeta(this.#store, versionKey, String(this.version() + 1))
  }
}
