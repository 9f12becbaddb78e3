import type {BlockNumber, Netuid} from '../domain/ids.js'

/**
 * Epoch of a block by the chain's fixed scheduler: `floor((block + netuid + 1) / (tempo + 1))`. The period is tempo + 1,
 * not tempo; with tempo 0 no epoch ever fires.
 */
export function epochOf(block: BlockNumber, netuid: Netuid, tempo: number): number {
  return tempo === 0 ? 0 : Math.floor((block + netuid + 1) / (tempo + 1))
}

/** First block of the epoch after the one that `block` is in; undefined with tempo 0. */
export function nextEpochStart(block: BlockNumber, netuid: Netuid, tempo: number): BlockNumber | undefined {
  return tempo === 0 ? undefined : (epochOf(block, netuid, tempo) + 1) * (tempo + 1) - (netuid + 1)
}
