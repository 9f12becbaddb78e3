import {rename, rm} from 'node:fs/promises'
import {resolve} from 'node:path'
import {LeomaError} from '../errors.js'
import {collector} from './bytes.js'
import {type Container, displayName, sniffContainer} from './container.js'
import {coverFilter, evenlySpaced, selectFilter} from './graph.js'
import {listPackets} from './packets.js'
import {readPicture} from './picture.js'
import type {CutOptions, DecodeOptions, Frames, Media, VideoInfo} from './port.js'
import {fileArgument, localOnly, type RunFfmpeg} from './run.js'
import {scanScenes} from './scenes.js'
import {readStructure, type Structure} from './structure.js'

export interface FfmpegMediaOptions {
  readonly run: RunFfmpeg
  /** Width × height that is decoded at most. Default 4096 × 2176: a hostile header costs nothing more. */
  readonly maxPixels?: number
  /** Memory for the frames of one decode. Default 512 MiB; `maxFrames` is lowered to keep it. */
  readonly maxDecodedBytes?: number
  /** Deadline for reading a whole source for scene cuts. Default 600 s; the rest keeps the runner's. */
  readonly scanTimeoutMs?: number
}

/** A file that was looked at: from here on its container is ours to say, and its size is within the limit. */
interface Source extends Structure {
  readonly file: string
  readonly container: Pick<Container, 'demuxer'> | {readonly demuxer: 'png_pipe'}
}

/** Video decoders that may run. Names of decoders, so that an exotic one is not reachable through a known container. */
const decoders =
  'h264,hevc,vp8,vp9,libvpx,libvpx-vp9,av1,libdav1d,libaom-av1,mpeg4,mpeg1video,mpeg2video,mjpeg,h263,prores,msmpeg4,msmpeg4v2,vc1,wmv2,png'

/** Frames are decoded and scaled by exact integer arithmetic, the same on each processor. */
const bitExact = ['-flags', '+bitexact']

/** A stream with more frames a second than this is not resampled beyond the frames that it may cost. */
const MAX_SOURCE_FPS = 240

/** Encoder threads of a cut. x264's output depends on their number, so it must not follow the machine. */
const CUT_THREADS = 4

export class FfmpegMedia implements Media {
  readonly #options: FfmpegMediaOptions
  readonly #run: RunFfmpeg
  readonly #maxPixels: number

  constructor(options: FfmpegMediaOptions) {
    this.#options = options
    this.#run = options.run
    this.#maxPixels = options.maxPixels ?? 4096 * 2176
  }

  async probe(file: string, signal: AbortSignal): Promise<VideoInfo> {
    return (await this.#open(file, signal)).info
  }

  async decode(file: string, options: DecodeOptions, signal: AbortSignal): Promise<Frames> {
    const channels = options.pixel === 'gray' ? 1 : 3
    const frameBytes = options.width * options.height * channels
    const affordable = Math.floor((this.#options.maxDecodedBytes ?? 512 * 1024 * 1024) / frameBytes)
    const source = (await this.#openPicture(file)) ?? (await this.#open(file, signal))
    const decoding: Decoding = {source, options, signal, channels, frameBytes, affordable}
    if (options.pick === 'all') return this.#decodeAll(decoding)
    if ('fps' in options.pick) return this.#decodeAtRate(decoding, options.pick.fps)
    return this.#decodeSpaced(decoding, options.pick.count)
  }

  async cut(file: string, to: string, options: CutOptions, signal: AbortSignal): Promise<void> {
    const source = await this.#open(file, signal)
    const partial = `${resolve(to)}.part`
    const window = ['-ss', String(options.startS), '-t', String(options.durationS)]
    const picture = ['-map', '0:V:0', '-an', '-sn', '-dn', '-map_metadata', '-1', '-map_chapters', '-1']
    // yuv420p halves the colour planes, so an odd edge loses a line; from zero, so that the first frame is at 0 s.
    const filter = 'crop=trunc(iw/2)*2:trunc(ih/2)*2,setpts=PTS-STARTPTS'
    const h264 = ['-c:v', 'libx264', '-preset', 'medium', '-crf', '23', '-pix_fmt', 'yuv420p']
    const output = ['-fps_mode', 'passthrough', '-threads', `${CUT_THREADS}`, '-fflags', '+bitexact', ...bitExact]
    // No edit list: with one, rounding of its end hides the last frame from whoever plays the clip.
    const layout = ['-movflags', '+faststart+negative_cts_offsets', '-use_editlist', '0']
    const mp4 = [...layout, '-f', 'mp4', '-y', fileArgument(partial)]
    try {
      const args = [...this.#input(source, 0, window), ...picture, '-vf', filter, ...h264, ...output, ...mp4]
      await this.#run(args, {signal, what: `cutting ${displayName(file)}`})
      const made = await readStructure(partial, {name: 'mp4', demuxer: 'mov'})
      if (!made?.packets)
        throw unreadable(file, `no frame between ${options.startS} s and ${options.durationS} s later`)
      await rename(partial, to)
    } finally {
      await rm(partial, {force: true})
    }
  }

  async firstFrame(file: string, size: {width: number; height: number}, signal: AbortSignal): Promise<Uint8Array> {
    const source = await this.#open(file, signal)
    const filter = `${coverFilter(size.width, size.height)},format=rgb24`
    const png = ['-frames:v', '1', ...bitExact, '-c:v', 'png', '-f', 'image2pipe', 'pipe:1']
    const bytes = await this.#run([...this.#input(source, 1), '-map', '0:V:0', '-vf', filter, ...png], {
      signal,
      what: `first frame of ${displayName(file)}`,
    })
    if (bytes.length === 0) throw unreadable(file, 'no frame could be decoded')
    return bytes
  }

  async sceneCuts(
    file: string,
    threshold: number,
    signal: AbortSignal,
  ): Promise<{cuts: number[]; durationS: number; frames: number}> {
    const source = await this.#open(file, signal)
    const scan = await scanScenes(this.#run, this.#input(source, 0), {
      threshold,
      frameS: 1 / source.info.fps,
      what: `scanning ${displayName(file)}`,
      timeoutMs: this.#options.scanTimeoutMs ?? 600_000,
      signal,
    })
    if (scan.frames === 0) throw unreadable(file, 'no frame could be decoded')
    return scan
  }

  /** Looks before ffmpeg decodes: container by magic bytes, structure, size limit. */
  async #open(file: string, signal: AbortSignal): Promise<Source> {
    signal.throwIfAborted()
    const path = resolve(file)
    const container = await sniffContainer(path)
    const structure =
      (await readStructure(path, container)) ??
      (await listPackets(this.#run, path, container, {what: `reading ${displayName(file)}`, signal}))
    if (!structure) throw unreadable(file, 'it has no video stream')
    return this.#sized({...structure, file: path, container})
  }

  /** Only `decode` takes a PNG, for conditioning frames: everywhere else a picture is no video. */
  async #openPicture(file: string): Promise<Source | undefined> {
    const path = resolve(file)
    const structure = await readPicture(path)
    return structure && this.#sized({...structure, file: path, container: {demuxer: 'png_pipe'}})
  }

  #sized(source: Source): Source {
    const {width, height} = source.info
    if (!(width > 0 && height > 0)) throw unreadable(source.file, 'its pictures have no size')
    if (width * height > this.#maxPixels)
      throw unreadable(source.file, `${width}×${height} is more than ${this.#maxPixels} pixels`)
    return source
  }

  /** Damage ends the run (`-xerror`): a guessed picture is no evidence. The header's size is checked again per frame. */
  #input(source: Source, threads: number, window: readonly string[] = []): string[] {
    const strict = ['-xerror', '-max_pixels', `${this.#maxPixels}`, '-codec_whitelist', decoders]
    const reading = [...strict, ...localOnly, '-threads', `${threads}`, ...bitExact, ...window]
    return [...reading, '-f', source.container.demuxer, '-i', fileArgument(source.file)]
  }

  async #decodeAll(decoding: Decoding): Promise<Frames> {
    const maxFrames = Math.min(decoding.options.maxFrames, decoding.affordable)
    const frames = await this.#pictures(decoding, [], maxFrames + 1, decoding.source.packets)
    return withLimit(frames, maxFrames)
  }

  async #decodeAtRate(decoding: Decoding, fps: number): Promise<Frames> {
    const maxFrames = Math.min(decoding.options.maxFrames, decoding.affordable)
    const decoded = Math.ceil(((maxFrames + 1) * MAX_SOURCE_FPS) / Math.min(fps, MAX_SOURCE_FPS))
    const filters = [`trim=end_frame=${decoded}`, `fps=${fps}`]
    const frames = await this.#pictures(
      decoding,
      filters,
      maxFrames + 1,
      Math.ceil(decoding.source.info.durationS * fps),
    )
    return withLimit(frames, maxFrames)
  }

  /**
   * Places follow from the number of frames, and the file only claims that number. The claim is tried, asking also for
   * one frame behind its end: exactly the wanted number of frames comes back if and only if the claim is true. Otherwise
   * the frames are counted by decoding them, and picked in a second pass.
   */
  async #decodeSpaced(decoding: Decoding, count: number): Promise<Frames> {
    const {source, options, affordable} = decoding
    if (count > affordable)
      throw new LeomaError('bug', 'MEDIA_LIMIT', `${count} frames of ${options.width}×${options.height} are too many`)
    const claimed = Math.max(1, source.packets ?? Math.round(source.info.fps * source.info.durationS))
    const first = await this.#pickSpaced(decoding, Math.min(claimed, options.maxFrames), count)
    if (first.exact) return first.frames
    if (first.longer && claimed >= options.maxFrames) return {...first.frames, truncated: true}

    const real = await this.#countFrames(decoding)
    const second = await this.#pickSpaced(decoding, Math.min(real, options.maxFrames), count)
    if (second.exact) return second.frames
    if (second.longer && real > options.maxFrames) return {...second.frames, truncated: true}
    throw new LeomaError(
      'upstream',
      'MEDIA_FAILED',
      `${displayName(source.file)} decodes to a different length each time`,
    )
  }

  async #pickSpaced(
    decoding: Decoding,
    total: number,
    count: number,
  ): Promise<{frames: Frames; exact: boolean; longer: boolean}> {
    const places = evenlySpaced(total, count)
    const frames = await this.#pictures(decoding, [selectFilter(places, total)], places.length + 1, places.length)
    const exact = frames.count === places.length
    const longer = frames.count > places.length
    return {frames: longer ? withLimit(frames, places.length) : frames, exact, longer}
  }

  /** Decodes everything, up to one frame past the limit, and keeps four bytes of each. */
  async #countFrames(decoding: Decoding): Promise<number> {
    const tiny = {...decoding.options, width: 2, height: 2, pixel: 'gray' as const}
    const counting: Decoding = {...decoding, options: tiny, channels: 1, frameBytes: 4}
    return (await this.#pictures(counting, [], decoding.options.maxFrames + 1)).count
  }

  /** One process: filters that choose, then scaling of what was chosen, then raw pixels through the pipe. */
  async #pictures(
    decoding: Decoding,
    choosing: readonly string[],
    maxFrames: number,
    expectedFrames = 0,
  ): Promise<Frames> {
    const {source, options, signal, channels, frameBytes} = decoding
    const filters = [...choosing, coverFilter(options.width, options.height), `format=${options.pixel}`].join(',')
    const maxBytes = maxFrames * frameBytes
    const pixels = collector(maxBytes, expectedFrames * frameBytes)
    const shape = ['-map', '0:V:0', '-vf', filters, '-fps_mode', 'passthrough', '-frames:v', `${maxFrames}`]
    const raw = [...bitExact, '-c:v', 'rawvideo', '-f', 'rawvideo', 'pipe:1']
    await this.#run([...this.#input(source, options.threads ?? 0), ...shape, ...raw], {
      signal,
      what: `decoding ${displayName(source.file)}`,
      onOutput: (chunk) => pixels.add(chunk),
      maxOutputBytes: maxBytes,
    })
    const count = Math.floor(pixels.size / frameBytes)
    if (count === 0) throw unreadable(source.file, 'no frame could be decoded')
    const data = pixels.bytes().subarray(0, count * frameBytes)
    return {width: options.width, height: options.height, channels, data, count, truncated: false}
  }
}

interface Decoding {
  readonly source: Source
  readonly options: DecodeOptions
  readonly signal: AbortSignal
  readonly channels: 1 | 3
  readonly frameBytes: number
  /** Frames that fit into the memory limit. */
  readonly affordable: number
}

/** Drops what was decoded only to see that there is more. */
function withLimit(frames: Frames, maxFrames: number): Frames {
  if (frames.count <= maxFrames) return frames
  const bytes = maxFrames * frames.width * frames.height * frames.channels
  return {...frames, data: frames.data.subarray(0, bytes), count: maxFrames, truncated: true}
}

function unreadable(file: string, why: string): LeomaError {
  return new LeomaError('data', 'VIDEO_UNREADABLE', `${displayName(file)}: ${why}`)
}
