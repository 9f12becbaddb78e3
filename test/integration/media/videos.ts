import {readFileSync} from 'node:fs'
import {mkdtemp, readdir, readFile, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterAll, beforeAll} from 'vitest'
import {FfmpegMedia} from '../../../src/media/ffmpeg.js'
import {lazyFfmpeg} from '../../../src/media/resolve.js'
import {createRunner, fileArgument} from '../../../src/media/run.js'

export const run = createRunner({ffmpeg: lazyFfmpeg({})})
export const media = new FfmpegMedia({run})
export const never = new AbortController().signal

/** A temporary folder for the tests of one file, gone after them. */
export function useFolder(): (name: string) => string {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'leoma-media-'))
  })
  afterAll(() => rm(folder, {recursive: true, force: true}))
  return (name) => join(folder, name)
}

/** Runs ffmpeg with these arguments into `to`. */
export async function make(to: string, args: readonly string[]): Promise<string> {
  await run([...args, '-y', fileArgument(to)], {signal: never, what: 'making a test video', blame: 'program'})
  return to
}

export const h264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p']

/** A small moving test card; every frame shows its number. */
export function card(options: {size?: string; fps?: number; seconds?: number} = {}): string[] {
  const {size = '160x120', fps = 16, seconds = 2} = options
  return ['-f', 'lavfi', '-i', `testsrc2=s=${size}:r=${fps}:d=${seconds}`]
}

/** Picture `index` of decoded frames. */
export function picture(frames: {data: Uint8Array; width: number; height: number; channels: number}, index: number) {
  const size = frames.width * frames.height * frames.channels
  return Buffer.from(frames.data.subarray(index * size, (index + 1) * size))
}

/** Processes on this machine whose command line holds the text. Linux only. */
export async function processesWith(text: string): Promise<string[]> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const lines = await Promise.all(ids.map((id) => readFile(`/proc/${id}/cmdline`, 'latin1').catch(() => '')))
  return lines.filter((line) => line.includes(text))
}

/** The file with the bytes at each occurrence of `marker` replaced from `offset` behind it. */
export function patched(file: string, marker: string, offset: number, bytes: readonly number[]): Buffer {
  const content = readFileSync(file)
  let at = content.indexOf(marker, 0, 'latin1')
  if (at < 0) throw new Error(`${file} holds no ${marker}`)
  for (; at >= 0; at = content.indexOf(marker, at + 1, 'latin1')) content.set(bytes, at + offset)
  return content
}
