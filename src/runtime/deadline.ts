import {LeomaError} from '../errors.js'
import {withStop} from './stop.js'

/** Thrown as the abort reason when a deadline passes, so that a caller can tell it from a shutdown. */
export class DeadlineError extends LeomaError {
  constructor(what: string, ms: number) {
    super('upstream', 'DEADLINE', `${what} took longer than ${ms} ms`)
  }
}

/**
 * Runs `work` under a signal that aborts when `signal` does or after `ms`. The reason is a `DeadlineError` in the second
 * case. The timer is cleared when the work ends, so nothing keeps the process alive.
 */
export async function withDeadline<T>(
  what: string,
  ms: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return withStop(signal, async (both, stop) => {
    const timer = setTimeout(() => stop(new DeadlineError(what, ms)), ms)
    try {
      both.throwIfAborted()
      return await work(both)
    } catch (error) {
      // Libraries answer an abort with errors of their own; the reason says what really happened.
      if (both.aborted && !signal.aborted) throw both.reason
      throw error
    } finally {
      clearTimeout(timer)
    }
  })
}
