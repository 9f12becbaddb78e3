import {mkdir, readFile, rename, rm, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {z} from 'zod'
import {hashOf, sha256} from '../../domain/canonical.js'
import {compareText, Sha256} from '../../domain/ids.js'
import {LeomaError} from '../../errors.js'
import type {Media} from '../../media/port.js'
import type {Objects} from '../../objects/port.js'
import type {BlockRef} from '../../runtime/clock.js'

/** One task of a round, in files of this process alone: what is scored is never read from where a stranger could write. */
export const Challenge = z.strictObject({
  /** Of the pool; safe in a file name. */
  id: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
  /** What the program inside is told, so that nobody inside knows the pool's names. */
  alias: z.string().regex(/^[0-9a-f]{16}$/),
  seed: z.number().int().min(0),
  /** Of the video that is asked for, in seconds. */
  durationS: z.number().positive(),
  faceSha256: Sha256,
  audioSha256: Sha256,
  text: z.string().max(4000).nullable(),
})
export type Challenge = z.infer<typeof Challenge>

export const ChallengeSet = z.strictObject({
  setSha256: Sha256,
  challenges: z.array(Challenge).min(1).max(200),
})
export type ChallengeSet = z.infer<typeof ChallengeSet>

const maxFaceBytes = 16 * 1024 ** 2
const maxAudioBytes = 64 * 1024 ** 2
const maxTextBytes = 16 * 1024
const maxPool = 100_000
const minAudioS = 0.5
const idPattern = /^([A-Za-z0-9_-]{1,64})\/(face\.png|audio\.wav|text\.txt)$/

export interface DrawOptions {
  /** The pool: `<id>/face.png`, `<id>/audio.wav`, and `<id>/text.txt` where the words are known. */
  readonly pool: Objects
  readonly media: Pick<Media, 'probe' | 'audio'>
  readonly block: BlockRef
  readonly count: number
  readonly maxSeconds: number
  /** What every round adds to, so that an exam can change all of them. */
  readonly seed: number
  /** Made by this; private. */
  readonly folder: string
}

/**
 * Draws a round's challenges by a block's hash, which nobody knows before: the same block and pool give the same ones, in
 * the same order, to every executor. Copies them into `folder`.
 */
export async function drawChallenges(options: DrawOptions, signal: AbortSignal): Promise<ChallengeSet> {
  const {pool, block, count, folder} = options
  const files = new Map<string, Set<string>>()
  for await (const {key} of pool.list('', signal)) {
    const [, id, name] = idPattern.exec(key) ?? []
    if (id === undefined || name === undefined) continue
    files.set(id, (files.get(id) ?? new Set()).add(name))
    if (files.size > maxPool) break
  }
  const whole = [...files].filter(([, names]) => names.has('face.png') && names.has('audio.wav'))
  if (whole.length < count)
    throw new LeomaError(
      'config',
      'CHALLENGES_MISSING',
      `a round needs ${count} challenges, the pool has ${whole.length}`,
      {
        hints: ['CHALLENGES_DIR must name a folder with one folder for each challenge: face.png, audio.wav, text.txt'],
      },
    )
  const drawn = whole
    .map(([id, names]) => ({id, names, ticket: sha256(`${block.hash}:${id}`)}))
    .sort((a, b) => compareText(a.ticket, b.ticket))
    .slice(0, count)
  await rm(folder, {recursive: true, force: true})
  await mkdir(folder, {recursive: true, mode: 0o700})
  const challenges: Challenge[] = []
  for (const {id, names, ticket} of drawn) challenges.push(await fetchOne(options, id, names, ticket, signal))
  const set = {setSha256: hashOf(challenges.map(({alias, ...told}) => told)), challenges}
  await writeFile(path.join(folder, 'set.part'), JSON.stringify(set))
  await rename(path.join(folder, 'set.part'), path.join(folder, 'set.json'))
  return set
}

/** What was drawn before a restart; undefined when it is not there any more as it was. */
export async function readChallenges(folder: string, setSha256: Sha256): Promise<ChallengeSet | undefined> {
  try {
    const set = ChallengeSet.parse(JSON.parse(await readFile(path.join(folder, 'set.json'), 'utf8')))
    if (set.setSha256 !== setSha256) return undefined
    for (const challenge of set.challenges) {
      if (sha256(await readFile(fileOf(folder, challenge, 'face'))) !== challenge.faceSha256) return undefined
      if (sha256(await readFile(fileOf(folder, challenge, 'audio'))) !== challenge.audioSha256) return undefined
    }
    return set
  } catch {
    return undefined
  }
}

export function fileOf(folder: string, {alias}: Pick<Challenge, 'alias'>, what: 'face' | 'audio'): string {
  return path.join(folder, `${alias}.${what === 'face' ? 'png' : 'wav'}`)
}

async function fetchOne(
  {pool, media, folder, maxSeconds, seed}: DrawOptions,
  id: string,
  names: ReadonlySet<string>,
  ticket: Sha256,
  signal: AbortSignal,
): Promise<Challenge> {
  const alias = ticket.slice(0, 16)
  const [face, audio] = [fileOf(folder, {alias}, 'face'), fileOf(folder, {alias}, 'audio')]
  const {sha256: faceSha256} = await pool.getFile(`${id}/face.png`, face, maxFaceBytes, signal)
  const {sha256: audioSha256} = await pool.getFile(`${id}/audio.wav`, audio, maxAudioBytes, signal)
  const words = names.has('text.txt') ? await pool.getBytes(`${id}/text.txt`, maxTextBytes, signal) : undefined
  const samples = await media.audio(audio, {rate: 16_000, maxSeconds}, signal)
  const durationS = (samples?.length ?? 0) / 16_000
  if (durationS < minAudioS)
    throw new LeomaError(
      'config',
      'CHALLENGE_UNUSABLE',
      `the sound of challenge ${id} is shorter than ${minAudioS} s`,
      {
        hints: ['take it out of the pool'],
      },
    )
  const text = words === undefined ? null : Buffer.from(words).toString('utf8').trim().slice(0, 4000)
  const own = (seed + Number.parseInt(ticket.slice(16, 23), 16)) % 2 ** 31
  return {id, alias, seed: own, durationS: Math.min(maxSeconds, durationS), faceSha256, audioSha256, text: text || null}
}
