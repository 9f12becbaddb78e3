import fc from 'fast-check'
import {expect, it} from 'vitest'
import {fewestTrials, headsNeeded} from '../../../src/mechanisms/video/sign-test.js'

/** Counted out: how many of the 2ⁿ outcomes have at least so many heads. */
function outcomes(trials: number, heads: number): number {
  let count = 0
  for (let bits = 0; bits < 2 ** trials; bits++) {
    const ones = bits.toString(2).replaceAll('0', '').length
    if (ones >= heads) count++
  }
  return count
}

it('asks for the fewest heads that are rare enough, counted out one by one', () => {
  for (let trials = 0; trials <= 10; trials++) {
    for (const odds of [2, 3, 20, 57, 500]) {
      const rare = Array.from({length: trials + 1}, (_, heads) => heads).filter(
        (heads) => outcomes(trials, heads) * odds <= 2 ** trials,
      )
      expect([trials, odds, headsNeeded(trials, odds)]).toEqual([trials, odds, rare[0]])
    }
  }
})

it('agrees with published quantiles where doubles would have to be trusted', () => {
  // 1000 coins: P(X ≥ 549) = 0.00109, P(X ≥ 550) = 0.00086.
  expect(headsNeeded(1000, 1000)).toBe(550)
  expect(headsNeeded(10_000, 1_000_000)).toBeGreaterThan(5_230)
})

it('says how few trials can prove anything', () => {
  fc.assert(
    fc.property(fc.integer({min: 2, max: 1_000_000_000}), (odds) => {
      const fewest = fewestTrials(odds)

      expect(headsNeeded(fewest, odds)).toBe(fewest)
      expect(headsNeeded(fewest - 1, odds)).toBeUndefined()
    }),
    {numRuns: 60},
  )
})

it('never asks for more when one lost trial is turned round or dropped', () => {
  for (let trials = 1; trials < 150; trials++) {
    const needed = headsNeeded(trials, 200)
    const fewer = headsNeeded(trials - 1, 200)
    if (needed === undefined || fewer === undefined) continue
    expect(fewer).toBeLessThanOrEqual(needed)
    expect(needed).toBeLessThanOrEqual(fewer + 1)
  }
})
