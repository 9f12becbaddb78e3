import type {BlockNumber} from '../../domain/ids.js'
import {LeomaError} from '../../errors.js'
import type {ScaledWeights} from '../weights.js'
import {compactLength} from './data.js'
import {roundAt, timeOfRound} from './drand.js'
import {firstRevealBlock} from './scheduler.js'
import type {Subnet} from './subnet.js'

/** Blocks after the first one in which the chain would open it: the beacon's round has to reach the chain first. */
const revealSlackBlocks = 3
/** Further apart, this machine's clock or the chain's beacon is wrong, and the reveal would be missed. */
const maxClockDriftMs = 30 * 60_000
/** Largest ciphertext of a commit of weights. */
export const maxHiddenBytes = 5000

export interface Reveal {
  readonly round: number
  readonly block: BlockNumber
}

/**
 * The round of the beacon that opens weights sent now. One too early shows them before the epoch, one too late loses them
 * without a word, so the clocks must agree first. Throws `DRAND_OUT_OF_STEP`, and `EXTRINSIC_REJECTED` with tempo 0.
 */
export function chooseReveal(subnet: Subnet, blockTimeMs: number, now: number): Reveal {
  const {epochs, lastDrandRound, metagraph, revealPeriodEpochs} = subnet
  const {number} = metagraph.block
  const first = firstRevealBlock(epochs, number, revealPeriodEpochs)
  if (first === undefined) {
    throw new LeomaError(
      'chain',
      'EXTRINSIC_REJECTED',
      'this subnet has tempo 0: hidden weights would never be opened',
      {
        hints: ['ask the owner of the subnet'],
        retryable: false,
      },
    )
  }
  const chainTime = lastDrandRound === undefined ? now : timeOfRound(lastDrandRound)
  if (Math.abs(now - chainTime) > maxClockDriftMs) {
    const minutes = Math.round((now - chainTime) / 60_000)
    throw new LeomaError(
      'chain',
      'DRAND_OUT_OF_STEP',
      `the chain's beacon is ${minutes} minutes behind this machine's clock`,
      {
        hints: [
          'check the clock of this machine',
          'otherwise the chain has to catch up: hidden weights would be lost now',
        ],
      },
    )
  }
  const block = first + revealSlackBlocks
  // A clock that is late by seconds must not choose a round that the chain already has.
  const round = roundAt(Math.max(now, chainTime) + (block - number) * blockTimeMs)
  return {round, block}
}

/** What the chain finds when it opens the weights: public key of the hotkey, uids, values, version key, in SCALE. */
export function hiddenPayload(key: Uint8Array, {uids, values}: ScaledWeights, versionKey: number): Uint8Array {
  const version = Buffer.alloc(8)
  version.writeBigUInt64LE(BigInt(versionKey))
  return Buffer.concat([compactLength(key.length), key, shorts(uids), shorts(values), version])
}

function shorts(numbers: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(numbers.length * 2)
  for (const [index, number] of numbers.entries()) bytes.writeUInt16LE(number, index * 2)
  return Buffer.concat([compactLength(numbers.length), bytes])
}
