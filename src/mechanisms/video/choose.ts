import {createHash} from 'node:crypto'
import {z} from 'zod'
import {hashOf} from '../../domain/canonical.js'
import {compareText, Sha256} from '../../domain/ids.js'
import type {VideoParams} from './params.js'

/**
 * Which clip a task is cut from, and where. Everything here is a pure function of a block hash and a published list, so
 * that anyone can repeat the choice and nobody, the owner included, can shop for one.
 */

export const CorpusEntry = z.strictObject({
  key: z.string().min(1).max(512),
  sha256: Sha256,
  sizeBytes: z.number().int().min(0),
  /** Decoded, not claimed. */
  durationS: z.number().positive(),
  /** Scene cuts in seconds, ascending, three decimals. */
  cuts: z.array(z.number()),
})
export type CorpusEntry = z.infer<typeof CorpusEntry>

/** Published as `corpus/<sha256>.json`; the hash covers the whole object. Entries are sorted by SHA-256. */
export const Corpus = z.strictObject({
  version: z.literal(1),
  sceneThreshold: z.number(),
  entries: z.array(CorpusEntry),
})
export type Corpus = z.infer<typeof Corpus>

export function buildCorpus(entries: readonly CorpusEntry[], sceneThreshold: number): Corpus {
  const unique = new Map(entries.map((entry) => [entry.sha256, entry]))
  return {
    version: 1,
    sceneThreshold,
    entries: [...unique.values()].sort((a, b) => compareText(a.sha256, b.sha256)),
  }
}

export interface Shot {
  /** Usable part, margins taken off. */
  readonly startS: number
  readonly endS: number
}

type ClipParams = VideoParams['clip']

/** Rounding noise of times that were rounded to milliseconds. */
const epsilonS = 1e-6

/** Shots that hold a clip, in order. A margin is kept from a cut only where the shot is long enough to afford it. */
export function usableShots(durationS: number, cuts: readonly number[], clip: ClipParams): Shot[] {
  const {durationS: length, boundaryMarginS: margin} = clip
  if (durationS < length) return []
  const bounds = [0, ...cuts.filter((cut) => cut > 0 && cut < durationS), durationS]
  const shots: Shot[] = []
  for (const [index, end] of bounds.slice(1).entries()) {
    const start = bounds[index] ?? 0
    const kept = end - start >= length + 2 * margin ? margin : 0
    const startS = start > 0 ? start + kept : start
    const endS = end < durationS ? end - kept : end
    if (endS - startS >= length - epsilonS) shots.push({startS, endS})
  }
  return shots
}

/** Why a source can never be cut, or undefined when it can. */
export function unusableBecause(
  entry: Pick<CorpusEntry, 'durationS' | 'cuts' | 'sizeBytes'>,
  clip: ClipParams,
): string | undefined {
  if (entry.sizeBytes < clip.minSourceBytes) return `smaller than ${clip.minSourceBytes} bytes`
  if (entry.sizeBytes > clip.maxSourceBytes) return `larger than ${clip.maxSourceBytes} bytes`
  if (entry.durationS < clip.durationS) return `lasts ${entry.durationS.toFixed(1)} s, a clip needs ${clip.durationS} s`
  const needed = clip.durationS + clip.safeStartOffsetS
  if (!usableShots(entry.durationS, entry.cuts, clip).some((shot) => shot.endS - shot.startS >= needed - epsilonS)) {
    return `no uncut stretch of ${needed} s`
  }
  return undefined
}

/** Uniform in [0, 1): the first 48 bits of SHA-256 over seed and label. */
function draw(seed: string, label: string): number {
  return createHash('sha256').update(`${seed}:${label}`).digest().readUIntBE(0, 6) / 2 ** 48
}

export interface Window extends Shot {
  readonly clipStartS: number
}

/**
 * The published one-shot rule with its two random choices made by `seed`: a shot among those within one second of the
 * longest, then a start in it, at least `safeStartOffsetS` after the shot's.
 */
export function chooseWindow(entry: CorpusEntry, seed: string, clip: ClipParams): Window | undefined {
  const shots = usableShots(entry.durationS, entry.cuts, clip)
  const longest = Math.max(...shots.map((shot) => shot.endS - shot.startS))
  const best = shots.filter((shot) => shot.endS - shot.startS >= longest - 1)
  const shot = best[Math.floor(draw(seed, `shot:${entry.sha256}`) * best.length)]
  if (!shot) return undefined
  const latest = shot.endS - clip.durationS
  const free = Math.max(0, latest - shot.startS)
  const start = Math.round((shot.startS + free * draw(seed, `start:${entry.sha256}`)) * 1000) / 1000
  const clipStartS = Math.max(start, Math.round((shot.startS + clip.safeStartOffsetS) * 1000) / 1000)
  return clipStartS > latest + epsilonS ? undefined : {...shot, clipStartS}
}

export interface ChoiceInput {
  /** Hash of the task's block. */
  readonly blockHash: string
  readonly taskId: number
  readonly corpus: Corpus
  /** SHA-256 of the sources of the tasks before this one, newest last. */
  readonly recent: readonly string[]
}

export interface Choice {
  readonly entry: CorpusEntry
  readonly index: number
  readonly corpusSha256: Sha256
  readonly corpusSize: number
  readonly window: Window
}

/**
 * Candidates are tried in an order drawn from the seed: rested sources first, then, so that a small corpus still works,
 * the others from the longest rested on. Undefined when no source can be cut.
 */
export function chooseClip({blockHash, taskId, corpus, recent}: ChoiceInput, clip: ClipParams): Choice | undefined {
  const corpusSha256 = hashOf(corpus)
  const seed = `leoma:clip:v1:${blockHash}:${corpusSha256}:${taskId}`
  const resting = clip.restTasks === 0 ? [] : recent.slice(-clip.restTasks)
  const order = corpus.entries
    .map((entry, index) => ({
      entry,
      index,
      usedAt: resting.lastIndexOf(entry.sha256),
      key: draw(seed, `order:${entry.sha256}`),
    }))
    .sort((a, b) => a.usedAt - b.usedAt || a.key - b.key)
  for (const {entry, index} of order) {
    if (unusableBecause(entry, clip)) continue
    const window = chooseWindow(entry, seed, clip)
    if (window) return {entry, index, corpusSha256, corpusSize: corpus.entries.length, window}
  }
  return undefined
}

/** Seed of the miners' noise, the same for all: 32 bits from the block hash. */
export function generationSeed(blockHash: string, taskId: number): number {
  return Math.floor(draw(`leoma:seed:v1:${blockHash}:${taskId}`, 'noise') * 2 ** 31)
}

/** The block that chooses a task's clip: the newest multiple of `everyBlocks`, so that a block cannot be picked. */
export function choosingBlock(head: number, everyBlocks: number): number {
  return Math.floor(head / everyBlocks) * everyBlocks
}
