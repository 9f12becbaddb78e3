import {expect, test} from 'vitest'
import {costOf, expectedTokens, priceOf} from '../../../src/vision/prices.js'
import {aQuestion} from '../../helpers/vision.js'

test.each([
  ['gpt-6-luna', 0.1],
  ['gpt-6-luna-2026-10-01', 0.1],
  ['openai/gpt-6-luna', 0.1],
  ['gpt-4o-mini-2024-07-18', 0.15],
  ['gpt-4o-2024-08-06', 2.5],
])('%s has a published price', (model, dollarsIn) => {
  expect(priceOf(model)).toMatchObject({known: true, price: {in: dollarsIn}})
})

test('a name that only begins alike has none, and counts as dear', () => {
  expect(priceOf('gpt-6-lunatic')).toEqual({known: false, price: {in: 2.5, out: 10}})
})

test('what the operator says wins', () => {
  expect(priceOf('gpt-6-luna', {'gpt-6-luna': {in: 1, out: 2}}).price).toEqual({in: 1, out: 2})
})

test('cost is per million tokens', () => {
  expect(costOf({in: 0.1, out: 0.5}, 6600, 400)).toBeCloseTo(0.00086, 9)
})

test('what is set aside is more than what the sheet computes for thirteen frames', () => {
  const picture = {width: 832, height: 480, rgb: new Uint8Array(0)}
  const parts = Array.from({length: 13}, () => ({picture}))

  expect(expectedTokens(aQuestion({parts})).tokensIn).toBeGreaterThan(6600)
})
