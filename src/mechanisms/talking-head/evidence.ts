import {z} from 'zod'
import {BlockNumber, Hotkey, Sha256} from '../../domain/ids.js'
import type {EvidenceRecord} from '../../domain/record.js'
import type {EvidenceKey} from '../types.js'
import {Isolation} from './params.js'
import {maxReferenceLength} from './submission.js'

const share = z.number().min(0).max(1)
const line = z.string().max(300)

/** What was measured on one output: the sheet's components, each 0..1. Null where nobody could measure it. */
export const ChallengeMetrics = z.strictObject({
  identity: share,
  lipsync: share,
  audio: share,
  video: share,
  temporal: share,
  penalty: share,
  /** Word error rate; null when nothing transcribed, and then no gate asks for it. */
  wer: share.nullable(),
  /** Inputs of the gates. */
  faceRatio: share.nullable(),
  syncC: share.nullable(),
  /** After gates and weights. */
  quality: share,
})
export type ChallengeMetrics = z.infer<typeof ChallengeMetrics>

export const ChallengeResult = z.strictObject({
  /** Safe in a file name. */
  id: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
  success: z.boolean(),
  /** One sentence for the miner; null for a success. */
  reason: line.nullable(),
  /** From the appearance of the task to that of a complete result; null when none came. */
  timeS: z.number().min(0).nullable(),
  peakVramGb: z.number().min(0).nullable(),
  /** Peak resident memory: never shown as video memory. */
  peakMemoryGb: z.number().min(0).nullable(),
  /** Of the video that was judged; null when there was none. */
  outputSha256: Sha256.nullable(),
  metrics: ChallengeMetrics.nullable(),
})
export type ChallengeResult = z.infer<typeof ChallengeResult>

/**
 * `scored` ran and has a score, which may be 0; `failed` ran and did not deliver; `unpullable` could not be had. `skipped`
 * is the executor's own fault (an engine that stopped, a metric service that was down): nothing is held against the miner.
 */
export const ImageOutcome = z.enum(['scored', 'failed', 'unpullable', 'skipped'])
export type ImageOutcome = z.infer<typeof ImageOutcome>

/** One image in one round. */
export const ImageResult = z.strictObject({
  hotkey: Hotkey,
  imageRef: z.string().max(maxReferenceLength),
  /** Of the manifest, from the reference; 64 hex digits. */
  digest: Sha256,
  /** Of the submission in force; a submission sent again after the window has a later one. */
  submittedAtBlock: BlockNumber,
  /** When this hotkey first offered this image: of two with one image the earlier is its owner. */
  claimedAtBlock: BlockNumber,
  /** A new submission, or one of the best of the round before. */
  entered: z.enum(['new', 'carried']),
  outcome: ImageOutcome,
  /** One sentence for the miner, without the name of the image; null for `scored`. */
  reason: line.nullable(),
  isolation: Isolation.nullable(),
  /** Hash over what the image holds (its layers), equal for a copy under another digest; null when it is not known. */
  contentSha256: Sha256.nullable(),
  /** The scored challenges, in order. */
  challenges: z.array(ChallengeResult).max(100),
  /** Means over the scored challenges, and the score that follows by `scores.ts`. */
  quality: share,
  timeS: z.number().min(0).nullable(),
  peakVramGb: z.number().min(0).nullable(),
  peakMemoryGb: z.number().min(0).nullable(),
  timeNorm: z.number().min(0),
  memoryNorm: z.number().min(0),
  factor: share,
  capViolation: z.boolean(),
  finalScore: share,
})
export type ImageResult = z.infer<typeof ImageResult>

/** The body of a record: one whole round, committed at once. */
export const Round = z.strictObject({
  type: z.literal('round'),
  /** The same for every image of the round, however late it came. */
  challenges: z.strictObject({
    /** Hash over the inputs and the order in which they were set. */
    setSha256: Sha256,
    ids: z.array(z.string().max(64)).max(200),
    warmUp: z.number().int().min(0),
    /** The block whose hash drew them. */
    block: z.strictObject({number: BlockNumber, hash: z.string().regex(/^0x[0-9a-f]{64}$/)}),
  }),
  quality: z.strictObject({metrics: z.string().max(64), version: z.number().int().positive()}),
  startedAtBlock: BlockNumber,
  /** Sorted by hotkey. */
  results: z.array(ImageResult).max(1024),
})
export type Round = z.infer<typeof Round>

/** What the rule folds: a round with its place in its author's log. */
export const TalkingHeadEvidence = Round.extend({sequence: z.number().int().min(1), block: BlockNumber})
export type TalkingHeadEvidence = z.infer<typeof TalkingHeadEvidence>

/** Throws a `ZodError` for a body that is no round: what is folded has been checked when it was taken in. */
export function roundOf({sequence, block, body}: EvidenceRecord): TalkingHeadEvidence {
  return TalkingHeadEvidence.parse({...body, sequence, block})
}

/** One author's log: its own numbers are its order, and its blocks never fall. */
export function keyOf({block, sequence}: TalkingHeadEvidence): EvidenceKey {
  return [block, sequence]
}
