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

/** Says whether a clip and its prompt may be shown to strangers and made again by them. */
export interface SafetyCheck {
  /** The reason is one sentence for the owner. */
  check(
    request: {readonly clip: string; readonly prompt: string; readonly sourceKey: string},
    signal: AbortSignal,
  ): Promise<{readonly suitable: true} | {readonly suitable: false; readonly reason: string}>
}
