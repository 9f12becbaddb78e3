import {z} from 'zod'
import {LeomaError} from '../../errors.js'
import type {BlockRef, Clock} from '../../runtime/clock.js'
import type {Logger} from '../../runtime/logger.js'
import type {Signer} from '../../wallet/port.js'
import {type Connection, Hex, type Node} from './connection.js'
import {type Call, outcomeOf, type SignedCall, signCall} from './extrinsic.js'
import {headOf, readHeader} from './heads.js'
import {type CallContext, dispatchRefusal, readPoolAnswer, rejected} from './refusals.js'
import {type Rpc, RpcError} from './rpc.js'
import type {Runtime} from './runtime.js'

export interface SubmitDeps {
  readonly connection: Connection
  readonly time: Pick<Clock, 'now' | 'sleep'>
  readonly log: Logger
  /** Between two looks for the next block. */
  readonly pollMs: number
  /** A call that is in no block for so long is sent once more, the same bytes: a pool may have dropped it. */
  readonly resendMs: number
}

export interface Included {
  readonly extrinsic: string
  readonly block: BlockRef
  readonly events: readonly string[]
}

/** Signing anew after another process has taken the nonce. */
const maxTries = 3
/** Finality follows within a few blocks; when it is further behind, its block is too old to sign upon. */
const maxFinalityLag = 16
/** How long to wait for finality of a block that holds the call. */
const finalityBlocks = 50

const Block = z.object({block: z.object({extrinsics: z.array(Hex)})})
const Nonce = z.number().int().nonnegative()
const Hash = z.string().regex(/^0x[0-9a-fA-F]{64}$/)

/**
 * Signs a call, sends it and follows the blocks until one with it is final. It is looked for in the blocks themselves and
 * not in the node's messages about it: those end with the connection, the blocks do not. Nothing is signed a second time
 * before it is certain that the first can no longer be in a block.
 */
export async function submit(
  deps: SubmitDeps,
  build: (runtime: Runtime) => Call,
  signer: Signer,
  context: CallContext,
  signal: AbortSignal,
): Promise<Included> {
  for (let attempt = 1; ; attempt++) {
    const {signed, over, sentAt, anchor} = await send(deps, build, signer, context, signal)
    if (signed) {
      const search = {signer, context, over, from: sentAt.number, anchor: anchor.number}
      const included = await follow(deps, signed, search, signal)
      if (included) return included
    }
    if (attempt >= maxTries) {
      throw new LeomaError('chain', 'NONCE_TAKEN', `another program sends with ${signer.hotkey} at the same time`, {
        hints: ['run one sender per hotkey: end the other one'],
      })
    }
    deps.log.warn({hotkey: signer.hotkey, call: context.call, attempt}, 'nonce taken by another sender, signing again')
    await deps.time.sleep(deps.pollMs, signal)
  }
}

interface Sent {
  /** Undefined when the nonce was used before it could be sent. */
  readonly signed: SignedCall | undefined
  /** Whose pool has it; undefined when the connection ended in the middle and nobody knows. */
  readonly over: Rpc | undefined
  readonly sentAt: BlockRef
  readonly anchor: BlockRef
}

async function send(
  {connection}: SubmitDeps,
  build: (runtime: Runtime) => Call,
  signer: Signer,
  context: CallContext,
  signal: AbortSignal,
): Promise<Sent> {
  const node = await connection.node(signal)
  const {rpc, runtime} = node
  const [nonce, sentAt, finalized] = await Promise.all([
    rpc.request('system_accountNextIndex', [signer.hotkey], signal).then((answer) => Nonce.parse(answer)),
    headOf(node, signal),
    finalizedHead(node, signal),
  ])
  const anchor = sentAt.number - finalized.number > maxFinalityLag ? sentAt : finalized
  const signed = signCall(runtime, build(runtime), signer, {nonce, anchor})
  try {
    await rpc.request('author_submitExtrinsic', [signed.bytes], signal)
  } catch (error) {
    if (isUnreachable(error)) return {signed, over: undefined, sentAt, anchor}
    if (!(error instanceof RpcError)) throw error
    const answer = readPoolAnswer(error, runtime, context)
    if (answer.is === 'refused') throw answer.error
    if (answer.is === 'stale') return {signed: undefined, over: undefined, sentAt, anchor}
  }
  return {signed, over: rpc, sentAt, anchor}
}

interface Search {
  readonly signer: Signer
  readonly context: CallContext
  readonly over: Rpc | undefined
  /** Head when the call was sent. */
  readonly from: number
  /** Block that the call was signed upon. */
  readonly anchor: number
}

/** The block with the call once it is final; undefined when the account has gone on without it. */
async function follow(
  deps: SubmitDeps,
  signed: SignedCall,
  search: Search,
  signal: AbortSignal,
): Promise<Included | undefined> {
  const {connection, pollMs, resendMs, time} = deps
  let lastSentAt = time.now()
  let scanned = search.from
  let over = search.over
  let found: Included | undefined
  for (;;) {
    try {
      const node = await connection.node(signal)
      // A pool forgets with its node, and sometimes without.
      if (over !== node.rpc || (!found && time.now() - lastSentAt >= resendMs)) {
        over = await sendAgain(node, signed, signal)
        lastSentAt = time.now()
      }
      const head = await headOf(node, signal)
      // After a change of nodes the head may be lower, and after a reorganisation the block another one.
      scanned = Math.min(scanned, head.number)
      if (found && !(await isCanonical(node, found.block, signal))) {
        scanned = Math.min(scanned, found.block.number - 1)
        found = undefined
      }
      if (!found) {
        found = await scan(node, signed, {from: scanned + 1, to: head.number}, search.context, signal)
        scanned = head.number
      }
      if (found) {
        if ((await finalizedHead(node, signal)).number >= found.block.number) return found
        if (head.number - found.block.number > finalityBlocks) throw notFinal(found, search.context)
      } else if ((await accountNonce(node, search.signer.hotkey, head, signal)) > signed.nonce) {
        found = await scan(node, signed, {from: search.anchor + 1, to: head.number}, search.context, signal)
        if (!found) return undefined
        continue
      } else if (head.number >= signed.deadAt) {
        throw new LeomaError('chain', 'EXTRINSIC_LOST', `${search.context.call} was sent but never got into a block`, {
          hints: ['it is dead now and can be sent again safely', 'the network may be full, or the node may be cut off'],
        })
      }
    } catch (error) {
      if (signal.aborted || !isUnreachable(error)) throw error
      deps.log.warn({err: error, call: search.context.call}, 'connection lost while a call is under way')
    }
    await time.sleep(pollMs, signal)
  }
}

/** The same bytes again, which cannot be in two blocks; whatever the pool says, the blocks decide. */
async function sendAgain({rpc}: Node, signed: SignedCall, signal: AbortSignal): Promise<Rpc> {
  try {
    await rpc.request('author_submitExtrinsic', [signed.bytes], signal)
  } catch (error) {
    if (!(error instanceof RpcError)) throw error
  }
  return rpc
}

function isUnreachable(error: unknown): boolean {
  return error instanceof LeomaError && error.code === 'CHAIN_UNREACHABLE'
}

async function scan(
  node: Node,
  signed: SignedCall,
  {from, to}: {readonly from: number; readonly to: number},
  context: CallContext,
  signal: AbortSignal,
): Promise<Included | undefined> {
  const {rpc, runtime} = node
  for (let number = from; number <= to; number++) {
    const hash = Hash.parse(await rpc.request('chain_getBlockHash', [number], signal))
    const {block} = Block.parse(await rpc.request('chain_getBlock', [hash], signal))
    const index = block.extrinsics.indexOf(signed.bytes)
    if (index < 0) continue
    const entry = runtime.storage('system', 'events')
    if (!entry) throw new Error('a runtime without events')
    const stored = await rpc.request('state_getStorage', [runtime.storageKey(entry, []), hash], signal)
    const {failure, events} = outcomeOf(runtime, Hex.nullable().parse(stored), index)
    if (failure !== undefined) throw dispatchRefusal(failure, context)
    return {extrinsic: signed.hash, block: {number, hash}, events}
  }
  return undefined
}

async function isCanonical({rpc}: Node, block: BlockRef, signal: AbortSignal): Promise<boolean> {
  return (await rpc.request('chain_getBlockHash', [block.number], signal)) === block.hash
}

async function finalizedHead(node: Node, signal: AbortSignal): Promise<BlockRef> {
  const hash = Hash.parse(await node.rpc.request('chain_getFinalizedHead', [], signal))
  const {number} = readHeader(node, await node.rpc.request('chain_getHeader', [hash], signal))
  return {number, hash}
}

/** As of a block, unlike `system_accountNextIndex`, which counts what waits in the pool. */
async function accountNonce({rpc, runtime}: Node, hotkey: string, at: BlockRef, signal: AbortSignal): Promise<number> {
  const entry = runtime.storage('system', 'account')
  if (!entry) throw new Error('a runtime without accounts')
  const stored = await rpc.request('state_getStorage', [runtime.storageKey(entry, [hotkey]), at.hash], signal)
  const account = z.object({nonce: Nonce}).parse(runtime.decodeStorage(entry, Hex.nullable().parse(stored))?.toJSON())
  return account.nonce
}

function notFinal({block}: Included, {call}: CallContext): LeomaError {
  return rejected(`${call} is in block ${block.number}, but the chain does not finalize it`, {
    hints: ['the chain or the node has a problem: see its status page', 'do not send it again before that is known'],
    retryable: true,
  })
}
