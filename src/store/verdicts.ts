import {hashOf} from '../domain/canonical.js'
import type {TaskId} from '../domain/ids.js'
import type {SignedVerdict} from '../domain/verdict.js'
import type {Store} from './open.js'

/**
 * Hashes of a validator's verdicts on a task by miner: an identical verdict may come again, another one may not.
 */
export function verdictHashes({sql}: Store, taskId: TaskId, validator: string): Map<string, string> {
  const rows = sql
    .prepare<[number, string]>('SELECT miner, hash FROM verdicts WHERE task_id = ? AND validator = ?')
    .all(taskId, validator) as {miner: string; hash: string}[] // The columns of the statement.
  return new Map(rows.map(({miner, hash}) => [miner, hash]))
}

/** Appends. A second verdict under the same key breaks the unique key: the caller has looked. */
export function addVerdict(
  {sql}: Store,
  signed: SignedVerdict,
  at: number,
  hash: string = hashOf(signed.verdict),
): void {
  const {taskId, validator, miner, passed, overall} = signed.verdict
  sql
    .prepare<[number, string, string, string, number, string, number, number]>(
      `INSERT INTO verdicts (task_id, validator, miner, hash, passed, body, received_at, overall)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(taskId, validator, miner, hash, Number(passed), JSON.stringify(signed), at, overall)
}

/** Who said what, as much of it as a vote needs. */
export function votesOfTask(
  {sql}: Store,
  taskId: TaskId,
): {validator: string; miner: string; passed: boolean; receivedAt: number}[] {
  const query = sql.q
    .selectFrom('verdicts')
    .select(['validator', 'miner', 'passed', 'received_at'])
    .where('task_id', '=', taskId)
  return sql.all(query).map((row) => ({
    validator: row.validator,
    miner: row.miner,
    passed: row.passed === 1,
    receivedAt: row.received_at,
  }))
}

export function countVerdicts({sql}: Store): number {
  return sql.get(sql.q.selectFrom('verdicts').select(({fn}) => fn.countAll<number>().as('n')))?.n ?? 0
}

export function countVerdictsOf({sql}: Pick<Store, 'sql'>, taskId: TaskId): number {
  const query = sql.q.selectFrom('verdicts').select(({fn}) => fn.countAll<number>().as('n'))
  return sql.get(query.where('task_id', '=', taskId))?.n ?? 0
}

/** The published evaluation signature, with exactly the text that it covers. */
export function addEvaluationSignature(
  {sql}: Store,
  {
    taskId,
    validator,
    signature,
    payload,
    at,
  }: {
    taskId: TaskId
    validator: string
    signature: string
    payload: string
    at: number
  },
): void {
  sql.run(
    sql.q
      .insertInto('evaluation_signatures')
      .values({task_id: taskId, validator, signature, payload, received_at: at})
      .onConflict((conflict) => conflict.doNothing()),
  )
}
