import {mkdtempSync, rmSync} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import type {OwnerApi} from '../../../src/api/port.js'
import type {WeightsBody} from '../../../src/api/schemas.js'
import {LocalChain} from '../../../src/chain/local.js'
import type {Chain} from '../../../src/chain/port.js'
import {sha256} from '../../../src/domain/canonical.js'
import {signWeights, type WeightsStatement} from '../../../src/domain/weights-statement.js'
import {LeomaError} from '../../../src/errors.js'
import type {Progress} from '../../../src/mechanisms/types.js'
import {FatalError} from '../../../src/runtime/clock.js'
import {silentLogger} from '../../../src/runtime/logger.js'
import {WeightSetter} from '../../../src/services/weight-setter.js'
import {openStore, type Store} from '../../../src/store/open.js'
import {listWeights} from '../../../src/store/weight-log.js'
import {createSigner, verify} from '../../../src/wallet/keypair.js'
import {ChainTime} from '../../fakes/chain-time.js'

const netuid = 99
const blockMs = 1000
const signal = new AbortController().signal
const owner = createSigner({uri: '//Owner'})
const validator = createSigner({uri: '//Validator'})
const miner = createSigner({uri: '//Miner'})

let dir: string
let time: ChainTime
let chain: LocalChain
let store: Store
let answer: () => WeightsBody
let progress: Progress[]
let counted: Record<string, number>

beforeEach(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'leoma-weights-'))
  time = new ChainTime()
  chain = LocalChain.open({path: path.join(dir, 'chain.db'), time, verify, blockTimeMs: blockMs, seed: 'test'})
  chain.registerSubnet({netuid, ownerHotkey: owner.hotkey, hyperparameters: {weightsRateLimit: 5}})
  // Not at block 0: the chain counts a registration as a setting, and 0 as none.
  time.advance(3 * blockMs)
  for (const [{hotkey}, stakeRao] of [
    [owner, 0n],
    [validator, 1000n],
    [miner, 0n],
  ] as const) {
    chain.registerNeuron({netuid, hotkey, coldkey: owner.hotkey, stakeRao})
  }
  store = openStore(path.join(dir, 'validator.db'))
  answer = () => winner(2)
  progress = []
  counted = {}
})

afterEach(async () => {
  await chain.close()
  store.close()
  rmSync(dir, {recursive: true, force: true})
})

const head = async () => (await chain.head(signal)).number

function winner(uid: number): WeightsBody {
  return {
    winner_uid: uid,
    burn: false,
    miners: [{miner_hotkey: miner.hotkey, uid, pass_rate: 1, weight: 1}],
    summary: 'uid 2 takes all',
  }
}

function newSetter(overrides: {chain?: Chain} = {}): WeightSetter {
  return new WeightSetter({
    clock: time,
    log: silentLogger(),
    chain: overrides.chain ?? chain,
    // Only this call is made; the rest of the port is not there.
    api: {weights: async () => answer()} as Partial<OwnerApi> as OwnerApi,
    signer: validator,
    verify,
    store,
    netuid,
    mecid: 0,
    mechanism: 'video',
    epochBlocks: 10,
    maxWinnerAgeBlocks: 50,
    report: (event) => progress.push(event),
    count: (outcome) => {
      counted[outcome] = (counted[outcome] ?? 0) + 1
    },
  })
}

/** One turn per block, as the clock gives them. */
async function blocks(setter: WeightSetter, count: number): Promise<void> {
  for (let block = 0; block < count; block++) {
    time.advance(blockMs)
    await setter.turn({at: time.now(), signal}).catch(() => {})
  }
}

const setBlocks = () => progress.flatMap((event) => (event.event === 'weights-set' ? [event.block] : []))
const stored = () => chain.weights(netuid, 0, 1, signal)

describe('the weight setter', () => {
  it('sets at the start, as soon as the chain takes weights, and then once per epoch by distance', async () => {
    await blocks(newSetter(), 40)

    const [first = 0, ...later] = setBlocks()
    expect(first).toBe(8)
    expect(later).toEqual([first + 10, first + 20, first + 30])
    expect(await stored()).toMatchObject({uids: [2], values: [65_535]})
  })

  it('loses no epoch when blocks are missed', async () => {
    const setter = newSetter()
    await blocks(setter, 5)
    time.advance(13 * blockMs)
    await blocks(setter, 1)

    expect(setBlocks()).toEqual([8, 22])
  })

  it('does not set again at once after a restart that the chain would refuse', async () => {
    await blocks(newSetter(), 6)
    await blocks(newSetter(), 3)
    expect(setBlocks()).toEqual([8])

    await blocks(newSetter(), 3)
    expect(setBlocks()).toEqual([8, 13])
  })

  it('holds the last good winner while the owner is down, and stops when it is too old', async () => {
    const setter = newSetter()
    await blocks(setter, 5)
    answer = () => {
      throw new LeomaError('upstream', 'API_UNREACHABLE', 'down')
    }
    await blocks(setter, 80)

    const log = listWeights(store, 0, 100).toReversed()
    expect(log.map(({source}) => source)).toEqual(['published', 'held', 'held', 'held', 'held', 'held'])
    expect(await stored()).toMatchObject({uids: [2]})
    expect(progress.at(-1)).toMatchObject({
      event: 'weights-not-set',
      reason: expect.stringMatching(/API_UNREACHABLE.*last good winner is \d+ blocks old/),
    })
    expect(await head()).toBeGreaterThan(60)
    expect(counted).toEqual({WEIGHTS_TOO_SOON: 4, set: 6, SCORES_UNAVAILABLE: expect.any(Number)})
  })

  it('never burns because it knows nothing', async () => {
    answer = () => {
      throw new LeomaError('upstream', 'API_UNREACHABLE', 'down')
    }
    await blocks(newSetter(), 20)

    expect(await stored()).toBeUndefined()
    expect(progress.at(-1)).toMatchObject({
      event: 'weights-not-set',
      reason: expect.stringContaining('no winner to hold'),
    })
  })

  it('burns on the owner only when the owner says that nobody is eligible', async () => {
    answer = () => ({winner_uid: 0, burn: true, miners: [], summary: 'nobody is eligible'})
    await blocks(newSetter(), 6)

    expect(await stored()).toMatchObject({uids: [0]})
    expect(listWeights(store, 0, 1)).toMatchObject([{source: 'burn', winner: null}])
  })

  it('sets nothing while the owner has ranked nobody yet', async () => {
    answer = () => ({winner_uid: 0, burn: false, miners: []})
    await blocks(newSetter(), 20)

    expect(await stored()).toBeUndefined()
    expect(Object.keys(counted)).toEqual(['WEIGHTS_TOO_SOON', 'NOBODY_RANKED'])
  })

  it('treats scores that stand still as scores that could not be had', async () => {
    const setter = newSetter()
    await blocks(setter, 5)
    answer = () => ({...winner(2), block: 8})
    await blocks(setter, 62)

    expect(listWeights(store, 0, 1)).toMatchObject([{source: 'held'}])
  })

  it('pays the hotkey that was ranked, not the uid that it had', async () => {
    answer = () => winner(0)
    await blocks(newSetter(), 6)

    expect(await stored()).toMatchObject({uids: [2]})
  })

  it('logs a refusal, tries again inside the epoch, and counts only what the chain holds', async () => {
    let refusals = 2
    const stubborn: Chain = new Proxy(chain, {
      get(target, name) {
        if (name === 'setWeights' && refusals > 0) {
          return async () => {
            refusals--
            throw new LeomaError('chain', 'WEIGHTS_TOO_SOON', 'too soon')
          }
        }
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    await blocks(newSetter({chain: stubborn}), 12)

    expect(listWeights(store, 0, 10).map(({error}) => error)).toEqual([null, 'WEIGHTS_TOO_SOON', 'WEIGHTS_TOO_SOON'])
    expect(setBlocks()).toEqual([11])
  })

  it('does not believe a chain that accepts and forgets', async () => {
    const forgetful: Chain = new Proxy(chain, {
      get(target, name) {
        if (name === 'setWeights') return async () => ({extrinsic: '0x00', block: await target.head(signal)})
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    await blocks(newSetter({chain: forgetful}), 6)

    expect(setBlocks()).toEqual([])
    expect(listWeights(store, 0, 1)).toMatchObject([{error: 'WEIGHTS_NOT_STORED'}])
  })

  describe('under commit-reveal', () => {
    /** A chain that takes weights hidden, and opens them three blocks later, or never. */
    const hiding = (opens: boolean): Chain => {
      const waiting: (() => Promise<unknown>)[] = []
      return new Proxy(chain, {
        get(target, name) {
          if (name === 'setWeights') {
            return async (...call: Parameters<Chain['setWeights']>) => {
              const block = await target.head(signal)
              if (opens) waiting.push(() => target.setWeights(...call))
              return {extrinsic: '0x00', block, revealBlock: block.number + 3}
            }
          }
          if (name === 'weights') {
            return async (...args: Parameters<Chain['weights']>) => {
              const head = await target.head(signal)
              const last = setBlocks().at(-1)
              if (last !== undefined && head.number >= last + 3) for (const open of waiting.splice(0)) await open()
              return target.weights(...args)
            }
          }
          const value: unknown = Reflect.get(target, name, target)
          return typeof value === 'function' ? value.bind(target) : value
        },
      })
    }

    it('counts a commit as set, and does not send again before the reveal', async () => {
      await blocks(newSetter({chain: hiding(true)}), 12)

      expect(setBlocks()).toEqual([8])
      expect(await stored()).toMatchObject({uids: [2], values: [65_535]})
      expect(progress.filter(({event}) => event === 'weights-not-set').map((event) => event)).not.toContainEqual(
        expect.objectContaining({reason: expect.stringContaining('hidden')}),
      )
    })

    it('says so when the chain never opens them', async () => {
      chain.setHyperparameters(netuid, {tempo: 2})
      await blocks(newSetter({chain: hiding(false)}), 12)

      expect(setBlocks()).toEqual([8])
      expect(progress).toContainEqual(
        expect.objectContaining({
          event: 'weights-not-set',
          reason: expect.stringContaining('did not open the hidden weights'),
        }),
      )
    })
  })

  it('ends the process when its hotkey is not on the subnet', async () => {
    const stranger = new WeightSetter({
      clock: time,
      log: silentLogger(),
      chain,
      api: {weights: async () => answer()} as Partial<OwnerApi> as OwnerApi,
      signer: createSigner({uri: '//Stranger'}),
      verify,
      store,
      netuid,
      mecid: 0,
      mechanism: 'video',
      epochBlocks: 10,
      maxWinnerAgeBlocks: 50,
      report: () => {},
      count: () => {},
    })

    await expect(stranger.turn({at: time.now(), signal})).rejects.toMatchObject({
      code: 'HOTKEY_NOT_REGISTERED',
      exitCode: 4,
    })
  })

  it('ends with 4 when its own neuron is taken from it while it runs', async () => {
    let isGone = false
    const shrinking: Chain = new Proxy(chain, {
      get(target, name) {
        if (name === 'metagraph') {
          return async (...args: Parameters<Chain['metagraph']>) => {
            const metagraph = await target.metagraph(...args)
            const neurons = metagraph.neurons.filter(({hotkey}) => !isGone || hotkey !== validator.hotkey)
            return {...metagraph, neurons}
          }
        }
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const setter = newSetter({chain: shrinking})
    await blocks(setter, 6)
    expect(setBlocks()).toEqual([8])

    isGone = true
    time.advance(blockMs)

    const ended: unknown = await setter.turn({at: time.now(), signal}).catch((error: unknown) => error)

    expect(ended).toBeInstanceOf(FatalError)
    expect(ended).toMatchObject({
      ...{code: 'HOTKEY_NOT_REGISTERED', exitCode: 4},
      hints: [expect.stringContaining('register the hotkey')],
    })
    expect(counted).toMatchObject({set: 1, HOTKEY_NOT_REGISTERED: 1})
  })
})

describe('weights that the owner signs', () => {
  const statement = (changes: Partial<WeightsStatement> = {}): WeightsStatement => ({
    version: 1,
    netuid,
    mechanism: 'video',
    examHash: sha256('exam'),
    stateHash: sha256('state'),
    rankingHash: sha256('ranking'),
    window: [1, 2, 3],
    block: 4,
    decision: 'pay',
    winner: {hotkey: miner.hotkey, uid: 2},
    weights: [{hotkey: miner.hotkey, uid: 2, weight: 1}],
    summary: 'uid 2 takes all',
    ...changes,
  })
  /** An answer whose unsigned part says something else: that the owner burns. */
  const signed = (changes: Partial<WeightsStatement> = {}, by = owner): WeightsBody => ({
    winner_uid: 0,
    burn: true,
    miners: [],
    signed: signWeights(statement(changes), by),
  })

  it('count, and nothing beside them does', async () => {
    answer = () => signed()
    await blocks(newSetter(), 6)

    expect(await stored()).toMatchObject({uids: [2]})
    expect(listWeights(store, 0, 1)).toMatchObject([{source: 'published', reason: 'uid 2 takes all'}])
  })

  it('may say that nobody deserves the emission', async () => {
    answer = () => signed({decision: 'burn', winner: null, weights: []})
    await blocks(newSetter(), 6)

    expect(listWeights(store, 0, 1)).toMatchObject([{source: 'burn', uids: [0]}])
  })

  it.each<[string, () => WeightsBody]>([
    ['by somebody who does not own the subnet', () => signed({}, validator)],
    ['of another subnet', () => signed({netuid: 1})],
    ['of another mechanism', () => signed({mechanism: 'image'})],
    [
      'and changed afterwards',
      () => {
        const {signed: whole, ...rest} = signed()
        return {...rest, ...(whole && {signed: {...whole, statement: statement({block: 5})}})}
      },
    ],
  ])('are not taken when they were signed %s', async (_, forged) => {
    answer = forged
    await blocks(newSetter(), 20)

    expect(await stored()).toBeUndefined()
    expect(progress.at(-1)).toMatchObject({
      event: 'weights-not-set',
      reason: expect.stringMatching(/do not hold.*no winner to hold/),
    })
  })

  it('are not replaced by unsigned ones: who could sign once can always', async () => {
    const setter = newSetter()
    answer = () => signed()
    await blocks(setter, 6)
    answer = () => ({...winner(0), miners: [{miner_hotkey: owner.hotkey, uid: 0, pass_rate: 1, weight: 1}]})
    await blocks(setter, 11)

    expect(listWeights(store, 0, 1)).toMatchObject([
      {source: 'held', uids: [2], reason: expect.stringContaining('not signed')},
    ])
    await blocks(newSetter(), 12)
    expect(await stored()).toMatchObject({uids: [2]})
  })

  it('are not replaced by older ones', async () => {
    const setter = newSetter()
    answer = () => signed({block: 6})
    await blocks(setter, 6)
    answer = () => signed({block: 5, decision: 'burn', winner: null, weights: []})
    await blocks(setter, 11)

    expect(listWeights(store, 0, 1)).toMatchObject([{source: 'held', reason: expect.stringContaining('of block 5')}])
  })

  it('must come with an exam: an API that names one can sign', async () => {
    answer = () => ({...winner(2), exam_hash: sha256('exam')})
    await blocks(newSetter(), 20)

    expect(await stored()).toBeUndefined()
  })
})
