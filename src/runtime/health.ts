import {LeomaError} from '../errors.js'

export interface JobHealth {
  readonly job: string
  /** Milliseconds since 1970; null before the first success. */
  readonly lastSuccessAt: number | null
  readonly consecutiveFailures: number
  readonly lastError: string | null
  /** What may help, of the last failure; empty when it succeeded since. */
  readonly hints: readonly string[]
  /** Milliseconds since 1970 of the first of the consecutive failures; null when there is none. */
  readonly failingSince: number | null
  /** Milliseconds since 1970 at which the present turn began; null between turns. */
  readonly runningSince: number | null
  /** How often each result was seen, by a word of the program's own; only for jobs that have several. */
  readonly outcomes: Readonly<Record<string, number>>
}

type Known = Omit<JobHealth, 'job' | 'outcomes'>

const unknown: Known = {
  ...{lastSuccessAt: null, consecutiveFailures: 0, lastError: null, hints: [], failingSince: null, runningSince: null},
}

/**
 * What each job last achieved. A service is healthy when its work succeeds, not when its process is up: readers compare
 * `lastSuccessAt` with the clock.
 */
export class Health {
  readonly #outcomes = new Map<string, Map<string, number>>()
  readonly #jobs = new Map<string, Known>()

  /** Makes a job known before its first turn, so that one that never ran is visible. */
  expect(job: string): void {
    this.#jobs.set(job, unknown)
  }

  /** Times are milliseconds since 1970. */
  began(job: string, at: number): void {
    this.#jobs.set(job, {...(this.#jobs.get(job) ?? unknown), runningSince: at})
  }

  succeeded(job: string, at: number): void {
    this.#jobs.set(job, {...unknown, lastSuccessAt: at})
  }

  failed(job: string, error: unknown, at: number): void {
    const before = this.#jobs.get(job) ?? unknown
    this.#jobs.set(job, {
      lastSuccessAt: before.lastSuccessAt,
      consecutiveFailures: before.consecutiveFailures + 1,
      lastError: error instanceof Error ? error.message : String(error),
      hints: error instanceof LeomaError ? error.hints : [],
      failingSince: before.failingSince ?? at,
      runningSince: null,
    })
  }

  /** Counts what a job came to, where succeeding does not say it: weights set, or why they were not. */
  outcome(job: string, outcome: string): void {
    let counts = this.#outcomes.get(job)
    if (!counts) {
      counts = new Map()
      this.#outcomes.set(job, counts)
    }
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
  }

  report(): JobHealth[] {
    return [...this.#jobs].map(([job, known]) => ({
      job,
      ...known,
      outcomes: Object.fromEntries(this.#outcomes.get(job) ?? []),
    }))
  }
}
