import type {Clock} from '../../src/runtime/clock.js'

/** Time that stands still until a test moves it; sleepers wake when it has passed them. */
export class ChainTime implements Pick<Clock, 'now' | 'sleep'> {
  #now: number
  readonly #sleepers = new Set<{readonly at: number; readonly wake: () => void}>()

  constructor(startAt = 1_700_000_000_000) {
    this.#now = startAt
  }

  now(): number {
    return this.#now
  }

  /** How many wait. */
  get sleeping(): number {
    return this.#sleepers.size
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason)
      const stop = () => {
        this.#sleepers.delete(sleeper)
        reject(signal.reason)
      }
      const sleeper = {
        at: this.#now + ms,
        wake: () => {
          signal.removeEventListener('abort', stop)
          resolve()
        },
      }
      signal.addEventListener('abort', stop, {once: true})
      this.#sleepers.add(sleeper)
    })
  }

  advance(ms: number): void {
    this.#now += ms
    for (const sleeper of this.#sleepers) {
      if (sleeper.at > this.#now) continue
      this.#sleepers.delete(sleeper)
      sleeper.wake()
    }
  }
}
