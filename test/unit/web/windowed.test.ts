import fc from 'fast-check'
import {expect, test} from 'vitest'
import {rowsInSight} from '../../../src/web/windowed.js'

const hundred = Array.from({length: 100}, () => 50)

test('only rows that the sight and its margin touch are drawn, the others are room', () => {
  const {shown, gaps, rest} = rowsInSight(hundred, {top: 1000, height: 200}, {margin: 100, kept: undefined})

  expect(shown).toEqual([18, 19, 20, 21, 22, 23, 24, 25])
  expect(gaps).toEqual([900, 0, 0, 0, 0, 0, 0, 0])
  expect(rest).toBe(74 * 50)
})

test('what has the focus stays, however far away it is', () => {
  const {shown, gaps, rest} = rowsInSight(hundred, {top: 4000, height: 50}, {margin: 0, kept: 2})

  expect(shown).toEqual([2, 80])
  expect(gaps).toEqual([100, 77 * 50])
  expect(rest).toBe(19 * 50)
})

test('a list that begins below the sight draws nothing yet, and an empty one never does', () => {
  expect(rowsInSight(hundred, {top: -900, height: 300}, {margin: 100, kept: undefined}).shown).toEqual([])
  expect(rowsInSight([], {top: 0, height: 300}, {margin: 100, kept: undefined})).toEqual({shown: [], gaps: [], rest: 0})
})

test('whatever is drawn, the list is as high as all of its rows, and what is in sight is drawn', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({min: 1, max: 300}), {maxLength: 60}),
      fc.integer({min: -2000, max: 12_000}),
      fc.integer({min: 0, max: 1500}),
      fc.integer({min: 0, max: 500}),
      fc.option(fc.nat(60), {nil: undefined}),
      (heights, top, height, margin, kept) => {
        const {shown, gaps, rest} = rowsInSight(heights, {top, height}, {margin, kept})
        const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)

        expect(sum(gaps) + sum(shown.map((index) => heights[index] ?? 0)) + rest).toBe(sum(heights))
        for (const index of heights.keys()) {
          const start = sum(heights.slice(0, index))
          if (start < top + height && start + (heights[index] ?? 0) > top) expect(shown).toContain(index)
        }
      },
    ),
  )
})
