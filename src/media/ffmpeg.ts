import {rename, rm} from 'node:fs/promises'
import {resolve} from 'node:path'
import {type Container, displayName, sniffContainer} from './container.js'
import {bitExact, type Decodable, decodeFrames, unreadable} from './decode.js'
import {coverFilter} from './graph.js'
import {listPackets} from './packets.js'
import {readPicture} from './picture.js'
import type {AudioOptions, CutOptions, DecodeOptions, Frames, Media, VideoInfo, View} from './port.js'
import {fileArgument, localOnly, type RunFfmpeg} from './run.js'
import {scanScenes} from './scenes.js'
import {decodeSound, isWav} from './sound.js'
import {readStructure, type Structure} from './structure.js'
import {decodeViews} from './views.js'

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
    const source = (await this.#openPicture(file)) ?? (await this.#open(file, signal))
    return decodeFrames(this.#decodable(source, options.threads ?? 0, signal), options)
  }

  async decodeViews(
    file: string,
    views: readonly View[],
    {maxFrames, threads = 0}: {readonly maxFrames: number; readonly threads?: number},
    signal: AbortSignal,
  ): Promise<Frames[]> {
    return decodeViews(this.#decodable(await this.#open(file, signal), threads, signal), views, maxFrames)
  }

  async audio(file: string, options: AudioOptions, signal: AbortSignal): Promise<Float32Array | undefined> {
    if (await isWav(file))
      return decodeSound(this.#run, {file: resolve(file), demuxer: 'wav', decoders}, options, signal)
    const source = await this.#open(file, signal)
    if (source.info.audioStreams === 0) return undefined
    return decodeSound(this.#run, {file: source.file, demuxer: source.container.demuxer, decoders}, options, signal)
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
        throw unreadable(displayName(file), `no frame between ${options.startS} s and ${options.durationS} s later`)
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
    if (bytes.length === 0) throw unreadable(displayName(file), 'no frame could be decoded')
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
    if (scan.frames === 0) throw unreadable(displayName(file), 'no frame could be decoded')
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
    if (!structure) throw unreadable(displayName(file), 'it has no video stream')
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
    if (!(width > 0 && height > 0)) throw unreadable(displayName(source.file), 'its pictures have no size')
    if (width * height > this.#maxPixels)
      throw unreadable(displayName(source.file), `${width}×${height} is more than ${this.#maxPixels} pixels`)
    return source
  }

  /** Damage ends the run (`-xerror`): a guessed picture is no evidence. The header's size is checked again per frame. */
  #input(source: Source, threads: number, window: readonly string[] = []): string[] {
    const strict = ['-xerror', '-max_pixels', `${this.#maxPixels}`, '-codec_whitelist', decoders]
    const reading = [...strict, ...localOnly, '-threads', `${threads}`, ...bitExact, ...window]
    return [...reading, '-f', source.container.demuxer, '-i', fileArgument(source.file)]
  }

  #decodable(source: Source, threads: number, signal: AbortSignal): Decodable {
    return {
      run: this.#run,
      input: [...(threads > 0 ? filterThreads(threads) : []), ...this.#input(source, threads)],
      name: displayName(source.file),
      info: source.info,
      packets: source.packets,
      maxBytes: this.#options.maxDecodedBytes ?? 512 * 1024 * 1024,
      signal,
    }
  }
}

/** Scaling would start as many as there are processors. */
function filterThreads(threads: number): string[] {
  return ['-filter_threads', `${threads}`, '-filter_complex_threads', `${threads}`]
}
