/**
 * From a measured value to a share of 0..1: 0 at `none` and beyond, 1 at `full` and beyond, straight in between. Either
 * end may be the larger one.
 */
export function ramp(value: number, none: number, full: number): number {
  const share = (value - none) / (full - none)
  // Written so that NaN becomes 0: a value that could not be measured earns nothing.
  if (!(share > 0)) return 0
  return Math.min(share, 1)
}

/** Ties go to the even neighbour, as the published judge rounds: 72.5 is 72, 73.5 is 74. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  if (rest < 0.5) return floor
  if (rest > 0.5) return floor + 1
  return floor % 2 === 0 ? floor : floor + 1
}

/** A share of 0..1 as a whole score of 0..100. */
export function toScore(share: number): number {
  return roundHalfEven(100 * ramp(share, 0, 1))
}

/** How alike two amounts are, 0..1: the smaller over the larger, both raised by `floor` so that nothing against nearly nothing is alike. */
export function likeness(a: number, b: number, floor: number): number {
  return a < b ? (a + floor) / (b + floor) : (b + floor) / (a + floor)
}

/** Six decimals: enough for any reading, and short in canonical JSON. */
export function measured(value: number): number {
  return Number.isFinite(value) ? roundHalfEven(value * 1e6) / 1e6 : 0
}
