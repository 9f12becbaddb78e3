/** Formulas on plain arrays, as the published scoring has them. Nothing here knows what the numbers stand for. */
export type Series = ArrayLike<number>

/** What is no number is the worst. */
export const clamp = (value: number) => (Number.isNaN(value) ? 0 : Math.min(1, Math.max(0, value)))

/** 0 at or below `low`, 1 at or above `high`, linear between. */
export const up = (value: number, low: number, high: number) => clamp((value - low) / (high - low))

export function mean(values: Series): number {
  let sum = 0
  for (let at = 0; at < values.length; at++) sum += values[at] ?? 0
  return values.length === 0 ? 0 : sum / values.length
}

/** Of the population. */
export function deviation(values: Series): number {
  const middle = mean(values)
  let sum = 0
  for (let at = 0; at < values.length; at++) sum += ((values[at] ?? 0) - middle) ** 2
  return values.length === 0 ? 0 : Math.sqrt(sum / values.length)
}

/** The value below which a tenth lies, between neighbours by their distance. */
export function tenth(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const place = 0.1 * (sorted.length - 1)
  const [low, high] = [sorted[Math.floor(place)] ?? 0, sorted[Math.ceil(place)] ?? 0]
  return low + (high - low) * (place - Math.floor(place))
}

/** Pearson's, over the shorter of both; undefined where one of them does not change at all. */
export function correlation(a: Series, b: Series): number | undefined {
  const count = Math.min(a.length, b.length)
  if (count < 2) return undefined
  const [ma, mb] = [mean(first(a, count)), mean(first(b, count))]
  let [aa, bb, ab] = [0, 0, 0]
  for (let at = 0; at < count; at++) {
    const [x, y] = [(a[at] ?? 0) - ma, (b[at] ?? 0) - mb]
    aa += x * x
    bb += y * y
    ab += x * y
  }
  return aa < 1e-12 || bb < 1e-12 ? undefined : ab / Math.sqrt(aa * bb)
}

/** 1 for what changes steadily, towards 0 for what jumps; 0 under three values. */
export function smoothness(values: Series): number {
  if (values.length < 3) return 0
  let sum = 0
  for (let at = 2; at < values.length; at++)
    sum += Math.abs((values[at] ?? 0) - 2 * (values[at - 1] ?? 0) + (values[at - 2] ?? 0))
  return 1 / (1 + sum / (values.length - 2))
}

/** Root mean square in windows of `windowS`; the last one may be short. */
export function rmsEnvelope(samples: Float32Array, rate: number, windowS: number): number[] {
  const size = Math.max(1, Math.round(rate * windowS))
  return chunks(samples, size, (part) => Math.sqrt(mean(part.map((sample) => sample * sample))))
}

/** Mean absolute amplitude in about `count` pieces of equal length. */
export function amplitudeEnvelope(samples: Float32Array, count: number): number[] {
  return chunks(samples, Math.max(1, Math.floor(samples.length / count)), (part) => mean(part.map(Math.abs)))
}

/** The same curve with `count` points, straight between the given ones. */
export function resample(values: readonly number[], count: number): number[] {
  const last = values.length - 1
  return Array.from({length: count}, (_, at) => {
    const place = count === 1 ? 0 : (at * last) / (count - 1)
    const [low, high] = [values[Math.floor(place)] ?? 0, values[Math.ceil(place)] ?? 0]
    return low + (high - low) * (place - Math.floor(place))
  })
}

export interface LagCurve {
  /** Correlation by lag from -maxLag to maxLag; 0 where there is none. */
  readonly values: readonly number[]
  readonly maxLag: number
  /** Of the highest; undefined where nothing changes, so that nothing can be in step. */
  readonly best: {readonly correlation: number; readonly lag: number} | undefined
}

/** Of two curves with one point per frame, shifted against each other by at most an eighth of them and eight frames. */
export function lagCurve(a: readonly number[], b: readonly number[]): LagCurve {
  const maxLag = Math.min(8, Math.max(1, Math.floor(a.length / 8)))
  let best: LagCurve['best']
  const values: number[] = []
  for (let lag = -maxLag; lag <= maxLag; lag++) {
    const value = lag < 0 ? correlation(a.slice(-lag), b) : correlation(a, b.slice(lag))
    values.push(value ?? 0)
    // Of two that are equal, the one nearer to no shift.
    const isBetter = best === undefined || (value ?? -2) > best.correlation + 1e-12
    const isNearer = best !== undefined && value !== undefined && Math.abs(value - best.correlation) <= 1e-12
    if (value !== undefined && (isBetter || (isNearer && Math.abs(lag) < Math.abs(best?.lag ?? 0))))
      best = {correlation: value, lag}
  }
  return {values, maxLag, best}
}

/** Word error rate, 0..1: edit distance over the words that were said; letters and digits count, punctuation does not. */
export function wordErrors(said: string, heard: string): number {
  const words = (text: string) =>
    text
      .toLowerCase()
      .replace(/['’]/g, '')
      .split(/[^\p{L}\p{N}]+/u)
      .filter((word) => word !== '')
  const [reference, hypothesis] = [words(said), words(heard)]
  if (reference.length === 0) return 0.5
  let row = Array.from({length: hypothesis.length + 1}, (_, at) => at)
  for (const [done, word] of reference.entries()) {
    const next = [done + 1]
    for (const [at, other] of hypothesis.entries())
      next.push(Math.min((next[at] ?? 0) + 1, (row[at + 1] ?? 0) + 1, (row[at] ?? 0) + (word === other ? 0 : 1)))
    row = next
  }
  return Math.min(1, (row.at(-1) ?? 0) / reference.length)
}

const first = (values: Series, count: number): number[] => Array.from({length: count}, (_, at) => values[at] ?? 0)

function chunks(samples: Float32Array, size: number, measure: (part: Float32Array) => number): number[] {
  const found: number[] = []
  for (let at = 0; at < samples.length; at += size) found.push(measure(samples.subarray(at, at + size)))
  return found
}
