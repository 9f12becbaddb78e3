import {existsSync} from 'node:fs'
import path from 'node:path'

/** Folder of filmed clips; the tests on them are skipped where `LEOMA_TEST_CLIPS` does not name it. */
export function realClips(): string | undefined {
  const folder = process.env.LEOMA_TEST_CLIPS
  if (folder === undefined || folder === '') return undefined
  if (!existsSync(folder)) throw new Error(`LEOMA_TEST_CLIPS names a folder that is not there: ${folder}`)
  return path.resolve(folder)
}

/** The filmed clips whose figures the tests know, as far as they are there. */
export function knownClips(): string[] {
  const folder = realClips()
  if (folder === undefined) return []
  return ['box.mp4', 'cup.mp4'].map((name) => path.join(folder, name)).filter((clip) => existsSync(clip))
}
