import {expect, it} from 'vitest'
import {FfmpegJpeg, splitJpegs} from '../../../src/media/jpeg.js'
import {never, run} from './videos.js'

const plain = (width: number, height: number, [r, g, b]: readonly [number, number, number]) => ({
  width,
  height,
  rgb: Uint8Array.from({length: width * height * 3}, (_, at) => [r, g, b][at % 3] ?? 0),
})
const noise = (width: number, height: number) => ({
  width,
  height,
  rgb: Uint8Array.from({length: width * height * 3}, (_, at) => (Math.imul(at + 1, 2654435761) >>> 13) & 255),
})

async function decoded(jpeg: Uint8Array): Promise<Buffer> {
  const args = ['-f', 'mjpeg', '-i', 'pipe:0', '-f', 'rawvideo', '-pix_fmt', 'rgb24', 'pipe:1']
  return Buffer.from(await run(args, {signal: never, what: 'reading a JPEG', input: jpeg}))
}

it('pictures of several sizes come back in their order, each whole', async () => {
  const pictures = [
    plain(64, 32, [200, 30, 30]),
    plain(16, 16, [30, 200, 30]),
    plain(64, 32, [30, 30, 200]),
    noise(208, 120),
    plain(16, 16, [90, 90, 90]),
  ]

  const jpegs = await new FfmpegJpeg(run).encode(pictures, never)

  expect(jpegs).toHaveLength(5)
  for (const [at, {rgb}] of pictures.entries()) {
    const back = await decoded(jpegs[at] as Uint8Array)
    expect(back.length).toBe(rgb.length)
    if (at === 3) continue
    for (let i = 0; i < 3; i++) expect(Math.abs((back[i] ?? 0) - (rgb[i] ?? 0))).toBeLessThan(8)
  }
})

it('the same picture gives the same bytes, and is written once when it stands there twice', async () => {
  const picture = noise(64, 64)
  const encoder = new FfmpegJpeg(run)

  const [first, second] = await encoder.encode([picture, picture], never)
  const [again] = await encoder.encode([{...picture}], never)

  expect(first).toEqual(second)
  expect(first).toEqual(again)
})

it('nothing to write is nothing written', async () => {
  expect(await new FfmpegJpeg(run).encode([], never)).toEqual([])
})

it('half a stream yields only whole pictures', async () => {
  const [jpeg] = await new FfmpegJpeg(run).encode([noise(64, 64)], never)
  const whole = Buffer.from(jpeg as Uint8Array)

  for (const left of [200, whole.length - 50])
    expect(splitJpegs(Buffer.concat([whole, whole.subarray(0, left)]))).toEqual([whole])
  expect(splitJpegs(Buffer.from('not a picture'))).toEqual([])
})
