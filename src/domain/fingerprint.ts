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

/** Models by their weights, in the order in which they were added: what a later one takes from each of them. */
export class EarlierWeights {
  readonly #withFile = new Map<Sha256, number[]>()
  #count = 0

  add(weights: readonly Weights[]): void {
    const index = this.#count++
    for (const hash of new Set(weights.map(({sha256: own}) => own))) {
      const others = this.#withFile.get(hash)
      if (others) others.push(index)
      else this.#withFile.set(hash, [index])
    }
  }

  /**
   * How much of a model is in each earlier one, 0..1, by bytes, for those by their number with which it shares a file; a
   * file counts once. Measured against the later model: whoever publishes nothing but a common base must not make every
   * fine-tune of it look like a copy. What it cannot see is a copy that was padded with files of its own.
   */
  sharesOf(copy: readonly Weights[]): Map<number, number> {
    const own = new Map(copy.map(({sha256: hash, sizeBytes}) => [hash, sizeBytes]))
    let all = 0
    const shared = new Map<number, number>()
    for (const [hash, sizeBytes] of own) {
      all += sizeBytes
      for (const index of this.#withFile.get(hash) ?? []) shared.set(index, (shared.get(index) ?? 0) + sizeBytes)
    }
    return new Map([...shared].map(([index, bytes]) => [index, all === 0 ? 0 : bytes / all]))
  }
}
