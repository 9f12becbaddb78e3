import {hashOf} from '../domain/canonical.js'
import type {BlockNumber, Hotkey, Sha256, TaskId} from '../domain/ids.js'
import {type Answer, SignedManifest} from '../domain/task.js'
import {countTask} from './figures.js'
import type {Store} from './open.js'
import {countVerdictsOf} from './verdicts.js'

export interface StoredTask {
  readonly task: SignedManifest
  readonly publishedAt: number
  readonly settledAtBlock: BlockNumber | null
}

/** What one asked miner achieved in one settled task. */
export interface TaskResult {
  readonly taskId: TaskId
  readonly miner: Hotkey
  readonly outcome: Answer['outcome']
  readonly reason: string | null
  readonly latencyMs: number | null
  /** By stake vote; false for an output that the gates rejected; null when nobody judged it. */
  readonly passed: boolean | null
  readonly votes: number
  readonly judgedAt: number | null
  /** Mean overall score over its verdicts, 0..100; null when nobody judged it. */
  readonly score: number | null
}

export function latestTaskId({sql}: Store): TaskId | 0 {
  return sql.get(sql.q.selectFrom('tasks').select('task_id').orderBy('task_id', 'desc').limit(1))?.task_id ?? 0
}

export function findTask({sql}: Store, taskId: TaskId): StoredTask | undefined {
  const row = sql.get(
    sql.q.selectFrom('tasks').select(['body', 'published_at', 'settled_at_block']).where('task_id', '=', taskId),
  )
  return (
    row && {
      task: SignedManifest.parse(JSON.parse(row.body)),
      publishedAt: row.published_at,
      settledAtBlock: row.settled_at_block,
    }
  )
}

/** Manifests that verdicts were last about; they never change, and parsing one costs more than taking a batch in. */
const manifests = new WeakMap<Store, Map<TaskId, SignedManifest>>()
const maxManifests = 8

export function findManifest(store: Store, taskId: TaskId): SignedManifest | undefined {
  const known = manifests.get(store) ?? new Map<TaskId, SignedManifest>()
  manifests.set(store, known)
  const manifest = known.get(taskId) ?? findTask(store, taskId)?.task
  if (!manifest) return undefined
  known.delete(taskId)
  known.set(taskId, manifest)
  const [oldest] = known.keys()
  if (known.size > maxManifests && oldest !== undefined) known.delete(oldest)
  return manifest
}

/** Hash of the manifest, its block, and whether it has settled, without reading the manifest. */
export function findTaskFacts(
  {sql}: Store,
  taskId: TaskId,
): {hash: string; block: BlockNumber; isSettled: boolean} | undefined {
  const row = sql.get(
    sql.q.selectFrom('tasks').select(['hash', 'block', 'settled_at_block']).where('task_id', '=', taskId),
  )
  return row && {hash: row.hash, block: row.block, isSettled: row.settled_at_block !== null}
}

/** The caller has checked the manifest. Also remembers who was asked, so that verdicts and pages need not read it again. */
export function addTask({sql, changes}: Store, task: SignedManifest, at: number): void {
  const {manifest} = task
  const judged = manifest.answers.filter(({outcome}) => outcome === 'ok').length
  sql.transaction(() => {
    changes.bump('tasks')
    sql.run(
      sql.q.insertInto('tasks').values({
        task_id: manifest.taskId,
        exam_hash: manifest.examHash,
        hash: hashOf(manifest),
        block: manifest.block.number,
        expected_verdicts: judged * manifest.voters.length,
        body: JSON.stringify(task),
        published_at: at,
        settled_at_block: null,
        settled_at: null,
      }),
    )
    sql.insertAll(
      'answers',
      manifest.answers.map((answer) => ({
        task_id: manifest.taskId,
        miner: answer.hotkey,
        outcome: answer.outcome,
        reason: answer.reason,
        latency_ms: answer.latencyMs,
        passed: null,
        votes: null,
        judged_at: null,
        score: null,
      })),
    )
  })
}

/** Manifests of a piece: of a full subnet, half a megabyte. */
const perPiece = 6

/** JSON texts of signed manifests, ascending, as they were stored and some at a time. */
export function* manifestPiecesAfter({sql}: Store, after: number, limit: number): Generator<readonly string[]> {
  let [last, left] = [after, limit]
  while (left > 0) {
    const query = sql.q.selectFrom('tasks').select(['task_id', 'body']).where('task_id', '>', last).orderBy('task_id')
    const rows = sql.all(query.limit(Math.min(left, perPiece)))
    last = rows.at(-1)?.task_id ?? last
    left = rows.length === 0 ? 0 : left - rows.length
    if (rows.length > 0) yield rows.map(({body}) => body)
  }
}

/** The signed manifest as JSON text, as it was stored. */
export function manifestText({sql}: Store, taskId: TaskId): string | undefined {
  return sql.get(sql.q.selectFrom('tasks').select('body').where('task_id', '=', taskId))?.body
}

export interface OpenTask {
  readonly taskId: TaskId
  readonly examHash: Sha256
  readonly block: BlockNumber
  readonly expectedVerdicts: number
  readonly verdicts: number
}

/** Oldest first. */
export function openTasks({sql}: Store, limit?: number): OpenTask[] {
  return sql
    .all(
      sql.q
        .selectFrom('tasks')
        .select((eb) => [
          'task_id',
          'exam_hash',
          'block',
          'expected_verdicts',
          eb
            .selectFrom('verdicts')
            .select(({fn}) => fn.countAll<number>().as('n'))
            .whereRef('verdicts.task_id', '=', 'tasks.task_id')
            .as('verdicts'),
        ])
        .where('settled_at_block', 'is', null)
        .orderBy('task_id')
        .$if(limit !== undefined, (query) => query.limit(limit ?? 0)),
    )
    .map((row) => ({
      taskId: row.task_id,
      examHash: row.exam_hash as Sha256, // Checked when stored.
      block: row.block,
      expectedVerdicts: row.expected_verdicts,
      verdicts: row.verdicts ?? 0,
    }))
}

/** Ascending. */
export function openTaskIds({sql}: Store): TaskId[] {
  return sql
    .all(sql.q.selectFrom('tasks').select('task_id').where('settled_at_block', 'is', null).orderBy('task_id'))
    .map(({task_id}) => task_id)
}

export function publishedAt({sql}: Store, taskId: TaskId): number | null {
  return sql.get(sql.q.selectFrom('tasks').select('published_at').where('task_id', '=', taskId))?.published_at ?? null
}

export interface Settlement {
  readonly taskId: TaskId
  readonly atBlock: BlockNumber
  readonly at: number
  readonly results: readonly {miner: Hotkey; passed: boolean | null; votes: number; judgedAt: number | null}[]
  /** Of all verdicts that the results were made from. */
  readonly verdicts: number
}

/**
 * Closes a task for verdicts, keeps its results for pages, and adds its samples to the totals. Once per task; false when
 * verdicts have come in since the results were made, and nothing has changed then.
 */
export function settleTask({sql, changes}: Store, {taskId, atBlock, at, results, verdicts}: Settlement): boolean {
  return sql.transaction(() => {
    if (countVerdictsOf({sql}, taskId) !== verdicts) return false
    const changed = sql.run(
      sql.q
        .updateTable('tasks')
        .set({settled_at_block: atBlock, settled_at: at})
        .where('task_id', '=', taskId)
        .where('settled_at_block', 'is', null),
    )
    if (changed === 0) return true
    changes.bump('settled')
    const setResult = sql.prepare<
      [passed: number | null, votes: number, judgedAt: number | null, task: number, miner: string]
    >('UPDATE answers SET passed = ?, votes = ?, judged_at = ? WHERE task_id = ? AND miner = ?')
    for (const {miner, passed, votes, judgedAt} of results)
      setResult.run(passed === null ? null : Number(passed), votes, judgedAt, taskId, miner)
    // One statement: a large subnet has thousands of samples in a task.
    sql
      .prepare<[at: number, task: number]>(
        `INSERT INTO scores (validator, miner, total, passed, updated_at)
         SELECT validator, miner, 1, passed, ? FROM samples WHERE task_id = ?
         ON CONFLICT (validator, miner) DO UPDATE SET
           total = total + 1, passed = passed + excluded.passed, updated_at = excluded.updated_at`,
      )
      .run(at, taskId)
    countTask(sql, taskId)
    return true
  })
}

/** Results of settled tasks, newest first. Votes are counted when a task settles and not before. */
export function resultsOfMiner(
  {sql}: Store,
  miner: string,
  {limit, before}: {readonly limit?: number; readonly before?: number | undefined} = {},
): TaskResult[] {
  let query = sql.q
    .selectFrom('answers')
    .selectAll()
    .where('miner', '=', miner)
    .where('votes', 'is not', null)
    .orderBy('task_id', 'desc')
  if (before !== undefined) query = query.where('task_id', '<', before)
  if (limit !== undefined) query = query.limit(limit)
  return sql.all(query).map(toResult)
}

/** Results of one settled task, by hotkey; empty before it has settled. */
export function resultsOfTask({sql}: Store, taskId: TaskId): TaskResult[] {
  return sql
    .all(
      sql.q
        .selectFrom('answers')
        .selectAll()
        .where('task_id', '=', taskId)
        .where('votes', 'is not', null)
        .orderBy('miner'),
    )
    .map(toResult)
}

function toResult(row: {
  task_id: number
  miner: string
  outcome: string
  reason: string | null
  latency_ms: number | null
  passed: number | null
  votes: number | null
  judged_at: number | null
  score: number | null
}): TaskResult {
  return {
    taskId: row.task_id,
    miner: row.miner as Hotkey, // Hotkey and outcome were checked when the manifest was stored.
    outcome: row.outcome as Answer['outcome'],
    reason: row.reason,
    latencyMs: row.latency_ms,
    passed: row.passed === null ? null : row.passed === 1,
    votes: row.votes ?? 0,
    judgedAt: row.judged_at,
    score: row.score,
  }
}
