import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {afterAll, beforeAll, beforeEach, describe, expect, it, vi} from 'vitest'
import type {Hyperparameters} from '../../src/chain/port.js'
import {SubtensorChain} from '../../src/chain/subtensor/chain.js'
import {MetadataCache} from '../../src/chain/subtensor/metadata-cache.js'
import {systemTime} from '../../src/runtime/clock.js'
import {silentLogger} from '../../src/runtime/logger.js'
import {createSigner, walletReady} from '../../src/wallet/keypair.js'
import {prepareSubnet, rao, SubtensorNode, subtensorRuntime} from '../helpers/subtensor-node.js'
import {chainContract} from './chain.js'

const runtime = subtensorRuntime()
const neurons = ['//Alice', '//Bob', '//Charlie', '//Dave'].map((uri) => createSigner({uri}))
const [owner, validator, miner] = neurons as [(typeof neurons)[0], (typeof neurons)[0], (typeof neurons)[0]]
const stranger = createSigner({uri: '//Stranger'})

/** The owner's calls that change what a test wants changed. */
const ownerCalls: Readonly<Partial<Record<keyof Hyperparameters, string>>> = {
  tempo: 'sudoSetTempo',
  weightsRateLimit: 'sudoSetWeightsSetRateLimit',
  weightsVersion: 'sudoSetWeightsVersionKey',
  minAllowedWeights: 'sudoSetMinAllowedWeights',
  commitRevealEnabled: 'sudoSetCommitRevealWeightsEnabled',
}

if ('missing' in runtime) {
  process.stderr.write(`the contract on a subtensor runtime is skipped: ${runtime.missing}\n`)
  describe.skip(`a subtensor runtime: skipped, ${runtime.missing}`, () => {
    it('runs the contract of the chain port')
  })
} else {
  // Some tests need hundreds of blocks, and one may take seconds on a busy machine; one that is given up disturbs the next.
  vi.setConfig({testTimeout: 400_000})

  let node: SubtensorNode
  let netuid: number
  let base: string
  let folder: string

  beforeAll(async () => {
    await walletReady()
    folder = await mkdtemp(path.join(tmpdir(), 'leoma-subtensor-'))
    node = await SubtensorNode.start(runtime)
    netuid = await prepareSubnet(node, neurons, owner)
    base = (await node.head()).hash
  }, 180_000)
  afterAll(async () => {
    await node?.stop()
    await rm(folder, {recursive: true, force: true})
  })

  const set = async (changes: Partial<Hyperparameters>) => {
    const calls = Object.entries(changes).map(([name, value]) => {
      const call = ownerCalls[name as keyof Hyperparameters]
      if (!call) throw new Error(`${name} cannot be set on this runtime`)
      return ['adminUtils', call, netuid, value] as const
    })
    await node.sudo(calls, owner)
  }

  chainContract(
    'subtensor in chopsticks',
    async (hyperparameters) => {
      await node.rpc('dev_setHead', [base])
      await set(hyperparameters)
      const chain = new SubtensorChain({
        network: 'chopsticks',
        endpoints: [node.url],
        time: systemTime(),
        log: silentLogger(),
        cache: new MetadataCache(folder),
        pollMs: 20,
        resendMs: 30_000,
      })
      const advance = (blocks: number) => node.advance(blocks)
      return {chain, netuid, owner, neurons, advance, set, close: () => chain.close()}
    },
    // This runtime is from before mechanisms and hidden commitments, and gives a permit to everyone in every block.
    {permits: false, mechanisms: false, commitSpace: false, hiddenCommitments: false, commitEveryBlocks: 100},
  )

  describe('what the runtime itself refuses', () => {
    beforeEach(async () => {
      await node.rpc('dev_setHead', [base])
    })

    const setWeights = (uids: number[], values: number[], versionKey = 0, signer = validator, subnet = netuid) =>
      node.send('subtensorModule', 'setWeights', [subnet, uids, values, versionKey], signer, subnet)
    const ready = (changes: Partial<Hyperparameters> = {}) =>
      set({weightsRateLimit: 0, minAllowedWeights: 1, ...changes})

    it.each([
      ['lengths that differ', 'WEIGHTS_INVALID', {}, () => setWeights([1, 2], [1])],
      ['more weights than neurons', 'WEIGHTS_INVALID', {}, () => setWeights([0, 1, 2, 3, 0], [1, 1, 1, 1, 1])],
      ['a stranger', 'HOTKEY_NOT_REGISTERED', {}, () => setWeights([1], [1], 0, stranger)],
      ['an old version key', 'WEIGHTS_VERSION_TOO_OLD', {weightsVersion: 7}, () => setWeights([1], [1], 6)],
      ['weights too soon', 'WEIGHTS_TOO_SOON', {weightsRateLimit: 1000}, () => setWeights([1], [1])],
      ['a uid twice', 'WEIGHTS_INVALID', {}, () => setWeights([1, 1], [1, 1])],
      ['a uid that is not there', 'WEIGHTS_INVALID', {}, () => setWeights([1, 99], [1, 1])],
      ['too few weights', 'WEIGHTS_INVALID', {minAllowedWeights: 3}, () => setWeights([1, 2], [1, 1])],
      ['a subnet that is not there', 'SUBNET_UNKNOWN', {}, () => setWeights([1], [1], 0, validator, 999)],
      [
        'open weights under commit-reveal',
        'COMMIT_REVEAL_CHANGED',
        {commitRevealEnabled: true},
        () => setWeights([1], [1]),
      ],
    ] as const)('%s: %s', async (_, code, changes, send) => {
      await ready(changes)

      await expect(send()).rejects.toMatchObject({code})
    })

    it('stake below the threshold, before the call is in a block', async () => {
      await ready()
      await node.sudo([['adminUtils', 'sudoSetWeightsMinStake', rao(10_000_000)]], owner)

      await expect(setWeights([1], [1])).rejects.toMatchObject({code: 'STAKE_TOO_LOW', kind: 'auth'})
    })

    it('a second commitment too soon, and one of a stranger', async () => {
      const info = {fields: [{Raw1: '0x61'}]}
      await node.send('commitments', 'setCommitment', [netuid, info], miner, netuid)

      await expect(node.send('commitments', 'setCommitment', [netuid, info], miner, netuid)).rejects.toMatchObject({
        code: 'COMMIT_TOO_SOON',
      })
      await expect(node.send('commitments', 'setCommitment', [netuid, info], stranger, netuid)).rejects.toMatchObject({
        code: 'HOTKEY_NOT_REGISTERED',
      })
    })

    it('a call that it cannot decode', async () => {
      const info = {fields: [{Raw1: '0x61'}, {Raw1: '0x62'}]}

      await expect(node.send('commitments', 'setCommitment', [netuid, info], miner, netuid)).rejects.toMatchObject({
        code: 'EXTRINSIC_REJECTED',
        retryable: false,
      })
    })

    it('a fee that nobody can pay', async () => {
      await expect(node.send('system', 'remarkWithEvent', ['x'], miner)).rejects.toMatchObject({
        code: 'EXTRINSIC_REJECTED',
        message: expect.stringContaining('fee'),
      })
    })
  })
}
