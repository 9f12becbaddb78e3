import {z} from 'zod'
import {BlockNumber, Hotkey, Uid} from '../domain/ids.js'
import {Ranking} from '../domain/ranking.js'
import {SubnetView} from '../domain/subnet.js'
import {SignedManifest, Voter} from '../domain/task.js'
import {SettledTask, SignedVerdict} from '../domain/verdict.js'

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
})
export const RankBody = z.object({ranks: z.array(RankRow)})
export type RankBody = z.infer<typeof RankBody>

export const WeightsBody = z.object({
  winner_uid: Uid,
  miners: z.array(z.object({miner_hotkey: Hotkey, uid: Uid, pass_rate: z.number(), weight: z.number()})),
  /** True when nobody is eligible; `winner_uid` is then 0, which alone does not say so. */
  burn: z.boolean().optional(),
  exam_hash: z.string().optional(),
  state_hash: z.string().optional(),
  /** Block of the subnet view that was weighed, so that a reader can tell how old this is. */
  block: BlockNumber.optional(),
  summary: z.string().optional(),
})
export type WeightsBody = z.infer<typeof WeightsBody>

export const HealthBody = z.object({
  status: z.enum(['healthy', 'degraded']),
  version: z.string(),
  database: z.boolean(),
  metagraph_synced: z.boolean(),
  last_sync: z.string().nullable(),
})
export type HealthBody = z.infer<typeof HealthBody>

export const LatestTaskBody = z.object({task_id: z.number().int()})
export const TasksBody = z.object({tasks: z.array(SignedManifest)})
export const SettledBody = z.object({settled: z.array(SettledTask)})
export const VotersBody = z.object({voters: z.array(Voter)})
/** The whole ranking with its sentences, and the view of the subnet that it was weighed over. */
export const RankingBody = z.object({ranking: Ranking, view: SubnetView})

const text = (max: number) =>
  z.string().refine((value) => [...value].length <= max, `String should have at most ${max} characters`)
const optional = <T extends z.ZodType>(schema: T) => schema.nullish().transform((value) => value ?? null)

/** The published sample, and beside it the signed verdict that it is a rendering of. */
export const SampleSubmission = z.object({
  task_id: z.number().int().min(1).max(2_147_483_647),
  miner_hotkey: Hotkey,
  prompt: text(4096),
  s3_bucket: text(255),
  s3_prefix: text(512),
  passed: z.boolean(),
  confidence: optional(z.number().int().min(0).max(100)),
  reasoning: optional(text(4096)),
  latency_ms: optional(z.number().int().min(0).max(2_147_483_647)),
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
