import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {FfmpegMedia} from '../../src/media/ffmpeg.js'
import {lazyFfmpeg} from '../../src/media/resolve.js'
import {createRunner, fileArgument, type RunFfmpeg} from '../../src/media/run.js'

export interface BenchResult {
  readonly name: string
  readonly ratio: number
  readonly limit: number
  readonly note: string
}

const ROUNDS = 15
const THREADS = 2
const signal = new AbortController().signal

/** Extracting the twelve frames that a judge looks at, against decoding the same file and throwing everything away. */
export async function bench(): Promise<BenchResult[]> {
  const folder = await mkdtemp(join(tmpdir(), 'leoma-bench-media-'))
  try {
    const run = createRunner({ffmpeg: lazyFfmpeg({})})
    const clip = join(folder, 'clip.mp4')
    await makeClip(run, clip)
    const media = new FfmpegMedia({run})
    const extract = async () => {
      const pick = {count: 12}
      const frames = await media.decode(
        clip,
        {width: 832, height: 480, pixel: 'rgb24', pick, maxFrames: 200, threads: THREADS},
        signal,
      )
      if (frames.count !== 12) throw new Error(`got ${frames.count} frames`)
    }
    const bare = async () => {
      const args = ['-threads', `${THREADS}`, '-i', fileArgument(clip), '-f', 'null', '-']
      await run(args, {signal, what: 'bare decode'})
    }
    const [ours, theirs] = await alternate(extract, bare)
    return [
      {
        name: 'media: 12 of 81 frames at 832×480 / bare decode',
        ratio: ours / theirs,
        limit: 1.3,
        note: `best of ${ROUNDS}: ${ours.toFixed(0)} ms against ${theirs.toFixed(0)} ms, ${THREADS} threads each`,
      },
    ]
  } finally {
    await rm(folder, {recursive: true, force: true})
  }
}

/** Detailed, moving pictures as H.264 with about the bit rate that video models answer with. */
async function makeClip(run: RunFfmpeg, clip: string): Promise<void> {
  const source = 'mandelbrot=s=832x480:r=16:maxiter=200,noise=alls=6:allf=t'
  const h264 = ['-frames:v', '81', '-c:v', 'libx264', '-crf', '20', '-pix_fmt', 'yuv420p', '-y', fileArgument(clip)]
  await run(['-f', 'lavfi', '-i', source, ...h264], {signal, what: 'making the clip', blame: 'program'})
}

/**
 * A, B, A, B, …, the first pair not counted, and the best of each in milliseconds: what the work costs. Anything above it is
 * what else the machine did meanwhile, which on two cores falls harder on the side that has two processes.
 */
async function alternate(a: () => Promise<void>, b: () => Promise<void>): Promise<[number, number]> {
  let bestA = Number.POSITIVE_INFINITY
  let bestB = Number.POSITIVE_INFINITY
  for (let round = 0; round <= ROUNDS; round++) {
    const tookA = await timed(a)
    const tookB = await timed(b)
    if (round === 0) continue
    bestA = Math.min(bestA, tookA)
    bestB = Math.min(bestB, tookB)
  }
  return [bestA, bestB]
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}
