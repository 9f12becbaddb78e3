const firstPauseMs = 1_000
const maxPauseMs = 60_000

/** Doubles up to a minute, with up to half as much again so that many pages do not come back at once. */
export function pauseMs(attempt: number, random: number): number {
  return Math.min(maxPauseMs, firstPauseMs * 2 ** attempt) * (1 + random / 2)
}
