import {describe, expect, it} from 'vitest'
import {aspects} from '../../../src/judge/port.js'
import {defaults} from '../../../src/mechanisms/video/params.js'
import {clampScore, overallOf, passes} from '../../../src/mechanisms/video/scoring.js'

const all = (value: number, overrides: Partial<Record<(typeof aspects)[number], number>> = {}) => ({
  ...(Object.fromEntries(aspects.map((aspect) => [aspect, value])) as Record<(typeof aspects)[number], number>),
  ...overrides,
})

describe('scores', () => {
  it.each([
    [72.5, 72],
    [73.5, 74],
    [-3, 0],
    [140, 100],
    [71.9, 72],
    [0.5, 0],
  ])('rounds %d half to even within 0..100: %d', (value, rounded) => {
    expect(clampScore(value)).toBe(rounded)
  })

  it('refuses a score that is not a number', () => {
    expect(() => clampScore(Number.NaN)).toThrow(RangeError)
  })

  it('weighs the aspects, and the weights of the exam sum to one', () => {
    const {weights} = defaults.judge

    expect(Object.values(weights).reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 12)
    expect(overallOf(all(80), weights)).toBe(80)
    expect(overallOf(all(100, {first_frame_fidelity: 0, camera_composition: 0}), weights)).toBe(70)
  })

  it('passes on the overall and on every critical aspect', () => {
    expect(passes(all(75), 75, defaults.judge)).toBe(true)
    expect(passes(all(75), 74, defaults.judge)).toBe(false)
    expect(passes(all(90, {temporal_consistency: 49}), 82, defaults.judge)).toBe(false)
    expect(passes(all(90, {visual_quality: 49}), 86, defaults.judge)).toBe(false)
    expect(passes(all(90, {motion_quality: 0}), 77, defaults.judge)).toBe(true)
  })
})
