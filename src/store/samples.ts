import type {Hotkey, TaskId} from '../domain/ids.js'
import type {Store} from './open.js'

/** The published API's row: a verdict as its validator worded it. Only signed verdicts vote; these are for reading. */
export interface StoredSample {
  readonly id: number
  readonly taskId: TaskId
  readonly validator: Hotkey
  readonly miner: Hotkey
  readonly prompt: string
  readonly bucket: string
  readonly prefix: string
  readonly passed: boolean
  readonly confidence: number | null
  readonly reasoning: string | null
  readonly latencyMs: number | null
  readonly originalArtifacts: string | null
  readonly generatedArtifacts: string | null
  readonly presentationOrder: string | null
  readonly evaluatedAt: number
}

export type NewSample = Omit<StoredSample, 'id'>

export interface SampleFilter {
  readonly validator?: string
  readonly miner?: string
  readonly taskId?: TaskId
  /** Only samples of tasks that have settled. */
  readonly settledOnly: boolean
  readonly order: 'newest' | 'miner' | 'oldest'
  readonly limit?: number
}

export function listSamples({sql}: Store, filter: SampleFilter): StoredSample[] {
  let query = sql.q.selectFrom('samples').selectAll()
  if (filter.validator !== undefined) query = query.where('samples.validator', '=', filter.validator)
  if (filter.miner !== undefined) query = query.where('samples.miner', '=', filter.miner)
  if (filter.taskId !== undefined) query = query.where('samples.task_id', '=', filter.taskId)
  // The few open tasks are excluded: asking each of the others would read its whole manifest.
  if (filter.settledOnly)
    query = query.where('task_id', 'not in', ({selectFrom}) =>
      selectFrom('tasks').select('tasks.task_id').where('settled_at_block', 'is', null),
    )
  if (filter.order === 'miner') query = query.orderBy('samples.miner')
  else query = query.orderBy('samples.id', filter.order === 'newest' ? 'desc' : 'asc')
  if (filter.limit !== undefined) query = query.limit(filter.limit)
  return sql.all(query).map(toSample)
}

/** Validators with a sample of a task. */
export function countValidators({sql}: Store, taskId: TaskId): number {
  const query = sql.q
    .selectFrom('samples')
    .select(({fn}) => fn.count<number>('validator').distinct().as('n'))
    .where('task_id', '=', taskId)
  return sql.get(query)?.n ?? 0
}

export function findSample(
  {sql}: Store,
  key: {taskId: TaskId; validator: string; miner: string},
): StoredSample | undefined {
  const row = sql.get(
    sql.q
      .selectFrom('samples')
      .selectAll()
      .where('task_id', '=', key.taskId)
      .where('validator', '=', key.validator)
      .where('miner', '=', key.miner),
  )
  return row && toSample(row)
}

const columns = [
  'task_id',
  'validator',
  'miner',
  'prompt',
  's3_bucket',
  's3_prefix',
  'passed',
  'confidence',
  'reasoning',
  'latency_ms',
  'original_artifacts',
  'generated_artifacts',
  'presentation_order',
  'evaluated_at',
] as const
const putText = `INSERT INTO samples (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})
  ON CONFLICT (task_id, validator, miner) DO UPDATE SET ${columns
    .slice(3)
    .map((column) => `${column} = excluded.${column}`)
    .join(', ')}
  RETURNING id`

/** Inserts, or replaces the row of the same validator, task and miner; returns it as stored. */
export function putSample({sql}: Store, sample: NewSample): StoredSample {
  const row = sql
    .prepare<(string | number | null)[]>(putText)
    .get(
      sample.taskId,
      sample.validator,
      sample.miner,
      sample.prompt,
      sample.bucket,
      sample.prefix,
      Number(sample.passed),
      sample.confidence,
      sample.reasoning,
      sample.latencyMs,
      sample.originalArtifacts,
      sample.generatedArtifacts,
      sample.presentationOrder,
      sample.evaluatedAt,
    ) as {id: number} // What the statement returns.
  return {id: row.id, ...sample}
}

function toSample(row: {
  id: number
  task_id: number
  validator: string
  miner: string
  prompt: string
  s3_bucket: string
  s3_prefix: string
  passed: number
  confidence: number | null
  reasoning: string | null
  latency_ms: number | null
  original_artifacts: string | null
  generated_artifacts: string | null
  presentation_order: string | null
  evaluated_at: number
}): StoredSample {
  return {
    id: row.id,
    taskId: row.task_id,
    validator: row.validator as Hotkey, // Both were checked when the sample was taken in.
    miner: row.miner as Hotkey,
    prompt: row.prompt,
    bucket: row.s3_bucket,
    prefix: row.s3_prefix,
    passed: row.passed === 1,
    confidence: row.confidence,
    reasoning: row.reasoning,
    latencyMs: row.latency_ms,
    originalArtifacts: row.original_artifacts,
    generatedArtifacts: row.generated_artifacts,
    presentationOrder: row.presentation_order,
    evaluatedAt: row.evaluated_at,
  }
}
