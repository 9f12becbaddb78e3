import {z} from 'zod'
import {BlockNumber, Hotkey, Sha256, TaskId, Uid} from '../domain/ids.js'
import {Decision} from '../domain/ranking.js'
import {Outcome} from '../domain/task.js'
import {SignedVerdict} from '../domain/verdict.js'

/** What the dashboard asks for beyond the published contract. Times are RFC 3339; shares are 0..1, scores 0..100. */

export const Reign = z.object({
  /** Null while nobody was to get the emission. */
  hotkey: Hotkey.nullable(),
  decision: Decision,
  block: BlockNumber,
  /** Newest settled task when it began; 0 when none had settled. */
  task_id: z.number().int().min(0),
  at: z.string(),
})
export type Reign = z.infer<typeof Reign>

export const OverviewBody = z.object({
  version: z.string(),
  netuid: z.number().int(),
  /** The mechanism that the rest of this answer is about. */
  mechanism: z.string(),
  mechanisms: z.array(z.object({name: z.string(), mecid: z.number().int()})),
  /** Newest block that the API has seen; null before the first. */
  block: BlockNumber.nullable(),
  exam_hash: Sha256.nullable(),
  tasks: z.object({
    /** 0 before the first. */
    latest: z.number().int().min(0),
    published_at: z.string().nullable(),
    /** Published and not settled: their results are hidden. */
    open: z.array(TaskId),
    settled: z.number().int(),
  }),
  miners: z.object({total: z.number().int(), valid: z.number().int(), ranked: z.number().int()}),
  validators: z.number().int(),
  decision: Decision.nullable(),
  summary: z.string(),
  winner: z.object({hotkey: Hotkey, uid: Uid.nullable(), pass_rate: z.number(), since: Reign.nullable()}).nullable(),
  ranked_at: z.string().nullable(),
})
export type OverviewBody = z.infer<typeof OverviewBody>

export const TaskFigures = z.object({
  task_id: TaskId,
  kind: z.string(),
  prompt: z.string(),
  published_at: z.string(),
  settled_at: z.string(),
  settled_at_block: BlockNumber,
  asked: z.number().int(),
  delivered: z.number().int(),
  rejected: z.number().int(),
  judged: z.number().int(),
  passed: z.number().int(),
  /** Mean overall score of what was judged. */
  score: z.number().nullable(),
  /** Time that the miners worked, summed. */
  latency_ms: z.number(),
  /** Size of all outputs. */
  bytes: z.number(),
  verdicts: z.number().int(),
})
export type TaskFigures = z.infer<typeof TaskFigures>

export const TaskFiguresBody = z.object({tasks: z.array(TaskFigures)})
export type TaskFiguresBody = z.infer<typeof TaskFiguresBody>

export const HistoryBody = z.object({
  /** The newest settled tasks, ascending. */
  tasks: z.array(
    TaskFigures.omit({prompt: true, kind: true}).extend({
      /** Share of the task's verdicts that say what the stake vote said; null without verdicts. */
      agreement: z.number().nullable(),
    }),
  ),
  /** Newest first. */
  reigns: z.array(Reign),
})
export type HistoryBody = z.infer<typeof HistoryBody>

/** One letter for what a miner did in a task; `-` for one that was not asked. */
export const outcomeLetters = {
  passed: 'p',
  failed: 'f',
  rejected: 'r',
  missed: 'm',
  unjudged: 'u',
  absent: '-',
} as const

export const OutcomesBody = z.object({
  /** The newest settled tasks, ascending. */
  tasks: z.array(TaskId),
  /** Hotkey to one letter for each of these tasks. */
  outcomes: z.record(z.string(), z.string()),
})
export type OutcomesBody = z.infer<typeof OutcomesBody>

export const MinerHistoryBody = z.object({
  /** Newest first. */
  tasks: z.array(
    z.object({
      task_id: TaskId,
      outcome: Outcome,
      reason: z.string().nullable(),
      /** Null when nobody judged it. */
      passed: z.boolean().nullable(),
      score: z.number().nullable(),
      votes: z.number().int(),
      latency_ms: z.number().nullable(),
      judged_at: z.string().nullable(),
    }),
  ),
})
export type MinerHistoryBody = z.infer<typeof MinerHistoryBody>

export const MinerRecordBody = z.object({
  miner_hotkey: Hotkey,
  /** Newest first. */
  submissions: z.array(
    z.object({
      block: BlockNumber,
      model_name: z.string().nullable(),
      model_revision: z.string().nullable(),
      is_valid: z.boolean(),
      invalid_reason: z.string().nullable(),
      first_seen_at: z.string(),
      last_seen_at: z.string(),
    }),
  ),
  /** Mean of each aspect over the newest verdicts on it, and over those on the winner. */
  aspects: z.record(z.string(), z.number()),
  /** Verdicts that these means are of. */
  verdicts: z.number().int(),
})
export type MinerRecordBody = z.infer<typeof MinerRecordBody>

export const ValidatorsBody = z.object({
  /** Settled tasks that agreement and deviation are over. */
  tasks: z.number().int(),
  /** Who should have all the weight; null while that is nobody. */
  expected: z.object({hotkey: Hotkey, uid: Uid.nullable(), block: BlockNumber}).nullable(),
  validators: z.array(
    z.object({
      hotkey: Hotkey,
      uid: Uid,
      /** Whole units; the vote weighs the rao of the manifest. */
      stake: z.number(),
      pinned: z.boolean(),
      last_seen_at: z.string().nullable(),
      last_verdict_at: z.string().nullable(),
      /** Verdicts of settled tasks in the last hour. */
      verdicts_last_hour: z.number().int(),
      tasks: z.number().int(),
      verdicts: z.number().int(),
      agreement: z.number().nullable(),
      deviation: z.number().nullable(),
      /** What the chain holds of it; null when it never set any, absent when the API has not looked. */
      weights: z
        .object({
          block: BlockNumber,
          top: z.array(z.object({uid: Uid, hotkey: Hotkey.nullable(), share: z.number()})),
          /** `earlier` was right when it was set: it has not set any since the winner changed. */
          verdict: z.enum(['agrees', 'earlier', 'differs', 'unknown']),
        })
        .nullable()
        .optional(),
    }),
  ),
})
export type ValidatorsBody = z.infer<typeof ValidatorsBody>

export const TaskResultsBody = z.object({
  task_id: TaskId,
  /** Without this, nothing below is known: verdicts that can be seen could be copied. */
  settled: z.boolean(),
  settled_at: z.string().nullable(),
  settled_at_block: BlockNumber.nullable(),
  validators: z.array(Hotkey),
  /** In the manifest's order. */
  results: z.array(
    z.object({
      miner_hotkey: Hotkey,
      passed: z.boolean().nullable(),
      score: z.number().nullable(),
      /** Position in `validators`, what it said, and its overall score. */
      votes: z.array(z.tuple([z.number().int(), z.boolean(), z.number().int()])),
    }),
  ),
})
export type TaskResultsBody = z.infer<typeof TaskResultsBody>

export const VerdictsBody = z.object({verdicts: z.array(SignedVerdict)})
export type VerdictsBody = z.infer<typeof VerdictsBody>

export const FiguresQuery = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  /** Only tasks with a smaller id. */
  before: z.coerce.number().int().min(1).max(2_147_483_647).optional(),
})
