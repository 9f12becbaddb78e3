import type {Clock} from '../runtime/clock.js'

/** Sources remembered at once; more than that push out the ones that were quiet longest. */
const maxSources = 20_000

/**
 * So many requests a minute from one source, in any rhythm: a bucket that holds a minute's worth and fills steadily. What
 * it remembers is bounded, whatever the number of sources.
 */
export class RateLimit {
  readonly #perMinute: number
  readonly #time: Pick<Clock, 'now'>
  /** When the source's bucket will be full again, in order of last use. */
  readonly #fullAt = new Map<string, number>()

  /** 0 for no limit. */
  constructor(perMinute: number, time: Pick<Clock, 'now'>) {
    this.#perMinute = perMinute
    this.#time = time
  }

  /** Undefined when the request may pass; otherwise in how many whole seconds one may. */
  take(source: string): number | undefined {
    if (this.#perMinute === 0) return undefined
    const now = this.#time.now()
    const costMs = 60_000 / this.#perMinute
    const fullAt = Math.max(now, this.#fullAt.get(source) ?? 0) + costMs
    const overMs = fullAt - now - 60_000
    if (overMs > 0) return Math.max(1, Math.ceil(overMs / 1000))
    this.#fullAt.delete(source)
    this.#fullAt.set(source, fullAt)
    if (this.#fullAt.size > maxSources) this.#forget(now)
    return undefined
  }

  #forget(now: number): void {
    for (const [source, fullAt] of this.#fullAt) {
      if (fullAt > now && this.#fullAt.size <= maxSources) return
      this.#fullAt.delete(source)
    }
  }
}

/** Whoever has one IPv6 address has 2^64 of them: the network counts as the source. */
export function sourceOf(address: string): string {
  if (!address.includes(':') || address.startsWith('::ffff:')) return address
  const [head = '', tail] = address.split('::')
  const groups = head.split(':').filter((group) => group !== '')
  const rest = tail === undefined ? [] : tail.split(':').filter((group) => group !== '')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - rest.length)
  return [...groups, ...Array.from({length: zeros}, () => '0'), ...rest].slice(0, 4).join(':')
}
