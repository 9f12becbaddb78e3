import {LeomaError} from '../errors.js'
import type {Frames, Media} from '../media/port.js'
import {measure, rate} from './components.js'
import {type Box, cosine, type Grey, histogram} from './picture.js'
import type {Quality, QualityGate, QualityModes, QualityReport, QualityRequest} from './port.js'
import type {MetricServices} from './services.js'
import {wordErrors} from './signal.js'

export interface MeasuredQualityOptions {
  readonly media: Pick<Media, 'probe' | 'decode' | 'audio'>
  /** Those that hold the heavy models; what is absent is measured without a model, and named so. */
  readonly services?: MetricServices
}

const maxFrames = 80
/** Of the frame rate that was asked for. */
const maxRateError = 0.02

/**
 * Measures a talking head. Without services it is the embedded subset for machines without a graphics card: it decodes,
 * checks what was asked for, and measures sound, motion and light. It has no model of faces or of speech, and says so in
 * `modes`: likeness is that of grey levels, the mouth is looked for where it usually is, and nobody listens to the words.
 */
export class MeasuredQuality implements Quality {
  readonly name: string
  readonly version = 1
  readonly #media: MeasuredQualityOptions['media']
  readonly #services: MetricServices

  constructor({media, services = {}}: MeasuredQualityOptions) {
    this.#media = media
    this.#services = services
    this.name = Object.keys(services).length === 0 ? 'embedded' : 'service'
  }

  async measure(request: QualityRequest, signal: AbortSignal): Promise<QualityReport> {
    const {face: faces, speech, lipsync} = this.#services
    const modes: QualityModes = {
      identity: faces ? 'face-model' : 'histogram',
      mouth: faces ? 'face-model' : 'fixed-region',
      lipsync: lipsync ? 'lip-sync-model' : 'envelope',
      speech: speech && request.text !== null ? 'recognition' : 'none',
    }
    const refuse = (code: QualityGate, reason: string) => ({ok: false, code, reason, modes}) as const
    try {
      const decoded = await this.#decode(request, signal)
      if ('code' in decoded) return refuse(decoded.code, decoded.reason)
      const {frames, reference, indices, sound, source} = decoded
      const looked = faces && (await faces.look(request, indices, signal))
      const heard = modes.speech === 'recognition' ? await speech?.transcribe(request.video, signal) : undefined
      const sync = sound.length > 0 ? await lipsync?.sync(request.video, signal) : undefined
      const levels = histogram(reference)
      const likeness = looked
        ? looked.flatMap((face) => (face ? [face.likeness] : []))
        : frames.map((frame) => cosine(levels, histogram(frame)))
      const metrics = measure({
        ...{frames, likeness, sound, source},
        ...(looked && {faces: looked.map((face): Box | undefined => face?.box)}),
        ...(sync && {sync}),
        wer: heard === undefined ? null : wordErrors(request.text ?? '', heard),
      })
      return {ok: true, metrics, modes}
    } catch (error) {
      if (error instanceof LeomaError && error.code === 'VIDEO_UNREADABLE') return refuse('unreadable', error.message)
      throw error
    }
  }

  async #decode({video, face, audio, expected}: QualityRequest, signal: AbortSignal): Promise<Decoded | Refusal> {
    const {resolution, fps, durationS, toleranceS} = expected
    const info = await this.#media.probe(video, signal)
    if (info.width !== resolution || info.height !== resolution)
      return {code: 'wrong-resolution', reason: `${info.width}×${info.height} instead of ${resolution}×${resolution}`}
    if (Math.abs(info.fps - fps) > fps * maxRateError)
      return {code: 'wrong-frame-rate', reason: `${info.fps.toFixed(2)} frames a second instead of ${fps}`}
    const most = Math.floor((durationS + toleranceS) * fps) + 1
    const shape = {
      width: resolution,
      height: resolution,
      pixel: 'gray',
      pick: 'all',
      maxFrames: most,
      threads: 1,
    } as const
    const all = await this.#media.decode(video, shape, signal)
    const lasts = all.count / fps
    // What a header says of its duration is a claim; frames are counted.
    if (all.truncated || Math.abs(lasts - durationS) > toleranceS)
      return {
        code: 'wrong-duration',
        reason: `${all.truncated ? `more than ${(most / fps).toFixed(2)}` : lasts.toFixed(2)} s instead of ${durationS.toFixed(2)}`,
      }
    const reference = await this.#media.decode(face, {...shape, maxFrames: 1}, signal)
    const limits = {rate, maxSeconds: durationS + toleranceS}
    const source = await this.#media.audio(audio, limits, signal)
    if (!source) throw new LeomaError('bug', 'UNEXPECTED', 'the audio of a challenge has no sound')
    const sound = (await this.#media.audio(video, limits, signal)) ?? new Float32Array(0)
    const indices = chosen(all.count)
    return {frames: indices.map((at) => greyAt(all, at)), reference: greyAt(reference, 0), indices, sound, source}
  }
}

interface Decoded {
  readonly frames: readonly Grey[]
  readonly reference: Grey
  /** Which of the video's frames they are. */
  readonly indices: readonly number[]
  readonly sound: Float32Array
  readonly source: Float32Array
}

interface Refusal {
  readonly code: QualityGate
  readonly reason: string
}

/** All of them, or 80 evenly. */
function chosen(total: number): number[] {
  if (total <= maxFrames) return Array.from({length: total}, (_, at) => at)
  return Array.from({length: maxFrames}, (_, at) => Math.floor((at * total) / maxFrames))
}

function greyAt({width, height, data}: Frames, at: number): Grey {
  return {width, height, data: data.subarray(at * width * height, (at + 1) * width * height)}
}
