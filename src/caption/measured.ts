import type {Media} from '../media/port.js'
import {measureAppearance, toLuma} from './appearance.js'
import {measureMotion} from './motion.js'
import type {Caption, Captioner, CaptionRequest} from './port.js'
import {describeClip} from './wording.js'

/** Frames per second that are looked at: between two of them a fast pan stays within the reach of the block match. */
const FPS = 8
const SIZE = {width: 128, height: 72}
/** Twenty seconds: a task's clip is shorter. */
const MAX_FRAMES = 160

/**
 * Describes a clip by measuring it: how the camera and what is in front of it move, where, how fast, in which light and
 * colours. It names no things, because it sees none. The same bytes always give the same words.
 */
export class MeasuredCaptioner implements Captioner {
  readonly #media: Media

  constructor(media: Media) {
    this.#media = media
  }

  async caption(request: CaptionRequest, signal: AbortSignal): Promise<Caption | undefined> {
    const frames = await this.#media.decode(
      request.clip,
      {...SIZE, pixel: 'rgb24', pick: {fps: FPS}, maxFrames: MAX_FRAMES},
      signal,
    )
    const luma = toLuma(frames)
    const steps = measureMotion({...SIZE, count: frames.count, data: luma})
    const text = describeClip(steps, measureAppearance(frames, luma), FPS)
    return {text, author: 'measured'}
  }
}
