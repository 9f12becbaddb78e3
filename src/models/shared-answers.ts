import type {Clock} from '../runtime/clock.js'

export interface SharedAnswersOptions<T> {
  readonly time: Pick<Clock, 'now'>
  /** How long an answer may be given again, in milliseconds; 0 for not at all. Failures are never kept. */
  readonly keepMs: (answer: T) => number
  readonly maxEntries: number
}

interface Flight<T> {
  readonly answer: Promise<T>
  readonly abort: AbortController
  waiting: number
}

/**
 * Asks the same question once, however many want to know at the same time, and keeps good answers for a while. One that
 * stops waiting does not take the answer from the others; when nobody waits any more, the question is dropped.
 */
export class SharedAnswers<T> {
  readonly #options: SharedAnswersOptions<T>
  readonly #flights = new Map<string, Flight<T>>()
  readonly #kept = new Map<string, {readonly answer: T; readonly until: number}>()

  constructor(options: SharedAnswersOptions<T>) {
    this.#options = options
  }

  async get(key: string, signal: AbortSignal, ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
    signal.throwIfAborted()
    const kept = this.#kept.get(key)
    if (kept && kept.until > this.#options.time.now()) return kept.answer
    this.#kept.delete(key)
    const flight = this.#flights.get(key) ?? this.#start(key, ask)
    flight.waiting++
    try {
      return await untilAborted(flight.answer, signal)
    } finally {
      flight.waiting--
      if (flight.waiting === 0) {
        if (this.#flights.get(key) === flight) this.#flights.delete(key)
        flight.abort.abort(new DOMException('nobody waits for the answer any more', 'AbortError'))
      }
    }
  }

  forget(key: string): void {
    this.#kept.delete(key)
  }

  #start(key: string, ask: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const abort = new AbortController()
    const answer = ask(abort.signal).then((value) => {
      if (!abort.signal.aborted) this.#keep(key, value)
      return value
    })
    // Everybody who waits sees the failure; this one is for when nobody does any more.
    answer.catch(() => {})
    const flight = {answer, abort, waiting: 0}
    this.#flights.set(key, flight)
    return flight
  }

  #keep(key: string, answer: T): void {
    const {time, keepMs, maxEntries} = this.#options
    const ms = keepMs(answer)
    if (ms <= 0) return
    const oldest = this.#kept.keys().next()
    if (this.#kept.size >= maxEntries && !oldest.done) this.#kept.delete(oldest.value)
    this.#kept.set(key, {answer, until: time.now() + ms})
  }
}

async function untilAborted<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  const {promise: aborted, reject} = Promise.withResolvers<never>()
  const onAbort = () => reject(signal.reason)
  signal.addEventListener('abort', onAbort, {once: true})
  try {
    return await Promise.race([answer, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
