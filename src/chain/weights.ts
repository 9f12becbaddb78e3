import type {Uid} from '../domain/ids.js'
import {LeomaError} from '../errors.js'

/** Largest stored weight. */
export const maxWeight = 65_535

export interface ScaledWeights {
  readonly uids: readonly Uid[]
  /** u16; the largest is 65,535, none is 0. */
  readonly values: readonly number[]
  /** Entries before those that vanished were dropped: the chain's minimum is a rule about what was meant. */
  readonly given: number
}

/**
 * Weights of any scale as the chain keeps them: divided by the largest, times 65,535, rounded half up, zeros dropped.
 * The chain repeats the scaling on what arrives, which then changes nothing. Throws `WEIGHTS_INVALID`.
 */
export function scaleWeights(uids: readonly Uid[], values: readonly number[]): ScaledWeights {
  if (uids.length !== values.length) {
    throw weightsInvalid(`${uids.length} uids but ${values.length} weights`)
  }
  const bad = values.find((value) => !Number.isFinite(value) || value < 0)
  if (bad !== undefined) throw weightsInvalid(`${bad} is no weight: it must be finite and not negative`)
  const largest = values.reduce((a, b) => Math.max(a, b), 0)
  if (largest === 0) throw weightsInvalid('all weights are 0, so there is nothing to set')
  const scaled = uids
    .map((uid, i) => ({uid, value: Math.round(((values[i] ?? 0) / largest) * maxWeight)}))
    .filter(({value}) => value > 0)
  return {
    uids: scaled.map(({uid}) => uid),
    values: scaled.map(({value}) => value),
    given: uids.length,
  }
}

export function weightsInvalid(message: string, hints: readonly string[] = []): LeomaError {
  return new LeomaError('chain', 'WEIGHTS_INVALID', message, {hints, retryable: false})
}

/**
 * The same weights with as many zeros as it takes to have `least` entries, on uids that were given with a weight of
 * nothing. The chain counts what arrives, zeros too, and stores them.
 */
export function padWeights({uids, values, given}: ScaledWeights, all: readonly Uid[], least: number): ScaledWeights {
  const zeros = all.filter((uid) => !uids.includes(uid)).slice(0, Math.max(0, least - uids.length))
  return {uids: [...uids, ...zeros], values: [...values, ...zeros.map(() => 0)], given}
}
