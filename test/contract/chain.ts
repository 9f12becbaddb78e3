import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import type {Chain, Hyperparameters} from '../../src/chain/port.js'
import {createSigner} from '../../src/wallet/keypair.js'
import type {Signer} from '../../src/wallet/port.js'

/** A chain with one subnet for a test of its own. */
export interface ChainFixture {
  readonly chain: Chain
  readonly netuid: number
  readonly owner: Signer
  /** Uids 0, 1, 2, … in this order; the first two have stake and a permit, the others neither. */
  readonly neurons: readonly Signer[]
  /** Moves the chain on by this many blocks. */
  advance(blocks: number): Promise<void>
  set(changes: Partial<Hyperparameters>): Promise<void>
  close(): Promise<void>
}

/** What an adapter, or the runtime behind it, cannot be made to show. */
export interface ChainCapabilities {
  /** Neurons without a permit can be had. */
  readonly permits?: boolean
  /** More than one mechanism per subnet. */
  readonly mechanisms?: boolean
  /** Space per epoch rather than blocks between commitments. */
  readonly commitSpace?: boolean
  /** Commitments are hidden at first, and the last ten stay readable. */
  readonly hiddenCommitments?: boolean
  /** Blocks from one commitment of a hotkey to the next; 2 unless given. */
  readonly commitEveryBlocks?: number
}

/** Every adapter of the chain port must pass this; `setup` is called for each test. */
export function chainContract(
  name: string,
  setup: (hyperparameters: Partial<Hyperparameters>) => Promise<ChainFixture>,
  capabilities: ChainCapabilities = {permits: true, mechanisms: true, commitSpace: true, hiddenCommitments: true},
): void {
  const {signal} = new AbortController()
  const stranger = createSigner({uri: '//Stranger'})
  const limit = 10
  let fixture: ChainFixture

  describe(`chain contract: ${name}`, () => {
    beforeEach(async () => {
      fixture = await setup({weightsRateLimit: limit, minAllowedWeights: 1, tempo: 50})
    })
    afterEach(() => fixture.close())

    const weightsOf = (uids: number[], values: number[], versionKey = 0, mecid = 0) => ({
      netuid: fixture.netuid,
      mecid,
      uids,
      values,
      versionKey,
    })
    const set = (...args: Parameters<typeof weightsOf>) =>
      fixture.chain.setWeights(weightsOf(...args), fixture.neurons[0]!, signal)
    const commitmentsOf = async (signer: Signer) =>
      (await fixture.chain.commitments(fixture.netuid, signal)).filter(({hotkey}) => hotkey === signer.hotkey)

    describe('blocks', () => {
      it('has a head whose number grows and whose hash changes', async () => {
        const before = await fixture.chain.head(signal)
        await fixture.advance(3)
        const after = await fixture.chain.head(signal)

        expect(after.number).toBeGreaterThanOrEqual(before.number + 3)
        expect(after.hash).toMatch(/^0x[0-9a-f]{64}$/)
        expect(after.hash).not.toBe(before.hash)
      })

      it('gives the same hash for a block whenever it is asked', async () => {
        const head = await fixture.chain.head(signal)
        await fixture.advance(2)

        expect(await fixture.chain.blockAt(head.number, signal)).toEqual(head)
      })

      it('knows no block that is still to come', async () => {
        const {number} = await fixture.chain.head(signal)

        expect(await fixture.chain.blockAt(number + 1000, signal)).toBeUndefined()
      })

      it('watches heads: the present one first, then higher ones, until the signal', async () => {
        const stop = new AbortController()
        const present = await fixture.chain.head(signal)
        const heads = fixture.chain.watchHeads(stop.signal)[Symbol.asyncIterator]()

        const first = await heads.next()
        const second = heads.next()
        await fixture.advance(1)
        const next = await second

        expect(first.value).toEqual(present)
        expect(next.value.number).toBeGreaterThan(present.number)
        const third = heads.next()
        stop.abort()
        expect(await third).toEqual({done: true, value: undefined})
      })

      it('refuses to begin anything under an aborted signal', async () => {
        const aborted = AbortSignal.abort(new Error('stop'))

        await expect(fixture.chain.head(aborted)).rejects.toThrow('stop')
        await expect(fixture.chain.metagraph(fixture.netuid, aborted)).rejects.toThrow('stop')
        await expect(fixture.chain.commit(fixture.netuid, 'x', fixture.neurons[0]!, aborted)).rejects.toThrow('stop')
        expect(await commitmentsOf(fixture.neurons[0]!)).toEqual([])
      })
    })

    describe('the metagraph', () => {
      it('lists neurons by contiguous uid with their hotkeys and stake', async () => {
        const {neurons, netuid, ownerHotkey, block} = await fixture.chain.metagraph(fixture.netuid, signal)

        expect(netuid).toBe(fixture.netuid)
        expect(ownerHotkey).toBe(fixture.owner.hotkey)
        expect(block.hash).toBe((await fixture.chain.blockAt(block.number, signal))?.hash)
        expect(neurons.map(({uid}) => uid)).toEqual(fixture.neurons.map((_, uid) => uid))
        expect(neurons.map(({hotkey}) => hotkey)).toEqual(fixture.neurons.map(({hotkey}) => hotkey))
        expect(neurons.map(({stakeRao}) => stakeRao > 0n)).toEqual(fixture.neurons.map((_, uid) => uid < 2))
      })

      it('counts registration as a setting of weights', async () => {
        const {neurons} = await fixture.chain.metagraph(fixture.netuid, signal)

        for (const {lastUpdate, registeredAtBlock} of neurons) {
          expect(lastUpdate).toBe(registeredAtBlock)
          expect(registeredAtBlock).toBeGreaterThan(0)
        }
      })

      it('has the hyperparameters that were set', async () => {
        await fixture.set({weightsVersion: 3})

        expect(await fixture.chain.hyperparameters(fixture.netuid, signal)).toMatchObject({
          tempo: 50,
          weightsRateLimit: limit,
          weightsVersion: 3,
          minAllowedWeights: 1,
          commitRevealEnabled: false,
        })
      })

      it('says so when there is no such subnet', async () => {
        const unknown = expect.objectContaining({kind: 'chain', code: 'SUBNET_UNKNOWN', retryable: false})

        await expect(fixture.chain.metagraph(999, signal)).rejects.toEqual(unknown)
        await expect(fixture.chain.hyperparameters(999, signal)).rejects.toEqual(unknown)
        await expect(fixture.chain.commit(999, 'x', fixture.neurons[0]!, signal)).rejects.toEqual(unknown)
      })
    })

    describe('commitments', () => {
      it.runIf(capabilities.hiddenCommitments)(
        'shows a commitment from the block of its reveal on, not before',
        async () => {
          const author = fixture.neurons[2]!
          const {block} = await fixture.chain.commit(fixture.netuid, '{"a": "ü"}', author, signal)
          const early = await commitmentsOf(author)
          await fixture.advance(2)

          const [commitment] = await commitmentsOf(author)

          expect(early).toEqual([])
          expect(commitment).toMatchObject({hotkey: author.hotkey, text: '{"a": "ü"}'})
          expect(commitment!.block).toBeGreaterThan(block.number)
        },
      )

      it.runIf(capabilities.hiddenCommitments)('keeps the last ten of a hotkey, oldest first', async () => {
        const author = fixture.neurons[2]!
        for (let i = 0; i < 12; i++) {
          await fixture.chain.commit(fixture.netuid, `text ${i}`, author, signal)
          await fixture.advance(2)
        }

        const found = await commitmentsOf(author)

        expect(found.map(({text}) => text)).toEqual(Array.from({length: 10}, (_, i) => `text ${i + 2}`))
        expect(found.map(({block}) => block)).toEqual(found.map(({block}) => block).sort((a, b) => a - b))
      })

      it('gives different receipts for the same text', async () => {
        const author = fixture.neurons[2]!
        const first = await fixture.chain.commit(fixture.netuid, 'same', author, signal)
        await fixture.advance(capabilities.commitEveryBlocks ?? 2)
        const second = await fixture.chain.commit(fixture.netuid, 'same', author, signal)

        expect(first.extrinsic).toMatch(/^0x[0-9a-f]{64}$/)
        expect(second.extrinsic).not.toBe(first.extrinsic)
        expect(second.block.number).toBeGreaterThan(first.block.number)
      })

      it('says what a hotkey may still commit', async () => {
        const author = fixture.neurons[2]!
        const before = await fixture.chain.commitAllowance(fixture.netuid, author.hotkey, signal)
        await fixture.chain.commit(fixture.netuid, 'x', author, signal)
        const after = await fixture.chain.commitAllowance(fixture.netuid, author.hotkey, signal)

        expect(before.notBefore).toBeUndefined()
        expect(before.maxTextBytes).toBeGreaterThanOrEqual(128)
        expect(before.cost(1)).toBeGreaterThanOrEqual(100)
        if (capabilities.commitSpace) expect(after.bytesLeft).toBe(before.bytesLeft! - before.cost(1))
        else expect(after.notBefore).toBeGreaterThan((await fixture.chain.head(signal)).number)
      })

      it('shows the text that was committed, whatever characters it has', async () => {
        const author = fixture.neurons[2]!
        await fixture.chain.commit(fixture.netuid, '{"a": "ü"}', author, signal, {plain: true})
        await fixture.advance(2)

        expect((await commitmentsOf(author)).map(({text}) => text)).toEqual(['{"a": "ü"}'])
      })

      it('refuses a hotkey that is not registered, with what to type', async () => {
        await expect(fixture.chain.commit(fixture.netuid, 'x', stranger, signal)).rejects.toMatchObject({
          kind: 'auth',
          code: 'HOTKEY_NOT_REGISTERED',
          hints: expect.arrayContaining([expect.stringContaining('register')]),
        })
      })

      it('refuses more than fits', async () => {
        const tooLong = 'ü'.repeat(513)

        await expect(fixture.chain.commit(fixture.netuid, tooLong, fixture.neurons[2]!, signal)).rejects.toMatchObject({
          code: 'COMMIT_TOO_LONG',
          retryable: false,
        })
      })

      it('refuses a signature of somebody else', async () => {
        const forger: Signer = {
          hotkey: fixture.neurons[2]!.hotkey,
          sign: (message) => stranger.sign(message),
        }

        await expect(fixture.chain.commit(fixture.netuid, 'x', forger, signal)).rejects.toMatchObject({
          code: 'EXTRINSIC_REJECTED',
        })
        await fixture.advance(2)
        expect(await commitmentsOf(fixture.neurons[2]!)).toEqual([])
      })

      it.runIf(capabilities.commitSpace)('has 3,100 bytes per hotkey and epoch, each at least 100', async () => {
        const author = fixture.neurons[2]!
        for (let i = 0; i < 3; i++) await fixture.chain.commit(fixture.netuid, 'x'.repeat(1000), author, signal)
        await fixture.chain.commit(fixture.netuid, 'x', author, signal)

        const refusal: unknown = await fixture.chain
          .commit(fixture.netuid, 'x', author, signal)
          .catch((error: unknown) => error)
        expect(refusal).toMatchObject({code: 'COMMIT_SPACE_EXCEEDED', retryable: false})
        await fixture.chain.commit(fixture.netuid, 'x', fixture.neurons[3]!, signal)
        await fixture.advance(51)
        await fixture.chain.commit(fixture.netuid, 'x', author, signal)
      })
    })

    describe('weights', () => {
      it('accepts and reads back what was set, the largest as 65,535', async () => {
        await fixture.advance(limit)
        const receipt = await set([3, 1, 2], [0.1, 0.3, 0])

        const stored = await fixture.chain.weights(fixture.netuid, 0, 0, signal)

        expect(stored).toEqual({uids: [3, 1], values: [21_845, 65_535], lastUpdate: receipt.block.number})
        expect(receipt.extrinsic).toMatch(/^0x[0-9a-f]{64}$/)
        const {neurons} = await fixture.chain.metagraph(fixture.netuid, signal)
        expect(neurons[0]!.lastUpdate).toBe(receipt.block.number)
      })

      it('rounds halves up, as the chain does', async () => {
        await fixture.advance(limit)
        await set([1, 2], [1, 2])

        expect((await fixture.chain.weights(fixture.netuid, 0, 0, signal))?.values).toEqual([32_768, 65_535])
      })

      it('replaces the whole former set', async () => {
        await fixture.advance(limit)
        await set([1, 2], [1, 1])
        await fixture.advance(limit)
        await set([3], [7])

        expect(await fixture.chain.weights(fixture.netuid, 0, 0, signal)).toMatchObject({uids: [3], values: [65_535]})
      })

      it('has none of a neuron that never set any', async () => {
        expect(await fixture.chain.weights(fixture.netuid, 0, 1, signal)).toBeUndefined()
      })

      it('refuses one block before the limit and accepts at it', async () => {
        const {lastUpdate} = (await fixture.chain.metagraph(fixture.netuid, signal)).neurons[0]!
        const {number} = await fixture.chain.head(signal)
        await fixture.advance(lastUpdate + limit - 1 - number)
        await expect(set([1], [1])).rejects.toMatchObject({
          kind: 'chain',
          code: 'WEIGHTS_TOO_SOON',
          retryable: true,
          hints: [`wait until block ${lastUpdate + limit}`],
        })
        expect(await fixture.chain.weights(fixture.netuid, 0, 0, signal)).toBeUndefined()

        await fixture.advance(1)
        await set([1], [1])
        await expect(set([1], [1])).rejects.toMatchObject({code: 'WEIGHTS_TOO_SOON'})
      })

      it('limits each neuron for itself', async () => {
        await fixture.advance(limit)
        await set([1], [1])

        await fixture.chain.setWeights(weightsOf([2], [1]), fixture.neurons[1]!, signal)

        expect(await fixture.chain.weights(fixture.netuid, 0, 1, signal)).toMatchObject({uids: [2]})
      })

      it('takes an equal or newer version key, not an older one', async () => {
        await fixture.set({weightsVersion: 7})
        await fixture.advance(limit)

        await expect(set([1], [1], 6)).rejects.toMatchObject({code: 'WEIGHTS_VERSION_TOO_OLD', retryable: false})
        await set([1], [1], 7)
        await fixture.advance(limit)
        await set([1], [1], 8)
      })

      it.each([
        ['lengths that differ', [1, 2], [1]],
        ['a negative weight', [1, 2], [1, -1]],
        ['a weight that is no number', [1, 2], [1, Number.NaN]],
        ['an endless weight', [1, 2], [1, Number.POSITIVE_INFINITY]],
        ['only zeros', [1, 2], [0, 0]],
        ['nothing', [], []],
        ['a uid twice', [1, 1], [1, 1]],
        ['a uid that is not there', [1, 4], [1, 1]],
        ['a uid that is no uid', [1, -1], [1, 1]],
        ['more weights than neurons', [0, 1, 2, 3, 0], [1, 1, 1, 1, 1]],
      ])('refuses %s', async (_, uids, values) => {
        await fixture.advance(limit)

        await expect(set(uids, values)).rejects.toMatchObject({
          kind: 'chain',
          code: 'WEIGHTS_INVALID',
          retryable: false,
        })
        expect(await fixture.chain.weights(fixture.netuid, 0, 0, signal)).toBeUndefined()
      })

      it('refuses fewer weights than the subnet wants, counting those that are 0', async () => {
        await fixture.set({minAllowedWeights: 3})
        await fixture.advance(limit)

        await expect(set([1, 2], [1, 1])).rejects.toMatchObject({code: 'WEIGHTS_INVALID'})
        await set([1, 2, 3], [1, 0, 0])
        expect(await fixture.chain.weights(fixture.netuid, 0, 0, signal)).toMatchObject({uids: [1], values: [65_535]})
      })

      it('never wants more weights than there are neurons', async () => {
        await fixture.set({minAllowedWeights: 1024})
        await fixture.advance(limit)

        await set([0, 1, 2, 3], [1, 1, 1, 1])
      })

      it('refuses hotkeys that are not registered and subnets that are not there', async () => {
        await expect(fixture.chain.setWeights(weightsOf([1], [1]), stranger, signal)).rejects.toMatchObject({
          kind: 'auth',
          code: 'HOTKEY_NOT_REGISTERED',
        })
        const elsewhere = {...weightsOf([1], [1]), netuid: 999}
        await expect(fixture.chain.setWeights(elsewhere, fixture.neurons[0]!, signal)).rejects.toMatchObject({
          code: 'SUBNET_UNKNOWN',
        })
        const root = {...weightsOf([1], [1]), netuid: 0}
        await expect(fixture.chain.setWeights(root, fixture.neurons[0]!, signal)).rejects.toMatchObject({
          code: 'WEIGHTS_INVALID',
        })
      })

      it('names the first of several faults, in the order of the real chain', async () => {
        await fixture.set({weightsVersion: 7})
        const poor = fixture.neurons[2]!
        const code = (args: Parameters<typeof weightsOf>, signer: Signer) =>
          fixture.chain.setWeights(weightsOf(...args), signer, signal).then(
            () => 'accepted',
            (error: {code: string}) => error.code,
          )

        // Each line mends the fault that the line before named.
        expect(await code([[9, 9, 9, 9, 9], [1, 1, 1, 1, 1], 6], stranger)).toBe('WEIGHTS_INVALID')
        expect(await code([[9, 9], [1, 1], 6], stranger)).toBe('HOTKEY_NOT_REGISTERED')
        expect(await code([[9, 9], [1, 1], 6], poor)).toBe('WEIGHTS_VERSION_TOO_OLD')
        expect(await code([[9, 9], [1, 1], 7], poor)).toBe('WEIGHTS_TOO_SOON')
        await fixture.advance(limit)
        if (capabilities.permits) expect(await code([[9, 9], [1, 1], 7], poor)).toBe('NO_VALIDATOR_PERMIT')
        expect(await code([[9, 9], [1, 1], 7], fixture.neurons[0]!)).toBe('WEIGHTS_INVALID')
        expect(await code([[1, 2], [1, 1], 7], fixture.neurons[0]!)).toBe('accepted')
      })

      it.runIf(capabilities.permits)('lets a neuron without a permit weigh itself alone', async () => {
        await fixture.set({minAllowedWeights: 2})
        await fixture.advance(limit)
        const poor = fixture.neurons[2]!

        for (const uids of [[1], [2, 1]]) {
          const call = weightsOf(
            uids,
            uids.map(() => 1),
          )
          await expect(fixture.chain.setWeights(call, poor, signal)).rejects.toMatchObject({
            kind: 'auth',
            code: 'NO_VALIDATOR_PERMIT',
          })
        }
        await fixture.chain.setWeights(weightsOf([2], [1]), poor, signal)

        expect(await fixture.chain.weights(fixture.netuid, 0, 2, signal)).toMatchObject({uids: [2]})
      })

      it.runIf(capabilities.mechanisms)('keeps the mechanisms of a subnet apart', async () => {
        await fixture.set({mechanismCount: 2})
        await fixture.advance(limit)
        await set([1], [1])
        await set([2], [1], 0, 1)

        expect(await fixture.chain.weights(fixture.netuid, 0, 0, signal)).toMatchObject({uids: [1]})
        expect(await fixture.chain.weights(fixture.netuid, 1, 0, signal)).toMatchObject({uids: [2]})
        await expect(set([1], [1], 0, 2)).rejects.toMatchObject({code: 'SUBNET_UNKNOWN'})
      })

      it('refuses open weights while commit-reveal is on', async () => {
        await fixture.set({commitRevealEnabled: true})
        await fixture.advance(limit)

        await expect(set([1], [1])).rejects.toMatchObject({
          code: 'EXTRINSIC_REJECTED',
          message: expect.stringContaining('commit-reveal'),
        })
      })
    })
  })
}
