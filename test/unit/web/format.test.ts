import {expect, test} from 'vitest'
import {figure} from '../../../src/web/format.js'

test.each([
  ['timeS', 0.3125, 'time', '0.31 s'],
  ['memoryGb', 12, 'memory', '12.00 GB'],
  ['score', 0.757634, 'score', '0.7576'],
  ['passRate', 0.5, 'pass rate', '0.5000'],
  ['round', 1200, 'round', '1,200'],
  ['S', 1, 's', '1'],
])('the figure %s of %d reads as %s %s', (name, value, label, text) => {
  expect(figure(name, value)).toEqual({label, text})
})
