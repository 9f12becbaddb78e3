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

/** The bytes that a text takes of its epoch's space. */
export function commitCost(sizeBytes: number): number {
  return Math.max(minCommitCost, sizeBytes)
}

/** Bytes that a hotkey may still commit in the epoch of a block. */
export function spaceLeft(
  state: LocalState,
  {netuid, settings}: Subnet,
  {hotkey, block}: {readonly hotkey: Hotkey; readonly block: BlockNumber},
): number {
  const {tempo} = settings
  const epochStart = tempo === 0 ? 0 : epochOf(block, netuid, tempo) * (tempo + 1) - (netuid + 1)
  return maxSpacePerEpoch - state.usedSpace(netuid, hotkey, epochStart)
}

/** The cost of a commitment. Throws `COMMIT_SPACE_EXCEEDED` when that much is not left. */
export function checkSpace(
  state: LocalState,
  subnet: Subnet,
  commit: {readonly hotkey: Hotkey; readonly sizeBytes: number; readonly block: BlockNumber},
): number {
  const cost = commitCost(commit.sizeBytes)
  const left = spaceLeft(state, subnet, commit)
  if (cost <= left) return cost
  const next = nextEpochStart(commit.block, subnet.netuid, subnet.settings.tempo)
  throw new LeomaError(
    'chain',
    'COMMIT_SPACE_EXCEEDED',
    `commitments of this hotkey may use ${left} more of ${maxSpacePerEpoch} bytes in this epoch, this one needs ${cost}`,
    {
      hints: [
        next === undefined ? 'the space never returns with tempo 0' : `wait for the next epoch, at block ${next}`,
      ],
      retryable: false,
    },
  )
}
