import {readdirSync, readFileSync} from 'node:fs'
import path from 'node:path'
import {describe, expect, test} from 'vitest'
import {defaults} from '../../../../src/mechanisms/talking-head/params.js'
import {figuresOf} from '../../../../src/mechanisms/talking-head/scores.js'
import {aRun} from '../../../helpers/talking-head.js'

const root = path.resolve(import.meta.dirname, '../../../..')
const textsIn = (folder: string, ending: RegExp) =>
  readdirSync(path.join(root, folder), {recursive: true, encoding: 'utf8'})
    .filter((file) => ending.test(file))
    .map((file) => ({file, text: readFileSync(path.join(root, folder, file), 'utf8')}))
const readme = readFileSync(path.join(root, 'src/mechanisms/talking-head/README.md'), 'utf8')

test('each of the 24 faults that are known of the published system has a test that is named after it', () => {
  const names = textsIn('test', /\.test\.ts$/).flatMap(({text}) =>
    [...text.matchAll(/(?:test|describe|\]\))\('fault ([\d and]+)[,:]/g)].map(([, numbers = '']) => numbers),
  )
  const tested = new Set(names.flatMap((numbers) => numbers.match(/\d+/g) ?? []).map(Number))

  expect(Array.from({length: 24}, (_, at) => at + 1).filter((number) => !tested.has(number))).toEqual([])
})

test('fault 8, a validator updates itself: nothing here fetches code, and only what runs videos and strangers’ programs starts any', () => {
  const sources = textsIn('src', /\.ts$/)
  const starting = sources.filter(({text}) => /from '(execa|node:child_process)'/.test(text)).map(({file}) => file)

  expect(new Set(starting.map((file) => file.split(path.sep)[0]))).toEqual(new Set(['media', 'models', 'sandbox']))
  for (const {file, text} of sources.filter((source) => starting.includes(source.file)))
    expect({file, found: /'(git|npm|npx|pip|curl|wget)'/.exec(text)?.[0]}).toEqual({file, found: undefined})
})

describe('fault 23, what is written and what is done differ', () => {
  test.each([
    ['submissions.windowS', defaults.submissions.windowS],
    ['challenges.warmUp', defaults.challenges.warmUp],
    ['challenges.scored', defaults.challenges.scored],
    ['efficiency.maxTimeS', defaults.efficiency.maxTimeS],
    ['efficiency.maxMemoryGb', defaults.efficiency.maxMemoryGb],
    ['efficiency.timeRefS', defaults.efficiency.timeRefS],
    ['efficiency.memoryRefGb', defaults.efficiency.memoryRefGb],
    ['rounds.everyBlocks', defaults.rounds.everyBlocks],
    ['ranking.carryOver', defaults.ranking.carryOver],
    ['ranking.tieEpsilon', defaults.ranking.tieEpsilon],
    ['ranking.lead', defaults.ranking.lead],
    ['ranking.burnShare', defaults.ranking.burnShare],
  ])('%s is what the table of parameters says', (name, value) => {
    expect(told().get(name)).toBe(value)
  })

  test('the worked example is what the code makes of it', () => {
    const rows = [
      ...readme.matchAll(/^\| ([abc]) +\| ([\d.]+) +\| ([\d.]+) s +\| ([\d.]+) GB +\|.* ([\d.]+) \| ([\d.]+) \|$/gm),
    ]

    expect(rows).toHaveLength(3)
    for (const [, , ...numbers] of rows) {
      const [quality = 0, timeS = 0, peakVramGb = 0, factor, score] = numbers.map(Number)
      const runs = Array.from({length: 5}, () => aRun(quality, {timeS, peakVramGb, peakMemoryGb: null}))
      const figures = figuresOf(runs, defaults)
      expect(Number(figures.factor.toFixed(4))).toBe(factor)
      expect(Math.abs(figures.finalScore - (score ?? 0))).toBeLessThanOrEqual(0.0001)
    }
  })
})

/** Names and defaults as the README has them: `| \`a.b\`, \`c\` | 1, 2 | …`, where c is of a too. */
function told(): ReadonlyMap<string, number> {
  const found = new Map<string, number>()
  for (const [, names = '', values = ''] of readme.matchAll(/^\| (`[^|]+`) +\| ([\d., ]+) +\|/gm)) {
    const numbers = values.split(', ').map((text) => Number(text.replaceAll(',', '')))
    let group = ''
    for (const [at, name] of names.replaceAll('`', '').trim().split(', ').entries()) {
      group = name.includes('.') ? (name.split('.')[0] ?? '') : group
      found.set(name.includes('.') ? name : `${group}.${name}`, numbers[at] ?? Number.NaN)
    }
  }
  return found
}
