import type {BlockNumber, Netuid} from '../../domain/ids.js'
import {epochOf, nextEpochStart} from '../epoch.js'

/** What decides when epochs fire. Newer runtimes keep count; older ones compute it from the block number. */
export interface EpochState {
  readonly netuid: Netuid
  readonly tempo: number
  /**
   * Only on runtimes that keep count: the number of the epoch, when the last one fired, and a block at which the owner has
   * asked for one (0 for none).
   */
  readonly counted?: {readonly index: number; readonly lastEpochBlock: BlockNumber; readonly pendingAt: BlockNumber}
}

/**
 * The block in which the chain first looks at weights that are committed after `block`; undefined when no epoch ever
 * fires. `period` is the subnet's reveal period in epochs.
 */
export function firstRevealBlock(state: EpochState, block: BlockNumber, period: number): BlockNumber | undefined {
  const {netuid, tempo, counted} = state
  if (tempo === 0) return undefined
  // The netuid, not the index of the mechanism: all mechanisms of a subnet have the same epochs.
  if (!counted) return (epochOf(block, netuid, tempo) + period) * (tempo + 1) - (netuid + 1)
  const next = nextCountedEpoch(counted, tempo, block)
  return next + (period - 1) * tempo
}

/** Number of the epoch that `block` is in, as the chain counts them. */
export function currentEpoch({netuid, tempo, counted}: EpochState, block: BlockNumber): number {
  return counted ? counted.index : epochOf(block, netuid, tempo)
}

/** First block of the epoch after the one that `block` is in; undefined with tempo 0. */
export function nextEpochBlock(state: EpochState, block: BlockNumber): BlockNumber | undefined {
  const {netuid, tempo, counted} = state
  if (tempo === 0) return undefined
  return counted ? nextCountedEpoch(counted, tempo, block) : nextEpochStart(block, netuid, tempo)
}

function nextCountedEpoch(
  {lastEpochBlock, pendingAt}: NonNullable<EpochState['counted']>,
  tempo: number,
  block: BlockNumber,
): BlockNumber {
  const automatic = lastEpochBlock + tempo
  const next = pendingAt > block ? Math.min(pendingAt, automatic) : automatic
  // An epoch that is late (too many subnets in one block) comes in one of the next blocks.
  return Math.max(next, block + 1)
}
