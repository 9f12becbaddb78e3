import {mkdir, readFile, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {sha256} from '../../../domain/canonical.js'
import type {TalkingHeadParams} from '../../../mechanisms/talking-head/params.js'
import type {ImageMaker} from '../../../sandbox/make-image.js'
import {isolations} from '../../../sandbox/port.js'
import {madeFace, madeSpeech} from './challenges.js'

/**
 * The exam of a localnet: the published rules over small pictures and short sounds, with limits that a laptop has, and with
 * the metrics that need no graphics card. Whatever sandbox this machine has counts, because nothing is at stake. Times are
 * ceilings for a laptop that does five other things meanwhile: only the one that hangs ever waits for them.
 */
export const localTalkingHeads: TalkingHeadParams = {
  submissions: {windowS: 60},
  challenges: {warmUp: 1, scored: 2, seed: 123, fps: 25, resolution: 96, maxSeconds: 1.6},
  limits: {
    ...{pullAttempts: 2, pullMs: 60_000, readyMs: 60_000, challengeMs: 15_000, imageMs: 180_000},
    ...{cpus: 2, memoryMb: 512, pids: 64, tmpMb: 16, outputMb: 64, imageMb: 4096, logBytes: 1_048_576, gpu: false},
  },
  quality: {metrics: 'embedded', version: 1},
  efficiency: {
    ...{memory: 'resident', maxMemoryGb: 0.5, maxTimeS: 12, timeRefS: 4, memoryRefGb: 0.25},
    ...{timeWeight: 0.15, memoryWeight: 0.1, onCap: 'penalty', capFactor: 0.01},
  },
  rounds: {everyBlocks: 4},
  ranking: {carryOver: 5, tieEpsilon: 1e-5, lead: 0.02, burnShare: 0, isolation: [...isolations]},
}

const pool = 5
const seconds = 1.6
const faceSize = 128

/** A pool of drawn faces and made voices: `<id>/face.png`, `<id>/audio.wav`. */
export async function makeChallenges(folder: string): Promise<void> {
  for (let number = 1; number <= pool; number++) {
    const at = path.join(folder, `face-${number}`)
    await mkdir(at, {recursive: true})
    await writeFile(path.join(at, 'face.png'), madeFace(number, faceSize))
    await writeFile(path.join(at, 'audio.wav'), madeSpeech(number, seconds))
  }
}

/** Profiles without an image of their own. */
const others = {
  /** Nobody has it. */
  missing: () => `localhost/leoma-head-missing@sha256:${sha256('nobody has this image')}`,
  copycat: (images: ReadonlyMap<string, string>) => images.get('good'),
}

/**
 * Makes the images of these profiles for whatever sandbox runs here; answers their references by profile. The programs are
 * one file, `program.mjs`, told who it is.
 */
export async function makeTalkingHeads(
  profiles: readonly string[],
  images: ImageMaker,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const program = await readFile(new URL('./program.mjs', import.meta.url))
  const made = new Map<string, string>()
  for (const profile of profiles) {
    if (profile in others) continue
    const recipe = {
      name: `leoma-head-${profile}`,
      files: {'program.mjs': program},
      args: ['program.mjs', profile] as const,
    }
    // The name is in a file, too: else the images would hold the same, and all but one would be copies.
    const {imageRef} = await images.make({...recipe, files: {...recipe.files, 'profile.txt': profile}}, signal)
    made.set(profile, imageRef)
  }
  for (const [profile, refOf] of Object.entries(others)) {
    const imageRef = refOf(made)
    if (profiles.includes(profile) && imageRef !== undefined) made.set(profile, imageRef)
  }
  return made
}
