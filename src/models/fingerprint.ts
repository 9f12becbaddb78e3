import {sha256} from '../domain/canonical.js'
import type {Sha256} from '../domain/ids.js'
import type {WeightFile} from './port.js'

/**
 * The published fingerprint of a model: the distinct LFS hashes of its weight files, sorted, joined, hashed. Undefined
 * without a weight file. One altered byte anywhere gives another one: it finds copies, not imitations.
 */
export function fingerprint(weights: readonly WeightFile[]): Sha256 | undefined {
  if (weights.length === 0) return undefined
  return sha256([...new Set(weights.map((file) => file.sha256))].sort().join(''))
}

/**
 * How much two models share, 0..1: bytes of the files that both have, over the bytes of the smaller one, so that a copy
 * with something added is still a whole copy. A file counts once per model.
 */
export function overlap(a: readonly WeightFile[], b: readonly WeightFile[]): number {
  const [ours, theirs] = [sizes(a), sizes(b)]
  const smaller = Math.min(total(ours), total(theirs))
  if (smaller === 0) return 0
  const shared = [...ours].filter(([hash]) => theirs.has(hash))
  return Math.min(1, total(new Map(shared)) / smaller)
}

function sizes(weights: readonly WeightFile[]): Map<Sha256, number> {
  return new Map(weights.map((file) => [file.sha256, file.sizeBytes]))
}

function total(files: ReadonlyMap<Sha256, number>): number {
  let bytes = 0
  for (const size of files.values()) bytes += size
  return bytes
}
