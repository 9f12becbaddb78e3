import {z} from 'zod'
import {BlockNumber, Hotkey, Netuid, Sha256, TaskId, Uid} from './ids.js'
import {Decision} from './ranking.js'

/**
 * `error`: something is not what was signed, or does not follow from it. `warning`: it may be right, and somebody should
 * look. `info`: what could not be looked at, and why.
 */
export const AuditSeverity = z.enum(['error', 'warning', 'info'])
export type AuditSeverity = z.infer<typeof AuditSeverity>

/** One thing that does not agree, by name: what it is about, who answers for it, and what helps. */
export const AuditFinding = z.strictObject({
  severity: AuditSeverity,
  /** Stable and greppable; the README lists each. */
  code: z.string().regex(/^[A-Z0-9_]{1,48}$/),
  /** The exact object: `manifest of task 7`, `verdict of 5F… on 5G… in task 7`, `artefact 7/original_clip.mp4`. */
  object: z.string().max(300),
  /** Hotkey of whoever made it; null when that cannot be said. */
  who: z.string().max(64).nullable(),
  expected: z.string().max(600).nullable(),
  found: z.string().max(600).nullable(),
  remedy: z.string().max(300).nullable(),
  task: TaskId.nullable(),
})
export type AuditFinding = z.infer<typeof AuditFinding>

/** One kind of check: how many things were looked at, and how many of them differ. */
export const AuditCheck = z.strictObject({
  check: z.string().max(64),
  looked: z.number().int().min(0),
  differs: z.number().int().min(0),
})
export type AuditCheck = z.infer<typeof AuditCheck>

/** What one validator did, as far as the public can see. */
export const AuditedValidator = z.strictObject({
  hotkey: Hotkey,
  uid: Uid.nullable(),
  /** Outputs that it might have judged, and those that it did. */
  expected: z.number().int().min(0),
  verdicts: z.number().int().min(0),
  /** Share of its verdicts that say what the stake vote said, 0..1; null without any. */
  agreement: z.number().min(0).max(1).nullable(),
  rejudged: z.number().int().min(0),
  /** Share of the verdicts judged again that came out the same, 0..1; null when none was. */
  rejudgedAgreement: z.number().min(0).max(1).nullable(),
  /** Mean distance of the overall scores of those, 0..100. */
  rejudgedDistance: z.number().min(0).max(100).nullable(),
  /**
   * What it put on the chain: the ranking's weights, those of an earlier ranking, others, or none. `hidden` where it could
   * not be known.
   */
  weights: z.enum(['agree', 'earlier', 'differ', 'none', 'hidden']),
  weightsAtBlock: BlockNumber.nullable(),
})
export type AuditedValidator = z.infer<typeof AuditedValidator>

export const AuditReport = z.strictObject({
  version: z.literal(1),
  /** When it was made, RFC 3339. */
  at: z.iso.datetime(),
  /** Where the evidence came from. */
  source: z.string().max(2048),
  network: z.string().max(300),
  netuid: Netuid,
  mechanism: z.string().max(64),
  /** Null when nothing was in range. */
  range: z.strictObject({fromTask: TaskId, toTask: TaskId, fromBlock: BlockNumber, toBlock: BlockNumber}).nullable(),
  exams: z.array(Sha256),
  /** What follows from the evidence; null when the range does not hold a whole window. */
  ranking: z
    .strictObject({
      block: BlockNumber,
      stateHash: Sha256,
      decision: Decision,
      winner: Hotkey.nullable(),
      window: z.array(z.number().int()),
    })
    .nullable(),
  checks: z.array(AuditCheck),
  validators: z.array(AuditedValidator),
  /** Errors first; at most so many as an answer holds. */
  findings: z.array(AuditFinding),
  counts: z.strictObject({
    error: z.number().int().min(0),
    warning: z.number().int().min(0),
    info: z.number().int().min(0),
  }),
  /** True when there is no error. */
  ok: z.boolean(),
})
export type AuditReport = z.infer<typeof AuditReport>
