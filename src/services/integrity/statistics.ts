/** Natural logarithm of n over k. */
function logChoose(n: number, k: number): number {
  let sum = 0
  for (let i = 1; i <= k; i++) sum += Math.log((n - k + i) / i)
  return sum
}

/** Probability of at least `hits` of `tries`, each with probability `p` (0..1, ends excluded). */
export function binomialTail(hits: number, tries: number, p: number): number {
  let sum = 0
  for (let k = hits; k <= tries; k++)
    sum += Math.exp(logChoose(tries, k) + k * Math.log(p) + (tries - k) * Math.log1p(-p))
  return Math.min(1, sum)
}

/**
 * Standard deviations by which the ranks of `a` lie above those of `b` (Mann and Whitney 1947, with the correction for
 * ties); 0 when they cannot differ.
 */
export function rankExcess(a: readonly number[], b: readonly number[]): number {
  const all = [...a.map((value) => ({value, own: true})), ...b.map((value) => ({value, own: false}))]
  all.sort((x, y) => x.value - y.value)
  let rankSum = 0
  let ties = 0
  for (let from = 0; from < all.length; ) {
    let to = from
    while (to < all.length && all[to]?.value === all[from]?.value) to++
    const rank = (from + 1 + to) / 2
    for (let i = from; i < to; i++) if (all[i]?.own) rankSum += rank
    ties += (to - from) ** 3 - (to - from)
    from = to
  }
  const n = all.length
  const mean = (a.length * (n + 1)) / 2
  const variance = ((a.length * b.length) / 12) * (n + 1 - ties / Math.max(1, n * (n - 1)))
  return variance > 0 ? (rankSum - mean) / Math.sqrt(variance) : 0
}

export const meanOf = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
