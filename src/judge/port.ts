import type {z} from 'zod'
import type {Frames, View} from '../media/port.js'

export const aspects = [
  'first_frame_fidelity',
  'prompt_adherence',
  'temporal_consistency',
  'motion_quality',
  'visual_quality',
  'camera_composition',
] as const
export type Aspect = (typeof aspects)[number]
export type AspectScores = Readonly<Record<Aspect, number>>

export interface JudgeRequest {
  /** The miner's video, which has passed the gates. */
  readonly output: string
  /** The hidden original clip. A judge that must not see it ignores it. */
  readonly clip: string
  /** PNG at the task's size; undefined for `t2v`. */
  readonly firstFrame: string | undefined
  readonly prompt: string
  /** Frames and rate that were asked for. */
  readonly frames: number
  readonly fps: number
  readonly width: number
  readonly height: number
  /** The exam's part that is addressed to this judge; one that has no options ignores it. */
  readonly options?: unknown
  /** What passing means, for a judge that looks again where a verdict is close. */
  readonly criteria?: Criteria
  /** Names the task, for a judge that keeps accounts. */
  readonly task?: string
  /**
   * What `views` asks for, in its order, where the caller has it; otherwise the judge looks for itself. The judge may
   * pass their memory on: they are empty when it has answered.
   */
  readonly seen?: readonly Frames[] | undefined
}

export interface Criteria {
  /** Of the overall score; they sum to 1. */
  readonly weights: Readonly<Record<Aspect, number>>
  readonly passThreshold: number
  readonly criticalThreshold: number
  readonly critical: readonly Aspect[]
}

/** Scores 0..100, whole numbers. `measurements` are what they follow from, with the unit in the name. */
export interface JudgeReport {
  readonly aspects: AspectScores
  readonly confidence: number
  readonly reasoning: string
  readonly strengths: readonly string[]
  readonly issues: readonly string[]
  readonly measurements: Readonly<Record<string, number>>
}

/**
 * Scores one video. Throws a `LeomaError` of kind `upstream` when it could not judge (which is no verdict), never a low
 * score in place of an error.
 */
export interface Judge {
  readonly name: string
  readonly version: number
  /** Checks the part of the exam that is addressed to this judge. */
  readonly options: z.ZodType
  /** Options that are tried out when no exam gives any. */
  readonly defaults?: Readonly<Record<string, unknown>>
  /** Whether it looks at the original clip under these options; it does unless it says otherwise. */
  needsClip?(options: unknown): boolean
  /** What it will look at of the output: whoever decodes the output anyway can take it along, and give it as `seen`. */
  views?(request: Pick<JudgeRequest, 'frames' | 'fps' | 'width' | 'height' | 'options'>): readonly View[]
  /** Outputs it can score at once, when that is not a matter of this machine's processors. */
  readonly concurrency?: number
  score(request: JudgeRequest, signal: AbortSignal): Promise<JudgeReport>
}
