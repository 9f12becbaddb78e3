/** What holds the program. It is part of the evidence: a score from a plain process is no score from a container. */
export const isolations = ['podman', 'docker', 'bwrap', 'process'] as const
export type Isolation = (typeof isolations)[number]

/**
 * What an adapter enforces, not merely asks for. A caller that needs one of them looks here before it runs anything.
 *
 * - `network`: no interface but a loopback of its own
 * - `files`: sees no file of this machine but its image and `/input`, and can write to none outside its bounded folders
 * - `output`: `/output` is full at `outputBytes`, at no cost to this machine's disk
 * - `input`: cannot change what stands in `/input`
 * - `privileges`: no capability, no new privileges, not root on this machine even if it is root inside
 * - `memory`, `cpu`, `pids`: limits that the kernel keeps, over the whole tree of processes
 * - `tree`: when it is stopped, no process of it is left
 * - `digest`: what runs has the digest that was asked for
 */
export const guarantees = [
  'network',
  'files',
  'output',
  'input',
  'privileges',
  'memory',
  'cpu',
  'pids',
  'tree',
  'digest',
] as const
export type Guarantee = (typeof guarantees)[number]

export interface SandboxInfo {
  readonly isolation: Isolation
  /** Of the engine or tool, as it names itself. */
  readonly version: string
  /** True when this program runs it without being root. */
  readonly rootless: boolean
  readonly guarantees: readonly Guarantee[]
}

export interface SandboxLimits {
  readonly memoryBytes: number
  readonly cpus: number
  readonly pids: number
  /** Size of `/output`. */
  readonly outputBytes: number
  /** Size of `/tmp`. */
  readonly tmpBytes: number
  /** What it may print to stdout and stderr together before it is ended. */
  readonly logBytes: number
  readonly openFiles: number
  /** Unpacked; a larger image is refused after the pull and removed. */
  readonly imageBytes: number
  readonly gpu: boolean
}

export interface StartOptions {
  readonly limits: SandboxLimits
  /** Added to the few variables that every run gets. */
  readonly env?: Readonly<Record<string, string>>
}

/** An image by content. `digest` is that of its manifest, 64 lower-case hex digits; `imageRef` ends with it. */
export interface ImageName {
  readonly imageRef: string
  readonly digest: string
}

/** An image on this machine, with the digest that was asked for. */
export interface PulledImage {
  readonly name: ImageName
  /** What `start` takes; opaque. */
  readonly handle: string
  readonly sizeBytes: number
  /** Hash over what it holds (its layers), 64 hex digits: equal for a copy under another digest. */
  readonly contentSha256: string
  /** Whether this call brought it here; only then does `drop` remove it. */
  readonly isNew: boolean
}

export type EndReason =
  | 'exited'
  | 'out-of-memory'
  | 'too-many-processes'
  | 'printed-too-much'
  | 'wrote-too-much'
  | 'stopped'

export interface Ending {
  readonly reason: EndReason
  /** Null when a signal ended it or it never ran. */
  readonly exitCode: number | null
  /** The end of what it printed, at most 4096 bytes, printable ASCII. Data of a stranger. */
  readonly said: string
}

export interface Usage {
  /** Largest resident memory of the whole tree so far, in bytes; null where it cannot be had. */
  readonly peakMemoryBytes: number | null
  /** Largest memory on the graphics card, in bytes; null without one. */
  readonly peakVramBytes: number | null
}

export type Taken =
  | {
      readonly ok: true
      readonly bytes: number
      readonly sha256: string
      /** When it was done, in milliseconds since 1970: never before it stood there whole, maybe a few milliseconds after. */
      readonly doneAtMs: number
    }
  | {readonly ok: false; readonly reason: 'absent' | 'not-a-file' | 'unreadable' | 'too-large' | 'changed'}

/**
 * A program that runs, with `/input` and `/output` (their places stand in `TALKHEAD_INPUT` and
 * `TALKHEAD_OUTPUT`). Names of files are one component of
 * letters, digits, `.`, `_` and `-`, not beginning with a dot; anything else is a bug of the caller.
 */
export interface Running {
  /** Resolves when it has ended, for whatever reason; never rejects. */
  readonly ended: Promise<Ending>
  readonly hasEnded: boolean
  /** Writes into `/input`; whole or not at all, as a reader inside sees it. Resolves to when, in milliseconds since 1970. */
  put(name: string, bytes: Uint8Array): Promise<number>
  /** Out of `/input`. */
  remove(name: string): Promise<void>
  /** Whether there is something of that name in `/output`, whatever it is. */
  has(name: string): Promise<boolean>
  /**
   * Copies a plain file out of `/output`: nothing is followed, only regular files with one name are read, and no more
   * than `maxBytes`. `to` is a new private file; there is none when the answer is not `ok`.
   */
  take(name: string, to: string, maxBytes: number): Promise<Taken>
  usage(): Promise<Usage>
  /** Ends the whole tree and removes what it left. May be called twice. */
  stop(): Promise<void>
}

/**
 * Runs strangers' programs. Errors of kind `data` are the image's fault: `IMAGE_UNAVAILABLE` (not there, refused,
 * timed out, not of that digest), `IMAGE_TOO_LARGE`, `IMAGE_UNRUNNABLE`. Kind `upstream`, `SANDBOX_FAILED`: this
 * machine's.
 */
export interface Sandbox {
  readonly info: SandboxInfo
  /** Removes what a process that was killed has left running or lying around; returns how many runs that were. */
  sweep(signal: AbortSignal): Promise<number>
  /** One try; whoever calls repeats. The signal's deadline is the pull's. */
  pull(name: ImageName, limits: Pick<SandboxLimits, 'imageBytes'>, signal: AbortSignal): Promise<PulledImage>
  start(image: PulledImage, options: StartOptions, signal: AbortSignal): Promise<Running>
  /** Removes an image that `pull` brought here, and nothing else. */
  drop(image: PulledImage, signal: AbortSignal): Promise<void>
}
