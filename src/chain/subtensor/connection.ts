import {z} from 'zod'
import {LeomaError} from '../../errors.js'
import type {Clock} from '../../runtime/clock.js'
import type {Logger} from '../../runtime/logger.js'
import type {MetadataCache} from './metadata-cache.js'
import {Rpc, RpcError, type RpcOptions, unreachable} from './rpc.js'
import {hexToBytes, Runtime, type RuntimeVersion} from './runtime.js'

export interface ConnectionOptions extends RpcOptions {
  /** Name for people. */
  readonly network: string
  /** `ws://…` or `wss://…`; one at a time is used, the next one when it fails. */
  readonly endpoints: readonly string[]
  /** Hash of block 0; without it the first node that answers decides for this process. */
  readonly genesis?: string
  /** A node whose head is older is not used; undefined for chains whose blocks may stand still. */
  readonly maxHeadAgeMs?: number
  readonly cache?: MetadataCache
  readonly time: Pick<Clock, 'now' | 'sleep'>
  readonly log: Logger
}

/** A node that was found to be of the right chain, and how to speak to it. */
export interface Node {
  readonly endpoint: string
  readonly rpc: Rpc
  readonly runtime: Runtime
}

export const Hex = z
  .string()
  .regex(/^0x([0-9a-fA-F]{2})*$/)
  .transform((text) => text.toLowerCase())
const Hash = z.string().regex(/^0x[0-9a-fA-F]{64}$/)
const Version = z.object({specVersion: z.number().int(), transactionVersion: z.number().int()})

interface Open {
  readonly rpc: Rpc
  readonly endpoint: string
  readonly genesis: string
  /** Replaced when the chain upgrades its runtime. */
  runtime: Promise<Runtime>
  specVersion: number
}

/**
 * Keeps one usable connection: the nodes are tried in turn, each is checked before it is believed, and a new one is looked
 * for when it ends. Nobody waits for a connection longer than its own signal says.
 */
export class Connection {
  readonly #options: ConnectionOptions
  readonly #life = new AbortController()
  #opening: Promise<Open> | undefined
  #next = 0
  #genesis: string | undefined

  constructor(options: ConnectionOptions) {
    if (options.endpoints.length === 0) throw new TypeError('a connection without endpoints')
    this.#options = options
    this.#genesis = options.genesis
  }

  /** Throws `CHAIN_UNREACHABLE`, `CHAIN_BEHIND` or `CHAIN_WRONG_GENESIS` when no endpoint will do. */
  async node(signal: AbortSignal): Promise<Node> {
    signal.throwIfAborted()
    if (this.#life.signal.aborted) throw unreachable(this.#options.network, 'the connection is closed')
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = undefined
      throw error
    })
    const open = await raceSignal(this.#opening, signal)
    const runtime = await raceSignal(open.runtime, signal)
    return {endpoint: open.endpoint, rpc: open.rpc, runtime}
  }

  /** Asks for another connection: this one is of no use although it is open. */
  drop(node: Node, reason: string): void {
    node.rpc.close(reason)
  }

  /** Looks whether the runtime has changed, for an answer that could not be read. */
  async refreshRuntime(node: Node, signal: AbortSignal): Promise<boolean> {
    const open = await this.#opening
    if (open?.rpc !== node.rpc) return true
    const version = Version.parse(await node.rpc.request('state_getRuntimeVersion', [], signal))
    return this.#upgrade(open, version)
  }

  async close(): Promise<void> {
    const opening = this.#opening
    this.#life.abort(new DOMException('the connection is closed', 'AbortError'))
    const open = await opening?.catch(() => undefined)
    open?.rpc.close()
  }

  async #open(): Promise<Open> {
    const {endpoints, network} = this.#options
    const failures: LeomaError[] = []
    for (let tried = 0; tried < endpoints.length; tried++) {
      const endpoint = endpoints[this.#next % endpoints.length] ?? ''
      try {
        return await this.#openAt(endpoint)
      } catch (error) {
        this.#life.signal.throwIfAborted()
        this.#next++
        failures.push(asChainError(endpoint, error))
      }
    }
    throw noNode(network, failures)
  }

  async #openAt(endpoint: string): Promise<Open> {
    const {log, time} = this.#options
    const {signal} = this.#life
    const startedAt = time.now()
    const rpc = await Rpc.open(endpoint, this.#options, signal)
    try {
      const [genesis, version] = await Promise.all([
        rpc.request('chain_getBlockHash', [0], signal).then((hash) => Hash.parse(hash)),
        rpc.request('state_getRuntimeVersion', [], signal).then((found) => Version.parse(found)),
      ])
      this.#checkGenesis(endpoint, genesis)
      const runtime = await this.#loadRuntime(rpc, genesis, version)
      await this.#checkAge(endpoint, rpc, runtime)
      const open: Open = {rpc, endpoint, genesis, runtime: Promise.resolve(runtime), specVersion: version.specVersion}
      await this.#watchRuntime(open)
      this.#genesis = genesis
      rpc.onClose((reason) => {
        this.#opening = undefined
        this.#next++
        if (!signal.aborted) log.warn({endpoint, reason: reason.message}, 'connection to the chain lost')
      })
      log.info({endpoint, specVersion: version.specVersion, ms: time.now() - startedAt}, 'connected to the chain')
      return open
    } catch (error) {
      rpc.close('given up')
      throw error
    }
  }

  #checkGenesis(endpoint: string, genesis: string): void {
    if (this.#genesis === undefined || this.#genesis === genesis) return
    throw new LeomaError(
      'chain',
      'CHAIN_WRONG_GENESIS',
      `${endpoint} is a node of another chain (${genesis.slice(0, 18)}…, not ${this.#genesis.slice(0, 18)}…)`,
      {hints: ['name a node of the right chain in NETWORK'], retryable: false},
    )
  }

  async #checkAge(endpoint: string, rpc: Rpc, runtime: Runtime): Promise<void> {
    const {maxHeadAgeMs, time} = this.#options
    const entry = runtime.storage('timestamp', 'now')
    if (maxHeadAgeMs === undefined || !entry) return
    const stored = await rpc.request('state_getStorage', [runtime.storageKey(entry, [])], this.#life.signal)
    const at = Number(runtime.decodeStorage(entry, Hex.nullable().parse(stored)))
    const ageMs = time.now() - at
    if (ageMs <= maxHeadAgeMs) return
    const minutes = Math.round(ageMs / 60_000)
    throw new LeomaError('chain', 'CHAIN_BEHIND', `${endpoint} is ${minutes} minutes behind the time of this machine`, {
      hints: ['wait until the node has caught up, or name another one in NETWORK', 'check the clock of this machine'],
    })
  }

  async #loadRuntime(rpc: Rpc, genesis: string, version: RuntimeVersion): Promise<Runtime> {
    const {cache} = this.#options
    const id = {genesis, specVersion: version.specVersion}
    const known = await cache?.find(id)
    if (known) {
      try {
        return new Runtime(known, version, genesis)
      } catch {
        await cache?.forget(id)
      }
    }
    const fetched = await fetchMetadata(rpc, this.#life.signal)
    const runtime = new Runtime(fetched, version, genesis)
    await cache?.save(id, fetched)
    return runtime
  }

  async #watchRuntime(open: Open): Promise<void> {
    await open.rpc.subscribe(
      {method: 'state_subscribeRuntimeVersion', unsubscribe: 'state_unsubscribeRuntimeVersion'},
      (message) => {
        const version = Version.safeParse(message)
        if (version.success) this.#upgrade(open, version.data)
      },
      this.#life.signal,
    )
  }

  #upgrade(open: Open, version: RuntimeVersion): boolean {
    const {log} = this.#options
    if (version.specVersion === open.specVersion) return false
    log.info({from: open.specVersion, to: version.specVersion}, 'the chain has a new runtime')
    open.specVersion = version.specVersion
    open.runtime = this.#loadRuntime(open.rpc, open.genesis, version)
    // Without the new metadata nothing more can be read here; a new connection begins from scratch.
    open.runtime.catch((error: unknown) => open.rpc.close(`its new metadata cannot be read: ${String(error)}`))
    return true
  }
}

/** The newest metadata format that we can read; only from 15 on it describes the runtime APIs. */
async function fetchMetadata(rpc: Rpc, signal: AbortSignal): Promise<Uint8Array> {
  for (const version of [16, 15]) {
    const argument = `0x${version.toString(16).padStart(2, '0')}000000`
    try {
      const answer = Hex.parse(await rpc.request('state_call', ['Metadata_metadata_at_version', argument], signal))
      // An Option of bytes with their length; the runtime trims what stands in front.
      if (answer.startsWith('0x01')) return hexToBytes(answer)
    } catch (error) {
      if (!(error instanceof RpcError)) throw error
      break
    }
  }
  return hexToBytes(Hex.parse(await rpc.request('state_getMetadata', [], signal)))
}

function noNode(network: string, failures: readonly LeomaError[]): LeomaError {
  const [first] = failures
  if (first && failures.length === 1) return first
  const isOneReason = failures.every(({code}) => code === first?.code)
  return new LeomaError(
    'chain',
    isOneReason && first ? first.code : 'CHAIN_UNREACHABLE',
    `no node of ${network} can be used: ${failures.map(({message}) => message).join('; ')}`,
    {hints: first?.hints ?? [], retryable: failures.some(({retryable}) => retryable), cause: first},
  )
}

function asChainError(endpoint: string, error: unknown): LeomaError {
  if (error instanceof LeomaError) return error
  return unreachable(endpoint, error instanceof Error ? error.message.slice(0, 300) : 'failed', error)
}

/** Waits for what others may wait for too, no longer than the signal allows. */
export function raceSignal<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    const abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort, {once: true})
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
