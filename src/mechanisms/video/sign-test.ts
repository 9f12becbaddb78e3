/**
 * How many of `trials` fair coins must show heads at least, so that chance brings as many or more at most once in
 * `oddsAgainst`: the one-sided exact sign test, which on paired passes is McNemar's. Undefined when even all of them prove
 * too little. Whole numbers throughout, so every machine draws the line in the same place.
 */
export function headsNeeded(trials: number, oddsAgainst: number): number | undefined {
  if (oddsAgainst !== known.oddsAgainst) known = {oddsAgainst, heads: new Map()}
  if (known.heads.has(trials)) return known.heads.get(trials)
  const heads = search(trials, oddsAgainst)
  known.heads.set(trials, heads)
  return heads
}

/** The fewest trials that can prove anything: all heads, and chance brings that once in `oddsAgainst` at most. */
export function fewestTrials(oddsAgainst: number): number {
  let trials = 1
  while (2 ** trials < oddsAgainst) trials++
  return trials
}

/** Answers of a pure function under one exam; `trials` is a window's length at most, so it stays small. */
let known: {readonly oddsAgainst: number; readonly heads: Map<number, number | undefined>} = {
  oddsAgainst: 0,
  heads: new Map(),
}

/** From all heads downwards: the ways to get `k` or more of `n`, against 2ⁿ ways in all. */
function search(trials: number, oddsAgainst: number): number | undefined {
  const all = 1n << BigInt(trials)
  const odds = BigInt(oddsAgainst)
  let ways = 1n
  let sum = 0n
  let needed: number | undefined
  for (let heads = trials; heads >= 0; heads--) {
    sum += ways
    if (sum * odds > all) break
    needed = heads
    // C(n, k − 1) = C(n, k) · k / (n − k + 1)
    ways = (ways * BigInt(heads)) / BigInt(trials - heads + 1)
  }
  return needed
}
