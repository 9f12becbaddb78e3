import {sha256} from '../domain/canonical.js'
import type {BlockNumber} from '../domain/ids.js'
import type {BlockRef, Clock} from '../runtime/clock.js'
import type {ChainConstants} from './local-state.js'

/** Blocks that follow from the time: whoever knows the constants sees the same ones, and nobody has to make them. */
export class LocalBlocks {
  readonly #constants: ChainConstants
  readonly #time: Pick<Clock, 'now' | 'sleep'>

  constructor(constants: ChainConstants, time: Pick<Clock, 'now' | 'sleep'>) {
    this.#constants = constants
    this.#time = time
  }

  head(): BlockRef {
    return this.#block(this.#headNumber())
  }

  /** Undefined for a block that does not exist yet. */
  find(number: BlockNumber): BlockRef | undefined {
    const exists = Number.isInteger(number) && number >= 0 && number <= this.#headNumber()
    return exists ? this.#block(number) : undefined
  }

  /** Names the chain. */
  genesisHash(): string {
    return this.#block(0).hash
  }

  async *watch(signal: AbortSignal): AsyncGenerator<BlockRef, void, void> {
    const {genesisAt, blockTimeMs} = this.#constants
    let last = -1
    while (!signal.aborted) {
      const head = this.head()
      if (head.number > last) {
        last = head.number
        yield head
        continue
      }
      // To the moment of the next block, not for one block time: late wake-ups must not add up.
      const nextAt = genesisAt + (last + 1) * blockTimeMs
      try {
        await this.#time.sleep(Math.max(1, nextAt - this.#time.now()), signal)
      } catch (error) {
        if (signal.aborted) return
        throw error
      }
    }
  }

  #headNumber(): BlockNumber {
    const {genesisAt, blockTimeMs} = this.#constants
    return Math.max(0, Math.floor((this.#time.now() - genesisAt) / blockTimeMs))
  }

  #block(number: BlockNumber): BlockRef {
    return {number, hash: `0x${sha256(`${this.#constants.seed}:${number}`)}`}
  }
}
