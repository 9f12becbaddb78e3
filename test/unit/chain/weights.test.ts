import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {epochOf, nextEpochStart} from '../../../src/chain/epoch.js'
import {scaleWeights} from '../../../src/chain/weights.js'

describe('scaleWeights', () => {
  it('keeps ratios of the largest, to the chain’s own figures', () => {
    expect(scaleWeights([4, 9], [0.3, 0.1])).toEqual({uids: [4, 9], values: [65_535, 21_845], given: 2})
    expect(scaleWeights([4, 9], [1, 2])).toEqual({uids: [4, 9], values: [32_768, 65_535], given: 2})
  })

  it('drops what vanishes, with its uid, and still counts it as given', () => {
    expect(scaleWeights([4, 5, 6], [1, 0, 0.000_007])).toEqual({uids: [4], values: [65_535], given: 3})
  })

  it('takes any scale without overflow', () => {
    expect(scaleWeights([1, 2], [1e308, 5e307]).values).toEqual([65_535, 32_768])
    expect(scaleWeights([1, 2], [1e-300, 5e-301]).values).toEqual([65_535, 32_768])
  })

  it('changes nothing when it is done twice, as client and chain do', () => {
    fc.assert(
      fc.property(fc.array(fc.double({min: 0, max: 1e6, noNaN: true}), {minLength: 1, maxLength: 40}), (values) => {
        fc.pre(values.some((value) => value > 0))
        const uids = values.map((_, i) => i)
        const once = scaleWeights(uids, values)
        const twice = scaleWeights(once.uids, once.values)

        expect(twice.values).toEqual(once.values)
        expect(twice.uids).toEqual(once.uids)
        expect(Math.max(...once.values)).toBe(65_535)
      }),
    )
  })
})

describe('epochs', () => {
  it('match a state recorded on finney: subnet 1, tempo 99, a step at block 6,852,597', () => {
    expect(epochOf(6_852_598, 1, 99)).toBe(epochOf(6_852_597, 1, 99) + 1)
    expect(nextEpochStart(6_852_690, 1, 99)).toBe(6_852_698)
  })

  it('never end with tempo 0', () => {
    expect(epochOf(1_000_000, 1, 0)).toBe(epochOf(0, 1, 0))
    expect(nextEpochStart(5, 1, 0)).toBeUndefined()
  })
})
