import {z} from 'zod'
import type {BlockRef} from '../../runtime/clock.js'
import type {Node} from './connection.js'

const Header = z.object({number: z.string().regex(/^0x[0-9a-fA-F]{1,13}$/)})

/** A header says its number; its hash is that of its own bytes. */
export function readHeader({runtime}: Pick<Node, 'runtime'>, answer: unknown): BlockRef {
  const {number} = Header.parse(answer)
  const {hash} = runtime.registry.createType('Header', answer)
  return {number: Number.parseInt(number, 16), hash: hash.toHex()}
}

/** The node's best block. */
export async function headOf(node: Node, signal: AbortSignal): Promise<BlockRef> {
  return readHeader(node, await node.rpc.request('chain_getHeader', [], signal))
}

/** New heads of a node as they come; only the newest that nobody has taken yet is kept. */
export class HeadQueue {
  #newest: BlockRef | undefined
  #wake: (() => void) | undefined
  #ended = false
  #stop: (() => void)[] = []

  private constructor() {}

  static async open(node: Node, signal: AbortSignal): Promise<HeadQueue> {
    const queue = new HeadQueue()
    const unsubscribe = await node.rpc.subscribe(
      {method: 'chain_subscribeNewHeads', unsubscribe: 'chain_unsubscribeNewHeads'},
      (header) => queue.#put(node, header),
      signal,
    )
    queue.#stop = [unsubscribe, node.rpc.onClose(() => queue.close())]
    return queue
  }

  /** Undefined once the connection has ended. */
  async next(signal: AbortSignal): Promise<BlockRef | undefined> {
    while (!this.#newest && !this.#ended) {
      await new Promise<void>((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason)
        const abort = () => reject(signal.reason)
        signal.addEventListener('abort', abort, {once: true})
        this.#wake = () => {
          signal.removeEventListener('abort', abort)
          resolve()
        }
      })
    }
    const head = this.#newest
    this.#newest = undefined
    return head
  }

  close(): void {
    this.#ended = true
    for (const stop of this.#stop.splice(0)) stop()
    this.#wake?.()
  }

  #put(node: Node, header: unknown): void {
    try {
      this.#newest = readHeader(node, header)
    } catch {
      node.rpc.close('the node sent a head that is none')
    }
    this.#wake?.()
  }
}
