import {compareText, type Hotkey} from '../../domain/ids.js'
import type {VideoParams} from './params.js'
import {distanceOf, mirrored, parseHash, type VideoHash} from './video-hash.js'

/** What stands in `rejected:<gate>` and in the verdict of a validator that the sampler did not tell. */
export const duplicateGate = 'duplicate'

export type DuplicateRule = NonNullable<VideoParams['gates']['duplicateOutputs']>

/** One delivered output as far as copies go. */
export interface OutputLook {
  readonly hotkey: Hotkey
  /** Of the commitment: of two alike the earlier one is the original. */
  readonly commitmentBlock: number
  readonly sha256: string
  /** Text of its video hash; an output without one is compared by its bytes alone. */
  readonly perceptualHash: string | undefined
}

export interface Duplicate {
  readonly copy: Hotkey
  readonly original: Hotkey
  readonly how: 'same_bytes' | 'alike'
  /** Between the two, see `video-hash.ts`; 0 for the same bytes. */
  readonly distance: number
  /** Of the one nearer to the hidden clip, from the hidden clip. */
  readonly deviation: number
  readonly mirrored: boolean
  /** Frames by which the copy lags behind. */
  readonly shift: number
}

interface Seen extends OutputLook {
  readonly plain: VideoHash | undefined
  readonly turned: VideoHash | undefined
  readonly deviation: number
}

/**
 * Which outputs of one task are copies of one that was committed earlier. Good models agree because they agree with what
 * really happened; so what counts is not that two outputs are alike, but that they are alike where both are wrong: much
 * nearer to each other than either is to the hidden clip. Outputs that are nearly the clip itself say nothing about each
 * other, and only equal bytes count among them. In order of commitment; every copy once, with its earliest original.
 */
export function duplicatesAmong(
  outputs: readonly OutputLook[],
  clip: string | undefined,
  rule: DuplicateRule,
): Duplicate[] {
  const hidden = clip === undefined ? undefined : parseHash(clip)
  const inOrder = outputs
    .map((output) => see(output, hidden, rule))
    .sort((a, b) => a.commitmentBlock - b.commitmentBlock || compareText(a.hotkey, b.hotkey))
  const originals: Seen[] = []
  const duplicates: Duplicate[] = []
  for (const output of inOrder) {
    const found = originals.map((original) => compareOutputs(original, output, rule)).find(Boolean)
    if (found) duplicates.push(found)
    else originals.push(output)
  }
  return duplicates
}

/** Whether `later` repeats `earlier`, which may be the answer to another task; deviations are from the own task's clip. */
export function compareOutputs(earlier: Seen, later: Seen, rule: DuplicateRule): Duplicate | undefined {
  const names = {copy: later.hotkey, original: earlier.hotkey}
  const deviation = Math.min(earlier.deviation, later.deviation)
  if (earlier.sha256 === later.sha256)
    return {...names, how: 'same_bytes', distance: 0, deviation, mirrored: false, shift: 0}
  if (!earlier.plain || !later.plain || !later.turned || deviation < rule.minDeviation) return undefined
  const straight = distanceOf(earlier.plain, later.plain, rule.maxShift)
  const turned = distanceOf(earlier.plain, later.turned, rule.maxShift)
  const isTurned = turned.distance < straight.distance
  const {distance, shift} = isTurned ? turned : straight
  return distance <= rule.maxShare * deviation
    ? {...names, how: 'alike', distance, deviation, mirrored: isTurned, shift}
    : undefined
}

/** Without the clip's hash nobody can tell a copy from agreement: then only equal bytes count. */
export function see(output: OutputLook, clip: VideoHash | undefined, rule: Pick<DuplicateRule, 'maxShift'>): Seen {
  const plain = output.perceptualHash === undefined ? undefined : parseHash(output.perceptualHash)
  const turned = plain && mirrored(plain)
  const deviation = !(plain && turned && clip)
    ? 0
    : Math.min(distanceOf(plain, clip, rule.maxShift).distance, distanceOf(turned, clip, rule.maxShift).distance)
  return {...output, plain, turned, deviation}
}

/** For the miner. */
export function duplicateReason({original, how, distance, deviation, mirrored: isTurned, shift}: Duplicate): string {
  const whose = `the output of ${original}, who committed earlier`
  if (how === 'same_bytes') return `the same bytes as ${whose}`
  const changes = [isTurned ? 'mirrored' : '', shift === 0 ? '' : `shifted by ${Math.abs(shift)} frames`].filter(
    Boolean,
  )
  const changed = changes.length === 0 ? '' : `, ${changes.join(' and ')}`
  return `it repeats ${whose}${changed}: ${distance.toFixed(3)} apart, and ${deviation.toFixed(3)} from what really happened`
}
