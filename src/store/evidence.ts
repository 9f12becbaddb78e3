import type {BlockNumber, TaskId} from '../domain/ids.js'
import type {Store} from './open.js'
import {countVerdictsOf} from './verdicts.js'

/**
 * Settled tasks as they were stored: texts, put together without parsing them. A task of a full subnet is some 5 MB, so that
 * it is read a piece at a time, and whoever reads it lets others have their turn between two pieces.
 */
export interface SettledTexts {
  readonly taskId: TaskId
  readonly settledAtBlock: BlockNumber
  /** The signed manifest. */
  readonly manifest: string
  /**
   * The signed verdicts, sorted by validator, then miner, some in each piece. Throws when the task was removed before all of
   * them were read: less than everything must not look like everything.
   */
  verdicts(): Generator<readonly string[]>
}

/** Verdicts of a piece: about 300 kB, which take a millisecond or two. */
const perPiece = 256

const settled = (sql: Store['sql']) =>
  sql.q.selectFrom('tasks').select(['task_id', 'body', 'settled_at_block']).where('settled_at_block', 'is not', null)

export function findSettled({sql}: Store, taskId: TaskId): SettledTexts | undefined {
  const row = sql.get(settled(sql).where('task_id', '=', taskId))
  return row && textsOf({sql}, row)
}

/** The first settled task after this one. */
export function nextSettled({sql}: Store, after: number): SettledTexts | undefined {
  const row = sql.get(settled(sql).where('task_id', '>', after).orderBy('task_id').limit(1))
  return row && textsOf({sql}, row)
}

/** Everything public of a settled task, each text as a line of its own: manifest, verdicts, when it settled and how many. */
export function* evidencePieces({manifest, verdicts, settledAtBlock}: SettledTexts): Generator<readonly string[]> {
  yield [manifest]
  let count = 0
  for (const piece of verdicts()) {
    count += piece.length
    yield piece
  }
  yield [JSON.stringify({settledAtBlock, verdicts: count})]
}

/** JSON texts of settled tasks with their verdicts, in pieces, up to about `maxBytes` of them but at least one. Ascending. */
export function* settledPieces(store: Store, after: number, limit: number, maxBytes: number): Generator<string> {
  let bytes = 0
  let task = nextSettled(store, after)
  for (let count = 0; task && count < limit; count++) {
    bytes += sizeOf(store, task)
    if (count > 0 && bytes > maxBytes) break
    yield `${count === 0 ? '' : ','}{"task":${task.manifest},"verdicts":[`
    let separator = ''
    for (const piece of task.verdicts()) {
      yield separator + piece.join(',')
      separator = ','
    }
    yield `],"settledAtBlock":${task.settledAtBlock}}`
    task = nextSettled(store, task.taskId)
  }
}

type Key = [validator: string, miner: string]

function textsOf(
  {sql}: Pick<Store, 'sql'>,
  row: {task_id: number; body: string; settled_at_block: number | null},
): SettledTexts {
  const taskId = row.task_id
  const page = sql.prepare<[task: number, ...Key, limit: number]>(
    `SELECT validator, miner, body FROM verdicts WHERE task_id = ? AND (validator, miner) > (?, ?)
     ORDER BY validator, miner LIMIT ?`,
  )
  return {
    taskId,
    settledAtBlock: row.settled_at_block ?? 0,
    manifest: row.body,
    verdicts: function* () {
      const total = countVerdictsOf({sql}, taskId)
      let after: Key = ['', '']
      for (let count = 0; count < total; ) {
        const rows = page.all(taskId, ...after, perPiece) as {validator: string; miner: string; body: string}[] // As selected.
        const last = rows.at(-1)
        if (!last) throw new Error(`task ${taskId} was removed while it was read`)
        after = [last.validator, last.miner]
        count += rows.length
        yield rows.map(({body}) => body)
      }
    },
  }
}

function sizeOf({sql}: Store, {taskId, manifest}: SettledTexts): number {
  const row = sql
    .prepare<[number]>('SELECT coalesce(sum(octet_length(body) + 1), 0) AS bytes FROM verdicts WHERE task_id = ?')
    .get(taskId) as {bytes: number} // The column selected.
  return Buffer.byteLength(manifest) + row.bytes
}
