import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {defaults} from '../../../src/mechanisms/video/params.js'
import {figuresOf} from '../../../src/services/calibrate/figures.js'
import {degradations, rungArguments, strengths} from '../../../src/services/calibrate/ladder.js'
import type {MeasuredOutput} from '../../../src/services/calibrate/measure.js'
import {svgOf} from '../../../src/services/calibrate/plot.js'
import {areaUnderRoc, bestThreshold, quantileOf, rocOf} from '../../../src/services/calibrate/roc.js'

const scores = fc.array(fc.integer({min: 0, max: 100}), {minLength: 1, maxLength: 12})

describe('the ROC curve', () => {
  test('has an area of one when every good score is above every bad one, of a half when they are the same', () => {
    expect(areaUnderRoc([90, 80], [70, 10])).toBe(1)
    expect(areaUnderRoc([10], [70, 90])).toBe(0)
    expect(areaUnderRoc([50, 60], [50, 60])).toBe(0.5)
    expect(areaUnderRoc([], [50])).toBeUndefined()
  })

  test('has the area that its points enclose', () => {
    fc.assert(
      fc.property(scores, scores, (good, bad) => {
        const points = rocOf(good, bad)
        const trapezes = points.slice(1).reduce((sum, point, at) => {
          const before = points[at]!
          return sum + ((before.badPassed - point.badPassed) * (before.goodPassed + point.goodPassed)) / 2
        }, 0)

        expect(trapezes).toBeCloseTo(areaUnderRoc(good, bad)!, 9)
      }),
      {numRuns: 100},
    )
  })

  test('is told best by the middle of the thresholds that tell alike', () => {
    expect(bestThreshold(rocOf([90, 95], [40, 49]))).toEqual({threshold: 70, goodPassed: 1, badPassed: 0})
  })

  test('quantiles are values that occur', () => {
    expect([0, 0.5, 0.95, 1].map((share) => quantileOf([5, 1, 3, 2], share))).toEqual([1, 2, 5, 5])
    expect(quantileOf([], 0.5)).toBe(0)
  })
})

const mark = (overall: number, passed = overall >= 75) => ({overall, passed, gate: null})
const output = (
  kind: string,
  strength: MeasuredOutput['strength'],
  overall: number,
  more: Partial<MeasuredOutput> = {},
) => ({
  ...{clip: 'a', kind, strength, marks: [mark(overall)]},
  ...more,
})

describe('the figures', () => {
  const outputs: MeasuredOutput[] = [
    output('good', 0, 98, {twice: mark(98), again: mark(96)}),
    output('good', 0, 90, {twice: mark(91), again: mark(90)}),
    ...strengths.map((strength) => output('blur', strength, 95 - 10 * strength)),
    ...strengths.map((strength) => output('noise', strength, 60, strength === 2 ? {again: mark(76)} : {})),
  ]
  const {good, area, separation, noise, recommended} = figuresOf(outputs, defaults)

  test('say how each degradation is told from what is good', () => {
    expect(good).toEqual({outputs: 2, mean: 94, least: 90, passed: 1})
    expect(area).toBe(1)
    expect(separation.map(({degradation}) => degradation)).toEqual(['blur', 'noise'])
    expect(separation[0]).toMatchObject({means: [85, 75, 65, 55, 45], passes: [1, 1, 0, 0, 0], areaOfWorst: 1})
  })

  test('say how much two looks at the same differ, and how many verdicts turn', () => {
    expect(noise.twice).toEqual({outputs: 2, mean: 0.5, p95: 1, most: 1, flips: 0})
    expect(noise.again).toMatchObject({outputs: 3, mean: 6, most: 16, flips: 1 / 3})
    expect(noise.judges).toEqual([])
  })

  test('recommend a threshold between the good and the clearly bad, and a lead that noise does not bring', () => {
    expect(recommended.passThreshold).toBe(78)
    expect(recommended.atRecommended).toEqual({passThreshold: 78, goodFailed: 0, badPassed: 0})
    // A third of 100 tasks told apart by noise: 22 of 33 ahead by chance once in twenty, 11 more than behind.
    expect(recommended.dominance).toBe(0.11)
  })

  test('compare judges pair by pair', () => {
    const twoJudges = outputs.map((one) => ({...one, marks: [...one.marks, mark(70)]}))

    expect(figuresOf(twoJudges, defaults).noise.judges).toMatchObject([{outputs: 12, flips: 4 / 12}])
  })
})

test('each degradation gets worse, in its own way, and is made for the size and rate that the exam asks for', () => {
  const shape = {width: 96, height: 64, frames: 9, fps: 8}
  const all = degradations.flatMap((degradation) =>
    strengths.map((strength) =>
      rungArguments(degradation, strength, {shape, clip: 'c', otherClip: 'o', to: 't'}).join(' '),
    ),
  )

  expect(degradations).toHaveLength(10)
  expect(new Set(all).size).toBe(50)
  for (const {steps} of degradations) {
    const [first, , , , last] = steps
    expect([...steps].sort((a, b) => (first < last ? a - b : b - a))).toEqual(steps)
  }
  for (const one of all) expect(one).toContain('fps=8,scale=96:64')
})

test('a plot is one SVG in which no name can be anything but text', () => {
  const svg = svgOf({
    title: 'a <script>alert("1")</script> & more',
    x: {name: 'x', from: 0, to: 10, ticks: [0, 10]},
    y: {name: 'y', from: 0, to: 1, ticks: [0, 1]},
    series: [
      {
        name: `o'neill`,
        points: [
          [0, 0],
          [10, 1],
        ],
      },
    ],
    lines: [{name: 'half', y: 0.5}],
  })

  expect(svg).toMatch(/^<svg [^>]*viewBox="0 0 760 440"/)
  expect(svg).not.toContain('<script')
  expect(svg).toContain('a &lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; more')
  expect(svg).toContain('<polyline points="60,390 590,40"')
  expect(svg.match(/<text/g)?.length).toBe(svg.match(/<\/text>/g)?.length)
})
