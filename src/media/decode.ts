import {LeomaError} from '../errors.js'
import {coverFilter, evenlySpaced, selectFilter} from './graph.js'
import type {DecodeOptions, Frames, VideoInfo} from './port.js'
import type {RunFfmpeg} from './run.js'
import {contentsOf, withScratchFiles} from './scratch.js'

/** Frames are decoded and scaled by exact integer arithmetic, the same on each processor. */
export const bitExact = ['-flags', '+bitexact']

/** A stream with more frames a second than this is not resampled beyond the frames that it may cost. */
const MAX_SOURCE_FPS = 240

/** A file that was looked at and may be decoded. */
export interface Decodable {
  readonly run: RunFfmpeg
  /** ffmpeg's arguments up to and with the file's `-i`. */
  readonly input: readonly string[]
  /** The file's name for messages. */
  readonly name: string
  readonly info: Pick<VideoInfo, 'fps' | 'durationS'>
  /** What its tables claim. */
  readonly packets: number | undefined
  /** Memory for all frames of one decode. */
  readonly maxBytes: number
  readonly signal: AbortSignal
}

/** Frames as the port describes them, by one process; by three where a file lies about its length. */
export function decodeFrames(source: Decodable, options: DecodeOptions): Promise<Frames> {
  if (options.pick !== 'all' && 'count' in options.pick) return decodeSpaced(source, options, options.pick.count)
  const {choosing, maxFrames} = planOf(source, {...options, pick: options.pick})
  return pictures(source, options, {choosing, maxFrames: maxFrames + 1}).then((frames) => withLimit(frames, maxFrames))
}

export interface Plan {
  /** Filters that let the wanted frames through. */
  readonly choosing: readonly string[]
  readonly maxFrames: number
  /** The file claims more frames than may be looked at. */
  readonly isCapped?: boolean
}

/** For frames whose choice needs no knowledge of the file's real length. */
export function planOf(
  {maxBytes}: Pick<Decodable, 'maxBytes'>,
  options: Omit<DecodeOptions, 'pick'> & {readonly pick: 'all' | {readonly fps: number}},
): Plan {
  const maxFrames = Math.min(options.maxFrames, Math.floor(maxBytes / frameBytesOf(options)))
  if (options.pick === 'all') return {choosing: [], maxFrames}
  const {fps} = options.pick
  const decoded = Math.ceil(((maxFrames + 1) * MAX_SOURCE_FPS) / Math.min(fps, MAX_SOURCE_FPS))
  return {choosing: [`trim=end_frame=${decoded}`, `fps=${fps}`], maxFrames}
}

/**
 * Places follow from the number of frames, and the file only claims that number. The claim is tried, asking also for
 * one frame behind its end: exactly the wanted number of frames comes back if and only if the claim is true. Otherwise
 * the frames are counted by decoding them, and picked in a second pass.
 */
async function decodeSpaced(source: Decodable, options: DecodeOptions, count: number): Promise<Frames> {
  const {info, packets, maxBytes, name} = source
  if (count > Math.floor(maxBytes / frameBytesOf(options)))
    throw new LeomaError('bug', 'MEDIA_LIMIT', `${count} frames of ${options.width}×${options.height} are too many`)
  const claimed = Math.max(1, packets ?? Math.round(info.fps * info.durationS))
  const first = await pickSpaced(source, options, Math.min(claimed, options.maxFrames), count)
  if (first.exact) return first.frames
  if (first.longer && claimed >= options.maxFrames) return {...first.frames, truncated: true}

  const real = await countFrames(source, options)
  const second = await pickSpaced(source, options, Math.min(real, options.maxFrames), count)
  if (second.exact) return second.frames
  if (second.longer && real > options.maxFrames) return {...second.frames, truncated: true}
  throw new LeomaError('upstream', 'MEDIA_FAILED', `${name} decodes to a different length each time`)
}

/** Where the wanted frames lie if the file is as long as it claims and no other number of them comes back. */
export function spacedPlan(
  {packets, info}: Pick<Decodable, 'packets' | 'info'>,
  {maxFrames}: Pick<DecodeOptions, 'maxFrames'>,
  count: number,
): Plan {
  const claimed = Math.max(1, packets ?? Math.round(info.fps * info.durationS))
  const total = Math.min(claimed, maxFrames)
  const places = evenlySpaced(total, count)
  return {choosing: [selectFilter(places, total)], maxFrames: places.length, isCapped: claimed >= maxFrames}
}

async function pickSpaced(
  source: Decodable,
  options: DecodeOptions,
  total: number,
  count: number,
): Promise<{frames: Frames; exact: boolean; longer: boolean}> {
  const places = evenlySpaced(total, count)
  const choosing = [selectFilter(places, total)]
  const frames = await pictures(source, options, {choosing, maxFrames: places.length + 1})
  const exact = frames.count === places.length
  const longer = frames.count > places.length
  return {frames: longer ? withLimit(frames, places.length) : frames, exact, longer}
}

/** Decodes everything, up to one frame past the limit, and keeps four bytes of each. */
async function countFrames(source: Decodable, options: DecodeOptions): Promise<number> {
  const tiny = {...options, width: 2, height: 2, pixel: 'gray' as const}
  return (await pictures(source, tiny, {choosing: [], maxFrames: options.maxFrames + 1})).count
}

/** One process: filters that choose, then scaling of what was chosen, then raw pixels. */
function pictures(source: Decodable, options: DecodeOptions, {choosing, maxFrames}: Plan): Promise<Frames> {
  const {run, input, name, signal} = source
  const filters = [...choosing, coverFilter(options.width, options.height), `format=${options.pixel}`].join(',')
  const picture = ['-map', '0:V:0', '-vf', filters]
  return withScratchFiles(1, async (files) => {
    await run([...input, ...picture, ...rawOutput(maxFrames, 0)], {signal, what: `decoding ${name}`, files})
    const [bytes = new Uint8Array()] = await contentsOf(files, [maxFrames * frameBytesOf(options)])
    return framesOf(bytes, options, name)
  })
}

/** Every frame that arrives, as raw pixels, `maxFrames` at most, into the runner's file of this index. */
export function rawOutput(maxFrames: number, file: number): string[] {
  const raw = [...bitExact, '-c:v', 'rawvideo', '-f', 'rawvideo', `pipe:${file + 3}`]
  return ['-fps_mode', 'passthrough', '-frames:v', `${maxFrames}`, ...raw]
}

type Shape = Pick<DecodeOptions, 'width' | 'height' | 'pixel'>

export function frameBytesOf({width, height, pixel}: Shape): number {
  return width * height * (pixel === 'gray' ? 1 : 3)
}

/** Whole frames only. Throws `VIDEO_UNREADABLE` when there is not one. */
export function framesOf(bytes: Uint8Array, shape: Shape, name: string): Frames {
  const frameBytes = frameBytesOf(shape)
  const count = Math.floor(bytes.length / frameBytes)
  if (count === 0) throw unreadable(name, 'no frame could be decoded')
  const {width, height} = shape
  const data = bytes.subarray(0, count * frameBytes)
  return {width, height, channels: shape.pixel === 'gray' ? 1 : 3, data, count, truncated: false}
}

/** Drops what was decoded only to see that there is more. */
export function withLimit(frames: Frames, maxFrames: number): Frames {
  if (frames.count <= maxFrames) return frames
  const bytes = maxFrames * frames.width * frames.height * frames.channels
  return {...frames, data: frames.data.subarray(0, bytes), count: maxFrames, truncated: true}
}

export function unreadable(name: string, why: string): LeomaError {
  return new LeomaError('data', 'VIDEO_UNREADABLE', `${name}: ${why}`)
}
