import type {Chain} from '../chain/port.js'
import type {Voter} from '../domain/task.js'
import type {Clock} from '../runtime/clock.js'
import type {Logger} from '../runtime/logger.js'
import {setMeta} from '../store/meta.js'
import {listMiners} from '../store/miners.js'
import type {Store} from '../store/open.js'
import {listValidators, syncValidators} from '../store/validators.js'

export const lastValidatorSyncKey = 'validators.last_sync'

export interface ValidatorSyncOptions {
  readonly store: Store
  readonly chain: Pick<Chain, 'metagraph'>
  readonly netuid: number
  /** Stake from which a neuron with a permit may vote. */
  readonly minStakeRao: bigint
  readonly time: Pick<Clock, 'now'>
  readonly log: Logger
}

/**
 * Takes the validators from the chain: stake floor and permit. Rows that were pinned by hand are never removed; theirs
 * only learn the chain's uid and stake. An empty metagraph is no answer, and changes nothing.
 */
export async function syncValidatorsOnce(
  {store, chain, netuid, minStakeRao, time, log}: ValidatorSyncOptions,
  signal: AbortSignal,
): Promise<number> {
  const {neurons} = await chain.metagraph(netuid, signal)
  if (neurons.length === 0) {
    log.warn({netuid}, 'the metagraph is empty, validators stay as they were')
    return listValidators(store).length
  }
  const at = time.now()
  syncValidators(
    store,
    neurons.map(({hotkey, uid, stakeRao, validatorPermit}) => ({
      hotkey,
      uid,
      stakeRao,
      qualifies: validatorPermit && stakeRao >= minStakeRao,
    })),
    at,
  )
  setMeta(store, lastValidatorSyncKey, String(at))
  return listValidators(store).length
}

/**
 * Who votes on the next task, by hotkey: registered, with stake, not blacklisted, and not itself a valid miner, because
 * nobody judges in a race that it runs.
 */
export function currentVoters(store: Store, isBlacklisted: (hotkey: string) => boolean): Voter[] {
  const miners = new Set(
    listMiners(store)
      .filter(({isValid}) => isValid)
      .map(({hotkey}) => hotkey),
  )
  return listValidators(store)
    .filter(({hotkey, stakeRao}) => stakeRao > 0n && !miners.has(hotkey) && !isBlacklisted(hotkey))
    .map(({hotkey, uid, stakeRao}) => ({hotkey, uid, stakeRao: String(stakeRao)}))
}
