import {LeomaError} from '../../errors.js'
import type {BlockRef} from '../../runtime/clock.js'
import {DeadlineError, withDeadline} from '../../runtime/deadline.js'
import type {Logger} from '../../runtime/logger.js'
import type {Connection, Node} from './connection.js'
import {HeadQueue, headOf} from './heads.js'

export interface WatchHeadsDeps {
  readonly connection: Connection
  /** A connection without a new head for so long is given up. */
  readonly stallMs: number
  readonly log: Logger
}

/** New heads over whatever connection there is, the present one first, none twice; lost connections are replaced. */
export async function* watchHeads(deps: WatchHeadsDeps, signal: AbortSignal): AsyncGenerator<BlockRef, void, void> {
  const {connection, log} = deps
  let last = -1
  while (!signal.aborted) {
    let queue: HeadQueue | undefined
    try {
      const node = await connection.node(signal)
      queue = await HeadQueue.open(node, signal)
      const present = await headOf(node, signal)
      if (present.number > last) {
        last = present.number
        yield present
      }
      for (;;) {
        const head = await nextHead(queue, node, deps, signal)
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
      await connection.node(signal)
    } finally {
      queue?.close()
    }
  }
}

/** Undefined when the connection has ended, or was given up because no block came. */
async function nextHead(
  queue: HeadQueue,
  node: Node,
  {connection, stallMs}: WatchHeadsDeps,
  signal: AbortSignal,
): Promise<BlockRef | undefined> {
  try {
    return await withDeadline('a new block', stallMs, signal, (bounded) => queue.next(bounded))
  } catch (error) {
    if (!(error instanceof DeadlineError)) throw error
    connection.drop(node, `no new block for ${Math.round(stallMs / 1000)} s`)
    return undefined
  }
}
