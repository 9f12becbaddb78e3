import type {BlockNumber, Hotkey, TaskId} from '../domain/ids.js'
import type {Answer} from '../domain/task.js'
import type {Store} from './open.js'
import type {Sql} from './sql.js'

/** One settled task in a line. Counts are miners; times are milliseconds since 1970. */
export interface TaskFigures {
  readonly taskId: TaskId
  readonly publishedAt: number
  readonly settledAt: number
  readonly settledAtBlock: BlockNumber
  readonly kind: string
  /** Its first 300 characters. */
  readonly prompt: string
  readonly asked: number
  readonly delivered: number
  readonly rejected: number
  readonly judged: number
  readonly passed: number
  /** Mean overall score of the judged outputs, 0..100; null when nothing was judged. */
  readonly score: number | null
  /** Sum over all answers, in milliseconds: what the miners' machines worked. */
  readonly latencyMs: number
  /** Sum of all received outputs. */
  readonly bytes: number
  readonly verdicts: number
}

/**
 * Counts a task that has just settled, in the transaction that settles it. Deviation is a validator's mean distance from
 * the median overall score of the same output.
 */
export function countTask(sql: Sql, taskId: TaskId): void {
  sql
    .prepare<[task: number, verdictsOf: number]>(
      `UPDATE answers SET score = means.score
         FROM (SELECT miner, AVG(overall) AS score FROM verdicts WHERE task_id = ? GROUP BY miner) AS means
         WHERE means.miner = answers.miner AND answers.task_id = ?`,
    )
    .run(taskId, taskId)
  sql
    .prepare<[task: number]>(
      `INSERT OR REPLACE INTO task_figures
         SELECT tasks.task_id, published_at, COALESCE(settled_at, published_at), settled_at_block,
           json_extract(body, '$.manifest.kind'),
           substr(json_extract(body, '$.manifest.prompt.text'), 1, 300),
           COUNT(miner),
           COALESCE(SUM(outcome = 'ok'), 0),
           COALESCE(SUM(outcome LIKE 'rejected:%'), 0),
           COALESCE(SUM(passed IS NOT NULL AND outcome = 'ok'), 0),
           COALESCE(SUM(passed), 0),
           AVG(score),
           COALESCE(SUM(latency_ms), 0),
           (SELECT COALESCE(SUM(json_extract(value, '$.output.sizeBytes')), 0)
              FROM json_each(body, '$.manifest.answers')),
           (SELECT COUNT(*) FROM verdicts WHERE verdicts.task_id = tasks.task_id)
         FROM tasks LEFT JOIN answers USING (task_id) WHERE tasks.task_id = ?
         GROUP BY tasks.task_id`,
    )
    .run(taskId)
  sql
    .prepare<[task: number, answersOf: number]>(
      `INSERT OR REPLACE INTO vote_figures
         WITH votes AS (SELECT task_id, validator, miner, passed, overall, received_at FROM verdicts WHERE task_id = ?),
         ordered AS (
           SELECT miner, overall,
             ROW_NUMBER() OVER (PARTITION BY miner ORDER BY overall) AS place,
             COUNT(*) OVER (PARTITION BY miner) AS number
           FROM votes
         ), medians AS (
           SELECT miner, AVG(overall) AS median FROM ordered
           WHERE place IN ((number + 1) / 2, (number + 2) / 2) GROUP BY miner
         )
         SELECT votes.task_id, validator, COUNT(*), SUM(votes.passed = answers.passed), AVG(ABS(overall - median)),
           MAX(received_at)
         FROM votes JOIN medians USING (miner) JOIN answers ON answers.task_id = ? AND answers.miner = votes.miner
         WHERE answers.passed IS NOT NULL
         GROUP BY validator`,
    )
    .run(taskId, taskId)
}

/** Newest first. */
export function listTaskFigures(
  {sql}: Store,
  {limit, before}: {readonly limit: number; readonly before?: TaskId | undefined},
): TaskFigures[] {
  let query = sql.q.selectFrom('task_figures').selectAll().orderBy('task_id', 'desc').limit(limit)
  if (before !== undefined) query = query.where('task_id', '<', before)
  return sql.all(query).map((row) => ({
    taskId: row.task_id,
    publishedAt: row.published_at,
    settledAt: row.settled_at,
    settledAtBlock: row.settled_at_block,
    kind: row.kind,
    prompt: row.prompt,
    asked: row.asked,
    delivered: row.delivered,
    rejected: row.rejected,
    judged: row.judged,
    passed: row.passed,
    score: row.score,
    latencyMs: row.latency_ms,
    bytes: row.bytes,
    verdicts: row.verdicts,
  }))
}

/** How one validator voted over some tasks. */
export interface VoteFigures {
  readonly validator: Hotkey
  readonly tasks: number
  readonly verdicts: number
  /** Verdicts that say what the stake vote said. */
  readonly agreed: number
  /** Mean distance of its overall scores from the median of the same output, in points. */
  readonly deviation: number
  readonly lastVerdictAt: number
}

/** Over the settled tasks from `fromTask` on, by validator. */
export function sumVotes({sql}: Store, fromTask: TaskId): VoteFigures[] {
  const rows = sql
    .prepare<[from: number]>(
      `SELECT validator, COUNT(*) AS tasks, SUM(verdicts) AS verdicts, SUM(agreed) AS agreed,
         SUM(deviation * verdicts) / SUM(verdicts) AS deviation, MAX(received_at) AS last
       FROM vote_figures WHERE task_id >= ? GROUP BY validator ORDER BY validator`,
    )
    .all(fromTask) as {
    // The columns of the statement.
    validator: string
    tasks: number
    verdicts: number
    agreed: number
    deviation: number
    last: number
  }[]
  return rows.map(({validator, last, ...figures}) => ({
    validator: validator as Hotkey, // Checked when the verdict was taken in.
    ...figures,
    lastVerdictAt: last,
  }))
}

/** Verdicts that came in at or after a moment, of settled tasks, by validator. */
export function countVerdictsSince({sql}: Store, at: number): Map<string, number> {
  const rows = sql.all(
    sql.q
      .selectFrom('vote_figures')
      .select(['validator', ({fn}) => fn.sum<number>('verdicts').as('n')])
      .where('received_at', '>=', at)
      .groupBy('validator'),
  )
  return new Map(rows.map(({validator, n}) => [validator, n]))
}

/** Share of verdicts that say what the stake vote said, of each task, ascending from `fromTask`. */
export function agreementByTask({sql}: Store, fromTask: TaskId): {taskId: TaskId; verdicts: number; agreed: number}[] {
  return sql
    .all(
      sql.q
        .selectFrom('vote_figures')
        .select([
          'task_id',
          ({fn}) => fn.sum<number>('verdicts').as('verdicts'),
          ({fn}) => fn.sum<number>('agreed').as('agreed'),
        ])
        .where('task_id', '>=', fromTask)
        .groupBy('task_id')
        .orderBy('task_id'),
    )
    .map(({task_id, verdicts, agreed}) => ({taskId: task_id, verdicts, agreed}))
}

export interface MinerTask {
  readonly taskId: TaskId
  readonly miner: Hotkey
  readonly outcome: Answer['outcome']
  readonly passed: boolean | null
}

/** Who did what in one settled task; empty before it has settled. */
export function outcomesOfTask({sql}: Store, taskId: TaskId): MinerTask[] {
  return sql
    .all(
      sql.q
        .selectFrom('answers')
        .select(['task_id', 'miner', 'outcome', 'passed'])
        .where('task_id', '=', taskId)
        .where('votes', 'is not', null),
    )
    .map((row) => ({
      taskId: row.task_id,
      miner: row.miner as Hotkey, // Both were checked when the manifest was stored.
      outcome: row.outcome as Answer['outcome'],
      passed: row.passed === null ? null : row.passed === 1,
    }))
}
