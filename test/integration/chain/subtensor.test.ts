import {readdirSync, writeFileSync} from 'node:fs'
import path from 'node:path'
import {afterEach, beforeAll, beforeEach, describe, expect, it} from 'vitest'
import {SubtensorChain, type SubtensorOptions} from '../../../src/chain/subtensor/chain.js'
import {MetadataCache} from '../../../src/chain/subtensor/metadata-cache.js'
import {systemTime} from '../../../src/runtime/clock.js'
import {silentLogger} from '../../../src/runtime/logger.js'
import {createSigner, walletReady} from '../../../src/wallet/keypair.js'
import {type FakeOptions, SubtensorServer} from '../../fakes/subtensor-server.js'
import {finneyGenesis, finneyMetadata} from '../../helpers/finney.js'
import {tempFolder} from '../../helpers/temp-folder.js'

const {signal} = new AbortController()
const netuid = 99
const validator = createSigner({uri: '//Validator'})
const miner = createSigner({uri: '//Miner'})
const other = createSigner({uri: '//Other'})
const call = {netuid, mecid: 0, uids: [1], values: [1], versionKey: 1_000_000}

describe.skipIf(!finneyMetadata)('SubtensorChain against a node with finney’s metadata', () => {
  const open: {servers: SubtensorServer[]; chains: SubtensorChain[]} = {servers: [], chains: []}
  let server: SubtensorServer

  const startServer = async (options: Partial<FakeOptions> = {}, port = 0) => {
    const started = await SubtensorServer.start({metadata: finneyMetadata ?? new Uint8Array(), ...options}, port)
    open.servers.push(started)
    const neurons = [
      {hotkey: validator.hotkey, alphaStake: 1_000_000, totalStake: 2_000_000, lastUpdate: 900, registeredAt: 10},
      {hotkey: miner.hotkey, coldkey: other.hotkey, permit: false, lastUpdate: 800, registeredAt: 20},
    ]
    started.addSubnet(netuid, neurons)
    return started
  }
  const connect = (endpoints: readonly string[] = [server.url], more: Partial<SubtensorOptions> = {}) => {
    const chain = new SubtensorChain({
      network: 'test',
      endpoints,
      time: systemTime(),
      log: silentLogger(),
      connectTimeoutMs: 2000,
      requestTimeoutMs: 2000,
      pollMs: 5,
      ...more,
    })
    open.chains.push(chain)
    return chain
  }
  /** Builds a block whenever something was submitted, as the network does after a while. */
  const buildOnSubmit = (node = server, count = 1) => {
    const {pool} = node
    node.pool = (bytes) => {
      const taken = pool(bytes)
      setImmediate(() => {
        for (let built = 0; built < count; built++) node.newBlock()
      })
      return taken
    }
  }

  beforeAll(() => walletReady())
  beforeEach(async () => {
    server = await startServer()
  })
  afterEach(async () => {
    for (const chain of open.chains.splice(0)) await chain.close()
    for (const started of open.servers.splice(0)) await started.stop()
  })

  describe('reading', () => {
    it('has the metagraph and the hyperparameters of one block', async () => {
      server.store('subtensorModule', 'weightsVersionKey', [netuid], 7)
      const chain = connect()

      const metagraph = await chain.metagraph(netuid, signal)

      expect(metagraph).toEqual({
        netuid,
        block: server.head,
        ownerHotkey: validator.hotkey,
        neurons: [
          {
            uid: 0,
            hotkey: validator.hotkey,
            coldkey: validator.hotkey,
            stakeRao: 1_000_000n,
            validatorPermit: true,
            lastUpdate: 900,
            registeredAtBlock: 10,
          },
          {
            uid: 1,
            hotkey: miner.hotkey,
            coldkey: other.hotkey,
            stakeRao: 0n,
            validatorPermit: false,
            lastUpdate: 800,
            registeredAtBlock: 20,
          },
        ],
      })
      expect(await chain.hyperparameters(netuid, signal)).toEqual({
        tempo: 99,
        weightsRateLimit: 10,
        weightsVersion: 7,
        minAllowedWeights: 1,
        commitRevealEnabled: false,
        mechanismCount: 1,
      })
    })

    it('takes the chain’s defaults for what is not stored', async () => {
      const bare = await SubtensorServer.start({metadata: finneyMetadata ?? new Uint8Array()})
      open.servers.push(bare)
      bare.addSubnet(netuid, [], {})
      const {weightsVersion, mechanismCount} = await connect([bare.url]).hyperparameters(netuid, signal)

      expect([weightsVersion, mechanismCount]).toEqual([0, 1])
    })

    it('reads metagraph and commitments of a subnet in four requests', async () => {
      const chain = connect()
      await chain.head(signal)
      const before = server.asked.length

      await Promise.all([chain.metagraph(netuid, signal), chain.commitments(netuid, signal)])

      expect(server.asked.slice(before)).toHaveLength(4)
    })

    it('asks nothing twice about one block', async () => {
      const chain = connect()
      await chain.metagraph(netuid, signal)
      const before = server.asked.length

      await chain.metagraph(netuid, signal)
      await chain.hyperparameters(netuid, signal)

      expect(server.asked.slice(before)).toEqual(['chain_getHeader', 'chain_getHeader'])
    })

    it('lists what was revealed and what stands in the open, oldest first, and nothing that is hidden', async () => {
      const hex = (text: string) => `0x${Buffer.from(text).toString('hex')}`
      const scale = (text: string) => `0x${Buffer.from([text.length << 2, ...Buffer.from(text)]).toString('hex')}`
      server.store(
        'commitments',
        'revealedCommitments',
        [netuid, miner.hotkey],
        [
          [scale('first'), 500],
          [hex('second, without its length'), 600],
        ],
      )
      server.store('commitments', 'commitmentOf', [netuid, miner.hotkey], {
        deposit: 0,
        block: 550,
        info: {fields: [{Raw4: hex('open')}]},
      })
      server.store('commitments', 'commitmentOf', [netuid, validator.hotkey], {
        deposit: 0,
        block: 700,
        info: {fields: [{TimelockEncrypted: {encrypted: '0x0102', revealRound: 5}}]},
      })
      server.store('commitments', 'commitmentOf', [netuid, other.hotkey], {
        deposit: 0,
        block: 700,
        info: {fields: [{Raw4: hex('gone')}]},
      })

      expect(await connect().commitments(netuid, signal)).toEqual([
        {hotkey: miner.hotkey, text: 'first', block: 500},
        {hotkey: miner.hotkey, text: 'open', block: 550, isOpen: true},
        {hotkey: miner.hotkey, text: 'second, without its length', block: 600},
      ])
    })

    it('says so when there is no such subnet', async () => {
      await expect(connect().metagraph(5, signal)).rejects.toMatchObject({code: 'SUBNET_UNKNOWN', retryable: false})
    })
  })

  describe('the connection', () => {
    it('keeps the metadata on disk and does not ask for it again', async () => {
      const folder = tempFolder()
      await connect([server.url], {cache: new MetadataCache(folder)}).head(signal)
      const before = server.asked.length

      await connect([server.url], {cache: new MetadataCache(folder)}).metagraph(netuid, signal)

      expect(readdirSync(folder)).toEqual([`${finneyGenesis.slice(2)}-393.scale`])
      expect(server.asked.slice(before)).not.toContain('state_getMetadata')
    })

    it('fetches metadata again when the file is damaged', async () => {
      const folder = tempFolder()
      const cache = new MetadataCache(folder)
      await cache.save({genesis: finneyGenesis, specVersion: 393}, Buffer.from('meta, but no metadata'))

      expect((await connect([server.url], {cache}).metagraph(netuid, signal)).neurons).toHaveLength(2)
      expect(server.asked).toContain('state_getMetadata')
    })

    it('works without a folder to write to', async () => {
      const file = path.join(tempFolder(), 'a-file')
      writeFileSync(file, '')

      await connect([server.url], {cache: new MetadataCache(path.join(file, 'below'))}).head(signal)
    })

    it('takes the second node when the first is dead', async () => {
      const dead = await startServer()
      const {url} = dead
      await dead.stop()
      open.servers.splice(open.servers.indexOf(dead), 1)

      expect((await connect([url, server.url]).head(signal)).number).toBe(1000)
    })

    it('says which nodes it tried, and that it may pass', async () => {
      const dead = await startServer()
      const {url} = dead
      await dead.stop()
      open.servers.splice(open.servers.indexOf(dead), 1)

      await expect(connect([url]).head(signal)).rejects.toMatchObject({
        kind: 'chain',
        code: 'CHAIN_UNREACHABLE',
        retryable: true,
        message: expect.stringContaining(url),
        hints: [expect.stringContaining('NETWORK'), expect.anything()],
      })
    })

    it('gives up a node that accepts and never answers, and takes the next', async () => {
      const mute = await startServer()
      mute.silent = 'all'

      expect((await connect([mute.url, server.url], {requestTimeoutMs: 100}).head(signal)).number).toBe(1000)
      expect(mute.connections).toBe(0)
    })

    it('refuses a node of another chain, by the hash it was told', async () => {
      const chain = connect([server.url], {genesis: `0x${'ab'.repeat(32)}`})

      await expect(chain.head(signal)).rejects.toMatchObject({
        ...{kind: 'chain', code: 'CHAIN_WRONG_GENESIS', retryable: false},
        hints: [expect.stringContaining('NETWORK')],
      })
    })

    it('refuses a node of another chain than the one before', async () => {
      const elsewhere = await startServer({genesis: `0x${'cd'.repeat(32)}`, head: 5000})
      const chain = connect([server.url, elsewhere.url])
      await chain.head(signal)
      await server.stop()
      open.servers.splice(open.servers.indexOf(server), 1)

      await expect(chain.head(signal)).rejects.toMatchObject({code: 'CHAIN_UNREACHABLE'})
      expect(elsewhere.asked).not.toContain('chain_getHeader')
    })

    it('passes over a node that is hours behind', async () => {
      const hours = 3_600_000
      const behind = await startServer()
      behind.store('timestamp', 'now', [], Date.now() - 3 * hours)
      server.store('timestamp', 'now', [], Date.now())
      const options = {maxHeadAgeMs: 600_000}

      await expect(connect([behind.url], options).head(signal)).rejects.toMatchObject({
        code: 'CHAIN_BEHIND',
        message: expect.stringContaining('180 minutes'),
        hints: [expect.stringContaining('caught up'), expect.stringContaining('clock')],
      })
      await connect([behind.url, server.url], options).metagraph(netuid, signal)
      expect(server.asked).toContain('state_call')
    })

    it.each(['no json', '[1,2]', '{"id":"x"}'])('survives a node that sends %s', async (garbage) => {
      const chain = connect()
      await chain.head(signal)
      server.garbage = garbage

      expect((await chain.metagraph(netuid, signal)).neurons).toHaveLength(2)
    })

    it('finishes a read that the connection was lost in', async () => {
      const chain = connect()
      await chain.head(signal)
      server.silent = new Set(['state_call'])
      const reading = chain.metagraph(netuid, signal)
      await until(() => server.asked.includes('state_call'))
      server.silent = new Set()
      server.drop()

      expect((await reading).neurons).toHaveLength(2)
    })

    it('reads with the new metadata after a runtime upgrade, without reconnecting', async () => {
      const chain = connect()
      await chain.metagraph(netuid, signal)
      const before = server.asked.length
      server.upgrade(394)
      server.newBlock()
      await until(() => server.asked.slice(before).includes('state_getMetadata'))

      expect((await chain.metagraph(netuid, signal)).neurons).toHaveLength(2)
      expect(server.connections).toBe(1)
    })

    it('does not wait longer than its caller', async () => {
      server.silent = new Set(['chain_getHeader'])
      const stop = new AbortController()
      const asking = connect().head(stop.signal)
      await until(() => server.asked.includes('chain_getHeader'))

      stop.abort(new Error('stop'))

      await expect(asking).rejects.toThrow('stop')
    })

    it('is of no use once closed', async () => {
      const chain = connect()
      await chain.head(signal)
      await chain.close()

      await expect(chain.head(signal)).rejects.toMatchObject({code: 'CHAIN_UNREACHABLE'})
    })
  })

  describe('watching heads', () => {
    it('goes on at the next node when the connection is lost, and never backwards', async () => {
      const second = await startServer({head: 1000})
      const chain = connect([server.url, second.url])
      const stop = new AbortController()
      const heads = chain.watchHeads(stop.signal)
      expect((await heads.next()).value?.number).toBe(1000)
      server.newBlock()
      expect((await heads.next()).value?.number).toBe(1001)
      const next = heads.next()
      server.drop()
      await until(() => second.asked.includes('chain_subscribeNewHeads'))
      second.newBlock()
      second.newBlock()

      expect((await next).value?.number).toBe(1002)
      stop.abort()
    })

    it('leaves a node that has no new block for too long', async () => {
      const second = await startServer({head: 2000})
      const chain = connect([server.url, second.url], {stallMs: 100})
      const stop = new AbortController()
      const heads = chain.watchHeads(stop.signal)
      expect((await heads.next()).value?.number).toBe(1000)

      expect((await heads.next()).value?.number).toBe(2000)
      stop.abort()
    })

    it('fails when nobody is left, so that its caller can wait', async () => {
      const chain = connect()
      const heads = chain.watchHeads(signal)
      await heads.next()
      const next = heads.next()
      await server.stop()
      open.servers.splice(open.servers.indexOf(server), 1)

      await expect(next).rejects.toMatchObject({code: 'CHAIN_UNREACHABLE'})
    })
  })

  describe('sending', () => {
    it('resolves with the block that holds the call, once it is final', async () => {
      server.finalityLag = 1
      buildOnSubmit(server, 2)

      const receipt = await connect().setWeights(call, validator, signal)

      expect(receipt.block).toEqual({number: 1001, hash: expect.stringMatching(/^0x[0-9a-f]{64}$/)})
      expect(server.submitted).toHaveLength(1)
    })

    it.each([
      [{code: 1010, message: 'Invalid Transaction', data: 'Custom error: 1'}, 'STAKE_TOO_LOW'],
      [{code: 1010, message: 'Invalid Transaction', data: 'Custom error: 6'}, 'WEIGHTS_TOO_SOON'],
      [{code: 1010, message: 'Invalid Transaction', data: 'Custom error: 10'}, 'HOTKEY_NOT_REGISTERED'],
      [{code: 1010, message: '{"invalid":{"custom":3}}'}, 'SUBNET_UNKNOWN'],
      [{code: 1010, message: 'Invalid Transaction', data: 'Transaction has a bad signature'}, 'EXTRINSIC_REJECTED'],
      [{code: 1002, message: 'Verification Error: Runtime error: wasm trap'}, 'EXTRINSIC_REJECTED'],
      [{code: 1016, message: 'Immediately Dropped'}, 'EXTRINSIC_REJECTED'],
    ])('names what the pool refuses: %j is %s', async (answer, code) => {
      server.pool = () => answer

      await expect(connect().setWeights(call, validator, signal)).rejects.toMatchObject({code})
      expect(server.submitted).toHaveLength(1)
    })

    it.each([
      [28, 'WEIGHTS_TOO_SOON'],
      [29, 'WEIGHTS_VERSION_TOO_OLD'],
      [15, 'NO_VALIDATOR_PERMIT'],
      [4, 'HOTKEY_NOT_REGISTERED'],
    ])('names what the runtime refuses: error %i is %s', async (error, code) => {
      server.failure = {pallet: 7, error}
      buildOnSubmit()

      await expect(connect().setWeights(call, validator, signal)).rejects.toMatchObject({code})
    })

    it('refuses before anything is signed what the chain would refuse', async () => {
      const chain = connect()
      server.addSubnet(5, [{hotkey: validator.hotkey, lastUpdate: 995, totalStake: 5}])
      server.addSubnet(6, [{hotkey: validator.hotkey, permit: false}, {hotkey: miner.hotkey}])
      server.addSubnet(7, [{hotkey: validator.hotkey, totalStake: 5}])
      const code = (changes: Partial<typeof call>, signer = validator) =>
        chain.setWeights({...call, ...changes}, signer, signal).catch((error: {code: string}) => error.code)

      expect(await code({netuid: 5, uids: [0]})).toBe('WEIGHTS_TOO_SOON')
      expect(await code({netuid: 6})).toBe('NO_VALIDATOR_PERMIT')
      expect(await code({}, other)).toBe('HOTKEY_NOT_REGISTERED')
      expect(await code({mecid: 1})).toBe('SUBNET_UNKNOWN')
      server.store('subtensorModule', 'stakeThreshold', [], 1000)
      server.newBlock()
      expect(await code({netuid: 7, uids: [0]})).toBe('STAKE_TOO_LOW')
      expect(server.submitted).toEqual([])
    })

    it('signs anew when another program has taken the nonce', async () => {
      let taken = false
      server.pool = () => {
        if (taken) return 'include'
        taken = true
        server.raiseNonce(validator.hotkey, 1)
        return {code: 1014, message: 'Priority is too low'}
      }
      buildOnSubmit()

      await connect().setWeights(call, validator, signal)

      expect(server.submitted).toHaveLength(2)
      expect(server.submitted[0]).not.toBe(server.submitted[1])
    })

    it('signs anew when its call was pushed out of the pool by another with the same nonce', async () => {
      let first = true
      server.pool = () => {
        if (!first) return 'include'
        first = false
        server.raiseNonce(validator.hotkey, 1)
        return 'ignore'
      }
      buildOnSubmit()

      await connect().setWeights(call, validator, signal)

      expect(new Set(server.submitted).size).toBe(2)
    })

    it('gives up when another program keeps sending with the same hotkey', async () => {
      server.pool = () => ({code: 1014, message: 'Priority is too low'})

      await expect(connect().setWeights(call, validator, signal)).rejects.toMatchObject({
        code: 'NONCE_TAKEN',
        hints: [expect.stringContaining('one sender per hotkey')],
      })
    })

    it('sends the same bytes again, never a second call, when the connection is lost in the middle', async () => {
      server.pool = () => 'ignore'
      const sending = connect().setWeights(call, validator, signal)
      await until(() => server.submitted.length === 1)
      server.pool = () => 'include'
      buildOnSubmit()
      server.drop()

      await sending

      expect(server.submitted.length).toBeGreaterThan(1)
      expect(new Set(server.submitted).size).toBe(1)
    })

    it('sends the same bytes again when the pool has dropped them', async () => {
      server.pool = () => 'ignore'
      const sending = connect([server.url], {resendMs: 50}).setWeights(call, validator, signal)
      await until(() => server.submitted.length === 1)
      server.pool = () => 'include'
      buildOnSubmit()

      await sending

      expect(server.submitted.length).toBeGreaterThan(1)
      expect(new Set(server.submitted).size).toBe(1)
    })

    it('finds its call in a block that came while it was cut off', async () => {
      server.silent = new Set(['author_submitExtrinsic'])
      const sending = connect([server.url], {requestTimeoutMs: 300}).setWeights(call, validator, signal)
      await until(() => server.asked.includes('author_submitExtrinsic'))
      server.silent = new Set()
      buildOnSubmit()

      expect((await sending).block.number).toBe(1001)
    })

    it('says that a call is dead once no block can hold it any more', async () => {
      server.pool = () => 'ignore'
      buildOnSubmit(server, 40)

      await expect(connect().setWeights(call, validator, signal)).rejects.toMatchObject({
        code: 'EXTRINSIC_LOST',
        retryable: true,
        hints: [expect.stringContaining('sent again safely'), expect.anything()],
      })
    })

    it('sends the calls of one hotkey one after the other', async () => {
      let inPool = 0
      let most = 0
      server.pool = () => {
        most = Math.max(most, ++inPool)
        setImmediate(() => {
          inPool--
          server.newBlock()
        })
        return 'include'
      }
      const chain = connect()

      await Promise.all([
        chain.setWeights(call, validator, signal),
        chain.commit(netuid, 'x', validator, signal, {plain: true}),
      ])

      expect(most).toBe(1)
      expect(server.submitted).toHaveLength(2)
    })

    it('refuses a text that is too long, and space that is used up, before signing', async () => {
      const chain = connect()
      const code = (text: string, plain: boolean) =>
        chain.commit(netuid, text, miner, signal, {plain}).catch((error: {code: string}) => error.code)
      server.store('commitments', 'usedSpaceOf', [netuid, validator.hotkey], {lastEpoch: 11, usedSpace: 3001})

      expect(await code('x'.repeat(513), true)).toBe('COMMIT_TOO_LONG')
      expect(await code('x'.repeat(779), false)).toBe('COMMIT_TOO_LONG')
      await expect(chain.commit(netuid, 'x', validator, signal, {plain: true})).rejects.toMatchObject({
        code: 'COMMIT_SPACE_EXCEEDED',
        hints: ['wait for the next epoch, at block 1100'],
      })
      expect(server.submitted).toEqual([])
    })
  })
})

async function until(condition: () => boolean): Promise<void> {
  await expect.poll(condition, {timeout: 10_000, interval: 2}).toBe(true)
}
