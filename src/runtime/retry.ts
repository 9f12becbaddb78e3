import {LeomaError} from '../errors.js'
import type {Clock} from './clock.js'

export interface RetryOptions {
  readonly time: Pick<Clock, 'now' | 'sleep'>
  readonly signal: AbortSignal
  /** Tries in all, the first included. */
  readonly attempts: number
  /** Pause before the second try; doubles with each, with jitter of ±25 %. */
  readonly firstPauseMs: number
  readonly maxPauseMs?: number
  /** No try starts after this moment (milliseconds since 1970). */
  readonly until?: number
  readonly shouldRetry?: (error: unknown) => boolean
  /** A pause that the other side asked for, in milliseconds. */
  readonly askedPauseMs?: (error: unknown) => number | undefined
  readonly onRetry?: (error: unknown, attempt: number) => void
}

/** Retries are made here and nowhere else, by adapters; a service never retries a retry. */
export async function retry<T>(work: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
  const {time, signal, attempts, firstPauseMs, maxPauseMs = 60_000, until, onRetry, askedPauseMs} = options
  const shouldRetry = options.shouldRetry ?? ((error) => error instanceof LeomaError && error.retryable)
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted()
    try {
      return await work(attempt)
    } catch (error) {
      if (signal.aborted || attempt >= attempts || !shouldRetry(error)) throw error
      const backoff = Math.min(maxPauseMs, firstPauseMs * 2 ** (attempt - 1)) * (0.75 + Math.random() / 2)
      const pause = Math.max(askedPauseMs?.(error) ?? 0, backoff)
      if (until !== undefined && time.now() + pause >= until) throw error
      onRetry?.(error, attempt)
      await time.sleep(pause, signal)
    }
  }
}
