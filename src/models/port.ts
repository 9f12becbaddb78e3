import type {Sha256} from '../domain/ids.js'
import type {Outcome} from '../domain/task.js'

/** A deployment of a model. */
export interface Chute {
  readonly chuteId: string
  readonly slug: string
  /** True when an instance is up and verified. */
  readonly hot: boolean
  /** Commit of the model it serves; null when the provider does not say. */
  readonly revision: string | null
  /** `POST <endpoint>/generate`. */
  readonly endpoint: string
}

export interface WeightFile {
  readonly path: string
  readonly sha256: Sha256
  readonly sizeBytes: number
}

/** A model repository at a revision. */
export interface Model {
  /** Full commit hash that the revision resolved to. */
  readonly sha: string
  readonly isPublic: boolean
  /** Weight files only (.safetensors, .bin, .pt, .pth, .ckpt), sorted by path. */
  readonly weights: readonly WeightFile[]
}

/**
 * Where models live (Hugging Face) and run (Chutes). Absent is undefined; a service that did not answer throws kind
 * `upstream`, because an outage must never be booked on a miner.
 */
export interface Models {
  chute(chuteId: string, signal: AbortSignal): Promise<Chute | undefined>
  model(name: string, revision: string, signal: AbortSignal): Promise<Model | undefined>
}

export interface GenerationRequest {
  readonly prompt: string
  /** PNG; undefined for `t2v`. */
  readonly image: Uint8Array | undefined
  readonly fps: number
  readonly frames: number
  readonly width: number
  readonly height: number
  readonly seed: number
}

export interface GenerationLimits {
  /** Milliseconds since 1970; the whole exchange, retries included, ends by then. */
  readonly deadlineAt: number
  readonly maxBytes: number
  /** Where the body is streamed to. Removed again when nothing whole arrived. */
  readonly to: string
}

export interface Generation {
  readonly outcome: Outcome
  readonly reason: string | null
  readonly latencyMs: number | null
  readonly attempts: number
  /** Present when a whole body lies at `to`. */
  readonly file: {readonly sha256: Sha256; readonly sizeBytes: number} | null
}

/** Asks one miner for one video. Every failure of the miner or the network is an outcome, not an exception. */
export interface Generator {
  generate(chute: Chute, request: GenerationRequest, limits: GenerationLimits, signal: AbortSignal): Promise<Generation>
}
