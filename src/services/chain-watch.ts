import type {Chain} from '../chain/port.js'
import {LeomaError} from '../errors.js'
import type {Clock} from '../runtime/clock.js'

export interface ChainState {
  /** Newest block that was seen; null before the first answer. */
  readonly block: number | null
  /** When the head last moved, as far as anybody looked. Milliseconds since 1970. */
  readonly movedAt: number | null
  /** When the chain last answered anything. */
  readonly answeredAt: number | null
  /** Why the newest question got no answer; null when it did. */
  readonly error: string | null
}

type Watched = Pick<Chain, 'blockTimeMs' | 'head' | 'metagraph' | 'commitments'>

/** Remembers how the chain answers, so that a node that stands still is seen, not only one that is gone. */
export class ChainWatch implements Watched {
  readonly #chain: Watched
  readonly #time: Pick<Clock, 'now'>
  #state: ChainState = {block: null, movedAt: null, answeredAt: null, error: null}

  constructor(chain: Watched, time: Pick<Clock, 'now'>) {
    this.#chain = chain
    this.#time = time
  }

  get blockTimeMs(): number {
    return this.#chain.blockTimeMs
  }

  state(): ChainState {
    return this.#state
  }

  async head(signal: AbortSignal) {
    const head = await this.#watch(this.#chain.head(signal), signal)
    this.#saw(head.number)
    return head
  }

  async metagraph(netuid: number, signal: AbortSignal) {
    const metagraph = await this.#watch(this.#chain.metagraph(netuid, signal), signal)
    this.#saw(metagraph.block.number)
    return metagraph
  }

  commitments(netuid: number, signal: AbortSignal) {
    return this.#watch(this.#chain.commitments(netuid, signal), signal)
  }

  async #watch<T>(question: Promise<T>, signal: AbortSignal): Promise<T> {
    try {
      const answer = await question
      this.#state = {...this.#state, answeredAt: this.#time.now(), error: null}
      return answer
    } catch (error) {
      if (!signal.aborted) this.#state = {...this.#state, error: LeomaError.from(error).message}
      throw error
    }
  }

  #saw(block: number): void {
    if (block <= (this.#state.block ?? -1)) return
    this.#state = {...this.#state, block, movedAt: this.#time.now()}
  }
}
