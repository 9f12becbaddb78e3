import type {Container} from './container.js'
import {lineReader} from './lines.js'
import type {VideoInfo} from './port.js'
import {fileArgument, localOnly, type RunFfmpeg} from './run.js'
import type {Structure} from './structure.js'

/**
 * The same facts from ffmpeg, for files that the structural reader cannot read. It copies packets into a checksum list
 * instead of printing `ffmpeg -i`: that list holds numbers and ffmpeg's own names only, whereas titles and tags written
 * by strangers stand between the stream lines of the other. Rotation is not in the list; avi cannot carry it.
 */
export async function listPackets(
  run: RunFfmpeg,
  file: string,
  container: Container,
  options: {readonly what: string; readonly signal: AbortSignal},
): Promise<Structure | undefined> {
  const list = new PacketList()
  const args = [...localOnly, '-f', container.demuxer, '-i', fileArgument(file)]
  const copy = [
    '-map',
    '0:V',
    '-map',
    '0:a?',
    '-c',
    'copy',
    '-copyts',
    '-flush_packets',
    '0',
    '-f',
    'framecrc',
    'pipe:1',
  ]
  await run([...args, ...copy], {
    ...options,
    onOutput: lineReader((line) => list.read(line)),
    maxOutputBytes: 256 << 20,
  })
  return list.structure(container)
}

interface Stream {
  kind: string
  codec: string
  width: number
  height: number
  /** Seconds per tick. */
  tick: number
}

class PacketList {
  readonly #streams = new Map<number, Stream>()
  #video: number | undefined
  #packets = 0
  #start = Number.POSITIVE_INFINITY
  #end = Number.NEGATIVE_INFINITY

  read(line: string): void {
    if (line.startsWith('#')) this.#header(line)
    else this.#packet(line)
  }

  #header(line: string): void {
    const [, key, index, value] = /^#(\w+) (\d+): *(.+)$/.exec(line) ?? []
    if (key === undefined || value === undefined) return
    const at = Number(index)
    const stream = this.#streams.get(at) ?? {kind: '', codec: '', width: 0, height: 0, tick: 0}
    this.#streams.set(at, stream)
    if (key === 'tb') {
      const [num = 0, den = 1] = value.split('/').map(Number)
      stream.tick = num / den
    } else if (key === 'media_type') {
      stream.kind = value
      if (value === 'video') this.#video ??= at
    } else if (key === 'codec_id') stream.codec = value
    else if (key === 'dimensions') [stream.width = 0, stream.height = 0] = value.split('x').map(Number)
  }

  /** `stream, dts, pts, duration, size, checksum`, times in ticks. */
  #packet(line: string): void {
    const [stream, , pts, duration] = line.split(',').map(Number)
    if (stream !== this.#video || pts === undefined || !Number.isFinite(pts)) return
    this.#packets++
    this.#start = Math.min(this.#start, pts)
    this.#end = Math.max(this.#end, pts + (duration || 0))
  }

  structure(container: Container): Structure | undefined {
    const video = this.#video === undefined ? undefined : this.#streams.get(this.#video)
    const durationS = (this.#end - this.#start) * (video?.tick ?? 0)
    if (!video || this.#packets === 0 || !(durationS > 0)) return undefined
    const kinds = [...this.#streams.values()].map((stream) => stream.kind)
    const info: VideoInfo = {
      container: container.name,
      codec: video.codec,
      width: video.width,
      height: video.height,
      rotation: 0,
      fps: this.#packets / durationS,
      durationS,
      videoStreams: kinds.filter((kind) => kind === 'video').length,
      audioStreams: kinds.filter((kind) => kind === 'audio').length,
    }
    return {info, packets: this.#packets}
  }
}
