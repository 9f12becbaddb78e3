import type {Hotkey, TaskId} from '../domain/ids.js'
import type {Store} from './open.js'

/** One verdict, as much of it as a table of all of them shows. */
export interface Vote {
  readonly validator: Hotkey
  readonly miner: Hotkey
  readonly passed: boolean
  readonly overall: number
}

/** All votes of a settled task, by validator, then miner; none before it has settled. */
export function listVotes({sql}: Store, taskId: TaskId): Vote[] {
  const rows = sql
    .prepare<[task: number]>(
      `SELECT validator, miner, passed, overall FROM verdicts JOIN tasks USING (task_id)
       WHERE task_id = ? AND settled_at_block IS NOT NULL ORDER BY validator, miner`,
    )
    .all(taskId) as {validator: string; miner: string; passed: number; overall: number}[] // The columns selected.
  return rows.map(({validator, miner, passed, overall}) => ({
    validator: validator as Hotkey, // Both were checked when the verdict was taken in.
    miner: miner as Hotkey,
    passed: passed === 1,
    overall,
  }))
}

/** JSON texts of the signed verdicts on one output of a settled task, by validator, exactly as they were taken in. */
export function verdictTexts({sql}: Store, taskId: TaskId, miner: string): string[] {
  const rows = sql
    .prepare<[task: number, miner: string]>(
      `SELECT verdicts.body AS body FROM verdicts JOIN tasks USING (task_id)
       WHERE task_id = ? AND miner = ? AND settled_at_block IS NOT NULL ORDER BY validator`,
    )
    .all(taskId, miner) as {body: string}[] // The column selected.
  return rows.map(({body}) => body)
}

/** Mean of each aspect over the verdicts on a miner in these tasks. */
export function meanAspects(
  store: Store,
  miner: string,
  taskIds: readonly TaskId[],
): {aspects: Record<string, number>; verdicts: number} {
  const sums = new Map<string, {sum: number; count: number}>()
  let verdicts = 0
  const rows = store.sql.prepare<[task: number, miner: string]>(
    `SELECT json_extract(body, '$.verdict.aspects') AS aspects FROM verdicts WHERE task_id = ? AND miner = ?`,
  )
  for (const taskId of taskIds) {
    for (const {aspects} of rows.all(taskId, miner) as {aspects: string}[]) {
      verdicts++
      // Stored from a checked verdict: names to whole numbers.
      for (const [name, value] of Object.entries(JSON.parse(aspects) as Record<string, number>)) {
        const before = sums.get(name) ?? {sum: 0, count: 0}
        sums.set(name, {sum: before.sum + value, count: before.count + 1})
      }
    }
  }
  return {aspects: Object.fromEntries([...sums].map(([name, {sum, count}]) => [name, sum / count])), verdicts}
}
