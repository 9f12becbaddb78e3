import {LeomaError} from '../errors.js'
import type {JpegEncoder} from './port.js'
import type {RunFfmpeg} from './run.js'

type Pictures = Parameters<JpegEncoder['encode']>[0]

/** ffmpeg's scale for JPEG, 2 (best) to 31: what is left of a picture must not cost it points. */
const quality = 2

export class FfmpegJpeg implements JpegEncoder {
  readonly #run: RunFfmpeg

  constructor(run: RunFfmpeg) {
    this.#run = run
  }

  /** One process for each size among the pictures. */
  async encode(pictures: Pictures, signal: AbortSignal): Promise<Uint8Array[]> {
    const jpegs = new Map<Pictures[number], Uint8Array>()
    const sizes = Map.groupBy(new Set(pictures), ({width, height}) => `${width}x${height}`)
    for (const [size, alike] of sizes) {
      const made = await this.#encodeAlike(size, alike, signal)
      for (const [at, picture] of alike.entries()) jpegs.set(picture, made[at] ?? new Uint8Array())
    }
    return pictures.map((picture) => jpegs.get(picture) ?? new Uint8Array())
  }

  async #encodeAlike(size: string, pictures: Pictures, signal: AbortSignal): Promise<Uint8Array[]> {
    const raw = ['-f', 'rawvideo', '-pix_fmt', 'rgb24', '-video_size', size, '-i', 'pipe:0']
    const jpeg = ['-c:v', 'mjpeg', '-q:v', `${quality}`, '-pix_fmt', 'yuvj420p', '-threads', '1']
    const stream = await this.#run(
      [...raw, ...jpeg, '-flags', '+bitexact', '-fps_mode', 'passthrough', '-f', 'image2pipe', 'pipe:1'],
      {signal, what: 'writing JPEGs', blame: 'program', input: Buffer.concat(pictures.map(({rgb}) => rgb))},
    )
    const made = splitJpegs(stream)
    if (made.length === pictures.length) return made
    throw new LeomaError('upstream', 'MEDIA_FAILED', `ffmpeg wrote ${made.length} of ${pictures.length} pictures`)
  }
}

/** JPEGs that stand one after the other. Markers are followed, since two bytes alike can also stand inside a table. */
export function splitJpegs(stream: Uint8Array): Uint8Array[] {
  const jpegs: Uint8Array[] = []
  let start = 0
  let at = 0
  while (at + 3 < stream.length) {
    const marker = stream[at + 1] ?? 0
    if (stream[at] !== 0xff) return jpegs
    if (marker === 0xd8) {
      start = at
      at += 2
      continue
    }
    at += 2 + (stream[at + 2] ?? 0) * 256 + (stream[at + 3] ?? 0)
    if (marker !== 0xda) continue
    // Compressed data: a marker in it is told from data by its second byte, which is neither 0 nor a restart.
    while (at + 1 < stream.length && !(stream[at] === 0xff && stream[at + 1] === 0xd9)) at++
    if (at + 1 >= stream.length) return jpegs
    at += 2
    jpegs.push(stream.subarray(start, at))
  }
  return jpegs
}
