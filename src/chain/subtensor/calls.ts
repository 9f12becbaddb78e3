import type {Netuid} from '../../domain/ids.js'
import type {WeightsCall} from '../port.js'
import type {ScaledWeights} from '../weights.js'
import type {Call} from './extrinsic.js'
import type {Reveal} from './hidden-weights.js'
import {rejected} from './refusals.js'
import type {Runtime} from './runtime.js'
import {hasMechanisms} from './subnet.js'

/** Throws `EXTRINSIC_REJECTED` for a call that this runtime does not have. */
export function buildCall(runtime: Runtime, pallet: string, name: string, args: readonly unknown[]): Call {
  const call = runtime.call(pallet, name)
  if (!call) throw rejected(`this chain has no call ${pallet}.${name}`, {hints: ['check NETWORK']})
  return call(...args)
}

export function openWeights(
  runtime: Runtime,
  {netuid, mecid, versionKey}: WeightsCall,
  {uids, values}: ScaledWeights,
): Call {
  return mecid === 0
    ? buildCall(runtime, 'subtensorModule', 'setWeights', [netuid, uids, values, versionKey])
    : buildCall(runtime, 'subtensorModule', 'setMechanismWeights', [netuid, mecid, uids, values, versionKey])
}

export function hiddenWeights(
  runtime: Runtime,
  {netuid, mecid}: WeightsCall,
  {hidden, reveal, version}: {readonly hidden: Uint8Array; readonly reveal: Reveal; readonly version: number},
): Call {
  const commit = `0x${Buffer.from(hidden).toString('hex')}`
  const rest = [commit, reveal.round, version]
  return hasMechanisms(runtime)
    ? buildCall(runtime, 'subtensorModule', 'commitTimelockedMechanismWeights', [netuid, mecid, ...rest])
    : buildCall(runtime, 'subtensorModule', 'commitTimelockedWeights', [netuid, ...rest])
}

export function requireHiddenWeights(runtime: Runtime, netuid: Netuid): void {
  const known = ['commitTimelockedMechanismWeights', 'commitTimelockedWeights']
  if (known.some((name) => runtime.call('subtensorModule', name))) return
  throw rejected(`subnet ${netuid} has commit-reveal on, and this runtime knows no timelocked weights`, {
    hints: ['turn commit-reveal off for this subnet, or use a newer runtime'],
  })
}
