import {stat} from 'node:fs/promises'
import {z} from 'zod'
import {LeomaError} from '../errors.js'
import type {DecodeOptions, Media} from '../media/port.js'
import {compare, type Looked} from './measure.js'
import {frameOf, looksOf, type Plane} from './planes.js'
import type {Judge, JudgeReport, JudgeRequest} from './port.js'
import {reportOf} from './scores.js'
import {timelineOf} from './timeline.js'

export interface ReferenceJudgeOptions {
  readonly media: Pick<Media, 'decode'>
}

/** What does not depend on the output: read once per task, used for each of its outputs. */
interface Original extends Looked {
  readonly conditioning: Plane
}

/** Long side of the grey frames; the colour frames, one a second, are twice as large. */
const analysedSide = 208
/** Tasks whose original is kept: one being judged, and the one before it when two overlap. */
const keptOriginals = 2

/**
 * Measures the six aspects against the hidden original clip: no model, no key, and the same scores to the last digit for
 * the same bytes. Whole numbers come from the decoder and all arithmetic is + − × ÷ √ in a fixed order.
 */
export class ReferenceJudge implements Judge {
  readonly name = 'reference'
  readonly version = 1
  /** It has none: what could be set would have to be in the exam anyway, and the version says it. */
  readonly options = z.strictObject({})
  readonly #media: Pick<Media, 'decode'>
  readonly #originals = new Map<string, Promise<Original>>()

  constructor({media}: ReferenceJudgeOptions) {
    this.#media = media
  }

  async score(request: JudgeRequest, signal: AbortSignal): Promise<JudgeReport> {
    const original = await this.#original(request, signal)
    const output = await this.#look(request.output, request, signal)
    return reportOf(compare(output, original, original.conditioning))
  }

  async #original(request: JudgeRequest, signal: AbortSignal): Promise<Original> {
    const key = await keyOf(request)
    const known = this.#originals.get(key)
    if (known) {
      try {
        return await known
      } catch {
        // It may have failed because another output's judging was aborted; that is no reason for this one to.
        signal.throwIfAborted()
      }
    }
    const loading = this.#loadOriginal(request, signal)
    this.#originals.delete(key)
    this.#originals.set(key, loading)
    for (const old of this.#originals.keys()) {
      if (this.#originals.size <= keptOriginals) break
      this.#originals.delete(old)
    }
    try {
      return await loading
    } catch (error) {
      if (this.#originals.get(key) === loading) this.#originals.delete(key)
      throw error
    }
  }

  /** A clip or frame that cannot be read is not the miner's fault: no verdict. */
  async #loadOriginal(request: JudgeRequest, signal: AbortSignal): Promise<Original> {
    try {
      const looked = await this.#look(request.clip, request, signal)
      if (request.firstFrame === undefined) return {...looked, conditioning: looked.timeline.planes[0] as Plane}
      const still = {...sizeOf(request, 1), pixel: 'gray', pick: 'all', maxFrames: 1, threads: 1} as const
      const frames = await this.#media.decode(request.firstFrame, still, signal)
      return {...looked, conditioning: frameOf(frames, 0)}
    } catch (error) {
      signal.throwIfAborted()
      throw new LeomaError('upstream', 'JUDGE_FAILED', 'the original clip of this task cannot be read', {cause: error})
    }
  }

  async #look(file: string, request: JudgeRequest, signal: AbortSignal): Promise<Looked> {
    const {frames, fps} = request
    const decode = (options: Pick<DecodeOptions, 'width' | 'height' | 'pixel' | 'pick' | 'maxFrames'>) =>
      this.#media.decode(file, {...options, threads: 1}, signal)
    // By time, not by number: what a viewer sees at each moment, whatever the rates of original and output.
    const course = await decode({...sizeOf(request, 1), pixel: 'gray', pick: {fps}, maxFrames: frames})
    const timeline = timelineOf(course, frames, fps)
    const close = await decode({
      ...sizeOf(request, 2),
      pixel: 'rgb24',
      pick: {fps: 1},
      maxFrames: Math.ceil(frames / fps),
    })
    return {timeline, looks: looksOf(close)}
  }
}

function sizeOf({width, height}: JudgeRequest, times: number): {width: number; height: number} {
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
