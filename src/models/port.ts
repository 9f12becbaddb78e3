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
  /** What ties the deployment to a model; absent where nobody looked, or where there is nothing to look at. */
  readonly evidence?: ChuteEvidence
}

/**
 * What a provider shows of a deployment. A revision is a label that its owner typed; the image and the code are what
 * runs.
 */
export interface ChuteEvidence {
  /** `user/name:tag`; null when the provider does not say. */
  readonly image: string | null
  /** Null when the code may not be read. */
  readonly code: CodeEvidence | null
}

export interface CodeEvidence {
  readonly sha256: Sha256
  /** What the published template was filled with, when the code is that template to the byte. */
  readonly template: {readonly modelName: string; readonly modelRevision: string; readonly image: string} | null
  /** Texts in it that look like a repository, and like a commit; at most 100 of each. */
  readonly repositories: readonly string[]
  readonly revisions: readonly string[]
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
  /** Why it is not public, where the host says so. */
  readonly restriction?: 'private' | 'gated' | 'disabled'
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
  /**
   * Wakes deployments that sleep. Resolves when each is hot, cannot be woken, or `until` (milliseconds since 1970) has
   * passed; what became of them is asked with `chute`. Absent where nothing sleeps.
   */
  warm?(chuteIds: readonly string[], until: number, signal: AbortSignal): Promise<void>
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

/** Whose key it is. */
export interface Account {
  readonly username: string
  readonly userId: string
  /** US dollars; null when the provider does not say. */
  readonly balanceUsd: number | null
  /** Where TAO is sent to, to raise the balance. */
  readonly paymentAddress: string | null
}

/** Everything that can be chosen about a deployment. */
export interface DeploymentSettings {
  readonly username: string
  readonly modelName: string
  readonly modelRevision: string
  /** `user/name:tag`. */
  readonly image: string
  readonly gpuCount: number
  readonly minVramGb: number
  /** GPU models to choose from; all with enough memory when empty. */
  readonly gpus: readonly string[]
  readonly concurrency: number
  readonly maxInstances: number
  readonly shutdownAfterS: number
}

/** A deployment worked out but not made: nothing has been asked of the provider. */
export interface Deployment {
  readonly settings: DeploymentSettings
  /** Follows from account and name, so it is known, and can be committed, before anything runs. */
  readonly chuteId: string
  /** The Python module that will run. */
  readonly filename: string
  readonly code: string
  /** The request, as it will be sent. */
  readonly request: {readonly method: 'POST'; readonly url: string; readonly body: Readonly<Record<string, unknown>>}
}

export interface Deployed {
  readonly chuteId: string
  /** Null when exactly this was deployed already and the provider does not repeat it. */
  readonly version: string | null
  /** True when exactly this was deployed before: nothing has changed, nothing was paid. */
  readonly existed: boolean
}

export interface WarmStatus {
  readonly status: 'hot' | 'cold'
  /** Instances that exist, ready or not; null when the provider does not say. */
  readonly instances: number | null
}

/** Puts a model to work at a provider. Refusals throw, each with its remedy. */
export interface Deployer {
  plan(settings: DeploymentSettings): Deployment
  account(signal: AbortSignal): Promise<Account>
  /** Undefined for an image that does not exist or is not shared with this account. */
  image(
    reference: string,
    signal: AbortSignal,
  ): Promise<{readonly status: string; readonly isReady: boolean} | undefined>
  /** US dollars an hour for one instance; undefined when it cannot be told from the price list. */
  hourlyUsd(settings: DeploymentSettings, signal: AbortSignal): Promise<number | undefined>
  /** As the provider has it now, never from a cache. */
  current(chuteId: string, signal: AbortSignal): Promise<Chute | undefined>
  /** Accepts the provider's fee: ask first. Safe to repeat. */
  deploy(deployment: Deployment, signal: AbortSignal): Promise<Deployed>
  /** Lets another account see and call the chute. Safe to repeat. */
  share(chuteId: string, account: string, signal: AbortSignal): Promise<void>
  /** Asks once for an instance to be started, and tells how far it is. */
  warm(chuteId: string, signal: AbortSignal): Promise<WarmStatus>
}

/**
 * The provider's own program, for what cannot be had over HTTP. It signs with its own configuration, never with the key.
 * `onLine` is told what it prints.
 */
export interface DeployProgram {
  /** Builds and publishes the image that the module runs on; takes many minutes. */
  build(reference: string, onLine: (line: string) => void, signal: AbortSignal): Promise<void>
  deploy(deployment: Deployment, onLine: (line: string) => void, signal: AbortSignal): Promise<Deployed>
}
