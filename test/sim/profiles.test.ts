import {describe, expect, test} from 'vitest'
import type {LocalnetResult, MinerResult} from '../../src/services/localnet/events.js'
import {settledTasks, withLocalnet} from '../helpers/localnet.js'
import {realClips} from '../helpers/real-clips.js'

/** `slow` alone decides how long a round takes: its deadline. One run with it is enough. */
const withoutSlow = ['oracle', 'drift', 'busy', 'zoom', 'noise', 'wrong-frame', 'frozen', 'short', 'broken', 'copycat']

describe.each([
  {footage: 'generated clips', source: undefined, miners: undefined},
  {footage: 'real clips', source: realClips(), miners: withoutSlow},
])('every profile ends as it must, on $footage', ({footage, source, miners}) => {
  test.skipIf(footage === 'real clips' && source === undefined)('after three rounds', async () => {
    await withLocalnet({rounds: 3, ...(source && {source}), ...(miners && {miners})}, async ({localnet}) => {
      const result = await localnet.run()

      expect(result.rounds).toBe(3)
      expect(new Set(result.tasks.map(({taskId}) => taskId)).size).toBe(3)
      expect(result.tasks.every(({prompt}) => prompt.length > 20)).toBe(true)
      expectTable(result, miners ?? [...withoutSlow, ...extra])
      await expectAgreement(localnet.facts.api)
    })
  })
})

const extra = ['slow', 'broken-empty', 'broken-huge', 'broken-html', 'broken-truncated']

const expectations: Readonly<Record<string, (miner: MinerResult) => void>> = {
  oracle: (miner) => expect(miner).toMatchObject({passed: 3, evaluated: 3, rank: 1, outcomes: {ok: 3}}),
  // The third answer drifts too far.
  drift: (miner) => expect(miner).toMatchObject({passed: 2, evaluated: 3, rank: 2, outcomes: {ok: 3}}),
  busy: (miner) => expect(miner).toMatchObject({passed: 2, evaluated: 3, rank: 3, outcomes: {ok: 3}}),
  zoom: failed,
  noise: failed,
  'wrong-frame': failed,
  frozen: rejected('motion'),
  short: rejected('frames'),
  broken: rejected('unreadable'),
  'broken-empty': rejected('empty'),
  'broken-huge': rejected('too_large'),
  'broken-html': rejected('unreadable'),
  'broken-truncated': rejected('unreadable'),
  slow: (miner) => expect(miner).toMatchObject({evaluated: 0, rank: null, outcomes: {transient: 3}}),
  copycat: (miner) => {
    expect(miner).toMatchObject({isValid: false, evaluated: 0, rank: null, outcomes: {}})
    expect(miner.invalidReason).toMatch(/^duplicate_model/)
  },
}

function failed(miner: MinerResult): void {
  expect(miner).toMatchObject({isValid: true, passed: 0, evaluated: 3, rank: null})
}

function rejected(gate: string): (miner: MinerResult) => void {
  return (miner) =>
    expect(miner).toMatchObject({passed: 0, evaluated: 3, rank: null, outcomes: {[`rejected:${gate}`]: 3}})
}

function expectTable({miners, winner, weights}: LocalnetResult, profiles: readonly string[]): void {
  expect(miners.map(({profile}) => profile).sort()).toEqual([...profiles].sort())
  for (const miner of miners) expectations[miner.profile]?.(miner)
  const oracle = miners.find(({profile}) => profile === 'oracle')
  expect(winner).toEqual({uid: oracle?.uid, hotkey: oracle?.hotkey, profile: 'oracle'})
  expect(weights).toMatchObject({uids: [oracle?.uid], values: [65_535]})
  const copycat = miners.find(({profile}) => profile === 'copycat')
  expect(copycat?.invalidReason).toContain(String(oracle?.uid))
}

async function expectAgreement(api: string): Promise<void> {
  const settled = await settledTasks(api)
  expect(settled).toHaveLength(3)
  for (const {verdicts} of settled) {
    const validators = [...new Set(verdicts.map(({validator}) => validator))]
    const [first, second] = validators.map((name) =>
      verdicts.filter(({validator}) => validator === name).map(({validator, ...verdict}) => verdict),
    )
    expect(validators).toHaveLength(2)
    expect(first?.length).toBeGreaterThan(0)
    expect(second).toEqual(first)
  }
}
