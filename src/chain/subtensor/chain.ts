import {z} from 'zod'
import type {BlockNumber, Hotkey, Netuid, Uid} from '../../domain/ids.js'
import type {BlockRef} from '../../runtime/clock.js'
import type {Signer} from '../../wallet/port.js'
import type {
  Chain,
  CommitAllowance,
  Commitment,
  CommitOptions,
  Hyperparameters,
  Metagraph,
  Receipt,
  StoredWeights,
  WeightsCall,
} from '../port.js'
import {requireNotRoot, requireRegistered} from '../weight-rules.js'
import {padWeights, scaleWeights} from '../weights.js'
import {buildCall, hiddenWeights, openWeights} from './calls.js'
import {checkAllowance, fieldFor, isPlain, readAllowance} from './commitments.js'
import {Connection, type ConnectionOptions} from './connection.js'
import {Reads} from './reads.js'
import type {Runtime} from './runtime.js'
import {Sender} from './sender.js'
import {hideWeights, readWeights, requireAcceptable} from './subnet-weights.js'
import {watchHeads} from './watch-heads.js'

export interface SubtensorOptions extends Omit<ConnectionOptions, 'connectTimeoutMs' | 'requestTimeoutMs'> {
  readonly connectTimeoutMs?: number
  readonly requestTimeoutMs?: number
  /** 12,000 on every public network. */
  readonly blockTimeMs?: number
  /** A connection without a new head for so long is given up. */
  readonly stallMs?: number
  /** Between two looks for the block that holds a call. */
  readonly pollMs?: number
  /** After so long without a block that holds it, a call is sent once more; two block times unless given. */
  readonly resendMs?: number
}

/** Blocks until the reveal of a commitment, as the published commands ask for. */
const blocksUntilReveal = 1

/** The Bittensor chain, over the WebSocket of one of its nodes. */
export class SubtensorChain implements Chain {
  readonly network: string
  readonly blockTimeMs: number
  readonly #options: SubtensorOptions
  readonly #connection: Connection
  readonly #reads: Reads
  readonly #sender: Sender

  constructor(options: SubtensorOptions) {
    const {connectTimeoutMs = 15_000, requestTimeoutMs = 30_000, blockTimeMs = 12_000, log, time} = options
    const {pollMs = Math.min(1500, Math.max(50, blockTimeMs / 8)), resendMs = 2 * blockTimeMs} = options
    this.network = options.network
    this.blockTimeMs = blockTimeMs
    this.#options = options
    this.#connection = new Connection({...options, connectTimeoutMs, requestTimeoutMs})
    this.#reads = new Reads(this.#connection, options.endpoints.length)
    this.#sender = new Sender({connection: this.#connection, log, pollMs, resendMs, time}, blockTimeMs)
  }

  async head(signal: AbortSignal): Promise<BlockRef> {
    return this.#reads.read(signal, (node) => this.#reads.head(node, signal))
  }

  async blockAt(number: BlockNumber, signal: AbortSignal): Promise<BlockRef | undefined> {
    return this.#reads.read(signal, async ({rpc}) => {
      const hash = z
        .string()
        .nullable()
        .parse(await rpc.request('chain_getBlockHash', [number], signal))
      return hash === null ? undefined : {number, hash}
    })
  }

  watchHeads(signal: AbortSignal): AsyncGenerator<BlockRef, void, void> {
    const {stallMs = Math.max(60_000, 5 * this.blockTimeMs), log} = this.#options
    return watchHeads({connection: this.#connection, stallMs, log}, signal)
  }

  async metagraph(netuid: Netuid, signal: AbortSignal): Promise<Metagraph> {
    return (await this.#reads.read(signal, (node) => this.#reads.subnet(node, netuid, signal))).metagraph
  }

  async hyperparameters(netuid: Netuid, signal: AbortSignal): Promise<Hyperparameters> {
    return (await this.#reads.read(signal, (node) => this.#reads.subnet(node, netuid, signal))).hyperparameters
  }

  async commitments(netuid: Netuid, signal: AbortSignal): Promise<readonly Commitment[]> {
    return this.#reads.read(signal, async (node) =>
      this.#reads.commitments(node, await this.#reads.subnet(node, netuid, signal), signal),
    )
  }

  async commitAllowance(
    netuid: Netuid,
    hotkey: Hotkey,
    signal: AbortSignal,
    options?: CommitOptions,
  ): Promise<CommitAllowance> {
    return this.#reads.read(signal, async (node) => {
      const subnet = await this.#reads.subnet(node, netuid, signal)
      return readAllowance(node, subnet, hotkey, isPlain(node.runtime, options), signal)
    })
  }

  async commit(
    netuid: Netuid,
    text: string,
    signer: Signer,
    signal: AbortSignal,
    options?: CommitOptions,
  ): Promise<Receipt> {
    const {now} = this.#options.time
    return this.#sender.afterOthers(signer.hotkey, async () => {
      const {plain, field} = await this.#reads.read(signal, async (node) => {
        const subnet = await this.#reads.subnet(node, netuid, signal)
        const plain = isPlain(node.runtime, options)
        const untilRevealMs = blocksUntilReveal * this.blockTimeMs
        const field = await fieldFor(node.runtime, text, plain, {now: now(), untilRevealMs})
        requireRegistered(subnet.metagraph.neurons, netuid, signer.hotkey)
        const allowance = await readAllowance(node, subnet, signer.hotkey, plain, signal)
        checkAllowance(allowance, Buffer.byteLength(text), subnet)
        return {plain, field}
      })
      const context = {call: 'set_commitment', netuid, hotkey: signer.hotkey}
      const build = (runtime: Runtime) =>
        buildCall(runtime, 'commitments', 'setCommitment', [netuid, {fields: [field]}])
      const {extrinsic, block} = await this.#sender.submit(build, signer, context, signal)
      return {extrinsic, block, ...(plain ? {} : {revealBlock: block.number + blocksUntilReveal})}
    })
  }

  async setWeights(call: WeightsCall, signer: Signer, signal: AbortSignal): Promise<Receipt> {
    const {netuid, versionKey} = call
    const {hotkey} = signer
    const scaled = scaleWeights(call.uids, call.values)
    requireNotRoot(netuid)
    return this.#sender.afterOthers(hotkey, async () => {
      const {subnet, runtime} = await this.#reads.read(signal, async (node) => {
        const subnet = await this.#reads.subnet(node, netuid, signal)
        await requireAcceptable(node, subnet, call, scaled, signer, signal)
        return {subnet, runtime: node.runtime}
      })
      const {hyperparameters, metagraph} = subnet
      const weights = padWeights(
        scaled,
        call.uids,
        Math.min(hyperparameters.minAllowedWeights, metagraph.neurons.length),
      )
      if (!hyperparameters.commitRevealEnabled) {
        const context = {call: 'set_weights', netuid, hotkey}
        const build = (current: Runtime) => openWeights(current, call, weights)
        const {extrinsic, block} = await this.#sender.submit(build, signer, context, signal)
        return {extrinsic, block}
      }
      const hiding = {hotkey, versionKey, blockTimeMs: this.blockTimeMs, now: this.#options.time.now()}
      const hidden = await hideWeights(runtime, subnet, weights, hiding)
      const context = {call: 'commit_timelocked_weights', netuid, hotkey}
      const build = (current: Runtime) => hiddenWeights(current, call, hidden)
      const {extrinsic, block} = await this.#sender.submit(build, signer, context, signal)
      return {extrinsic, block, revealBlock: hidden.reveal.block}
    })
  }

  async weights(netuid: Netuid, mecid: number, uid: Uid, signal: AbortSignal): Promise<StoredWeights | undefined> {
    return this.#reads.read(signal, async (node) =>
      readWeights(node, await this.#reads.subnet(node, netuid, signal), mecid, uid, signal),
    )
  }

  /** The block in polkadot.js apps, which works with every node. */
  explorerUrl({hash}: BlockRef): string | undefined {
    const {endpoint} = this.#reads
    if (endpoint === undefined) return undefined
    return `https://polkadot.js.org/apps/?rpc=${encodeURIComponent(endpoint)}#/explorer/query/${hash}`
  }

  async close(): Promise<void> {
    this.#reads.close()
    await this.#connection.close()
  }
}
