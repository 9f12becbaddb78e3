import {expect, test} from 'vitest'
import {defaults} from '../../../src/mechanisms/video/params.js'
import {systemTime} from '../../../src/runtime/clock.js'
import {attacks, seasonOf} from '../../../src/services/simulate/attacks.js'
import {chanceOf} from '../../../src/services/simulate/random.js'
import {summarize} from '../../../src/services/simulate/report.js'
import type {Outcome} from '../../../src/services/simulate/season.js'
import {examFor, type SimulateOptions, simulate} from '../../../src/services/simulate/simulate.js'
import {hotkeyOf, type SimulatedMiner, sit} from '../../../src/services/simulate/world.js'

const {signal} = new AbortController()
const options: SimulateOptions = {
  ...{exam: defaults, rules: ['dominance-1', 'dominance-2'], attacks: ['clones'], seasons: 2, tasks: 60, seed: 'a'},
  ranking: {window: 20, memory: 40},
  threads: 1,
}

test('chance follows from the names alone, and is spread evenly', () => {
  const [one, same, other] = [chanceOf('a'), chanceOf('a'), chanceOf('b')]
  const draws = Array.from({length: 4000}, (_, i) => one.uniform('luck', 'm', i))
  const bells = Array.from({length: 4000}, (_, i) => one.normal('difficulty', i))
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

  expect(draws).toEqual(Array.from({length: 4000}, (_, i) => same.uniform('luck', 'm', i)))
  expect(draws.filter((draw, i) => draw === other.uniform('luck', 'm', i))).toEqual([])
  expect(new Set(draws).size).toBe(4000)
  for (const tenth of [0.1, 0.5, 0.9]) expect(draws.filter((draw) => draw < tenth).length / 4000).toBeCloseTo(tenth, 1)
  expect(mean(bells)).toBeCloseTo(0, 1)
  expect(mean(bells.map((bell) => bell * bell))).toBeCloseTo(1, 1)
})

test.each([0.2, 0.5, 0.85])('a model whose rate is %d passes so many tasks, and models fail together', (rate) => {
  const chance = chanceOf('world')
  const miner = (name: string): SimulatedMiner => ({
    ...{name, hotkey: hotkeyOf(name), model: {name: 'm', rate}, from: 0, isAttacker: false},
  })
  const sittings = Array.from({length: 3000}, (_, task) => [
    sit(miner('a'), task, chance),
    sit(miner('b'), task, chance),
  ])
  const both = sittings.filter((pair) => !pair.includes('missed'))
  const passed = both.filter(([a]) => a === 'passed')

  expect(passed.length / both.length).toBeCloseTo(rate, 1)
  expect(passed.filter(([, b]) => b === 'passed').length / passed.length).toBeGreaterThan(rate + 0.02)
})

test('honest miners do the same in a season whoever attacks it', () => {
  const sheets = attacks
    .filter(({name}) => name !== 'switch')
    .map((attack) => {
      const {miners, chance} = seasonOf(attack, 80, chanceOf('x'))
      const honest = miners.filter(({name}) => /^(starter|newcomer)/.test(name))
      return honest.map((miner) => [
        miner.name,
        miner.from,
        ...Array.from({length: 80}, (_, t) => sit(miner, t, chance)),
      ])
    })

  for (const sheet of sheets) expect(sheet).toEqual(sheets[0])
  for (const attack of attacks.filter(({name}) => name !== 'none'))
    expect(seasonOf(attack, 80, chanceOf('x')).miners.some(({isAttacker}) => isAttacker)).toBe(true)
})

test('every attack is measured under every rule, the same way each time', async () => {
  const first = await simulate(options, systemTime(), signal)
  const again = await simulate({...options, attacks: ['clones', 'none']}, systemTime(), signal)
  const other = await simulate({...options, seed: 'b'}, systemTime(), signal)

  expect(first.rows.map(({attack, rule}) => `${attack} ${rule}`)).toEqual([
    'none dominance-1',
    'none dominance-2',
    'clones dominance-1',
    'clones dominance-2',
  ])
  expect(again.rows).toEqual(first.rows)
  expect(other.rows).not.toEqual(first.rows)
  for (const row of first.rows) {
    expect(row.seasons).toBe(2)
    expect(row.bestShare + row.attackerShare).toBeLessThanOrEqual(1)
    if (row.attack === 'none') expect([row.attackerShare, row.gain]).toEqual([0, 0])
  }
})

test('what an attacker earned before is no gain', () => {
  const outcome = (part: Partial<Outcome>): Outcome => ({
    ...{paid: 10, best: 4, shortfall: 20, falseChanges: 1, attackers: 6, founder: 5, delays: [3, null, 9]},
    ...part,
  })

  const byFounder = summarize('moat', 'dominance-1', [outcome({})], [outcome({})])
  const byStranger = summarize('clone', 'dominance-1', [outcome({}), outcome({attackers: 2})], [outcome({})])

  expect(byFounder).toMatchObject({attackerShare: 0.6, shortfall: 2, bestShare: 0.4, crowned: 2, toCrown: 3})
  expect(byFounder.medianTasks).toBe(3)
  expect(byFounder.gain).toBeCloseTo(0.1)
  expect(byStranger.gain).toBeCloseTo(0.4)
  expect(byStranger.gainError).toBeCloseTo(0.2)
})

test('a rule keeps the figures of an exam that has it, and else takes its own', () => {
  const {ranking} = defaults
  const own = ranking.rule ?? 'dominance-1'
  const exam = {...defaults, ranking: {...ranking, dominance: 0.07}}

  expect(examFor(own, {exam}).ranking.dominance).toBe(0.07)
  expect(examFor(own === 'dominance-1' ? 'dominance-2' : 'dominance-1', {exam}).ranking.dominance).not.toBe(0.07)
  expect(examFor('dominance-1', {exam, ranking: {oddsAgainst: 9, memory: 500}}).ranking).not.toHaveProperty('memory')
  expect(examFor('dominance-2', {exam, ranking: {oddsAgainst: 9, memory: 500}}).ranking).toMatchObject({
    oddsAgainst: 9,
    memory: 500,
  })
})

test.each([
  ['a memory shorter than the window', {memory: 10}, 'RANKING_INVALID'],
  ['a dominance that is no share', {dominance: Number('five')}, 'RANKING_INVALID'],
])('%s is a mistake on the command line', async (_name, ranking, code) => {
  await expect(simulate({...options, ranking}, systemTime(), signal)).rejects.toThrow(expect.objectContaining({code}))
})

test('an attack that does not exist is named before anything is played', async () => {
  await expect(simulate({...options, attacks: ['none', 'magic']}, systemTime(), signal)).rejects.toThrow(
    expect.objectContaining({code: 'ATTACK_UNKNOWN', kind: 'usage'}),
  )
})

test('stops between two seasons when it is told to', async () => {
  const stop = new AbortController()

  const playing = simulate({...options, onProgress: () => stop.abort(new Error('enough'))}, systemTime(), stop.signal)

  await expect(playing).rejects.toThrow('enough')
})
