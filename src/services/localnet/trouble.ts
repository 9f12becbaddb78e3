import type {Clock} from '../../runtime/clock.js'
import type {JobHealth} from '../../runtime/health.js'
import type {LocalnetEvent, Trouble} from './events.js'
import type {Part} from './parts.js'

const pollMs = 500
/** A turn of the sampler that has begun no round for so long is worth a word: a person sees nothing else of it. */
const slowMs = 10_000
const samplingJob = 'sampling'

export interface TroubleWatchOptions {
  readonly parts: ReadonlyMap<string, Pick<Part, 'health'>>
  readonly time: Pick<Clock, 'now' | 'sleep'>
  readonly onEvent: (event: LocalnetEvent) => void
}

/** Tells which job of which part fails, since when, and what may help; and when it works again. */
export class TroubleWatch {
  readonly #options: TroubleWatchOptions
  /** By part and job. */
  readonly #known = new Map<string, Trouble>()
  /** When each part last reported progress, in milliseconds since 1970. */
  readonly #heard = new Map<string, number>()

  constructor(options: TroubleWatchOptions) {
    this.#options = options
  }

  /** A part that reports progress is not stuck. */
  report(part: string): void {
    this.#heard.set(part, this.#options.time.now())
  }

  /** Looks until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.look()
      await this.#options.time.sleep(pollMs, signal).catch(() => {})
    }
  }

  look(): void {
    const {parts, time, onEvent} = this.#options
    const now = time.now()
    const present = new Map<string, Trouble>()
    for (const [part, running] of parts)
      for (const job of running.health()) {
        const trouble = failing(part, job, now) ?? this.#slow(part, job, now)
        if (trouble) present.set(`${part} ${job.job}`, trouble)
      }
    for (const [key, {part, job, since}] of this.#known) {
      if (present.has(key)) continue
      this.#known.delete(key)
      onEvent({type: 'recovered', part, job, afterMs: now - since})
    }
    for (const [key, trouble] of present) {
      this.#known.set(key, trouble)
      onEvent({type: 'trouble', ...trouble})
    }
  }

  #slow(part: string, {job, runningSince}: JobHealth, now: number): Trouble | undefined {
    if (job !== samplingJob || runningSince === null || now - runningSince < slowMs) return undefined
    // Once a round has begun, what its miners answer tells how it goes.
    if ((this.#heard.get(part) ?? 0) >= runningSince) return undefined
    const reason = 'no round has begun yet: the footage, the chain or the owner is slow to answer'
    return {part, job, since: runningSince, forMs: now - runningSince, failures: 0, reason, hints: []}
  }
}

function failing(
  part: string,
  {job, consecutiveFailures, failingSince, lastError, hints}: JobHealth,
  now: number,
): Trouble | undefined {
  if (consecutiveFailures === 0) return undefined
  const since = failingSince ?? now
  const reason = lastError ?? 'no reason given'
  return {part, job, since, forMs: now - since, failures: consecutiveFailures, reason, hints}
}
