import type {Chain, StoredWeights} from '../chain/port.js'
import type {Hotkey} from '../domain/ids.js'
import {LeomaError} from '../errors.js'
import type {Logger} from '../runtime/logger.js'
import type {Store} from '../store/open.js'
import {listValidators} from '../store/validators.js'

export interface ChainWeightsOptions {
  readonly store: Store
  readonly chain: Pick<Chain, 'weights'>
  readonly netuid: number
  readonly mecid: number
  readonly log: Logger
}

/** What the validators have put on the chain, as far as it was looked at since the start; for people to compare. */
export class ChainWeights {
  readonly #options: ChainWeightsOptions
  #byHotkey = new Map<Hotkey, StoredWeights | null>()
  #version = 0

  constructor(options: ChainWeightsOptions) {
    this.#options = options
  }

  /** Null for a validator that never set any, undefined for one that was not looked at. */
  of(hotkey: Hotkey): StoredWeights | null | undefined {
    return this.#byHotkey.get(hotkey)
  }

  /** Grows whenever something else was read. */
  version(): number {
    return this.#version
  }

  /** Asks the chain about every validator, one after the other. Whoever cannot be read stays as it was. */
  async turn(signal: AbortSignal): Promise<void> {
    const {store, chain, netuid, mecid, log} = this.#options
    const read = new Map<Hotkey, StoredWeights | null>()
    let failure: unknown
    for (const {hotkey, uid} of listValidators(store)) {
      try {
        read.set(hotkey, (await chain.weights(netuid, mecid, uid, signal)) ?? null)
      } catch (error) {
        signal.throwIfAborted()
        failure = error
        const before = this.#byHotkey.get(hotkey)
        if (before !== undefined) read.set(hotkey, before)
      }
    }
    if (failure !== undefined) log.debug({err: LeomaError.from(failure)}, 'weights of a validator could not be read')
    if (JSON.stringify([...read]) !== JSON.stringify([...this.#byHotkey])) this.#version++
    this.#byHotkey = read
  }
}
