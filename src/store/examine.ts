import {SignedManifest} from '../domain/task.js'
import {SignedVerdict} from '../domain/verdict.js'
import type {Store} from './open.js'

/** What SQLite itself finds wrong with the file, one line each; empty when it is whole. */
export function damage({sql}: Store): string[] {
  const rows = sql.prepare<[]>('SELECT * FROM pragma_integrity_check').all() as {integrity_check: string}[]
  const broken = rows.map(({integrity_check: line}) => line).filter((line) => line !== 'ok')
  const strays = sql
    .prepare<[]>('SELECT "table", parent, count(*) AS n FROM pragma_foreign_key_check GROUP BY 1, 2')
    .all()
  return [
    ...broken,
    ...(strays as {table: string; parent: string; n: number}[]).map(
      ({table, parent, n}) => `${n} rows of ${table} belong to nothing in ${parent}`,
    ),
  ]
}

export function taskIds({sql}: Store): number[] {
  return sql.all(sql.q.selectFrom('tasks').select('task_id').orderBy('task_id')).map(({task_id}) => task_id)
}

/** A task as it is written, not as the program would read it. */
export function writtenTask(
  {sql}: Store,
  taskId: number,
): {task: SignedManifest; hash: string; examHash: string} | undefined {
  const row = sql.get(sql.q.selectFrom('tasks').select(['body', 'hash', 'exam_hash']).where('task_id', '=', taskId))
  const task = row && SignedManifest.safeParse(parse(row.body))
  return row && task?.success ? {task: task.data, hash: row.hash, examHash: row.exam_hash} : undefined
}

export interface WrittenVerdict {
  readonly validator: string
  readonly miner: string
  readonly hash: string
  readonly passed: boolean
  readonly overall: number
  /** Undefined when the text is none. */
  readonly signed: SignedVerdict | undefined
}

export function writtenVerdicts({sql}: Store, taskId: number): WrittenVerdict[] {
  return sql
    .all(sql.q.selectFrom('verdicts').selectAll().where('task_id', '=', taskId))
    .map(({validator, miner, hash, passed, overall, body}) => {
      const signed = SignedVerdict.safeParse(parse(body))
      return {validator, miner, hash, passed: passed === 1, overall, signed: signed.success ? signed.data : undefined}
    })
}

/** Samples of settled tasks, counted again: what the totals must at least be. */
export function countScores({sql}: Store): {validator: string; miner: string; total: number; kept: number}[] {
  return sql
    .prepare<[]>(
      `SELECT counted.validator, counted.miner, counted.n AS total, coalesce(scores.total, 0) AS kept
       FROM (SELECT validator, miner, count(*) AS n FROM samples
             WHERE task_id NOT IN (SELECT task_id FROM tasks WHERE settled_at_block IS NULL)
             GROUP BY validator, miner) AS counted
       LEFT JOIN scores USING (validator, miner)
       WHERE coalesce(scores.total, 0) < counted.n`,
    )
    .all() as {validator: string; miner: string; total: number; kept: number}[] // The columns of the statement.
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
