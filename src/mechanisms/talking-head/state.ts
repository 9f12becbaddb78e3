import {z} from 'zod'
import {BlockNumber, Hotkey, Sha256} from '../../domain/ids.js'
import {ImageOutcome} from './evidence.js'
import {Isolation} from './params.js'

/** Bumped by anything that can move a weight; a state of another version is refused, not misread. */
export const ruleVersion = 2

/**
 * `carried` competes and runs again; `dropped` was measured and beaten; `barred` could not be had or did not deliver;
 * `copy` is somebody else's image; `unshielded` has a score that no sandbox vouches for. All but the first wait for a new
 * submission.
 */
export const Place = z.enum(['carried', 'dropped', 'barred', 'copy', 'unshielded'])
export type Place = z.infer<typeof Place>

/** What is known about the image of one hotkey that was measured last. */
export const Standing = z.strictObject({
  hotkey: Hotkey,
  digest: Sha256,
  contentSha256: Sha256.nullable(),
  submittedAtBlock: BlockNumber,
  claimedAtBlock: BlockNumber,
  /** Number of the round that measured it. */
  round: z.number().int().min(1),
  outcome: ImageOutcome,
  reason: z.string().nullable(),
  place: Place,
  /** Whose image it is, for a copy. */
  copyOf: Hotkey.nullable(),
  score: z.number(),
  quality: z.number(),
  factor: z.number(),
  timeS: z.number().nullable(),
  memoryGb: z.number().nullable(),
  capViolation: z.boolean(),
  /** How it ran; absent when it did not. */
  isolation: z.exactOptional(Isolation),
})
export type Standing = z.infer<typeof Standing>

export const TalkingHeadState = z.strictObject({
  rule: z.strictObject({name: z.literal('talking-head'), version: z.literal(ruleVersion)}),
  watermark: z.array(z.union([z.number(), z.string()])).nullable(),
  /** Number of the last round; 0 before the first. */
  round: z.number().int().min(0),
  /** The best of the last round, who need not be registered any more. */
  winner: z.strictObject({hotkey: Hotkey, digest: Sha256, sinceRound: z.number().int()}).nullable(),
  /** By hotkey. */
  standings: z.array(Standing),
})
export type TalkingHeadState = z.infer<typeof TalkingHeadState>
