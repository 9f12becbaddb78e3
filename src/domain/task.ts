import {z} from 'zod'
import {BlockNumber, Hotkey, Netuid, Rao, Sha256, TaskId, Uid} from './ids.js'

export const TaskKind = z.enum(['ti2v', 't2v', 'i2v'])
/** `ti2v` text and first frame, `t2v` text alone, `i2v` first frame alone. */
export type TaskKind = z.infer<typeof TaskKind>

/** Outcome of one request to one miner. Only `ok` outputs are judged; `rejected:<reason>` names the gate that failed. */
export const Outcome = z.union([
  z.enum(['ok', 'busy', 'transient', 'permanent']),
  z.string().regex(/^rejected:[a-z0-9_-]{1,48}$/),
])
export type Outcome = z.infer<typeof Outcome>

export const Artefact = z.strictObject({
  key: z.string().min(1).max(512),
  sha256: Sha256,
  sizeBytes: z.number().int().min(0),
  /** Of a video, in base64: how to find those that look like it. Its mechanism says how it is made and compared. */
  perceptualHash: z.exactOptional(
    z
      .string()
      .max(4096)
      .regex(/^[A-Za-z0-9+/]*={0,2}$/),
  ),
})
export type Artefact = z.infer<typeof Artefact>

/** What one asked miner answered. */
export const Answer = z.strictObject({
  hotkey: Hotkey,
  uid: Uid,
  /** Block of the commitment that the answer stands for. */
  commitmentBlock: BlockNumber,
  outcome: Outcome,
  /** One sentence for the miner; null when there is nothing to add to `ok`. */
  reason: z.string().max(300).nullable(),
  /** From the last request sent to its last byte, waiting for a place not included; null when nothing was sent. */
  latencyMs: z.number().int().min(0).nullable(),
  attempts: z.number().int().min(0),
  /** Present when a whole body was received, rejected ones included, so that anyone can repeat the gates. */
  output: Artefact.nullable(),
})
export type Answer = z.infer<typeof Answer>

/** Who may vote on a task and with what stake: fixed at the task's block, so that later stake cannot rewrite a vote. */
export const Voter = z.strictObject({hotkey: Hotkey, uid: Uid, stakeRao: Rao})
export type Voter = z.infer<typeof Voter>

export const TaskSource = z.strictObject({
  key: z.string().min(1).max(512),
  sha256: Sha256,
  /** Position in the corpus, which is sorted by SHA-256; `corpusSha256` names the published list. */
  index: z.number().int().min(0),
  corpusSha256: Sha256,
  corpusSize: z.number().int().min(1),
  durationS: z.number(),
  clipStartS: z.number().min(0),
  clipDurationS: z.number().positive(),
  shotStartS: z.number().min(0),
  shotEndS: z.number(),
  cutCount: z.number().int().min(0),
})
export type TaskSource = z.infer<typeof TaskSource>

/** Published last of all, after every artefact it names: a task exists when its signed manifest does. */
export const TaskManifest = z.strictObject({
  version: z.literal(1),
  mechanism: z.string(),
  netuid: Netuid,
  taskId: TaskId,
  kind: TaskKind,
  examHash: Sha256,
  /** The block whose hash chose clip and window. */
  block: z.strictObject({number: BlockNumber, hash: z.string().regex(/^0x[0-9a-f]{64}$/)}),
  createdAt: z.iso.datetime(),
  source: TaskSource,
  prompt: z.strictObject({text: z.string().max(4096), author: z.string().max(64)}),
  clip: Artefact,
  /** Null for `t2v`. */
  firstFrame: Artefact.nullable(),
  /** Sorted by hotkey. */
  answers: z.array(Answer).max(4096),
  /** Sorted by hotkey. */
  voters: z.array(Voter).max(4096),
})
export type TaskManifest = z.infer<typeof TaskManifest>

/** The signature covers `manifest` with purpose `task`; `signer` is one of the exam's samplers. */
export const SignedManifest = z.strictObject({
  manifest: TaskManifest,
  signer: Hotkey,
  signature: z.string().regex(/^0x[0-9a-f]{128}$/),
})
export type SignedManifest = z.infer<typeof SignedManifest>
