import {z} from 'zod'
import {Hotkey, Netuid, Sha256, TaskId} from './ids.js'

/**
 * Every parameter that can change a verdict or a rank. `params` is checked by the mechanism's own schema; the hash covers
 * all of it, so two validators with one hash sit the same exam.
 */
export const Exam = z.strictObject({
  version: z.literal(1),
  mechanism: z.string(),
  mechanismVersion: z.number().int().positive(),
  netuid: Netuid,
  /** First task of this exam; a window never mixes two exams. */
  fromTask: TaskId,
  /** Hotkeys whose signature makes a task manifest valid. */
  samplers: z.array(Hotkey).min(1),
  params: z.record(z.string(), z.json()),
})
export type Exam = z.infer<typeof Exam>

/** `signer` is the subnet owner's hotkey; the signature covers `exam` with purpose `exam`. */
export const SignedExam = z.strictObject({
  exam: Exam,
  examHash: Sha256,
  signer: Hotkey,
  signature: z.string().regex(/^0x[0-9a-f]{128}$/),
})
export type SignedExam = z.infer<typeof SignedExam>
