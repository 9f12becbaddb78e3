export interface JobHealth {
  readonly job: string
  /** Milliseconds since 1970; null before the first success. */
  readonly lastSuccessAt: number | null
  readonly consecutiveFailures: number
  readonly lastError: string | null
  /** How often each result was seen, by a word of the program's own; only for jobs that have several. */
  readonly outcomes: Readonly<Record<string, number>>
}

/**
 * What each job last achieved. A service is healthy when its work succeeds, not when its process is up: readers compare
 * `lastSuccessAt` with the clock.
 */
export class Health {
  readonly #outcomes = new Map<string, Map<string, number>>()
  readonly #jobs = new Map<string, {lastSuccessAt: number | null; failures: number; lastError: string | null}>()

  /** Makes a job known before its first turn, so that one that never ran is visible. */
  expect(job: string): void {
    this.#jobs.set(job, {lastSuccessAt: null, failures: 0, lastError: null})
  }

  succeeded(job: string, at: number): void {
    this.#jobs.set(job, {lastSuccessAt: at, failures: 0, lastError: null})
  }

  failed(job: string, error: unknown): void {
    const before = this.#jobs.get(job)
    this.#jobs.set(job, {
      lastSuccessAt: before?.lastSuccessAt ?? null,
      failures: (before?.failures ?? 0) + 1,
      lastError: error instanceof Error ? error.message : String(error),
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
    return [...this.#jobs].map(([job, {lastSuccessAt, failures, lastError}]) => ({
      job,
      lastSuccessAt,
      consecutiveFailures: failures,
      lastError,
      outcomes: Object.fromEntries(this.#outcomes.get(job) ?? []),
    }))
  }
}
