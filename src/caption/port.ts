export interface Caption {
  readonly text: string
  /** Who wrote it: `sidecar`, `measured`, or a model's name. */
  readonly author: string
}

export interface CaptionRequest {
  /** The cut clip. */
  readonly clip: string
  /** The source's object key, for a sidecar text beside it. */
  readonly sourceKey: string
}

/** Writes the motion-first prompt of a task. Undefined when it has nothing to say of this clip. */
export interface Captioner {
  caption(request: CaptionRequest, signal: AbortSignal): Promise<Caption | undefined>
}
