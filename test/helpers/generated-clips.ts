import {link, mkdir, mkdtemp, open, readdir, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {setTimeout as delay} from 'node:timers/promises'
import {lazyFfmpeg} from '../../src/media/resolve.js'
import {createRunner} from '../../src/media/run.js'
import {ensureClips} from '../../src/services/localnet/clips.js'

/** Names the folder that all test processes of one run share. */
const variable = 'LEOMA_TEST_GENERATED_CLIPS'
const count = 6
const lockMs = 120_000

/** vitest calls this before a run, and what it answers after it. */
export default async function setup(): Promise<() => Promise<void>> {
  const folder = await mkdtemp(path.join(tmpdir(), 'leoma-test-clips-'))
  process.env[variable] = folder
  return () => rm(folder, {recursive: true, force: true})
}

/** The clips that a localnet makes for itself, made once a run by whoever needs them first. */
export async function generatedClips(): Promise<string[]> {
  const folder = process.env[variable]
  if (folder === undefined) throw new Error('vitest did not call the global setup')
  const signal = AbortSignal.timeout(lockMs)
  const lock = path.join(folder, 'making')
  for (;;) {
    const mine = await open(lock, 'wx').catch(() => undefined)
    if (!mine) {
      await delay(100, undefined, {signal})
      continue
    }
    try {
      return await ensureClips(path.join(folder, 'clips'), count, {
        run: createRunner({ffmpeg: lazyFfmpeg({ffmpegPath: process.env.FFMPEG_PATH})}),
        signal,
      })
    } finally {
      await mine.close()
      await rm(lock)
    }
  }
}

/** Puts them where a localnet with this data folder looks for its footage; without the setup it makes them itself. */
export async function placeClips(dataDir: string): Promise<void> {
  if (process.env[variable] === undefined) return
  const to = path.join(dataDir, 'objects', 'source')
  await mkdir(to, {recursive: true})
  const present = new Set(await readdir(to))
  for (const clip of await generatedClips())
    if (!present.has(path.basename(clip))) await link(clip, path.join(to, path.basename(clip)))
}
