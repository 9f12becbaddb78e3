import {describe, expect, it} from 'vitest'
import {barFor, rankByDominance} from '../../../src/mechanisms/video/dominance.js'
import vectors from '../../vectors/video/dominance.json' with {type: 'json'}

const contender = ([hotkey, passed, passRate, block]: readonly (string | number | null)[]) => ({
  hotkey: String(hotkey),
  passed: Number(passed),
  passRate: Number(passRate),
  block: block === null || block === undefined ? null : Number(block),
})

describe('dominance', () => {
  it.each(vectors.cases)('$name', (vector) => {
    const contenders = vector.in.map(contender)

    const forwards = rankByDominance(contenders, vectors.threshold).map(({hotkey}) => hotkey)
    const backwards = rankByDominance(contenders.toReversed(), vectors.threshold).map(({hotkey}) => hotkey)

    expect(forwards).toEqual(vector.order)
    expect(backwards).toEqual(vector.order)
  })

  it('misses an exact five-point lead at the 25 whole percents that the sheet lists', () => {
    const misses = Array.from({length: 96}, (_, percent) => percent).filter((percent) => {
      const pair = [
        {hotkey: 'a', passed: percent, passRate: percent / 100, block: 1},
        {hotkey: 'b', passed: percent + 5, passRate: (percent + 5) / 100, block: 2},
      ]
      return rankByDominance(pair, 0.05)[0]?.hotkey === 'a'
    })

    expect(misses).toEqual([
      1, 7, 10, 16, 17, 52, 53, 54, 55, 56, 64, 65, 66, 67, 68, 77, 78, 79, 80, 81, 89, 90, 91, 92, 93,
    ])
  })

  it('says what rate a later miner needs', () => {
    const [a, b, c] = [contender(['a', 60, 0.6, 1]), contender(['b', 64, 0.64, 2]), contender(['c', 68, 0.68, 3])]

    expect(barFor(c, [a, b, c], 0.05)).toBeCloseTo(0.69)
    expect(barFor(a, [a, b, c], 0.05)).toBe(0)
  })
})
