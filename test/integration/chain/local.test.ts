import {existsSync} from 'node:fs'
import {mkdtemp, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {fileURLToPath} from 'node:url'
import Database from 'better-sqlite3'
import {execa} from 'execa'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import {LocalChain, type LocalChainOptions} from '../../../src/chain/local.js'
import {createSigner, verify} from '../../../src/wallet/keypair.js'
import {ChainTime} from '../../fakes/chain-time.js'

const {signal} = new AbortController()
const netuid = 2
const signer = (name: string) => createSigner({uri: `//${name}`})
const [alice, bob, carol] = [signer('Alice'), signer('Bob'), signer('Carol')]

let folder: string
let file: string
let time: ChainTime
const opened: LocalChain[] = []

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'leoma-chain-'))
  file = path.join(folder, 'data', 'chain.db')
  time = new ChainTime()
})
afterEach(async () => {
  for (const chain of opened.splice(0)) await chain.close()
  await rm(folder, {recursive: true, force: true})
})

function open(options: Partial<LocalChainOptions> = {}): LocalChain {
  const chain = LocalChain.open({path: file, time, verify, ...options})
  opened.push(chain)
  return chain
}

function aSubnet(hyperparameters = {}, options: Partial<LocalChainOptions> = {}): LocalChain {
  const chain = open({blockTimeMs: 1000, genesisAt: time.now() - 50_000, ...options})
  chain.registerSubnet({netuid, ownerHotkey: alice!.hotkey, hyperparameters})
  return chain
}

const register = (chain: LocalChain, who: typeof alice, stakeRao = 1n) =>
  chain.registerNeuron({netuid, hotkey: who!.hotkey, coldkey: 'c', stakeRao})

describe('the file', () => {
  it('keeps block time, genesis and hashes for whoever opens it later', async () => {
    const first = open({blockTimeMs: 1000, genesisAt: time.now() - 5000, seed: 'seed'})
    time.advance(700)
    const second = open({blockTimeMs: 9, genesisAt: 0, seed: 'other'})

    expect(second.blockTimeMs).toBe(1000)
    expect(await second.head(signal)).toEqual(await first.head(signal))
    expect((await second.head(signal)).number).toBe(5)
  })

  it('makes other hashes on another chain, and the same ones of the same seed', async () => {
    const hashOn = async (name: string, seed?: string) =>
      (await open({path: path.join(folder, name), ...(seed === undefined ? {} : {seed})}).head(signal)).hash

    expect(await hashOn('a.db')).not.toBe(await hashOn('b.db'))
    expect(await hashOn('c.db', 'one')).toBe(await hashOn('d.db', 'one'))
  })

  it('is one chain for several processes at once', async () => {
    const program = fileURLToPath(new URL('./chain-writer.ts', import.meta.url))
    const writers = await Promise.all(
      ['Alice', 'Bob', 'Carol', 'Dave'].map((name) =>
        execa(process.execPath, ['--import', import.meta.resolve('tsx'), program, file, name]),
      ),
    )

    const chain = open()
    const {neurons} = await chain.metagraph(netuid, signal)
    const commitments = await chain.commitments(netuid, signal)
    const heads = writers.map(({stdout}) => JSON.parse(stdout).genesisHash)
    expect(neurons.map(({uid}) => uid)).toEqual([0, 1, 2, 3])
    expect(new Set(neurons.map(({hotkey}) => hotkey)).size).toBe(4)
    expect(new Set(heads).size).toBe(1)
    expect(chain.weightHistory(netuid, 0)).toHaveLength(4)
    expect(commitments).toEqual([])
  })

  it('is not made by those who only mean to use it', () => {
    expect(() => open({create: false})).toThrow(expect.objectContaining({kind: 'config', code: 'CHAIN_MISSING'}))
    expect(existsSync(file)).toBe(false)

    open()
    expect(open({create: false}).blockTimeMs).toBe(12_000)
  })

  it('refuses a file of a newer program', () => {
    open()
    const db = new Database(file)
    db.pragma('user_version = 99')
    db.close()

    expect(() => open()).toThrow(expect.objectContaining({kind: 'data', code: 'STORE_TOO_NEW'}))
  })

  it('says that the chain cannot be reached when the file is no database', async () => {
    await writeFile(path.join(folder, 'chain.db'), 'x'.repeat(5000))

    expect(() => open({path: path.join(folder, 'chain.db')})).toThrow(
      expect.objectContaining({kind: 'chain', code: 'CHAIN_UNREACHABLE'}),
    )
  })
})

describe('blocks', () => {
  it('gives each block its time and no more', async () => {
    const chain = open({blockTimeMs: 1000, genesisAt: time.now()})

    expect((await chain.head(signal)).number).toBe(0)
    time.advance(999)
    expect((await chain.head(signal)).number).toBe(0)
    time.advance(1)
    expect((await chain.head(signal)).number).toBe(1)
    expect(await chain.blockAt(-1, signal)).toBeUndefined()
    expect(await chain.blockAt(0.5, signal)).toBeUndefined()
    expect(await chain.blockAt(2, signal)).toBeUndefined()
  })

  it('stands at block 0 before its genesis', async () => {
    const chain = open({blockTimeMs: 1000, genesisAt: time.now() + 10_000})

    expect((await chain.head(signal)).number).toBe(0)
  })

  it('wakes watchers at the moment of each block, however late they looked', async () => {
    const chain = open({blockTimeMs: 1000, genesisAt: time.now() - 400})
    const stop = new AbortController()
    const heads = chain.watchHeads(stop.signal)
    const numbers: (number | undefined)[] = []
    const next = async () => numbers.push((await heads.next()).value?.number)

    await next()
    const second = next()
    time.advance(599)
    expect(time.sleeping).toBe(1)
    time.advance(1)
    await second
    time.advance(2500)
    await next()
    const fourth = next()
    time.advance(500)
    await fourth

    expect(numbers).toEqual([0, 1, 3, 4])
    const last = heads.next()
    stop.abort()
    expect(await last).toEqual({done: true, value: undefined})
    expect(time.sleeping).toBe(0)
  })
})

describe('registration', () => {
  it('gives the next uid, and nothing new to a hotkey that has one', async () => {
    const chain = aSubnet()
    expect([register(chain, alice), register(chain, bob)]).toEqual([0, 1])
    const before = await chain.metagraph(netuid, signal)

    time.advance(5000)
    expect(register(chain, alice, 999n)).toBe(0)

    expect((await chain.metagraph(netuid, signal)).neurons).toEqual(before.neurons)
  })

  it('leaves a subnet that is there as it is, unless somebody else wants it', async () => {
    const chain = aSubnet({tempo: 99})
    chain.registerSubnet({netuid, ownerHotkey: alice!.hotkey, hyperparameters: {tempo: 5}})

    expect((await chain.hyperparameters(netuid, signal)).tempo).toBe(99)
    expect(() => chain.registerSubnet({netuid, ownerHotkey: bob!.hotkey})).toThrow(
      expect.objectContaining({code: 'SUBNET_TAKEN'}),
    )
  })

  it('gives a permit with stake unless told otherwise, and follows the stake', async () => {
    const chain = aSubnet()
    register(chain, alice, 0n)
    chain.registerNeuron({netuid, hotkey: bob!.hotkey, coldkey: 'c', stakeRao: 5n, validatorPermit: false})
    chain.setStake(netuid, alice!.hotkey, 18_446_744_073_709_551_615n)
    chain.setStake(netuid, bob!.hotkey, 6n)

    const {neurons} = await chain.metagraph(netuid, signal)

    expect(neurons.map(({stakeRao, validatorPermit}) => [stakeRao, validatorPermit])).toEqual([
      [18_446_744_073_709_551_615n, true],
      [6n, false],
    ])
  })

  it('replaces the poorest when full, with its weights, and hides its commitments', async () => {
    const chain = aSubnet({maxUids: 2, immunityPeriod: 5, weightsRateLimit: 0})
    register(chain, alice, 0n)
    register(chain, bob, 10n)
    await chain.commit(netuid, 'from bob', bob!, signal)
    await chain.setWeights({netuid, mecid: 0, uids: [0], values: [1], versionKey: 0}, bob!, signal)
    expect(() => register(chain, carol)).toThrow(expect.objectContaining({code: 'SUBNET_FULL'}))
    time.advance(5000)
    expect(await chain.commitments(netuid, signal)).toHaveLength(1)

    expect(register(chain, carol)).toBe(1)

    const {neurons, block} = await chain.metagraph(netuid, signal)
    expect(neurons.map(({hotkey}) => hotkey)).toEqual([alice!.hotkey, carol!.hotkey])
    expect(neurons[1]).toMatchObject({registeredAtBlock: block.number, lastUpdate: block.number})
    expect(await chain.commitments(netuid, signal)).toEqual([])
    expect(await chain.weights(netuid, 0, 1, signal)).toBeUndefined()
    expect(chain.weightHistory(netuid, 0)).toMatchObject([{hotkey: bob!.hotkey, uid: 1, uids: [0], values: [65_535]}])
  })
})

describe('commitments', () => {
  it('never reveal a text that was replaced before its reveal', async () => {
    const chain = aSubnet()
    register(chain, alice)
    await chain.commit(netuid, 'first', alice!, signal)
    await chain.commit(netuid, 'second', alice!, signal)
    time.advance(1000)

    expect((await chain.commitments(netuid, signal)).map(({text}) => text)).toEqual(['second'])
  })

  it('say when there is space again', async () => {
    const chain = aSubnet({tempo: 20})
    register(chain, alice)
    const commit = () => chain.commit(netuid, 'x'.repeat(1024), alice!, signal)
    for (let i = 0; i < 3; i++) await commit()
    const refusal: {hints: string[]} = await commit().then(
      () => ({hints: []}),
      (error) => error,
    )
    const again = Number(/block (\d+)/.exec(refusal.hints[0] ?? '')?.[1])
    const {number} = await chain.head(signal)

    time.advance((again - 1 - number) * 1000)
    await expect(commit()).rejects.toMatchObject({code: 'COMMIT_SPACE_EXCEEDED'})
    time.advance(1000)
    await commit()
  })

  it('leave nothing behind when they are refused', async () => {
    const chain = aSubnet()
    await expect(chain.commit(netuid, 'x', alice!, signal)).rejects.toMatchObject({code: 'HOTKEY_NOT_REGISTERED'})
    register(chain, alice)
    time.advance(2000)

    expect(await chain.commitments(netuid, signal)).toEqual([])
  })
})

describe('weights', () => {
  it('are logged, newest first, and the log is bounded', async () => {
    const chain = aSubnet({weightsRateLimit: 1})
    register(chain, alice)
    register(chain, bob)
    for (let i = 0; i < 3; i++) {
      time.advance(1000)
      await chain.setWeights({netuid, mecid: 0, uids: [i % 2], values: [1], versionKey: 4}, alice!, signal)
    }

    const history = chain.weightHistory(netuid, 0, 2)

    expect(history.map(({block, uids}) => [block, uids])).toEqual([
      [53, [0]],
      [52, [1]],
    ])
    expect(history[0]).toMatchObject({hotkey: alice!.hotkey, uid: 0, mecid: 0, versionKey: 4})
    expect(chain.weightHistory(netuid, 1)).toEqual([])
  })
})
