import {sha256} from './canonical.js'
import type {Sha256} from './ids.js'

/** A weight file as far as its content goes. */
interface Weights {
  readonly sha256: Sha256
  readonly sizeBytes: number
}

/**
 * The published fingerprint of a model: the distinct LFS hashes of its weight files, sorted, joined, hashed. Undefined
 * without a weight file. One altered byte anywhere gives another one: it finds copies, not imitations.
 */
export function fingerprint(weights: readonly Weights[]): Sha256 | undefined {
  if (weights.length === 0) return undefined
  return sha256([...new Set(weights.map((file) => file.sha256))].sort().join(''))
}

/**
 * How much of `copy` is in `original`, 0..1, by bytes; a file counts once. Measured against the later model: whoever
 * publishes nothing but a common base must not make every fine-tune of it look like a copy. What it cannot see is a copy
 * that was padded with files of its own.
 */
export function shareTakenFrom(original: readonly Weights[], copy: readonly Weights[]): number {
  const own = new Map(copy.map(({sha256: hash, sizeBytes}) => [hash, sizeBytes]))
  const theirs = new Set(original.map(({sha256: hash}) => hash))
  let [all, shared] = [0, 0]
  for (const [hash, sizeBytes] of own) {
    all += sizeBytes
    if (theirs.has(hash)) shared += sizeBytes
  }
  return all === 0 ? 0 : shared / all
}
