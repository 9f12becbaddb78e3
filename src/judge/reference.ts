import {stat} from 'node:fs/promises'
import {z} from 'zod'
import {LeomaError} from '../errors.js'
import {type Frames, type Media, release, type View} from '../media/port.js'
import {sharedCopy} from '../runtime/memory.js'
import {beside} from '../runtime/threads.js'
import {comparing, lookedAt, type Original} from './comparison.js'
import {frameOf, type Plane} from './planes.js'
import type {Judge, JudgeReport, JudgeRequest} from './port.js'
import {reportOf} from './scores.js'
import {Shared} from './shared.js'

export interface ReferenceJudgeOptions {
  readonly media: Pick<Media, 'decode' | 'decodeViews'>
  /** The newest unless given; an exam keeps the one that it was published with. */
  readonly version?: ReferenceVersion
}

/** For its visual quality 2 looks at edges, hue and the first frame where 1 has statistics alone; the README says why. */
export type ReferenceVersion = 1 | 2

type Size = Pick<JudgeRequest, 'frames' | 'fps' | 'width' | 'height'>

/** Long side of the grey frames; the colour frames, one a second, are twice as large. */
const analysedSide = 208
/** Frames of one video that are looked at: more than five seconds have at 240 a second, which is where ports stop. */
const maxFrames = 4000
/** Tasks whose original is kept: one being judged, and the one before it when two overlap. */
const keptOriginals = 2

/**
 * Measures the six aspects against the hidden original clip: no model, no key, and the same scores to the last digit for
 * the same bytes. Whole numbers come from the decoder and all arithmetic is + − × ÷ √ in a fixed order.
 */
export class ReferenceJudge implements Judge {
  readonly name = 'reference'
  readonly version: ReferenceVersion
  /** It has none: what could be set would have to be in the exam anyway, and the version says it. */
  readonly options = z.strictObject({})
  readonly #media: ReferenceJudgeOptions['media']
  readonly #originals = new Shared<Original>(keptOriginals)

  constructor({media, version = 2}: ReferenceJudgeOptions) {
    this.#media = media
    this.version = version
  }

  /** By time, not by number: what a viewer sees at each moment, whatever the rates of original and output. */
  views({frames, fps, width, height}: Size): readonly View[] {
    const size = {width, height}
    return [
      {...sizeOf(size, 1), pixel: 'gray', pick: {fps}, maxFrames: frames},
      {...sizeOf(size, 2), pixel: 'rgb24', pick: {fps: 1}, maxFrames: Math.ceil(frames / fps)},
    ]
  }

  async score(request: JudgeRequest, signal: AbortSignal): Promise<JudgeReport> {
    const key = await keyOf(request)
    const original = await this.#originals.get(key, () => this.#loadOriginal(request, signal), signal)
    const seen = request.seen ?? (await this.#views(request.output, request, signal))
    const lent = seen.map(({data}) => data)
    const asked = {frames: request.frames, fps: request.fps, version: this.version}
    const {measurements, picture} = await beside(comparing, [seen, original, asked], lent, signal)
    return reportOf(measurements, picture)
  }

  /** A clip or frame that cannot be read is not the miner's fault: no verdict. */
  async #loadOriginal(request: JudgeRequest, signal: AbortSignal): Promise<Original> {
    try {
      const [course, close] = await this.#views(request.clip, request, signal)
      const looked = lookedAt(course && close ? [shared(course), close] : [], {
        ...{frames: request.frames, fps: request.fps, version: this.version},
      })
      release(close ? [close] : [])
      if (request.firstFrame === undefined) return {...looked, conditioning: looked.timeline.planes[0] as Plane}
      const still = {...sizeOf(request, 1), pixel: 'gray', pick: 'all', maxFrames: 1, threads: 1} as const
      const frames = await this.#media.decode(request.firstFrame, still, signal)
      return {...looked, conditioning: frameOf(shared(frames), 0)}
    } catch (error) {
      signal.throwIfAborted()
      throw new LeomaError('upstream', 'JUDGE_FAILED', 'the original clip of this task cannot be read', {cause: error})
    }
  }

  #views(file: string, request: JudgeRequest, signal: AbortSignal): Promise<readonly Frames[]> {
    return this.#media.decodeViews(file, this.views(request), {maxFrames, threads: 1}, signal)
  }
}

/** Frames that are kept: each output is compared with them, in whichever thread. */
function shared(frames: Frames): Frames {
  return {...frames, data: sharedCopy(frames.data)}
}

function sizeOf({width, height}: Pick<Size, 'width' | 'height'>, times: number): {width: number; height: number} {
  const scale = analysedSide / Math.max(width, height)
  const side = (pixels: number) => times * 8 * Math.max(2, Math.round((pixels * scale) / 8))
  return {width: side(width), height: side(height)}
}

/** The files' identity and everything of the request that the reading of the original depends on. */
async function keyOf({clip, firstFrame, frames, fps, width, height}: JudgeRequest): Promise<string> {
  const files = firstFrame === undefined ? [clip] : [clip, firstFrame]
  const states = await Promise.all(files.map((file) => stat(file, {bigint: true})))
  const identities = states.map(({dev, ino, size, mtimeNs}, i) => [files[i], `${dev}:${ino}:${size}:${mtimeNs}`])
  return JSON.stringify([identities, frames, fps, width, height])
}
