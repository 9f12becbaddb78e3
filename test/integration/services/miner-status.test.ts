import {describe, expect, it} from 'vitest'
import type {MinerBody, RankBody} from '../../../src/api/schemas.js'
import type {Commitment, Neuron} from '../../../src/chain/port.js'
import {LeomaError} from '../../../src/errors.js'
import type {Chute, Model} from '../../../src/models/port.js'
import {type MinerStatusDeps, minerStatus} from '../../../src/services/miner-status.js'
import {createSigner} from '../../../src/wallet/keypair.js'

const {hotkey} = createSigner({uri: '//Miner'})
const {signal} = new AbortController()
const revision = 'ab'.repeat(20)
const text = `{"model_name": "a/leoma-${hotkey}", "model_revision": "${revision}", "chute_id": "c-1"}`
const block = {number: 500, hash: `0x${'00'.repeat(32)}`}
const neuron: Neuron = {
  uid: 7,
  hotkey,
  coldkey: hotkey,
  stakeRao: 0n,
  validatorPermit: false,
  lastUpdate: 10,
  registeredAtBlock: 10,
}
const chute: Chute = {chuteId: 'c-1', slug: 'a-chute', hot: true, revision, endpoint: 'http://127.0.0.1:1'}
const weights = [{path: 'w.safetensors', sha256: 'aa'.repeat(32) as never, sizeBytes: 2_500_000_000}]
const model: Model = {sha: revision, isPublic: true, weights}
const row: MinerBody = {
  uid: 7,
  hotkey,
  model_name: `a/leoma-${hotkey}`,
  model_revision: revision,
  model_hash: null,
  chute_id: 'c-1',
  chute_slug: 'a-chute',
  is_valid: true,
  invalid_reason: null,
  block: 400,
  last_validated_at: '2026-01-01T00:00:00Z',
}
const ranked: RankBody['ranks'][number] = {
  ...{miner_hotkey: hotkey, uid: 7, rank: 2, passed_count: 8, pass_rate: 0.8, block: 400},
  ...{eligible: true, is_valid: true, invalid_reason: null, explain: '3 points behind uid 4'},
}

interface World {
  neurons?: readonly Neuron[]
  commitments?: readonly Commitment[]
  chute?: Chute | undefined
  model?: Model | undefined
  miners?: readonly MinerBody[]
  ranks?: RankBody['ranks']
  failing?: 'chain' | 'api' | 'providers'
}

function status(world: World = {}) {
  const down = (part: World['failing']) => {
    if (world.failing === part) throw new LeomaError('upstream', 'DOWN', `${part} is down`)
  }
  const deps: MinerStatusDeps = {
    netuid: 3,
    network: 'localnet',
    chain: async () => ({
      network: 'localnet',
      metagraph: async () => {
        down('chain')
        return {netuid: 3, block, ownerHotkey: null, neurons: world.neurons ?? [neuron]}
      },
      commitments: async () => world.commitments ?? [{hotkey, text, block: 400}],
    }),
    api: {
      url: 'memory',
      miners: async () => {
        down('api')
        return {miners: [...(world.miners ?? [row])], total: 1, valid_count: 1}
      },
      ranking: async () => undefined,
      rank: async () => {
        down('api')
        return {ranks: world.ranks ?? [ranked]}
      },
    },
    models: {
      chute: async () => {
        down('providers')
        return 'chute' in world ? world.chute : chute
      },
      model: async () => ('model' in world ? world.model : model),
    },
  }
  return minerStatus(hotkey, deps, signal)
}

const verdicts = async (world: World) => {
  const {lines} = await status(world)
  return Object.fromEntries(lines.map(({about, verdict}) => [about, verdict]))
}

describe('minerStatus', () => {
  it('puts together what everybody says of a miner that is well', async () => {
    const {lines, next} = await status()

    expect(lines.map(({verdict}) => verdict)).toEqual(['ok', 'ok', 'ok', 'ok', 'ok', 'ok'])
    expect(lines.map(({says}) => says).join('\n')).toContain('2.50 GB')
    expect(lines.at(-1)?.says).toBe('rank 2: 3 points behind uid 4')
    expect(next).toMatch(/^nothing/)
  })

  it.each<[string, World, RegExp]>([
    ['a hotkey that is not registered', {neurons: [], commitments: []}, /btcli subnets register --netuid 3/],
    ['no commitment', {commitments: []}, /leoma miner push, leoma miner commit/],
    ['a commitment that cannot be read', {commitments: [{hotkey, text: '{}', block: 4}]}, /commit again/],
    ['too many commitments', {commitments: [1, 2, 3].map((at) => ({hotkey, text, block: at}))}, /another hotkey/],
    ['a chute that sleeps', {chute: {...chute, hot: false}}, /wake it/],
    ['a chute that nobody may see', {chute: undefined}, /share the chute/],
    ['a model that is gone', {model: undefined}, /make .* public/],
    ['a private model', {model: {...model, isPublic: false, restriction: 'gated'}}, /make .* public/],
    [
      'a verdict of the subnet',
      {miners: [{...row, is_valid: false, invalid_reason: 'x'}]},
      /leoma miner check --model-name a/,
    ],
  ])('says what to do about %s', async (_, world, next) => {
    expect((await status(world)).next).toMatch(next)
  })

  it('names the first thing in the way when several are', async () => {
    expect((await status({neurons: [], chute: undefined})).next).toContain('register')
  })

  it('waits rather than worries when the subnet has not looked yet', async () => {
    expect(await verdicts({miners: [], ranks: []})).toMatchObject({validity: 'waiting', rank: 'waiting'})
  })

  it.each([
    ['chain', {registration: 'unknown', commitment: 'unknown', validity: 'ok', rank: 'ok'}],
    ['api', {registration: 'ok', chute: 'ok', validity: 'unknown', rank: 'unknown'}],
    ['providers', {registration: 'ok', chute: 'unknown', model: 'ok', validity: 'ok'}],
  ] as const)('hides only its own part when the %s does not answer', async (failing, expected) => {
    expect(await verdicts({failing})).toMatchObject(expected)
  })
})
