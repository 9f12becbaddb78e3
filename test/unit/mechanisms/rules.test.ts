import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {z} from 'zod'
import {hashOf} from '../../../src/domain/canonical.js'
import type {Exam} from '../../../src/domain/exam.js'
import {Outcome} from '../../../src/domain/task.js'
import {mechanism} from '../../../src/mechanisms/registry.js'
import {defaults, dominanceDefaults, type VideoParams} from '../../../src/mechanisms/video/params.js'
import type {VideoState} from '../../../src/mechanisms/video/rules.js'
import {tallies} from '../../../src/mechanisms/video/tally.js'
import {aHotkey, aSettledTask, aView} from '../../helpers/video.js'
import file from '../../vectors/video/ranking.json' with {type: 'json'}

const text = z.record(z.string(), z.string())
const vectors = z
  .object({
    cases: z.array(
      z.object({
        name: z.string(),
        params: z.record(z.string(), z.number()),
        miners: z.array(z.string()),
        tasks: z.array(
          z.object({
            taskId: z.number(),
            outcomes: z.record(z.string(), Outcome),
            stakes: text
              .transform((stakes) =>
                Object.fromEntries(Object.entries(stakes).map(([name, stake]) => [name, BigInt(stake)])),
              )
              .default({v: 1000n}),
            votes: z.array(z.tuple([z.string(), z.string(), z.boolean()])),
          }),
        ),
        rows: z.array(z.tuple([z.string(), z.number().nullable(), z.number(), z.number()])),
      }),
    ),
  })
  .parse(file)

function ruleWith(ranking: Partial<VideoParams['ranking']>) {
  // The published rule; the other one has a file of its own.
  const {oddsAgainst: _, memory: __, ...common} = defaults.ranking
  const figures = dominanceDefaults['dominance-1']
  const params = {...defaults, ranking: {...common, ...figures, ...ranking}}
  const exam: Exam = {
    version: 1,
    mechanism: 'video',
    mechanismVersion: 1,
    netuid: 99,
    fromTask: 1,
    samplers: [aHotkey('owner')],
    params: {...params},
  }
  return {rule: mechanism('video').rule(exam), params}
}

describe('the video rule', () => {
  it.each(vectors.cases)('$name', (vector) => {
    const {rule} = ruleWith(vector.params)
    const tasks = vector.tasks.map((task) => aSettledTask(task))

    const {rows} = rule.weigh(rule.replay(rule.initial(), tasks), aView(vector.miners))

    expect(rows.map(({hotkey, rank, numbers, weight}) => [hotkey, rank, numbers.passRate, weight])).toEqual(
      vector.rows.map(([name, rank, passRate, weight]) => [aHotkey(name), rank, passRate, weight]),
    )
  })

  it('adds votes in rao, where doubles would lose the difference of one', () => {
    const {rule} = ruleWith({minTasks: 1})
    const stakes = {v: 9_007_199_254_740_993n, w: 9_007_199_254_740_992n}
    const tasks = [
      aSettledTask({
        outcomes: {a: 'ok'},
        stakes,
        votes: [
          ['v', 'a', true],
          ['w', 'a', false],
        ],
      }),
    ]

    const {rows} = rule.weigh(rule.replay(rule.initial(), tasks), aView(['a']))

    expect(rows[0]?.rank).toBe(1)
  })

  it('ranks a registered but invalid miner nowhere, and names the reason', () => {
    const {rule} = ruleWith({minTasks: 1})
    const tasks = [
      aSettledTask({
        outcomes: {a: 'ok', b: 'ok'},
        votes: [
          ['v', 'a', true],
          ['v', 'b', true],
        ],
      }),
    ]
    const view = aView(['a', 'b'], {a: {isValid: false, invalidReason: 'blacklisted'}})

    const {rows} = rule.weigh(rule.replay(rule.initial(), tasks), view)

    expect(rows.map(({hotkey, rank}) => [hotkey, rank])).toEqual([
      [aHotkey('b'), 1],
      [aHotkey('a'), null],
    ])
    expect(rows[1]?.sentence).toContain('blacklisted')
  })

  it('gives a hotkey that left the subnet no rank and no uid', () => {
    const {rule} = ruleWith({minTasks: 1})
    const tasks = [
      aSettledTask({
        outcomes: {a: 'ok', gone: 'ok'},
        votes: [
          ['v', 'a', true],
          ['v', 'gone', true],
        ],
      }),
    ]

    const {rows} = rule.weigh(rule.replay(rule.initial(), tasks), aView(['a']))

    expect(rows.find(({hotkey}) => hotkey === aHotkey('gone'))).toMatchObject({uid: null, rank: null, weight: 0})
  })

  it('counts judged, rejected and missed tasks apart', () => {
    const {rule, params} = ruleWith({minTasks: 1, forgivenMisses: 1})
    const tasks = [
      aSettledTask({taskId: 1, outcomes: {a: 'ok'}, votes: [['v', 'a', true, 91]]}),
      aSettledTask({taskId: 2, outcomes: {a: 'rejected:motion'}}),
      aSettledTask({taskId: 3, outcomes: {a: 'transient'}}),
      aSettledTask({taskId: 4, outcomes: {a: 'busy'}}),
    ]
    const state = rule.replay(rule.initial(), tasks)

    // The state is opaque JSON outside the mechanism; this test is inside it.
    expect(tallies(state as VideoState, [], params).get(aHotkey('a'))).toMatchObject({
      evaluated: 2,
      passed: 1,
      missed: 2,
      charged: 1,
      passRate: 1 / 3,
      completeness: 3 / 4,
      meanScore: 91,
      rejections: {motion: 1},
    })
  })

  it('gives the same ranking however the evidence is shuffled, repeated and split', () => {
    const {rule} = ruleWith({minTasks: 1, window: 6})
    const outcome = fc.constantFrom('ok' as const, 'busy' as const, 'rejected:motion' as const)
    const task = fc.record({
      outcomes: fc.record({a: outcome, b: outcome, c: outcome}),
      votes: fc.array(fc.tuple(fc.constantFrom('v', 'w'), fc.constantFrom('a', 'b', 'c'), fc.boolean()), {
        maxLength: 6,
      }),
    })
    fc.assert(
      fc.property(fc.array(task, {maxLength: 10}), fc.nat(10), fc.infiniteStream(fc.nat()), (setups, cut, order) => {
        const tasks = setups.map(({outcomes, votes}, index) => {
          // One verdict per validator and miner, as the intake guarantees.
          const unique = new Map(votes.map((vote) => [`${vote[0]}${vote[1]}`, vote]))
          return aSettledTask({taskId: index + 1, outcomes, stakes: {v: 3n, w: 2n}, votes: [...unique.values()]})
        })
        const shuffled = tasks
          .map((settled) => ({
            at: order.next().value ?? 0,
            settled: {...settled, verdicts: settled.verdicts.toReversed()},
          }))
          .sort((a, b) => a.at - b.at)
          .map(({settled}) => settled)

        const straight = rule.replay(rule.initial(), tasks)
        const mixed = rule.replay(rule.initial(), [...shuffled, ...tasks])
        const first = JSON.parse(JSON.stringify(rule.replay(rule.initial(), tasks.slice(0, cut))))
        const resumed = rule.replay(rule.load(first), tasks)

        expect(rule.hash(mixed)).toBe(rule.hash(straight))
        expect(rule.hash(resumed)).toBe(rule.hash(straight))
        expect(rule.weigh(mixed, aView(['a', 'b', 'c']))).toEqual(rule.weigh(straight, aView(['a', 'b', 'c'])))
      }),
      {numRuns: 150},
    )
  })

  it('agrees with a slow ranking that is obviously right', () => {
    const {rule, params} = ruleWith({minTasks: 1, window: 5, forgivenMisses: 1})
    const names = ['a', 'b', 'c', 'd']
    const outcome = fc.constantFrom('ok' as const, 'transient' as const, 'rejected:frames' as const)
    const task = fc.record({
      outcomes: fc.record({a: outcome, b: outcome, c: outcome, d: outcome}),
      votes: fc.uniqueArray(fc.tuple(fc.constantFrom('v', 'w', 'x'), fc.constantFrom(...names), fc.boolean()), {
        selector: ([validator, miner]) => validator + miner,
        maxLength: 12,
      }),
    })
    const stakes = {v: 5, w: 3, x: 2}
    fc.assert(
      fc.property(fc.array(task, {minLength: 1, maxLength: 9}), (setups) => {
        const window = setups.slice(-5)
        const expected = names
          .map((name) => {
            let [passed, evaluated, missed] = [0, 0, 0]
            for (const {outcomes, votes} of window) {
              const result = outcomes[name as 'a']
              if (result === 'transient') missed += 1
              if (result === 'rejected:frames') evaluated += 1
              const mine = votes.filter(([, miner]) => miner === name)
              if (result !== 'ok' || mine.length === 0) continue
              const all = mine.reduce((sum, [validator]) => sum + stakes[validator as 'v'], 0)
              const yes = mine.reduce((sum, [validator, , pass]) => sum + (pass ? stakes[validator as 'v'] : 0), 0)
              evaluated += 1
              if (yes / all > 0.5) passed += 1
            }
            const counted = evaluated + Math.max(0, missed - 1)
            return {name, passed, rate: counted === 0 ? 0 : passed / counted, complete: counted / window.length}
          })
          .filter(({passed, complete}) => passed >= 1 && complete >= 0.8 - 1e-12)
        let winner = expected[0]
        for (const [index, candidate] of expected.entries()) {
          if (expected.slice(0, index).every((earlier) => !(candidate.rate < earlier.rate + params.ranking.dominance)))
            winner = candidate
        }
        const tasks = setups.map(({outcomes, votes}, index) =>
          aSettledTask({taskId: index + 1, outcomes, stakes: {v: 5n, w: 3n, x: 2n}, votes}),
        )

        const {rows} = rule.weigh(rule.replay(rule.initial(), tasks), aView(names))

        expect(rows.find(({rank}) => rank === 1)?.hotkey).toBe(winner && aHotkey(winner.name))
        expect(rows.filter(({eligible}) => eligible).length).toBe(expected.length)
      }),
      {numRuns: 300},
    )
  })

  it('refuses a state of another version of the rule instead of misreading it', () => {
    const {rule} = ruleWith({})

    expect(() => rule.load({rule: {name: 'video', version: 0}, watermark: null, tasks: []})).toThrow(
      expect.objectContaining({code: 'STATE_UNSUPPORTED'}),
    )
  })

  it('refuses an exam of another version, and one with unknown parameters', () => {
    const exam = ruleWith({}).rule.exam

    expect(() => mechanism('video').rule({...exam, mechanismVersion: 2})).toThrow(
      expect.objectContaining({code: 'EXAM_UNSUPPORTED'}),
    )
    expect(() => mechanism('video').rule({...exam, params: {...exam.params, secret: 1}})).toThrow(/secret/)
  })

  it('folds every state to plain JSON with a stable hash', () => {
    const {rule} = ruleWith({})
    const state = rule.replay(rule.initial(), [aSettledTask({outcomes: {a: 'ok'}, votes: [['v', 'a', true]]})])

    expect(hashOf(JSON.parse(JSON.stringify(state)))).toBe(rule.hash(state))
  })
})
