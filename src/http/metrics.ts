import {statSync} from 'node:fs'
import {Counter, Gauge, Histogram, Registry} from 'prom-client'
import {LoopDelay} from '../runtime/loop-delay.js'
import {lastSigns} from '../services/integrity/watch.js'
import {latestTaskId, openTasks} from '../store/tasks.js'
import {chainPart} from './parts.js'
import type {ServerDeps} from './server.js'

const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10]

type Series = Pick<Histogram.Internal<string>, 'observe'>

/** What `/metrics` tells Prometheus: seconds and bytes, and no label that a caller can invent. */
export class Metrics {
  readonly #registry = new Registry()
  readonly #loop = new LoopDelay()
  readonly #duration: Histogram
  readonly #limited: Counter
  readonly #series = new Map<string, Series>()
  #inFlight = 0

  constructor(deps: ServerDeps) {
    const registers = [this.#registry]
    this.#duration = new Histogram({
      name: 'leoma_http_request_duration_seconds',
      help: 'from the first byte of a request to the last of its answer',
      labelNames: ['method', 'route', 'status'],
      buckets,
      registers,
    })
    this.#limited = new Counter({
      name: 'leoma_http_rate_limited_total',
      help: 'requests refused for their number',
      labelNames: ['by'],
      registers,
    })
    this.#gauges(deps)
    this.#jobs(deps)
  }

  started(): void {
    this.#inFlight++
  }

  /** `route` is the pattern of a known route, or a word for all others. */
  finished(method: string, route: string, status: number, seconds: number): void {
    this.#inFlight--
    const key = `${method} ${status} ${route}`
    let series = this.#series.get(key)
    if (!series) {
      series = this.#duration.labels(method, route, String(status))
      this.#series.set(key, series)
    }
    series.observe(seconds)
  }

  limited(by: 'address' | 'hotkey'): void {
    this.#limited.inc({by})
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  text(): Promise<string> {
    return this.#registry.metrics()
  }

  stop(): void {
    this.#loop.stop()
  }

  #gauge(name: string, help: string, read: () => number | undefined): void {
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      collect() {
        const value = attempt(read)
        // A reset one would say 0 of what nobody knows.
        if (value === undefined) this.remove()
        else this.set(value)
      },
    })
  }

  #gauges({store, scorer, time, chainState, audit}: ServerDeps): void {
    let delay = {max: 0, p99: 0}
    this.#gauge('leoma_http_requests_in_flight', 'requests being answered', () => this.#inFlight)
    this.#gauge('leoma_event_loop_delay_max_seconds', 'longest turn of the event loop since the last reading', () => {
      delay = this.#loop.read()
      return delay.max
    })
    this.#gauge('leoma_event_loop_delay_p99_seconds', '99th percentile of the same', () => delay.p99)
    this.#gauge('process_resident_memory_bytes', 'memory that the process holds', () => process.memoryUsage.rss())
    this.#gauge('process_cpu_seconds_total', 'processor time that the process has used', () => {
      const {user, system} = process.cpuUsage()
      return (user + system) / 1e6
    })
    this.#gauge('leoma_store_bytes', 'size of the store with its write-ahead log', () =>
      ['', '-wal'].reduce(
        (sum, ending) => sum + (statSync(`${store.path}${ending}`, {throwIfNoEntry: false})?.size ?? 0),
        0,
      ),
    )
    this.#gauge('leoma_latest_task', 'id of the newest published task', () => latestTaskId(store))
    this.#gauge('leoma_open_tasks', 'published tasks that have not settled', () => openTasks(store).length)
    this.#gauge('leoma_ranking_age_seconds', 'since the ranking was made', () => {
      const madeAt = scorer.current()?.madeAt
      return madeAt === undefined ? undefined : (time.now() - madeAt) / 1000
    })
    this.#gauge(
      'leoma_audit_errors',
      'what did not agree in the last audit of itself',
      () => audit?.last()?.counts.error,
    )
    this.#gauge('leoma_weights_differ', 'ways in which /weights differed from the evidence in that audit', () =>
      audit?.last()?.findings.reduce((sum, {code}) => sum + Number(code === 'WEIGHTS_DIFFER'), 0),
    )
    this.#gauge(
      'leoma_validators_differing',
      'validators whose weights on the chain followed from no evidence in that audit',
      () => audit?.last()?.validators.reduce((sum, {weights}) => sum + Number(weights === 'differ'), 0),
    )
    this.#gauge(
      'leoma_integrity_signs',
      'signs of copying and collusion in the newest settled tasks',
      () => lastSigns(store)?.findings.length,
    )
    this.#gauge('leoma_chain_block', 'newest block that was seen', () => chainState?.().block ?? undefined)
    this.#gauge('leoma_chain_ok', '1 while the chain answers and moves', () =>
      chainState ? Number(chainPart(chainState(), time.now()).ok) : undefined,
    )
  }

  #jobs({health}: ServerDeps): void {
    const lastSuccess = new Gauge({
      name: 'leoma_job_last_success_timestamp_seconds',
      help: 'when each background job last succeeded',
      labelNames: ['job'],
      registers: [this.#registry],
      collect() {
        for (const {job, lastSuccessAt} of health.report())
          if (lastSuccessAt !== null) lastSuccess.set({job}, lastSuccessAt / 1000)
      },
    })
    const outcomes = new Gauge({
      name: 'leoma_job_outcomes_total',
      help: 'what each background job came to, such as weights set or the code of why not',
      labelNames: ['job', 'outcome'],
      registers: [this.#registry],
      collect() {
        for (const {job, outcomes: seen} of health.report())
          for (const [outcome, times] of Object.entries(seen)) outcomes.set({job, outcome}, times)
      },
    })
    const failures = new Gauge({
      name: 'leoma_job_consecutive_failures',
      help: 'failures of each background job since its last success',
      labelNames: ['job'],
      registers: [this.#registry],
      collect() {
        for (const {job, consecutiveFailures} of health.report()) failures.set({job}, consecutiveFailures)
      },
    })
  }
}

/** A store that cannot be read must not hide the figures that do not come from it. */
function attempt(read: () => number | undefined): number | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
