import type {Hotkey, Netuid} from '../../domain/ids.js'
import {LeomaError} from '../../errors.js'
import type {BlockRef} from '../../runtime/clock.js'
import type {Commitment} from '../port.js'
import {readCommitments} from './commitments.js'
import {type Connection, type Node, raceSignal} from './connection.js'
import {headOf} from './heads.js'
import {RpcError} from './rpc.js'
import {readSubnet, type Subnet} from './subnet.js'

/** Blocks whose state is kept: a turn of a service asks several things about one block. */
const keptBlocks = 4

/** Everything that is read from the chain: repeated where that is safe, and read once for all who ask at the same time. */
export class Reads {
  readonly #connection: Connection
  readonly #tries: number
  readonly #life = new AbortController()
  readonly #subnets = new Map<string, Promise<Subnet>>()
  readonly #commitments = new Map<string, Promise<readonly Commitment[]>>()
  #asking: Promise<BlockRef> | undefined
  #endpoint: string | undefined

  constructor(connection: Connection, endpoints: number) {
    this.#connection = connection
    this.#tries = endpoints
  }

  /** The node that was asked last; undefined before the first question. */
  get endpoint(): string | undefined {
    return this.#endpoint
  }

  close(): void {
    this.#life.abort(new DOMException('the chain is closed', 'AbortError'))
  }

  /** Reading is safe to repeat: once on each of the other nodes when one fails, and once more after a runtime upgrade. */
  async read<T>(signal: AbortSignal, work: (node: Node) => Promise<T>): Promise<T> {
    let left = this.#tries
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

  /** Those who ask at the same time get the same answer. */
  head(node: Node, signal: AbortSignal): Promise<BlockRef> {
    this.#asking ??= headOf(node, this.#life.signal).finally(() => {
      this.#asking = undefined
    })
    return raceSignal(this.#asking, signal)
  }

  /** The subnet at the node's head. Throws `SUBNET_UNKNOWN`. */
  async subnet(node: Node, netuid: Netuid, signal: AbortSignal): Promise<Subnet> {
    const block = await this.head(node, signal)
    return this.#kept(this.#subnets, `${block.hash}:${netuid}`, signal, (life) => readSubnet(node, netuid, block, life))
  }

  commitments(node: Node, {metagraph}: Subnet, signal: AbortSignal): Promise<readonly Commitment[]> {
    const {block, netuid, neurons} = metagraph
    const hotkeys: Hotkey[] = neurons.map(({hotkey}) => hotkey)
    return this.#kept(this.#commitments, `${block.hash}:${netuid}`, signal, (life) =>
      readCommitments(node, netuid, hotkeys, block, life),
    )
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
}

function refused({endpoint}: Node, error: RpcError): LeomaError {
  return new LeomaError('chain', 'CHAIN_REFUSED', `${endpoint} refuses to answer: ${error.message}`, {
    hints: ['the node may not keep so old a block, or limit how often it is asked: name another one in NETWORK'],
    cause: error,
  })
}
