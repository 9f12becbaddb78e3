import type {BlockNumber, Hotkey, Netuid, Uid} from '../domain/ids.js'
import {LeomaError} from '../errors.js'
import {epochOf, nextEpochStart} from './epoch.js'
import type {LocalState, Subnet} from './local-state.js'
import type {Neuron, WeightsCall} from './port.js'
import {checkWeights, requireMechanism, requireNotRoot, requireRegistered, type WeightSender} from './weight-rules.js'
import type {ScaledWeights} from './weights.js'

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
  return requireRegistered(state.neurons(netuid), netuid, hotkey)
}

/** Every refusal of `set_weights`. Returns the neuron whose weights these are. */
export function checkLocalWeights(
  state: LocalState,
  call: WeightsCall,
  weights: ScaledWeights,
  sender: WeightSender,
): Neuron {
  const {netuid, mecid} = call
  requireNotRoot(netuid)
  const {settings} = requireSubnet(state, netuid)
  requireMechanism(netuid, mecid, settings)
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
  const facts = {hyperparameters: settings, neurons, lastUpdate: (uid: Uid) => state.lastUpdate(netuid, mecid, uid)}
  return checkWeights(facts, call, weights, sender)
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
