import type {BlockNumber, Hotkey, Netuid} from '../domain/ids.js'
import {LeomaError} from '../errors.js'
import {epochOf, nextEpochStart} from './epoch.js'
import type {LocalState, Subnet} from './local-state.js'
import type {Neuron, WeightsCall} from './port.js'
import {type ScaledWeights, weightsInvalid} from './weights.js'

/** Bytes of one commitment. */
export const maxCommitBytes = 1024
/** Bytes of all commitments of one hotkey in one epoch; each costs at least `minCommitCost`. */
const maxSpacePerEpoch = 3100
const minCommitCost = 100

export function requireSubnet(state: LocalState, netuid: Netuid): Subnet {
  const subnet = state.findSubnet(netuid)
  if (subnet) return subnet
  throw new LeomaError('chain', 'SUBNET_UNKNOWN', `subnet ${netuid} does not exist on this chain`, {
    hints: ['check NETUID and NETWORK'],
    retryable: false,
  })
}

export function requireNeuron(state: LocalState, netuid: Netuid, hotkey: Hotkey): Neuron {
  const neuron = state.neurons(netuid).find((candidate) => candidate.hotkey === hotkey)
  if (neuron) return neuron
  throw new LeomaError('auth', 'HOTKEY_NOT_REGISTERED', `hotkey ${hotkey} is not registered on subnet ${netuid}`, {
    hints: ['check WALLET_NAME, HOTKEY_NAME and NETUID', `btcli subnets register --netuid ${netuid}`],
  })
}

/**
 * Every refusal of `set_weights`, in the runtime's own order, so that a call with two faults gets the same answer here as
 * there. Returns the neuron whose weights these are.
 */
export function checkWeights(
  state: LocalState,
  call: WeightsCall,
  weights: ScaledWeights,
  sender: {readonly hotkey: Hotkey; readonly block: BlockNumber},
): Neuron {
  const {netuid, mecid, versionKey} = call
  if (netuid === 0) throw weightsInvalid('weights cannot be set on the root network, subnet 0', ['check NETUID'])
  const {settings} = requireSubnet(state, netuid)
  if (mecid >= settings.mechanismCount) {
    throw new LeomaError('chain', 'SUBNET_UNKNOWN', `subnet ${netuid} has no mechanism ${mecid}`, {
      hints: [`it has ${settings.mechanismCount}, counted from 0`],
      retryable: false,
    })
  }
  if (settings.commitRevealEnabled) {
    throw new LeomaError(
      'chain',
      'EXTRINSIC_REJECTED',
      `subnet ${netuid} has commit-reveal on: weights must be hidden`,
      {
        hints: ['turn commit-reveal off for this subnet: the local chain has no drand to reveal with'],
        retryable: false,
      },
    )
  }
  const neurons = state.neurons(netuid)
  if (weights.given > neurons.length) {
    throw weightsInvalid(`${weights.given} weights for a subnet of ${neurons.length} neurons`)
  }
  const neuron = requireNeuron(state, netuid, sender.hotkey)
  if (versionKey < settings.weightsVersion) {
    throw new LeomaError(
      'chain',
      'WEIGHTS_VERSION_TOO_OLD',
      `version key ${versionKey} is older than the subnet's ${settings.weightsVersion}`,
      {hints: ['upgrade leoma'], retryable: false},
    )
  }
  checkRate(state.lastUpdate(netuid, mecid, neuron.uid), settings.weightsRateLimit, sender.block)
  const isSelfWeight = weights.given === 1 && call.uids[0] === neuron.uid
  if (!neuron.validatorPermit && !isSelfWeight) {
    throw new LeomaError('auth', 'NO_VALIDATOR_PERMIT', `hotkey ${neuron.hotkey} has no validator permit`, {
      hints: ['stake more on this hotkey: permits go to the largest stakes at every epoch'],
      retryable: true,
    })
  }
  checkUids(call.uids, neurons.length)
  const least = Math.min(settings.minAllowedWeights, neurons.length)
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

/** The bytes that a commitment takes of its epoch's space. Throws `COMMIT_SPACE_EXCEEDED` when they are not left. */
export function checkSpace(
  state: LocalState,
  subnet: Subnet,
  commit: {readonly hotkey: Hotkey; readonly sizeBytes: number; readonly block: BlockNumber},
): number {
  const {netuid, settings} = subnet
  const {hotkey, block} = commit
  const cost = Math.max(minCommitCost, commit.sizeBytes)
  const epoch = epochOf(block, netuid, settings.tempo)
  const epochStart = settings.tempo === 0 ? 0 : epoch * (settings.tempo + 1) - (netuid + 1)
  const used = state.usedSpace(netuid, hotkey, epochStart)
  if (used + cost <= maxSpacePerEpoch) return cost
  const next = nextEpochStart(block, netuid, settings.tempo)
  throw new LeomaError(
    'chain',
    'COMMIT_SPACE_EXCEEDED',
    `commitments of this hotkey have used ${used} of ${maxSpacePerEpoch} bytes in this epoch, this one needs ${cost}`,
    {
      hints: [
        next === undefined ? 'the space never returns with tempo 0' : `wait for the next epoch, at block ${next}`,
      ],
      retryable: false,
    },
  )
}
