import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {likeness, measured, ramp, roundHalfEven, toScore} from '../../../src/judge/scale.js'

describe('rounding', () => {
  it.each([
    [72.5, 72],
    [73.5, 74],
    [0.5, 0],
    [1.5, 2],
    [-0.5, 0],
    [-1.5, -2],
    [72.49, 72],
    [72.51, 73],
  ])('takes %d to %i, ties to the even neighbour', (value, expected) => {
    expect(roundHalfEven(value) === expected).toBe(true)
  })

  it('keeps six decimals of a reading, and makes a reading of nothing 0', () => {
    expect(measured(1 / 3)).toBe(0.333333)
    expect(measured(Number.NaN)).toBe(0)
    expect(measured(Number.POSITIVE_INFINITY)).toBe(0)
  })
})

describe('ramp', () => {
  it('is nothing at one end, everything at the other and straight in between, in either direction', () => {
    expect([ramp(2, 2, 4), ramp(3, 2, 4), ramp(4, 2, 4), ramp(9, 2, 4), ramp(-9, 2, 4)]).toEqual([0, 0.5, 1, 1, 0])
    expect([ramp(4, 4, 2), ramp(3, 4, 2), ramp(2, 4, 2)]).toEqual([0, 0.5, 1])
  })

  it('gives nothing for what could not be measured', () => {
    expect(toScore(ramp(Number.NaN, 0, 1))).toBe(0)
  })
})

describe('scores', () => {
  it('are whole numbers of 0..100 whatever comes in', () => {
    fc.assert(
      fc.property(fc.double(), (share) => {
        const score = toScore(share)
        expect(Number.isInteger(score) && score >= 0 && score <= 100).toBe(true)
      }),
    )
  })
})

describe('likeness', () => {
  it('does not care which of two amounts is the larger, and calls nothing and nearly nothing alike', () => {
    expect(likeness(1, 4, 0)).toBe(likeness(4, 1, 0))
    expect(likeness(0, 0.01, 1)).toBeGreaterThan(0.98)
    expect(likeness(7, 7, 0)).toBe(1)
  })
})
