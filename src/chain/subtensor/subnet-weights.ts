import {z} from 'zod'
import type {Netuid, Uid} from '../../domain/ids.js'
import {LeomaError} from '../../errors.js'
import type {Signer} from '../../wallet/port.js'
import type {StoredWeights, WeightsCall} from '../port.js'
import {checkWeights, requireMechanism} from '../weight-rules.js'
import type {ScaledWeights} from '../weights.js'
import {requireHiddenWeights} from './calls.js'
import type {Node} from './connection.js'
import {chooseReveal, hiddenPayload, maxHiddenBytes, type Reveal} from './hidden-weights.js'
import {rejected} from './refusals.js'
import type {Runtime} from './runtime.js'
import {Num, StorageBatch} from './storage-batch.js'
import {mechanismIndex, type Subnet} from './subnet.js'

const Weights = z.array(z.tuple([Num, Num]))

/** What the chain holds for a uid at the block of `subnet`. */
export async function readWeights(
  node: Node,
  {metagraph}: Subnet,
  mecid: number,
  uid: Uid,
  signal: AbortSignal,
): Promise<StoredWeights | undefined> {
  const index = mechanismIndex(metagraph.netuid, mecid)
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
}

/** Throws whatever the chain would refuse these weights for, in its order, before anything is signed. */
export async function requireAcceptable(
  node: Node,
  subnet: Subnet,
  call: WeightsCall,
  weights: ScaledWeights,
  {hotkey}: Pick<Signer, 'hotkey'>,
  signal: AbortSignal,
): Promise<void> {
  const {netuid, mecid} = call
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
  if (stake !== undefined && stake < subnet.stakeThresholdRao) throw stakeTooLow(netuid, hotkey, stake, subnet)
}

function stakeTooLow(netuid: Netuid, hotkey: string, stake: bigint, {stakeThresholdRao}: Subnet): LeomaError {
  return new LeomaError(
    'auth',
    'STAKE_TOO_LOW',
    `${hotkey} has ${stake} rao of stake, the chain asks for ${stakeThresholdRao}`,
    {
      hints: [`stake more on this hotkey: btcli stake add --netuid ${netuid}`],
      retryable: true,
    },
  )
}

export interface HiddenWeights {
  readonly hidden: Uint8Array
  readonly reveal: Reveal
  /** Of the commit-reveal scheme; the chain takes only its own. */
  readonly version: number
}

/** Weights that the chain itself opens at their epoch. Throws what `chooseReveal` throws. */
export async function hideWeights(
  runtime: Runtime,
  subnet: Subnet,
  weights: ScaledWeights,
  {
    hotkey,
    versionKey,
    blockTimeMs,
    now,
  }: {readonly hotkey: string; readonly versionKey: number; readonly blockTimeMs: number; readonly now: number},
): Promise<HiddenWeights> {
  const reveal = chooseReveal(subnet, blockTimeMs, now)
  // The curve is loaded by those who encrypt.
  const {timelockEncrypt} = await import('./timelock.js')
  const hidden = timelockEncrypt(hiddenPayload(runtime.accountBytes(hotkey), weights, versionKey), reveal.round)
  if (hidden.length > maxHiddenBytes) throw rejected(`${hidden.length} bytes of hidden weights; ${maxHiddenBytes} fit`)
  return {hidden, reveal, version: subnet.commitRevealVersion ?? 0}
}
