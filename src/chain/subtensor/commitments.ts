import {z} from 'zod'
import type {Hotkey, Netuid} from '../../domain/ids.js'
import {LeomaError} from '../../errors.js'
import type {BlockRef} from '../../runtime/clock.js'
import type {CommitAllowance, Commitment, CommitOptions} from '../port.js'
import type {Node} from './connection.js'
import {
  checkTimelockedText,
  commitCost,
  type Field,
  maxRawBytes,
  maxTimelockedTextBytes,
  openBytes,
  plainField,
  Registration,
  revealedText,
  timelockedField,
  withCompactLength,
} from './data.js'
import {roundAt} from './drand.js'
import {hexToBytes, type Runtime} from './runtime.js'
import {currentEpoch, nextEpochBlock} from './scheduler.js'
import {Num, StorageBatch} from './storage-batch.js'
import type {Subnet} from './subnet.js'

const pallet = 'commitments'
const Revealed = z.array(z.tuple([z.string().regex(/^0x[0-9a-f]*$/i), Num]))
const UsedSpace = z.object({lastEpoch: Num, usedSpace: Num})

/** Everything readable of the given hotkeys at a block, in one request: what was revealed, and what stands in the open. */
export async function readCommitments(
  {rpc, runtime}: Node,
  netuid: Netuid,
  hotkeys: readonly Hotkey[],
  block: BlockRef,
  signal: AbortSignal,
): Promise<Commitment[]> {
  const batch = new StorageBatch(runtime)
  const wanted = hotkeys.map((hotkey) => ({
    hotkey,
    revealed: batch.add(pallet, 'revealedCommitments', [netuid, hotkey], Revealed),
    current: batch.add(pallet, 'commitmentOf', [netuid, hotkey], Registration),
  }))
  await batch.read(rpc, block.hash, signal)
  return wanted.flatMap(({hotkey, revealed, current}) => {
    const found = (revealed() ?? []).map(
      ([bytes, at]): Commitment => ({hotkey, text: revealedText(hexToBytes(bytes)), block: at}),
    )
    const registration = current()
    const open = registration && openBytes(registration)
    if (open) found.push({hotkey, text: new TextDecoder().decode(open), block: registration.block, isOpen: true})
    return found.sort((a, b) => a.block - b.block)
  })
}

/** Runtimes without timelocked commitments only know open ones. */
export function isPlain(runtime: Runtime, options: CommitOptions | undefined): boolean {
  return options?.plain === true || runtime.storage(pallet, 'revealedCommitments') === undefined
}

/** The field for a text. Hidden, it opens by itself about `untilRevealMs` from now. Throws `COMMIT_TOO_LONG`. */
export async function fieldFor(
  runtime: Runtime,
  text: string,
  plain: boolean,
  {now, untilRevealMs}: {readonly now: number; readonly untilRevealMs: number},
): Promise<Field> {
  const bytes = new TextEncoder().encode(text)
  if (plain) return plainField(bytes, {bigRaw: hasBigRaw(runtime)})
  checkTimelockedText(bytes.length)
  // The curve is loaded by those who encrypt.
  const {timelockEncrypt} = await import('./timelock.js')
  const round = roundAt(now + untilRevealMs) + 1
  return timelockedField(timelockEncrypt(withCompactLength(bytes), round), round)
}

function hasBigRaw(runtime: Runtime): boolean {
  return runtime.hasVariant('pallet_commitments::types::Data', 'BigRaw')
}

/** Throws nothing for a hotkey that has never committed: all of its space is left. */
export async function readAllowance(
  {rpc, runtime}: Node,
  subnet: Subnet,
  hotkey: Hotkey,
  plain: boolean,
  signal: AbortSignal,
): Promise<CommitAllowance> {
  const {netuid, block} = subnet.metagraph
  const batch = new StorageBatch(runtime)
  const maxSpace = batch.add(pallet, 'maxSpace', [], Num)
  const used = batch.add(pallet, 'usedSpaceOf', [netuid, hotkey], UsedSpace)
  const last = batch.add(pallet, 'lastCommitment', [netuid, hotkey], Num)
  await batch.read(rpc, block.hash, signal)
  const bigRaw = hasBigRaw(runtime)
  const maxTextBytes = plain ? (bigRaw ? 512 : maxRawBytes) : maxTimelockedTextBytes
  const cost = (textBytes: number) => commitCost(plain ? textBytes : textBytes + 1024 - maxTimelockedTextBytes)
  const space = maxSpace()
  if (space === undefined) {
    const rateLimit = Num.parse(runtime.constant(pallet, 'rateLimit')?.toJSON() ?? 0)
    const before = last()
    const next = before === undefined ? undefined : before + rateLimit
    return {
      isPlain: plain,
      maxTextBytes,
      cost,
      bytesLeft: undefined,
      notBefore: next !== undefined && next > block.number ? next : undefined,
    }
  }
  const spent = used()
  const isNow = spent !== undefined && spent.lastEpoch >= currentEpoch(subnet.epochs, block.number)
  return {
    isPlain: plain,
    maxTextBytes,
    cost,
    bytesLeft: Math.max(0, space - (isNow ? spent.usedSpace : 0)),
    notBefore: undefined,
  }
}

/** Throws `COMMIT_TOO_LONG`, `COMMIT_SPACE_EXCEEDED` or `COMMIT_TOO_SOON`, before anything is signed. */
export function checkAllowance(allowance: CommitAllowance, textBytes: number, subnet: Subnet): void {
  const {bytesLeft, cost, notBefore} = allowance
  if (notBefore !== undefined) {
    throw new LeomaError('chain', 'COMMIT_TOO_SOON', 'the last commitment of this hotkey is too recent', {
      hints: [`wait until block ${notBefore}`],
      retryable: false,
    })
  }
  if (bytesLeft === undefined || cost(textBytes) <= bytesLeft) return
  const next = nextEpochBlock(subnet.epochs, subnet.metagraph.block.number)
  throw new LeomaError(
    'chain',
    'COMMIT_SPACE_EXCEEDED',
    `commitments of this hotkey may use ${bytesLeft} more bytes in this epoch, this one needs ${cost(textBytes)}`,
    {
      hints: [
        next === undefined ? 'the space never returns with tempo 0' : `wait for the next epoch, at block ${next}`,
      ],
      retryable: false,
    },
  )
}
