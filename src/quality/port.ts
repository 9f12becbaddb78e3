/** What a scored video is compared with. All files are private copies of this process, never the sandbox's folders. */
export interface QualityRequest {
  readonly video: string
  /** PNG. */
  readonly face: string
  /** WAV. */
  readonly audio: string
  /** What is said in it, when that is known; never guessed. */
  readonly text: string | null
  readonly expected: {
    /** Width and height in pixels. */
    readonly resolution: number
    readonly fps: number
    readonly durationS: number
    /** How far the duration may be off, in seconds. */
    readonly toleranceS: number
  }
}

/** How a number came about; it stands in the evidence beside the number. */
export interface QualityModes {
  /** `face-model` with a service; `histogram` compares grey levels, which is no identity. */
  readonly identity: 'face-model' | 'histogram'
  /** Where the mouth is looked for: in a detected face, or in the middle of the picture's lower half. */
  readonly mouth: 'face-model' | 'fixed-region'
  readonly lipsync: 'lip-sync-model' | 'envelope'
  /** `none`: nobody listened; words count as half wrong in `audio`, and no gate asks for them. */
  readonly speech: 'recognition' | 'none'
}

/** All in [0, 1], larger is better but for `penalty`, `wer` and `syncD`. Formulas: README.md of this folder. */
export interface QualityMetrics {
  readonly identity: number
  readonly lipsync: number
  readonly audio: number
  readonly video: number
  readonly temporal: number
  readonly penalty: number
  /** Word error rate; null when nothing transcribed. */
  readonly wer: number | null
  readonly syncC: number
  readonly syncD: number
  /** Share of frames with a face; null when nothing here can find faces. */
  readonly faceRatio: number | null
}

export type QualityReport =
  | {readonly ok: true; readonly metrics: QualityMetrics; readonly modes: QualityModes}
  /** The video is no answer to the task; `reason` is one sentence for its maker. */
  | {readonly ok: false; readonly code: QualityGate; readonly reason: string; readonly modes: QualityModes}

export const qualityGates = ['unreadable', 'wrong-resolution', 'wrong-frame-rate', 'wrong-duration'] as const
export type QualityGate = (typeof qualityGates)[number]

/**
 * Measures one video. Throws a `LeomaError` of kind `upstream` when it could not measure (a service is down, ffmpeg
 * failed): that is no score, and never a low one.
 */
export interface Quality {
  /** `embedded`, or `services` with the names of those that are asked. Part of the evidence. */
  readonly name: string
  readonly version: number
  measure(request: QualityRequest, signal: AbortSignal): Promise<QualityReport>
}
