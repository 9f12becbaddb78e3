import {hashOf} from '../domain/canonical.js'
import type {Hotkey} from '../domain/ids.js'
import {SignedRecord, successionFault} from '../domain/record.js'
import {LeomaError} from '../errors.js'
import type {Clock} from '../runtime/clock.js'
import type {Store} from './open.js'
import type {Records} from './record-port.js'

/** The newest record of one author's log. */
export interface LogHead {
  readonly author: Hotkey
  readonly sequence: number
  readonly block: number
  /** Milliseconds since 1970. */
  readonly receivedAt: number
}

/** Validators' own evidence in the store: of everybody at the owner, of itself at a validator. */
export class StoreRecords implements Records {
  readonly #store: Store
  readonly #time: Pick<Clock, 'now'>

  constructor(store: Store, time: Pick<Clock, 'now'>) {
    this.#store = store
    this.#time = time
  }

  append(signed: SignedRecord): void {
    const {sql, changes} = this.#store
    const {record} = signed
    const {mechanism, author, sequence, block} = record
    const hash = hashOf(record)
    sql.transaction(() => {
      const same = sql.get(
        sql.q
          .selectFrom('records')
          .select('hash')
          .where('mechanism', '=', mechanism)
          .where('author', '=', author)
          .where('sequence', '=', sequence),
      )
      if (same?.hash === hash) return
      const fault = same
        ? `another record number ${sequence} of ${author} is known`
        : successionFault(record, this.last(mechanism, author)?.record)
      if (fault !== undefined) {
        throw new LeomaError('data', 'RECORD_OUT_OF_ORDER', `record ${sequence} of ${author} does not fit: ${fault}`, {
          hints: ['records are numbered from 1 without gaps, and none is ever replaced'],
        })
      }
      sql.run(
        sql.q.insertInto('records').values({
          ...{mechanism, author, sequence, hash, block},
          exam_hash: record.examHash,
          body: JSON.stringify(signed),
          received_at: this.#time.now(),
        }),
      )
      changes.bump('records')
    })
  }

  last(mechanism: string, author: Hotkey): SignedRecord | undefined {
    const {sql} = this.#store
    const row = sql.get(
      sql.q
        .selectFrom('records')
        .select('body')
        .where('mechanism', '=', mechanism)
        .where('author', '=', author)
        .orderBy('sequence', 'desc')
        .limit(1),
    )
    return row && SignedRecord.parse(JSON.parse(row.body))
  }

  after(mechanism: string, author: Hotkey, after: number, limit: number): SignedRecord[] {
    const {sql} = this.#store
    return sql
      .all(
        sql.q
          .selectFrom('records')
          .select('body')
          .where('mechanism', '=', mechanism)
          .where('author', '=', author)
          .where('sequence', '>', after)
          .orderBy('sequence')
          .limit(limit),
      )
      .map(({body}) => SignedRecord.parse(JSON.parse(body)))
  }
}

/** The head of every author's log, by author. */
export function recordLogs({sql}: Store, mechanism: string): LogHead[] {
  return sql
    .all(
      sql.q
        .selectFrom('records')
        .select(({fn}) => [
          'author',
          fn.max('sequence').as('sequence'),
          fn.max('block').as('block'),
          fn.max('received_at').as('received_at'),
        ])
        .where('mechanism', '=', mechanism)
        .groupBy('author')
        .orderBy('author'),
    )
    .map((row) => ({
      author: row.author as Hotkey, // Checked when stored.
      sequence: row.sequence,
      block: row.block,
      receivedAt: row.received_at,
    }))
}
