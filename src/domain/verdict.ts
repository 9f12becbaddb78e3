import {z} from 'zod'
import {BlockNumber, Hotkey, Netuid, Sha256, TaskId} from './ids.js'
import {SignedManifest} from './task.js'

/** One validator's judgement of one output. The API's wire name is *sample*. */
export const Verdict = z.strictObject({
  version: z.literal(1),
  mechanism: z.string(),
  netuid: Netuid,
  taskId: TaskId,
  examHash: Sha256,
  validator: Hotkey,
  miner: Hotkey,
  artefacts: z.strictObject({output: Sha256, clip: Sha256, firstFrame: Sha256.nullable()}),
  judge: z.strictObject({name: z.string().max(64), version: z.number().int()}),
  passed: z.boolean(),
  /** 0..100; recomputed from the aspects by the exam's weights, never the judge's own number. */
  overall: z.number().int().min(0).max(100),
  /** Aspect name to 0..100. */
  aspects: z.record(z.string().max(64), z.number().int().min(0).max(100)),
  confidence: z.number().int().min(0).max(100),
  /** A gate that this validator saw fail although the manifest says `ok`; then the verdict is a fail. */
  gate: z.string().max(64).nullable(),
  reasoning: z.string().max(2000),
  strengths: z.array(z.string().max(200)).max(20),
  issues: z.array(z.string().max(200)).max(20),
})
export type Verdict = z.infer<typeof Verdict>

/** The signature covers `verdict` with purpose `verdict`; the signer is `verdict.validator`. */
export const SignedVerdict = z.strictObject({
  verdict: Verdict,
  signature: z.string().regex(/^0x[0-9a-f]{128}$/),
})
export type SignedVerdict = z.infer<typeof SignedVerdict>

/** Everything public about one task once no verdict can be added: the unit in which evidence is served and folded. */
export const SettledTask = z.strictObject({
  task: SignedManifest,
  /** Sorted by validator, then miner. */
  verdicts: z.array(SignedVerdict),
  settledAtBlock: BlockNumber,
})
export type SettledTask = z.infer<typeof SettledTask>
