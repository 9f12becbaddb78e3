import type {Answer, TaskManifest} from '../domain/task.js'
import type {Verdict} from '../domain/verdict.js'
import type {Judge} from '../judge/port.js'
import type {Media} from '../media/port.js'

/** What is not as the exam says, in the mechanism's own words. */
export interface Difference {
  /** Stable and greppable. */
  readonly code: string
  readonly expected: string
  readonly found: string
  readonly remedy?: string
}

/** One output with everything that judging it takes, as files. */
export interface Exhibit {
  readonly manifest: TaskManifest
  readonly answer: Answer
  readonly output: string
  readonly clip: string
  readonly firstFrame: string | undefined
}

export interface Rejudged {
  readonly passed: boolean
  /** 0..100 */
  readonly overall: number
  /** The gate that failed; null when none did. */
  readonly gate: string | null
}

/**
 * What a mechanism adds to an audit: the choices and rules that are its own. Repeats from public data what sampler and
 * validators did; everything here is given by one exam.
 */
export interface TaskAuditor {
  /** So many tasks before a task decide, with their sources, what it may be cut from. */
  readonly choiceTasks: number
  /** Object of the published list that a task was chosen from, and what its SHA-256 must be. */
  list(manifest: TaskManifest): {readonly key: string; readonly sha256: string}
  /** `earlier` are the tasks before it without gaps, oldest first. */
  checkTask(manifest: TaskManifest, before: TaskManifest | undefined): Difference[]
  /** Whether the list and the block's hash give this task's clip. `list` is any JSON. */
  checkChoice(manifest: TaskManifest, earlier: readonly TaskManifest[], list: unknown): Difference[]
  /** Whether a verdict follows from its own scores. */
  checkVerdict(verdict: Verdict, manifest: TaskManifest): Difference | undefined
  /** Whether the gates say again what the manifest says; undefined when this answer cannot be tried again. */
  regate(
    exhibit: Exhibit,
    media: Media,
    signal: AbortSignal,
  ): Promise<{readonly outcome: string; readonly reason: string} | undefined>
  /** Judges one output again, by the exam's own judge. Throws `EXAM_UNSUPPORTED` when this program has it not. */
  rejudge(
    exhibit: Exhibit,
    tools: {readonly media: Media; readonly judges: readonly Judge[]},
    signal: AbortSignal,
  ): Promise<Rejudged>
}
