import {z} from 'zod'
import type {BlockNumber, Hotkey, Netuid, Uid} from '../../domain/ids.js'
import {LeomaError} from '../../errors.js'
import type {BlockRef} from '../../runtime/clock.js'
import {DeadlineError, withDeadline} from '../../runtime/deadline.js'
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
import {checkWeights, requireMechanism, requireNotRoot, requireRegistered} from '../weight-rules.js'
import {padWeights, type ScaledWeights, scaleWeights} from '../weights.js'
import {buildCall, hiddenWeights, openWeights, requireHiddenWeights} from './calls.js'
import {checkAllowance, fieldFor, isPlain, readAllowance, readCommitments} from './commitments.js'
import {Connection, type ConnectionOptions, type Node, raceSignal} from './connection.js'
import type {Call} from './extrinsic.js'
import {HeadQueue, headOf} from './heads.js'
import {chooseReveal, hiddenPayload, maxHiddenBytes} from './hidden-weights.js'
import {type CallContext, rejected} from './refusals.js'
import {RpcError} from './rpc.js'
import type {Runtime} from './runtime.js'
import {Num, StorageBatch} from './storage-batch.js'
import {type Included, submit} from './submit.js'
import {mechanismIndex, readSubnet, type Subnet} from './subnet.js'

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
/** Blocks whose state is kept: a turn of a service asks several things about one block. */
const keptBlocks = 4
/** Longest wait for a call: its life, and the finality of the last block it can be in. */
const callBlocks = 90
const Weights = z.array(z.tuple([Num, Num]))

/** The Bittensor chain, over the WebSocket of one of its nodes. */
export class SubtensorChain implements Chain {
  readonly network: string
  readonly blockTimeMs: number
  readonly #options: SubtensorOptions
  readonly #connection: Connection
  readonly #life = new AbortController()
  readonly #subnets = new Map<string, Promise<Subnet>>()
  readonly #commitments = new Map<string, Promise<readonly Commitment[]>>()
  /** The last call of each hotkey: the next one waits for it, so that each has a nonce of its own. */
  readonly #sending = new Map<Hotkey, Promise<unknown>>()
  #asking: Promise<BlockRef> | undefined
  #endpoint: string | undefined

  constructor(options: SubtensorOptions) {
    const {connectTimeoutMs = 15_000, requestTimeoutMs = 30_000, blockTimeMs = 12_000} = options
    this.network = options.network
    this.blockTimeMs = blockTimeMs
    this.#options = options
    this.#connection = new Connection({...options, connectTimeoutMs, requestTimeoutMs})
  }

  async head(signal: AbortSignal): Promise<BlockRef> {
    return this.#read(signal, (node) => this.#headOf(node, signal))
  }

  async blockAt(number: BlockNumber, signal: AbortSignal): Promise<BlockRef | undefined> {
    return this.#read(signal, async ({rpc}) => {
      const hash = z
        .string()
        .nullable()
        .parse(await rpc.request('chain_getBlockHash', [number], signal))
      return hash === null ? undefined : {number, hash}
    })
  }

  async *watchHeads(signal: AbortSignal): AsyncGenerator<BlockRef, void, void> {
    const {stallMs = Math.max(60_000, 5 * this.blockTimeMs), log} = this.#options
    let last = -1
    while (!signal.aborted) {
      let queue: HeadQueue | undefined
      try {
        const node = await this.#connection.node(signal)
        queue = await HeadQueue.open(node, signal)
        const present = await headOf(node, signal)
        if (present.number > last) {
          last = present.number
          yield present
        }
        for (;;) {
          const head = await this.#nextHead(queue, node, stallMs, signal)
          if (!head) break
          if (head.number <= last) continue
          last = head.number
          yield head
        }
      } catch (error) {
        if (signal.aborted) return
        // The connection was lost while it was asked; without one at all the caller decides how long to wait.
        if (!(error instanceof LeomaError && error.code === 'CHAIN_UNREACHABLE')) throw error
        log.debug({err: error}, 'head subscription lost')
        await this.#connection.node(signal)
      } finally {
        queue?.close()
      }
    }
  }

  /** Undefined when the connection has ended, or was given up because no block came. */
  async #nextHead(queue: HeadQueue, node: Node, stallMs: number, signal: AbortSignal): Promise<BlockRef | undefined> {
    try {
      return await withDeadline('a new block', stallMs, signal, (bounded) => queue.next(bounded))
    } catch (error) {
      if (!(error instanceof DeadlineError)) throw error
      this.#connection.drop(node, `no new block for ${Math.round(stallMs / 1000)} s`)
      return undefined
    }
  }

  async metagraph(netuid: Netuid, signal: AbortSignal): Promise<Metagraph> {
    return (await this.#subnet(netuid, signal)).metagraph
  }

  async hyperparameters(netuid: Netuid, signal: AbortSignal): Promise<Hyperparameters> {
    return (await this.#subnet(netuid, signal)).hyperparameters
  }

  async commitments(netuid: Netuid, signal: AbortSignal): Promise<readonly Commitment[]> {
    return this.#read(signal, async (node) => {
      const {metagraph} = await this.#subnetOf(node, netuid, signal)
      const {block, neurons} = metagraph
      return this.#kept(this.#commitments, `${block.hash}:${netuid}`, signal, (life) =>
        readCommitments(
          node,
          netuid,
          neurons.map(({hotkey}) => hotkey),
          block,
          life,
        ),
      )
    })
  }

  async commitAllowance(
    netuid: Netuid,
    hotkey: Hotkey,
    signal: AbortSignal,
    options?: CommitOptions,
  ): Promise<CommitAllowance> {
    return this.#read(signal, async (node) => {
      const subnet = await this.#subnetOf(node, netuid, signal)
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
    return this.#sendAfterOthers(signer.hotkey, async () => {
      const {plain, field} = await this.#read(signal, async (node) => {
        const subnet = await this.#subnetOf(node, netuid, signal)
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
      const {extrinsic, block} = await this.#submit(build, signer, context, signal)
      return {extrinsic, block, ...(plain ? {} : {revealBlock: block.number + blocksUntilReveal})}
    })
  }

  async setWeights(call: WeightsCall, signer: Signer, signal: AbortSignal): Promise<Receipt> {
    const scaled = scaleWeights(call.uids, call.values)
    requireNotRoot(call.netuid)
    return this.#sendAfterOthers(signer.hotkey, async () => {
      const subnet = await this.#checkedSubnet(call, scaled, signer, signal)
      const least = Math.min(subnet.hyperparameters.minAllowedWeights, subnet.metagraph.neurons.length)
      const weights = padWeights(scaled, call.uids, least)
      const context = {call: 'set_weights', netuid: call.netuid, hotkey: signer.hotkey}
      if (!subnet.hyperparameters.commitRevealEnabled) {
        const build = (current: Runtime) => openWeights(current, call, weights)
        const {extrinsic, block} = await this.#submit(build, signer, context, signal)
        return {extrinsic, block}
      }
      return this.#commitWeights(call, weights, {signer, subnet, context}, signal)
    })
  }

  async weights(netuid: Netuid, mecid: number, uid: Uid, signal: AbortSignal): Promise<StoredWeights | undefined> {
    return this.#read(signal, async (node) => {
      const {metagraph} = await this.#subnetOf(node, netuid, signal)
      const index = mechanismIndex(netuid, mecid)
      const batch = new StorageBatch(node.runtime)
      const stored = batch.add('subtensorModule', 'weights', [index, uid], Weights)
      const lastUpdate = batch.add('subtensorModule', 'lastUpdate', [index], z.array(Num))
      await batch.read(node.rpc, metagraph.block.hash, signal)
      // Zeros are there only to make up the number.
      const pairs = (stored() ?? []).filter(([, value]) => value > 0)
      if (pairs.length === 0) return undefined
      return {
        uids: pairs.map(([to]) => to),
        values: pairs.map(([, value]) => value),
        lastUpdate: lastUpdate()?.[uid] ?? 0,
      }
    })
  }

  /** The block in polkadot.js apps, which works with every node. */
  explorerUrl({hash}: BlockRef): string | undefined {
    if (this.#endpoint === undefined) return undefined
    return `https://polkadot.js.org/apps/?rpc=${encodeURIComponent(this.#endpoint)}#/explorer/query/${hash}`
  }

  async close(): Promise<void> {
    this.#life.abort(new DOMException('the chain is closed', 'AbortError'))
    await this.#connection.close()
  }

  /** Throws whatever the chain would refuse these weights for, in its order, before anything is signed. */
  async #checkedSubnet(
    call: WeightsCall,
    weights: ScaledWeights,
    {hotkey}: Signer,
    signal: AbortSignal,
  ): Promise<Subnet> {
    return this.#read(signal, async (node) => {
      const {netuid, mecid} = call
      const subnet = await this.#subnetOf(node, netuid, signal)
      const {hyperparameters, metagraph} = subnet
      requireMechanism(netuid, mecid, hyperparameters)
      if (hyperparameters.commitRevealEnabled) requireHiddenWeights(node.runtime, netuid)
      const batch = new StorageBatch(node.runtime)
      const own = batch.add('subtensorModule', 'lastUpdate', [mechanismIndex(netuid, mecid)], z.array(Num))
      if (mecid > 0) await batch.read(node.rpc, metagraph.block.hash, signal)
      const lastUpdate = (uid: Uid) => (mecid > 0 ? own()?.[uid] : metagraph.neurons[uid]?.lastUpdate) ?? 0
      const sender = {hotkey, block: metagraph.block.number}
      const {uid} = checkWeights({hyperparameters, neurons: metagraph.neurons, lastUpdate}, call, weights, sender)
      const stake = subnet.totalStakeRao?.[uid]
      if (stake !== undefined && stake < subnet.stakeThresholdRao) {
        throw new LeomaError(
          'auth',
          'STAKE_TOO_LOW',
          `${hotkey} has ${stake} rao of stake, the chain asks for ${subnet.stakeThresholdRao}`,
          {
            hints: [`stake more on this hotkey: btcli stake add --netuid ${netuid}`],
            retryable: true,
          },
        )
      }
      return subnet
    })
  }

  async #commitWeights(
    call: WeightsCall,
    weights: ScaledWeights,
    {signer, subnet, context}: {signer: Signer; subnet: Subnet; context: CallContext},
    signal: AbortSignal,
  ): Promise<Receipt> {
    const reveal = chooseReveal(subnet, this.blockTimeMs, this.#options.time.now())
    const {timelockEncrypt} = await import('./timelock.js')
    const {runtime} = await this.#connection.node(signal)
    const payload = hiddenPayload(runtime.accountBytes(signer.hotkey), weights, call.versionKey)
    const hidden = timelockEncrypt(payload, reveal.round)
    if (hidden.length > maxHiddenBytes)
      throw rejected(`${hidden.length} bytes of hidden weights; ${maxHiddenBytes} fit`)
    const version = subnet.commitRevealVersion ?? 0
    const build = (current: Runtime) => hiddenWeights(current, call, {hidden, reveal, version})
    const {extrinsic, block} = await this.#submit(
      build,
      signer,
      {...context, call: 'commit_timelocked_weights'},
      signal,
    )
    return {extrinsic, block, revealBlock: reveal.block}
  }

  #submit(
    build: (runtime: Runtime) => Call,
    signer: Signer,
    context: CallContext,
    signal: AbortSignal,
  ): Promise<Included> {
    const {log, time} = this.#options
    const {pollMs = Math.min(1500, Math.max(50, this.blockTimeMs / 8)), resendMs = 2 * this.blockTimeMs} = this.#options
    return withDeadline(context.call, callBlocks * this.blockTimeMs, signal, (bounded) =>
      submit({connection: this.#connection, log, pollMs, resendMs, time}, build, signer, context, bounded),
    )
  }

  /** One call of a hotkey at a time; a failed one does not fail the next. */
  async #sendAfterOthers<T>(hotkey: Hotkey, work: () => Promise<T>): Promise<T> {
    const before = this.#sending.get(hotkey) ?? Promise.resolve()
    const own = before.then(work, work)
    this.#sending.set(hotkey, own)
    try {
      return await own
    } finally {
      if (this.#sending.get(hotkey) === own) this.#sending.delete(hotkey)
    }
  }

  async #subnet(netuid: Netuid, signal: AbortSignal): Promise<Subnet> {
    return this.#read(signal, (node) => this.#subnetOf(node, netuid, signal))
  }

  async #subnetOf(node: Node, netuid: Netuid, signal: AbortSignal): Promise<Subnet> {
    const block = await this.#headOf(node, signal)
    return this.#kept(this.#subnets, `${block.hash}:${netuid}`, signal, (life) => readSubnet(node, netuid, block, life))
  }

  /** Those who ask at the same time get the same answer. */
  #headOf(node: Node, signal: AbortSignal): Promise<BlockRef> {
    this.#asking ??= headOf(node, this.#life.signal).finally(() => {
      this.#asking = undefined
    })
    return raceSignal(this.#asking, signal)
  }

  /** What is read at a block never changes. Shared, so no single caller's signal ends it. */
  #kept<T>(
    cache: Map<string, Promise<T>>,
    key: string,
    signal: AbortSignal,
    read: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    let found = cache.get(key)
    if (!found) {
      found = read(this.#life.signal)
      cache.set(key, found)
      found.catch(() => cache.delete(key))
      for (const old of [...cache.keys()].slice(0, -keptBlocks)) cache.delete(old)
    }
    return raceSignal(found, signal)
  }

  /** Reading is safe to repeat: once on each of the other nodes when one fails, and once more after a runtime upgrade. */
  async #read<T>(signal: AbortSignal, work: (node: Node) => Promise<T>): Promise<T> {
    let left = this.#options.endpoints.length
    let refreshed = false
    for (;;) {
      const node = await this.#connection.node(signal)
      this.#endpoint = node.endpoint
      try {
        return await work(node)
      } catch (error) {
        if (signal.aborted) throw error
        if (error instanceof LeomaError) {
          if (error.code !== 'CHAIN_UNREACHABLE' || left-- <= 0) throw error
          continue
        }
        if (error instanceof RpcError) throw refused(node, error)
        // What cannot be decoded was perhaps written by a newer runtime.
        if (refreshed || !(await this.#connection.refreshRuntime(node, signal))) throw error
        refreshed = true
      }
    }
  }
}

function refused({endpoint}: Node, error: RpcError): LeomaError {
  return new LeomaError('chain', 'CHAIN_REFUSED', `${endpoint} refuses to answer: ${error.message}`, {
    hints: ['the node may not keep so old a block, or limit how often it is asked: name another one in NETWORK'],
    cause: error,
  })
}
