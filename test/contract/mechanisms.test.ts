import {readdirSync, readFileSync} from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import type {Exam} from '../../src/domain/exam.js'
import {mechanisms} from '../../src/mechanisms/registry.js'
import type {Logged} from '../../src/mechanisms/types.js'
import {aLog} from '../helpers/talking-head.js'
import {aHotkey, aSettledTask, aView} from '../helpers/video.js'

const root = new URL('../../src/mechanisms/', import.meta.url).pathname
const vectors = new URL('../vectors/', import.meta.url).pathname

it('registers every folder under src/mechanisms, by its name', () => {
  const folders = readdirSync(root, {withFileTypes: true}).filter((entry) => entry.isDirectory())

  expect(mechanisms.map(({name}) => name).sort()).toEqual(folders.map(({name}) => name).sort())
})

/** Enough settled tasks for the video mechanism to rank somebody, from one seed. */
const manyTasks: fc.Arbitrary<Logged[]> = fc
  .array(
    fc.record({
      outcomes: fc.record({
        a: fc.constantFrom('ok' as const, 'ok' as const, 'transient' as const),
        b: fc.constantFrom('ok' as const, 'rejected:motion' as const),
        c: fc.constant('ok' as const),
      }),
      votes: fc.uniqueArray(fc.tuple(fc.constantFrom('v', 'w'), fc.constantFrom('a', 'b', 'c'), fc.boolean()), {
        selector: ([validator, miner]) => validator + miner,
      }),
    }),
    {minLength: 0, maxLength: 40},
  )
  .map((setups) => setups.map((setup, index) => aSettledTask({taskId: index + 1, stakes: {v: 5n, w: 4n}, ...setup})))

/** Rounds of an executor; images come, go, fail, tie and copy each other. */
const manyRounds: fc.Arbitrary<Logged[]> = fc
  .array(
    fc.uniqueArray(
      fc.record({
        name: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g'),
        image: fc.constantFrom('one', 'two', 'three', 'four'),
        outcome: fc.constantFrom('scored' as const, 'scored' as const, 'failed' as const, 'skipped' as const),
        isolation: fc.constantFrom('podman' as const, 'docker' as const, 'process' as const),
        finalScore: fc.constantFrom(0, 0.3, 0.300001, 0.5, 0.9),
        submittedAtBlock: fc.nat(5),
      }),
      {selector: ({name}) => name, maxLength: 7},
    ),
    {maxLength: 12},
  )
  .map((rounds) => aLog(rounds.map((results) => ({results}))))

const evidenceOf: Readonly<Record<string, fc.Arbitrary<Logged[]>>> = {video: manyTasks, 'talking-head': manyRounds}

describe.each(mechanisms)('mechanism $name', (mechanism) => {
  const exam: Exam = {
    version: 1,
    mechanism: mechanism.name,
    mechanismVersion: mechanism.version,
    netuid: 99,
    fromTask: 1,
    samplers: [aHotkey('owner')],
    params: JSON.parse(JSON.stringify(mechanism.defaults)),
  }
  const rule = mechanism.rule(exam)
  const view = aView(['a', 'b', 'c', 'd'])

  const log = evidenceOf[mechanism.name]
  if (!log) throw new Error(`${mechanism.name} needs an arbitrary log in this file`)

  it('pays nobody without evidence, and does not call for a burn either', () => {
    const {rows, decision} = rule.weigh(rule.initial(), view)

    expect(rows.every(({weight}) => weight === 0)).toBe(true)
    expect(decision).toBe('wait')
  })

  it('gives weights that are finite, not negative, and sum to one or to nothing, with a sentence in every row', () => {
    fc.assert(
      fc.property(log, (tasks) => {
        const {rows, decision, summary} = rule.weigh(rule.replay(rule.initial(), tasks), view)
        const sum = rows.reduce((total, {weight}) => total + weight, 0)

        expect(rows.every(({weight}) => Number.isFinite(weight) && weight >= 0)).toBe(true)
        expect(Number(sum.toFixed(9))).toBe(decision === 'pay' ? 1 : 0)
        expect(rows.every(({sentence}) => sentence.length > 10)).toBe(true)
        expect(rows.flatMap(({numbers}) => Object.values(numbers)).every(Number.isFinite)).toBe(true)
        expect(summary.length).toBeGreaterThan(5)
        expect(rows.filter(({rank}) => rank !== null).map(({rank}) => rank)).toEqual(
          rows.filter(({eligible}) => eligible).map((_, index) => index + 1),
        )
      }),
      {numRuns: 50},
    )
  })

  it('folds to the same state in any order of arrival, and in two parts through a snapshot', () => {
    fc.assert(
      fc.property(log, fc.nat(40), (tasks, cut) => {
        const straight = rule.hash(rule.replay(rule.initial(), tasks))
        const snapshot = rule.load(JSON.parse(JSON.stringify(rule.replay(rule.initial(), tasks.slice(0, cut)))))

        expect(rule.hash(rule.replay(rule.initial(), tasks.toReversed()))).toBe(straight)
        expect(rule.hash(rule.replay(snapshot, tasks.slice(cut)))).toBe(straight)
      }),
      {numRuns: 50},
    )
  })

  it('leaves the state it was given alone', () => {
    fc.assert(
      fc.property(log, (items) => {
        const before = rule.replay(rule.initial(), items.slice(0, 1))
        const hash = rule.hash(before)
        rule.replay(before, items.slice(1))

        expect(rule.hash(JSON.parse(JSON.stringify(before)))).toBe(hash)
      }),
      {numRuns: 20},
    )
  })

  it('answers a hostile submission with a reason, never with an exception', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), fc.constant('\u0000'.repeat(5000))), (text) => {
        const parsed = mechanism.parseSubmission(text, 'anybody')
        if (!parsed.ok) expect(parsed.reason).toMatch(/^[a-z0-9_:=.-]{3,80}$/)
        expect(mechanism.identify(text, 'anybody').ok).toBe(parsed.ok)
      }),
    )
  })

  it('refuses a state of another version of the rule, and one that is none', () => {
    for (const state of [{rule: {name: mechanism.name, version: 999_999}}, null, 'state', []])
      expect(() => rule.load(state)).toThrow(`is not one of ${mechanism.name}`)
  })

  it('has an instrument exactly when its evidence is its own', () => {
    expect(mechanism.instrument !== undefined).toBe(mechanism.scope === 'own')
  })

  it('has a README with the rule, a worked example, parameters and attacks, and vectors', () => {
    const readme = readFileSync(path.join(root, mechanism.name, 'README.md'), 'utf8')

    for (const heading of ['## The rule', '## A worked example', '## Parameters', '## Attacks considered']) {
      expect(readme).toContain(heading)
    }
    expect(readdirSync(path.join(vectors, mechanism.name)).length).toBeGreaterThan(0)
  })

  it('has a cast with a winner and somebody who must lose', () => {
    expect(mechanism.cast.filter(({expects}) => expects === 'wins')).toHaveLength(1)
    expect(mechanism.cast.some(({expects}) => expects.startsWith('rejected:') || expects === 'fails')).toBe(true)
    expect(new Set(mechanism.cast.map(({name}) => name)).size).toBe(mechanism.cast.length)
  })
})
