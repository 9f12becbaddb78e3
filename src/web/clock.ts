/** The page's own time and timers; everything else of the page asks here. */

export const now = () => Date.now()

/** Calls once, after `ms` milliseconds; returns how to call it off. */
export function after(ms: number, call: () => void): () => void {
  const timer = setTimeout(call, ms)
  return () => clearTimeout(timer)
}

/** Calls every `ms` milliseconds; returns how to end it. */
export function every(ms: number, call: () => void): () => void {
  const timer = setInterval(call, ms)
  return () => clearInterval(timer)
}
