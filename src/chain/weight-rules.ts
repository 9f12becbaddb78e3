import type {BlockNumber, Hotkey, Netuid, Uid} from '../domain/ids.js'
import {LeomaError} from '../errors.js'
import type {Hyperparameters, Neuron, WeightsCall} from './port.js'
import {type ScaledWeights, weightsInvalid} from './weights.js'

/** Who sends weights, and when. */
export interface WeightSender {
  readonly hotkey: Hotkey
  readonly block: BlockNumber
}

/** What a chain knows of a subnet when weights arrive. */
export interface WeightFacts {
  readonly hyperparameters: Hyperparameters
  /** By uid. */
  readonly neurons: readonly Neuron[]
  /** Block of the last weights of a uid on the mechanism of the call; registration counts as one. */
  lastUpdate(uid: Uid): BlockNumber
}

export function requireMechanism(netuid: Netuid, mecid: number, {mechanismCount}: Hyperparameters): void {
  if (mecid < mechanismCount) return
  throw new LeomaError('chain', 'SUBNET_UNKNOWN', `subnet ${netuid} has no mechanism ${mecid}`, {
    hints: [`it has ${mechanismCount}, counted from 0`],
    retryable: false,
  })
}

export function requireNotRoot(netuid: Netuid): void {
  if (netuid === 0) throw weightsInvalid('weights cannot be set on the root network, subnet 0', ['check NETUID'])
}

export function requireRegistered(neurons: readonly Neuron[], netuid: Netuid, hotkey: Hotkey): Neuron {
  const neuron = neurons.find((candidate) => candidate.hotkey === hotkey)
  if (neuron) return neuron
  throw new LeomaError('auth', 'HOTKEY_NOT_REGISTERED', `hotkey ${hotkey} is not registered on subnet ${netuid}`, {
    hints: ['check WALLET_NAME, HOTKEY_NAME and NETUID', `btcli subnets register --netuid ${netuid}`],
  })
}

/**
 * Every refusal of `set_weights` after those about the subnet itself, in the runtime's own order, so that a call with two
 * faults gets the same answer everywhere. Returns the neuron whose weights these are.
 */
export function checkWeights(
  {hyperparameters, neurons, lastUpdate}: WeightFacts,
  call: WeightsCall,
  weights: ScaledWeights,
  sender: WeightSender,
): Neuron {
  if (weights.given > neurons.length) {
    throw weightsInvalid(`${weights.given} weights for a subnet of ${neurons.length} neurons`)
  }
  const neuron = requireRegistered(neurons, call.netuid, sender.hotkey)
  if (call.versionKey < hyperparameters.weightsVersion) {
    throw weightsVersionTooOld(
      `version key ${call.versionKey} is older than the subnet's ${hyperparameters.weightsVersion}`,
    )
  }
  checkRate(lastUpdate(neuron.uid), hyperparameters.weightsRateLimit, sender.block)
  const isSelfWeight = weights.given === 1 && call.uids[0] === neuron.uid
  if (!neuron.validatorPermit && !isSelfWeight) throw noPermit(`hotkey ${neuron.hotkey} has no validator permit`)
  checkUids(call.uids, neurons.length)
  const least = Math.min(hyperparameters.minAllowedWeights, neurons.length)
  if (weights.given < least && !isSelfWeight) {
    throw weightsInvalid(`${weights.given} weights, but this subnet wants at least ${least}`)
  }
  return neuron
}

/** Registration counts as a setting of weights, so a new validator waits the full limit first. */
function checkRate(last: BlockNumber, limit: number, block: BlockNumber): void {
  if (last === 0 || block - last >= limit) return
  throw new LeomaError(
    'chain',
    'WEIGHTS_TOO_SOON',
    `weights were last set (or the hotkey registered) at block ${last}, ${block - last} of ${limit} blocks ago`,
    {hints: [`wait until block ${last + limit}`]},
  )
}

function checkUids(uids: readonly number[], neurons: number): void {
  const seen = new Set<number>()
  for (const uid of uids) {
    if (seen.has(uid)) throw weightsInvalid(`uid ${uid} is named twice`)
    seen.add(uid)
  }
  const unknown = uids.find((uid) => !Number.isInteger(uid) || uid < 0 || uid >= neurons)
  if (unknown !== undefined) throw weightsInvalid(`there is no uid ${unknown}`)
}

export function weightsVersionTooOld(message: string): LeomaError {
  return new LeomaError('chain', 'WEIGHTS_VERSION_TOO_OLD', message, {hints: ['upgrade leoma'], retryable: false})
}

export function noPermit(message: string): LeomaError {
  return new LeomaError('auth', 'NO_VALIDATOR_PERMIT', message, {
    hints: ['stake more on this hotkey: permits go to the largest stakes at every epoch'],
    retryable: true,
  })
}
