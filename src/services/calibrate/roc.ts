export interface RocPoint {
  /** From this score on an output counts as good. */
  readonly threshold: number
  /** Share of the good that reach it, and of the bad that do. */
  readonly goodPassed: number
  readonly badPassed: number
}

/**
 * Area under the ROC curve: the chance that a good output scores above a bad one, ties counting half (Mann and Whitney).
 * Undefined unless there are both.
 */
export function areaUnderRoc(good: readonly number[], bad: readonly number[]): number | undefined {
  if (good.length === 0 || bad.length === 0) return undefined
  let wins = 0
  for (const g of good) for (const b of bad) wins += g > b ? 1 : g === b ? 0.5 : 0
  return wins / (good.length * bad.length)
}

/** One point per threshold 0 to 101, scores being whole numbers of 0 to 100. */
export function rocOf(good: readonly number[], bad: readonly number[]): RocPoint[] {
  const share = (scores: readonly number[], from: number) =>
    scores.length === 0 ? 0 : scores.filter((score) => score >= from).length / scores.length
  return Array.from({length: 102}, (_, threshold) => ({
    threshold,
    goodPassed: share(good, threshold),
    badPassed: share(bad, threshold),
  }))
}

/** The threshold that tells best (largest sum of right answers, Youden's J); the middle one of several alike. */
export function bestThreshold(points: readonly RocPoint[]): RocPoint | undefined {
  const gain = ({goodPassed, badPassed}: RocPoint) => goodPassed - badPassed
  const most = Math.max(...points.map(gain))
  const alike = points.filter((point) => gain(point) > most - 1e-9)
  return alike[Math.floor((alike.length - 1) / 2)]
}

export function meanOf(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
}

/** The value that the given share of all values does not exceed. */
export function quantileOf(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? 0
}
