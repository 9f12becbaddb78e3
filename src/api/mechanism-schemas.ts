import {z} from 'zod'
import {BlockNumber, Hotkey, Rao, Sha256, Uid} from '../domain/ids.js'
import {Decision, Ranking} from '../domain/ranking.js'
import {SignedRecord} from '../domain/record.js'
import {SubmissionProof} from '../domain/submission-proof.js'
import {SubnetView} from '../domain/subnet.js'

/** Bodies of the routes below `/mechanisms`, and of those that mechanisms' own ecosystems call. */

export const MechanismBody = z.object({
  name: z.string(),
  version: z.number().int(),
  scope: z.enum(['shared', 'own']),
  /** Index on the chain. */
  mecid: z.number().int(),
  exam_hash: Sha256.nullable(),
  summary: z.string(),
})
export const MechanismsBody = z.object({mechanisms: z.array(MechanismBody)})

export const MechanismParams = z.object({name: z.string().max(64)})

/** Whose evidence; the validator with the most stake when absent. */
export const AuthorQuery = z.object({author: Hotkey.optional()})

export const OwnRankingBody = z.object({author: Hotkey, ranking: Ranking, view: SubnetView})

/** One paid hotkey. */
const Share = z.object({hotkey: Hotkey, uid: Uid, weight: z.number()})
export const OwnWeightsBody = z.object({
  author: Hotkey,
  block: BlockNumber,
  decision: Decision,
  burn_share: z.number(),
  weights: z.array(Share),
  summary: z.string(),
})

/** The log of one author. */
export const LogBody = z.object({
  author: Hotkey,
  /** Null for one that has left the subnet. */
  uid: Uid.nullable(),
  stake_rao: Rao.nullable(),
  records: z.number().int(),
  /** Of the newest record. */
  block: BlockNumber,
  received_at: z.string().nullable(),
})
export const LogsBody = z.object({logs: z.array(LogBody)})

const count = (max: number, standard: number) => z.coerce.number().int().min(1).max(max).default(standard)
export const RecordsQuery = z.object({
  author: Hotkey,
  after: z.coerce.number().int().min(0).max(2_147_483_647).default(0),
  limit: count(20, 10),
})
export const RecordsBody = z.object({records: z.array(SignedRecord)})
export const RoundsQuery = z.object({author: Hotkey.optional(), limit: count(50, 10)})
export const RoundsBody = z.object({
  author: Hotkey,
  /** Newest first. */
  rounds: z.array(
    z.object({
      sequence: z.number().int(),
      block: BlockNumber,
      created_at: z.string(),
      exam_hash: Sha256,
      /** In the mechanism's own words, as it was signed. */
      evidence: z.record(z.string(), z.json()),
    }),
  ),
})
export const RecordTakenBody = z.object({success: z.boolean(), sequence: z.number().int()})

/** What validators are told of a submission in force. */
export const KnownSubmissionBody = z.object({
  hotkey: Hotkey,
  text: z.string(),
  block: BlockNumber,
  claim_block: BlockNumber,
  submitted_at: z.number().int(),
  is_blacklisted: z.boolean(),
  copy_of: Hotkey.nullable(),
  /** The signed request it came by; null for one on the chain, and for one whose signature does not cover it. */
  proof: SubmissionProof.nullable().default(null),
})
export const KnownSubmissionsBody = z.object({submissions: z.array(KnownSubmissionBody).max(4096)})

export const SubmittedBody = z.object({
  status: z.enum(['accepted', 'unchanged']),
  hotkey: Hotkey,
  /** Block from which on it counts. */
  block: BlockNumber,
  /** Seconds until this hotkey may submit something else. */
  next_in_s: z.number().int(),
  /** Why it may not be run though it was taken. */
  warning: z.string().optional(),
})
export type SubmittedBody = z.infer<typeof SubmittedBody>

export const HistoryBody = z.object({
  submissions: z.array(
    z.object({
      text: z.string(),
      block: BlockNumber,
      submitted_at: z.string().nullable(),
      source: z.enum(['api', 'chain']),
      is_current: z.boolean(),
    }),
  ),
})

export const BurnRatioBody = z.object({burn_ratio: z.number()})
