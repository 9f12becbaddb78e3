import {DeadlineError} from './deadline.js'
import {withStop} from './stop.js'

/**
 * Runs `work` under a signal that aborts when `signal` does, or when `beat` was not called for `ms`: for transfers, whose
 * length says little about whether they still move. The reason is a `DeadlineError` in the second case.
 */
export async function withIdleDeadline<T>(
  what: string,
  ms: number,
  signal: AbortSignal,
  work: (signal: AbortSignal, beat: () => void) => Promise<T>,
): Promise<T> {
  return withStop(signal, async (both, stop) => {
    const timer = setTimeout(() => stop(new DeadlineError(`the next piece of ${what}`, ms)), ms)
    try {
      both.throwIfAborted()
      return await work(both, () => void timer.refresh())
    } catch (error) {
      // Libraries answer an abort with errors of their own; the reason says what really happened.
      if (both.aborted && !signal.aborted) throw both.reason
      throw error
    } finally {
      clearTimeout(timer)
    }
  })
}
