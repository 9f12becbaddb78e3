import type {Clock} from '../runtime/clock.js'

/** Looks again and again until told to stop; a look that fails is one that saw nothing. */
export function watch(time: Pick<Clock, 'sleep'>, everyMs: number, look: () => Promise<void>): {stop(): Promise<void>} {
  const end = new AbortController()
  const running = (async () => {
    while (!end.signal.aborted) {
      await look().catch(() => {})
      await time.sleep(everyMs, end.signal).catch(() => {})
    }
  })()
  return {
    stop: () => {
      end.abort()
      return running
    },
  }
}
