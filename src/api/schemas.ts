import {z} from 'zod'
import {BlockNumber, Hotkey, Uid} from '../domain/ids.js'
import {Ranking} from '../domain/ranking.js'
import {SubnetView} from '../domain/subnet.js'
import {SignedManifest, Voter} from '../domain/task.js'
import {SettledTask, SignedVerdict} from '../domain/verdict.js'
import {SignedWeights} from '../domain/weights-statement.js'

/**
 * The wire contract, shared by the routes and the client. Names, types and limits of the published Leoma API are kept;
 * fields it does not have are additions of ours, optional where old clients send the body.
 */

export const MinerBody = z.object({
  uid: Uid,
  hotkey: Hotkey,
  model_name: z.string().nullable(),
  model_revision: z.string().nullable(),
  model_hash: z.string().nullable(),
  chute_id: z.string().nullable(),
  chute_slug: z.string().nullable(),
  is_valid: z.boolean(),
  invalid_reason: z.string().nullable(),
  block: BlockNumber.nullable(),
  last_validated_at: z.string().nullable(),
})
export type MinerBody = z.infer<typeof MinerBody>

export const MinersList = z.object({miners: z.array(MinerBody), total: z.number().int(), valid_count: z.number().int()})
export type MinersList = z.infer<typeof MinersList>

export const RankRow = z.object({
  miner_hotkey: Hotkey,
  uid: Uid.nullable(),
  rank: z.number().int(),
  passed_count: z.number().int(),
  pass_rate: z.number(),
  block: BlockNumber.nullable(),
  eligible: z.boolean(),
  is_valid: z.boolean(),
  invalid_reason: z.string().nullable(),
  /** One sentence a miner can act on. */
  explain: z.string(),
  /** Tasks of the window in which it was judged, or that count against it. */
  evaluated_count: z.number().int().optional(),
  /** Share of the window's tasks, 0..1. */
  completeness: z.number().optional(),
  /** At least so many more tasks before it is eligible; 0 when its record suffices. */
  tasks_to_eligible: z.number().int().nullable().optional(),
  /** Pass rate with which it would win now, 0..1; null when none would do. */
  pass_rate_to_win: z.number().nullable().optional(),
  /**
   * Where a lead has to be proved: in how many of the tasks that both sat it was better and worse than the winner, and by how
   * many more it must be better before it wins. For the winner, against whom it took the lead from. Null under other rules.
   */
  proof: z.object({ahead: z.number().int(), behind: z.number().int(), short: z.number().int()}).nullable().optional(),
})
export const RankBody = z.object({
  ranks: z.array(RankRow),
  /** Miners that are not eligible, with what they lack; the published list leaves them out. */
  unranked: z.array(RankRow.omit({rank: true})).optional(),
})
export type RankBody = z.infer<typeof RankBody>

export const WeightsBody = z.object({
  winner_uid: Uid,
  miners: z.array(z.object({miner_hotkey: Hotkey, uid: Uid, pass_rate: z.number(), weight: z.number()})),
  /** True when nobody deserves the emission. `winner_uid` 0 alone does not say so: too little may have settled. */
  burn: z.boolean().optional(),
  exam_hash: z.string().optional(),
  state_hash: z.string().optional(),
  /** Hash of the whole ranking, as `/ranking` serves it. */
  ranking_hash: z.string().optional(),
  /** Tasks that count. */
  window: z.array(z.number().int()).optional(),
  /** Block of the subnet view that was weighed, so that a reader can tell how old this is. */
  block: BlockNumber.optional(),
  summary: z.string().optional(),
  /** The same, signed by the subnet's owner. What is not signed is not to be acted on. */
  signed: SignedWeights.optional(),
})
export type WeightsBody = z.infer<typeof WeightsBody>

export const HealthBody = z.object({
  status: z.enum(['healthy', 'degraded']),
  version: z.string(),
  database: z.boolean(),
  metagraph_synced: z.boolean(),
  last_sync: z.string().nullable(),
  /** Jobs whose last success is too long ago, with when it was; null for never. */
  stale: z.array(z.object({job: z.string(), since: z.string().nullable(), error: z.string().nullable()})).optional(),
  /** Each part, and when it last worked; null for never since the start. */
  parts: z
    .array(
      z.object({
        part: z.enum(['chain', 'scorer', 'store', 'sync']),
        ok: z.boolean(),
        since: z.string().nullable(),
        error: z.string().nullable(),
      }),
    )
    .optional(),
})
export type HealthBody = z.infer<typeof HealthBody>

export const LatestTaskBody = z.object({task_id: z.number().int()})
export const TasksBody = z.object({tasks: z.array(SignedManifest)})
export const SettledBody = z.object({settled: z.array(SettledTask)})
/** `in_force` when the next task is already set under it. */
export const ExamTakenBody = z.object({exam_hash: z.string(), from_task: z.number().int(), in_force: z.boolean()})
export type ExamTakenBody = z.infer<typeof ExamTakenBody>
export const VotersBody = z.object({voters: z.array(Voter)})
/** The whole ranking with its sentences, and the view of the subnet that it was weighed over. */
export const RankingBody = z.object({ranking: Ranking, view: SubnetView})

const text = (max: number) =>
  z
    .string()
    .refine((value) => [...value].length <= max, `String should have at most ${max} characters`)
    .meta({maxLength: max})
const optional = <T extends z.ZodType>(schema: T) => schema.nullable().default(null)

/** Published clients may write whole numbers as text, as 3.0 or as booleans, and booleans as words. */
const whole = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => {
    if (typeof value === 'boolean') return Number(value)
    return typeof value === 'string' && /^\s*[+-]?\d{1,16}\s*$/.test(value) ? Number(value) : value
  }, schema)
const truth = z.preprocess((value) => {
  const word = typeof value === 'string' ? value.toLowerCase() : value
  if (word === 1 || (typeof word === 'string' && ['true', '1', 'yes', 'on', 't', 'y'].includes(word))) return true
  if (word === 0 || (typeof word === 'string' && ['false', '0', 'no', 'off', 'f', 'n'].includes(word))) return false
  return value
}, z.boolean())
/** 32 bits, as the published store has. */
const int32 = z.number().int().max(2_147_483_647)

/** The published sample, and beside it the signed verdict that it is a rendering of. */
export const SampleSubmission = z.object({
  task_id: whole(int32.min(1)),
  miner_hotkey: Hotkey,
  prompt: text(4096),
  s3_bucket: text(255),
  s3_prefix: text(512),
  passed: truth,
  confidence: optional(whole(z.number().int().min(0).max(100).nullable())),
  reasoning: optional(text(4096)),
  latency_ms: optional(whole(int32.min(0).nullable())),
  original_artifacts: optional(text(8192)),
  generated_artifacts: optional(text(8192)),
  presentation_order: optional(text(64)),
  evaluation_signature: optional(text(256)),
  verdict: SignedVerdict.optional(),
})
export type SampleSubmission = z.infer<typeof SampleSubmission>

export const SampleBatch = z.object({
  signature: optional(text(256)),
  samples: z.array(SampleSubmission),
})
export type SampleBatch = z.infer<typeof SampleBatch>

/** Published datetimes of type *datetime*: RFC 3339 with `Z`. */
const datetime = z.string().nullable()

export const SampleBody = z.object({
  id: z.number().int(),
  task_id: z.number().int(),
  validator_hotkey: Hotkey,
  miner_hotkey: Hotkey,
  prompt: z.string().nullable(),
  s3_bucket: z.string(),
  s3_prefix: z.string(),
  passed: z.boolean(),
  confidence: z.number().int().nullable(),
  reasoning: z.string().nullable(),
  evaluated_at: datetime,
  latency_ms: z.number().int().nullable(),
})
export const SamplesBody = z.array(SampleBody)

export const MinerTaskBody = z.object({
  task_id: z.number().int(),
  passed: z.boolean(),
  latency_ms: z.number().int().nullable(),
  updated: datetime,
  /** What became of the request, and why an output was refused before any validator saw it. */
  outcome: z.string().optional(),
  reason: z.string().nullable().optional(),
})
export const MinerTasksBody = z.array(MinerTaskBody)

const TaskPaths = {
  task_id: z.number().int(),
  description: z.string().nullable(),
  s3_prefix: z.string(),
  first_frame_path: z.string(),
  original_clip_path: z.string(),
  first_frame_url: z.string().nullable(),
  original_clip_url: z.string().nullable(),
}
export const TaskDetailBody = z.object({
  ...TaskPaths,
  miner_count: z.number().int(),
  validator_count: z.number().int(),
  miners: z.array(
    z.object({
      miner_hotkey: Hotkey,
      passed: z.boolean(),
      validator_count: z.number().int(),
      latency_ms: z.number().int().nullable(),
      updated: datetime,
    }),
  ),
  exam_hash: z.string().optional(),
  settled_at_block: BlockNumber.optional(),
})
export const TaskMinerBody = z.object({
  ...TaskPaths,
  miner_hotkey: Hotkey,
  generated_video_path: z.string(),
  generated_video_url: z.string().nullable(),
  validators: z.array(
    z.object({
      validator_hotkey: Hotkey,
      passed: z.boolean(),
      stake: z.number().nullable(),
      evaluated_at: datetime,
      confidence: z.number().int().nullable(),
      reasoning: z.string().nullable(),
      aspect_scores: z.record(z.string(), z.number().int()).nullable(),
      overall_score: z.number().int().nullable(),
    }),
  ),
  final_passed: z.boolean(),
  latency_ms: z.number().int().nullable(),
})

export const AggregatedScoresBody = z.object({
  scores: z.record(
    z.string(),
    z.object({
      avg_score: z.number(),
      total_samples: z.number().int(),
      total_passed: z.number().int(),
      pass_rate: z.number(),
      validator_count: z.number().int(),
    }),
  ),
  total_validators: z.number().int(),
  updated_at: datetime,
})
const pairScore = {
  score: z.number(),
  total_samples: z.number().int(),
  total_passed: z.number().int(),
  pass_rate: z.number(),
  /** Published as text with `+00:00`, unlike the other times. */
  updated_at: z.string().nullable(),
}
export const MinerScoresBody = z.object({
  miner_hotkey: Hotkey,
  by_validator: z.array(z.object({validator_hotkey: Hotkey, ...pairScore})),
  aggregated: z.object({
    total_samples: z.number().int(),
    total_passed: z.number().int(),
    avg_score: z.number(),
    pass_rate: z.number(),
    validator_count: z.number().int(),
  }),
})
export const ValidatorScoresBody = z.object({
  validator_hotkey: Hotkey,
  scores: z.array(z.object({miner_hotkey: Hotkey, ...pairScore})),
  total_miners: z.number().int(),
})
export const ValidatorSummariesBody = z.array(
  z.object({
    validator_hotkey: Hotkey,
    total_samples: z.number().int(),
    total_passed: z.number().int(),
    avg_score: z.number(),
    pass_rate: z.number(),
    last_updated: z.string().nullable(),
  }),
)
export const ScoreStatsBody = z.object({
  total_validators: z.number().int(),
  total_miners: z.number().int(),
  total_samples: z.number().int(),
  total_score_entries: z.number().int(),
  overall_pass_rate: z.number(),
})

export const BlacklistRequest = z.object({hotkey: Hotkey, reason: optional(text(255))})
export const BlacklistEntryBody = z.object({
  hotkey: Hotkey,
  reason: z.string().nullable(),
  added_by: z.string().nullable(),
  created_at: datetime,
})
export type BlacklistEntryBody = z.infer<typeof BlacklistEntryBody>
export const RemovalBody = z.object({success: z.boolean(), message: z.string(), removed_by: Hotkey})

export const ReadyBody = z.object({ready: z.boolean(), reasons: z.array(z.string())})

/** Paging of the logs: ids greater than `after`, ascending. */
export const LogQuery = z.object({
  after: whole(z.number().int().min(0)).default(0),
  limit: whole(z.number().int().min(1).max(500)).default(50),
})
export const limitQuery = (standard: number) =>
  z.object({limit: whole(z.number().int().min(1).max(500)).default(standard)})
export const TaskSamplesQuery = z.object({validator_hotkey: z.string(), task_id: whole(z.number().int())})
/** Newest first; a published client asks for all, and gets as many as are of any use. */
export const TaskPageQuery = z.object({
  limit: whole(z.number().int().min(1).max(10_000)).default(1000),
  /** Only tasks with a smaller id: how to go on from the last one of a page. */
  before: whole(int32.min(1)).optional(),
})
export const MinerTasksQuery = TaskPageQuery.extend({miner_hotkey: z.string()})
export const UidParams = z.object({uid: whole(z.number().int())})
export const HotkeyParams = z.object({hotkey: z.string()})
export const MinerParams = z.object({miner_hotkey: z.string()})
export const ValidatorParams = z.object({validator_hotkey: z.string()})
export const ExamParams = z.object({exam_hash: z.string()})
export const TaskParams = z.object({task_id: whole(z.number().int())})
export const TaskMinerParams = z.object({task_id: whole(z.number().int()), miner_hotkey: z.string()})
