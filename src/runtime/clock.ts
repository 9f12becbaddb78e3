import {setTimeout as delay, setImmediate as nextTurn} from 'node:timers/promises'
import {LeomaError} from '../errors.js'
import type {Health} from './health.js'
import type {Logger} from './logger.js'
import {withStop} from './stop.js'

/** Everything but the chain runs on time; what follows the chain runs on blocks. */
export type Interval = {readonly ms: number} | {readonly blocks: number}

export interface BlockRef {
  readonly number: number
  /** `0x` and 64 hex digits. */
  readonly hash: string
}

export interface Tick {
  /** Milliseconds since 1970. */
  readonly at: number
  /** The head that made this turn due; absent for time intervals. */
  readonly block?: BlockRef
  readonly signal: AbortSignal
}

export type Run = (tick: Tick) => Promise<void>

/** What the clock needs of a chain to keep block intervals: new heads, in order, gaps allowed. */
export interface BlockSource {
  watchHeads(signal: AbortSignal): AsyncIterable<BlockRef>
}

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  /**
   * Rejects with the signal's reason when it aborts first. 0 lets others have their turn, and who sleeps for 0 has one of its
   * own: of several pieces of work cut by such pauses, the event loop never does two without a stop.
   */
  sleep(ms: number, signal: AbortSignal): Promise<void>
  /** Registers a job: once when the clock starts, then once per interval, never twice at once. */
  every(job: string, interval: Interval, run: Run): void
  /** Resolves when every job has stopped after the signal aborts; rejects when a failure must end the process. */
  start(signal: AbortSignal): Promise<void>
}

/** A failure that no later turn can mend (wrong genesis, store too new, hotkey gone) ends the process. */
export class FatalError extends LeomaError {}

export interface SystemClockOptions {
  readonly log: Logger
  readonly health: Health
  /** Needed only when a job runs on blocks. */
  readonly blocks?: () => Promise<BlockSource> | BlockSource
}

interface Job {
  readonly name: string
  readonly interval: Interval
  readonly run: Run
}

/** Of the whole process, because so is the event loop. */
let turns: Promise<void> = Promise.resolve()

function ownTurn(): Promise<void> {
  turns = turns.then(() => nextTurn())
  return turns
}

export function systemTime(): Pick<Clock, 'now' | 'sleep'> {
  return {
    now: () => Date.now(),
    sleep: async (ms, signal) => {
      signal.throwIfAborted()
      if (ms === 0) {
        await ownTurn()
        return signal.throwIfAborted()
      }
      try {
        await delay(ms, undefined, {signal})
      } catch (error) {
        signal.throwIfAborted()
        throw error
      }
    },
  }
}

export class SystemClock implements Clock {
  readonly #options: SystemClockOptions
  readonly #time = systemTime()
  readonly #jobs: Job[] = []

  constructor(options: SystemClockOptions) {
    this.#options = options
  }

  now(): number {
    return this.#time.now()
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return this.#time.sleep(ms, signal)
  }

  every(name: string, interval: Interval, run: Run): void {
    if (this.#jobs.some((job) => job.name === name)) throw new Error(`job ${name} is registered twice`)
    this.#options.health.expect(name)
    this.#jobs.push({name, interval, run})
  }

  async start(signal: AbortSignal): Promise<void> {
    const results = await withStop(signal, (all, stop) =>
      Promise.allSettled(
        this.#jobs.map((job) =>
          ('ms' in job.interval
            ? this.#byTime(job, job.interval.ms, all)
            : this.#byBlock(job, job.interval.blocks, all)
          ).catch((error: unknown) => {
            stop(error)
            throw error
          }),
        ),
      ),
    )
    for (const result of results) if (result.status === 'rejected') throw result.reason
  }

  /**
   * A run that overruns its interval is not queued behind itself: the missed turns are dropped. A slow judge then costs
   * freshness; it can never build a backlog that outlives the slowness.
   */
  async #byTime(job: Job, everyMs: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const startedAt = performance.now()
      await this.#turn(job, {at: this.now(), signal})
      const elapsed = performance.now() - startedAt
      if (elapsed > everyMs)
        this.#options.log.debug({job: job.name, elapsedMs: Math.round(elapsed)}, 'job overran its interval')
      if (!(await this.#pause(everyMs - (elapsed % everyMs), signal))) return
    }
  }

  /** "At least N blocks since the last turn", never exact multiples: a head that was missed must not cost an epoch. */
  async #byBlock(job: Job, everyBlocks: number, signal: AbortSignal): Promise<void> {
    const {blocks, log} = this.#options
    if (!blocks) throw new Error(`job ${job.name} runs on blocks but this clock has no chain`)
    let last: number | undefined
    while (!signal.aborted) {
      try {
        const source = await blocks()
        for await (const head of source.watchHeads(signal)) {
          if (signal.aborted) return
          if (last !== undefined && head.number - last < everyBlocks) continue
          last = head.number
          await this.#turn(job, {at: this.now(), block: head, signal})
        }
        if (!signal.aborted) log.warn({job: job.name}, 'head subscription ended, starting it again')
      } catch (error) {
        if (signal.aborted) return
        if (error instanceof FatalError) throw error
        this.#options.health.failed(job.name, error, this.now())
        log.error({job: job.name, err: error}, 'no blocks from the chain')
      }
      if (!(await this.#pause(5_000, signal))) return
    }
  }

  async #turn(job: Job, tick: Tick): Promise<void> {
    const {health, log} = this.#options
    health.began(job.name, this.now())
    try {
      await job.run(tick)
      health.succeeded(job.name, this.now())
    } catch (error) {
      if (tick.signal.aborted) return
      health.failed(job.name, error, this.now())
      if (error instanceof FatalError) throw error
      // One bad turn must not end the service; the health endpoint reports repeated ones.
      log.error({job: job.name, err: error}, 'job failed')
    }
  }

  async #pause(ms: number, signal: AbortSignal): Promise<boolean> {
    try {
      await this.sleep(ms, signal)
      return true
    } catch {
      return false
    }
  }
}
