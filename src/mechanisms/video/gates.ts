import {stat} from 'node:fs/promises'
import path from 'node:path'
import type {TaskKind} from '../../domain/task.js'
import {LeomaError} from '../../errors.js'
import {type Frames, type Media, release, type VideoInfo, type View} from '../../media/port.js'
import {sharedCopy} from '../../runtime/memory.js'
import {beside} from '../../runtime/threads.js'
import type {VideoParams} from './params.js'
import {cellSide, type Figures, findingFigures} from './pictures.js'
import {hashFrames} from './video-hash.js'

/** In the order in which they are checked, cheapest first. The code of the one that failed stands in `rejected:<code>`. */
export const gates = [
  'empty',
  'too_large',
  'unreadable',
  'container',
  'codec',
  'streams',
  'resolution',
  'fps',
  'frames',
  'duration',
  'motion',
  'held_frames',
  'first_frame',
  'detail',
] as const
export type Gate = (typeof gates)[number]

export interface GateOptions {
  readonly media: Pick<Media, 'probe' | 'decode' | 'decodeViews'>
  readonly params: Pick<VideoParams, 'request' | 'gates'>
  readonly kind: TaskKind
  /** The conditioning frame as PNG; `t2v` has none. */
  readonly firstFrame?: string
  /** What else somebody wants to see of a video that passes: taken from the same decode. */
  readonly views?: readonly View[]
}

/** What was found before a gate failed, with the unit in the name. */
export type GateMeasurements = Readonly<Record<string, number>>

export type GateResult =
  | {
      readonly ok: true
      readonly measured: GateMeasurements
      /**
       * The wanted views in their order, which are the caller's to release; undefined when none were wanted, or when they
       * could not be had along the way.
       */
      readonly seen: readonly Frames[] | undefined
      /** See `video-hash.ts`: what copies are found by. */
      readonly perceptualHash: string
    }
  | {
      readonly ok: false
      readonly gate: Gate
      /** One sentence with figures, for the miner. */
      readonly reason: string
      readonly measured: GateMeasurements
    }

/** Long side of the frames that motion and distance are measured on. */
const analysedSide = 208
/** Claimed and decoded duration may differ by this much; what is beyond plays at another speed than it says. */
const durationToleranceS = 0.5

class Rejection extends Error {
  readonly gate: Gate

  constructor(gate: Gate, reason: string) {
    super(reason)
    this.gate = gate
  }
}

/**
 * Checks one output before anything is spent on judging it: from the bytes alone, so that sampler and validators come
 * to the same answer. One look at the tables and one decode of small grey frames. Throws only for what is not the
 * miner's fault.
 */
export async function checkGates(file: string, options: GateOptions, signal: AbortSignal): Promise<GateResult> {
  const measured: Record<string, number> = {}
  let looked: Looked | undefined
  try {
    await checkSize(file, options, measured)
    const info = await readable(file, () => options.media.probe(file, signal))
    checkClaims(info, options.params, measured)
    looked = await look(file, options, signal)
    const {frames, seen} = looked
    checkCourse(frames, info, options.params, measured)
    const still = await stillOf(frames, options, signal)
    const figures = await beside(findingFigures, [frames, still, options.params.request.fps], [frames.data], signal)
    checkFigures(figures, options.params.gates, measured)
    return {ok: true, measured, seen, perceptualHash: figures.perceptualHash}
  } catch (error) {
    if (looked) release([looked.frames, ...(looked.seen ?? [])])
    if (error instanceof Rejection) return {ok: false, gate: error.gate, reason: error.message, measured}
    throw error
  }
}

async function checkSize(file: string, {params}: GateOptions, measured: Record<string, number>): Promise<void> {
  const {size} = await stat(file)
  measured.size_bytes = size
  if (size === 0) throw new Rejection('empty', 'the body is empty')
  const {maxBytes} = params.request
  if (size > maxBytes) throw new Rejection('too_large', `${size} bytes are more than the ${maxBytes} allowed`)
}

/** A fault of the bytes is the miner's; a missing program or a full disk is not. */
async function readable<T>(file: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof LeomaError && error.code === 'VIDEO_UNREADABLE')
      // Where the file lies here means nothing to its miner, and would differ between sampler and validators.
      throw new Rejection(
        'unreadable',
        `no video can be read: ${error.message.replaceAll(path.basename(file), 'the answer').slice(0, 200)}`,
      )
    throw error
  }
}

function checkClaims(
  info: VideoInfo,
  {request, gates: limits}: GateOptions['params'],
  measured: Record<string, number>,
): void {
  const turned = info.rotation === 90 || info.rotation === 270
  const [width, height] = turned ? [info.height, info.width] : [info.width, info.height]
  Object.assign(measured, {width_px: width, height_px: height, fps: info.fps, claimed_duration_s: info.durationS})
  const listed = (names: readonly string[]) => names.join(', ')
  if (!limits.containers.includes(info.container))
    throw new Rejection('container', `container ${name(info.container)} is not ${listed(limits.containers)}`)
  if (!limits.codecs.includes(info.codec))
    throw new Rejection('codec', `codec ${name(info.codec)} is not one of ${listed(limits.codecs)}`)
  if (info.videoStreams !== 1) throw new Rejection('streams', `${info.videoStreams} video streams instead of one`)
  const offBy = Math.max(Math.abs(width - request.width), Math.abs(height - request.height))
  if (!(offBy <= limits.sizeTolerance))
    throw new Rejection(
      'resolution',
      `${width}×${height} is not ${request.width}×${request.height} within ${limits.sizeTolerance} pixels`,
    )
  if (!(Math.abs(info.fps - request.fps) <= limits.fpsTolerance))
    throw new Rejection('fps', `${rounded(info.fps)} fps is not ${request.fps} ± ${limits.fpsTolerance}`)
}

/** Names come from the file's own tables. */
function name(text: string): string {
  return text.replace(/[^\w.-]/g, '?').slice(0, 32) || 'unknown'
}

interface Looked {
  readonly frames: Frames
  readonly seen: readonly Frames[] | undefined
}

/** Small grey frames for the gates, and the views that were wanted besides. */
async function look(
  file: string,
  {media, params: {request, gates: limits}, views = []}: GateOptions,
  signal: AbortSignal,
): Promise<Looked> {
  const maxFrames = request.frames + limits.extraFrames
  const own = {...analysedSize(request), pixel: 'gray', pick: 'all', maxFrames} as const
  if (views.length > 0) {
    try {
      const [frames, ...seen] = await media.decodeViews(file, [own, ...views], {maxFrames, threads: 1}, signal)
      if (frames) return {frames, seen}
    } catch (error) {
      // Looked at alone it fails in the same words for everybody, whatever others want to see of it.
      if (!(error instanceof LeomaError && error.code === 'VIDEO_UNREADABLE')) throw error
    }
  }
  const frames = await readable(file, () => media.decode(file, {...own, threads: 1}, signal))
  return {frames, seen: undefined}
}

function checkCourse(
  frames: Frames,
  info: VideoInfo,
  {request, gates: limits}: GateOptions['params'],
  measured: Record<string, number>,
): void {
  const most = request.frames + limits.extraFrames
  measured.frames = frames.count
  if (frames.truncated) throw new Rejection('frames', `more than ${most} frames; ${request.frames} were asked for`)
  if (frames.count < request.frames)
    throw new Rejection('frames', `${frames.count} frames instead of ${request.frames}`)

  const durationS = frames.count / info.fps
  measured.duration_s = durationS
  if (!(Math.abs(durationS - info.durationS) <= durationToleranceS))
    throw new Rejection(
      'duration',
      `it says ${rounded(info.durationS)} s, but its ${frames.count} frames last ${rounded(durationS)} s`,
    )
}

function checkFigures(
  {motion, held, firstFrame: distance, detail}: Figures,
  limits: GateOptions['params']['gates'],
  measured: Record<string, number>,
): void {
  measured.motion_luma = motion
  if (!(motion >= limits.minMotion))
    throw new Rejection(
      'motion',
      `nothing moves: ${rounded(motion)} of 255 in half a second, under ${limits.minMotion}`,
    )

  if (limits.maxHeldShare !== undefined && held !== undefined) {
    measured.held_share = held
    if (!(held <= limits.maxHeldShare))
      throw new Rejection('held_frames', `${rounded(100 * held)} % of its frames only hold the one before`)
  }

  if (distance === undefined) return
  measured.first_frame_difference_luma = distance
  const most = limits.maxFirstFrameDistance
  if (!(distance <= most))
    throw new Rejection('first_frame', `it begins ${rounded(distance)} of 255 from the given frame, over ${most}`)

  if (limits.minDetail === undefined || detail === undefined) return
  measured.detail_share = detail
  if (!(detail >= limits.minDetail))
    throw new Rejection('detail', `it keeps ${rounded(100 * detail)} % of the given frame's detail, as if enlarged`)
}

/** Of `ti2v` and `i2v` tasks; undefined for `t2v`, which has none. */
async function stillOf(
  frames: Frames,
  {media, kind, firstFrame}: GateOptions,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  if (kind === 't2v') return undefined
  if (firstFrame === undefined) throw new LeomaError('bug', 'FIRST_FRAME_MISSING', `a ${kind} task has a first frame`)
  return loadStill(firstFrame, frames, media, signal)
}

/** The last conditioning frame: all outputs of a task are compared with the same one. */
const stills = new WeakMap<GateOptions['media'], {readonly key: string; readonly pixels: Uint8Array}>()

async function loadStill(
  file: string,
  {width, height}: Frames,
  media: GateOptions['media'],
  signal: AbortSignal,
): Promise<Uint8Array> {
  const {dev, ino, size, mtimeNs} = await stat(file, {bigint: true})
  const key = [file, dev, ino, size, mtimeNs, width, height].join(':')
  const known = stills.get(media)
  if (known?.key === key) return known.pixels
  const still = {width, height, pixel: 'gray', pick: 'all', maxFrames: 1, threads: 1} as const
  const {data} = await media.decode(file, still, signal)
  const pixels = sharedCopy(data)
  stills.set(media, {key, pixels})
  return pixels
}

/** The hash of the hidden clip, seen at the times at which outputs are. */
export async function hashClip(
  file: string,
  {media, request}: {readonly media: Pick<Media, 'decode'>; readonly request: VideoParams['request']},
  signal: AbortSignal,
): Promise<string> {
  const {frames: maxFrames, fps} = request
  const decoding = {...analysedSize(request), pixel: 'gray', pick: {fps}, maxFrames, threads: 1} as const
  const frames = await media.decode(file, decoding, signal)
  const hash = hashFrames(frames, fps)
  release([frames])
  return hash
}

function analysedSize({width, height}: {width: number; height: number}): {width: number; height: number} {
  const scale = analysedSide / Math.max(width, height)
  const side = (pixels: number) => cellSide * Math.max(2, Math.round((pixels * scale) / cellSide))
  return {width: side(width), height: side(height)}
}

function rounded(value: number): string {
  return String(Number(value.toFixed(2)))
}
