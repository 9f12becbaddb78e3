import {LeomaError} from '../../errors.js'
import {noPermit, weightsVersionTooOld} from '../weight-rules.js'
import {weightsInvalid} from '../weights.js'
import type {RpcError} from './rpc.js'
import type {Runtime} from './runtime.js'
import {subnetUnknown} from './subnet.js'

/** What a call was about, for the sentences. */
export interface CallContext {
  /** Such as `set_weights`. */
  readonly call: string
  readonly netuid: number
  readonly hotkey: string
}

/** What the pool said of a transaction, sorted by what the sender does next. */
export type PoolAnswer =
  /** It is there already: look for it in the blocks. */
  | {readonly is: 'known'}
  /** Its nonce is used, or another transaction has it: read the nonce and sign anew, unless it turns up. */
  | {readonly is: 'stale'}
  | {readonly is: 'refused'; readonly error: LeomaError}

/** Nodes of the Substrate family answer in words, chopsticks in JSON; both name the same things. */
export function readPoolAnswer(
  error: RpcError,
  runtime: Pick<Runtime, 'hasOldRefusals'>,
  context: CallContext,
): PoolAnswer {
  const text = `${error.message} ${error.data}`
  if (error.code === 1013 || /already imported/i.test(text)) return {is: 'known'}
  if (error.code === 1014 || /priority is too low|"?stale"?|outdated/i.test(text)) return {is: 'stale'}
  const custom = /custom(?: error)?"?\s*:\s*(\d+)/i.exec(text)?.[1]
  if (custom !== undefined) {
    const number = Number(custom)
    const error = runtime.hasOldRefusals ? oldRefusal(number, context) : refusal(number, context)
    return {is: 'refused', error}
  }
  return {is: 'refused', error: poolRefusal(error, text, context)}
}

function poolRefusal(error: RpcError, text: string, context: CallContext): LeomaError {
  if (/bad ?proof|bad signature/i.test(text)) {
    return rejected(`the chain does not accept the signature of ${context.hotkey}`, {
      hints: [
        'check that the key file belongs to this hotkey',
        'a transaction that waited too long also ends like this',
      ],
      cause: error,
    })
  }
  if (/payment|inability to pay/i.test(text)) {
    return rejected(`${context.hotkey} cannot pay the fee of ${context.call}`, {
      hints: ['send it some TAO'],
      cause: error,
    })
  }
  if (error.code === 1012) {
    return rejected('the node has banned this transaction for a while', {retryable: true, cause: error})
  }
  if (error.code === 1016 || /exhaustsResources|immediately dropped/i.test(text)) {
    return rejected('the pool of the node is full', {retryable: true, hints: ['try again in a minute'], cause: error})
  }
  return rejected(`the node refuses ${context.call}: ${error.message}`, {
    hints: ['the runtime may be newer than this program: upgrade leoma'],
    cause: error,
  })
}

/** Numbers of the transaction extension; the runtimes before it used some of them for other things. */
function refusal(number: number, context: CallContext): LeomaError {
  const {netuid, hotkey, call} = context
  switch (number) {
    case 1:
      return stakeTooLow(context)
    case 3:
      return subnetUnknown(netuid)
    case 4:
    case 10:
    case 19:
      return notRegistered(hotkey, netuid)
    case 6:
      return tooSoon(context)
    case 0:
    case 21:
      return rejected(`the coldkey of ${hotkey} is being swapped`, {hints: ['wait until the swap is over']})
    case 15:
      return rejected('the beacon is ahead of the round that was chosen', {
        hints: ['check the clock of this machine'],
        retryable: true,
      })
    default:
      return rejected(`the chain refuses ${call} before it is in a block (reason ${number})`, {
        hints: ['the runtime may be newer than this program: upgrade leoma'],
      })
  }
}

function oldRefusal(number: number, context: CallContext): LeomaError {
  if (number === 5) {
    return rejected('too many registrations in this interval', {hints: ['try again later'], retryable: true})
  }
  if (number >= 1 && number <= 7) return stakeTooLow(context)
  return rejected(`the chain refuses ${context.call} before it is in a block (reason ${number})`)
}

/** Failures that are in a block: `ExtrinsicFailed` with an error of a pallet. */
export function dispatchRefusal(name: string, context: CallContext): LeomaError {
  const {call, hotkey, netuid} = context
  switch (name) {
    case 'SettingWeightsTooFast':
    case 'CommittingWeightsTooFast':
      return tooSoon(context)
    case 'HotKeyNotRegisteredInSubNet':
    case 'HotKeyNotRegisteredInNetwork':
    case 'HotKeyAccountNotExists':
    case 'AccountNotAllowedCommit':
      return notRegistered(hotkey, netuid)
    case 'NeuronNoValidatorPermit':
      return noPermit(`hotkey ${hotkey} has no validator permit`)
    case 'NotEnoughStakeToSetWeights':
      return stakeTooLow(context)
    case 'IncorrectWeightVersionKey':
      return weightsVersionTooOld("the version key is older than the subnet's")
    case 'MechanismDoesNotExist':
    case 'SubNetworkDoesNotExist':
    case 'SubnetNotExists':
      return subnetUnknown(netuid)
    case 'CanNotSetRootNetworkWeights':
    case 'WeightVecNotEqualSize':
    case 'UidsLengthExceedUidsInSubNet':
    case 'DuplicateUids':
    case 'UidVecContainInvalidOne':
    case 'WeightVecLengthIsLow':
    case 'MaxWeightExceeded':
      return weightsInvalid(`the chain refuses these weights: ${name}`)
    case 'SpaceLimitExceeded':
      return new LeomaError(
        'chain',
        'COMMIT_SPACE_EXCEEDED',
        'commitments of this hotkey have used their space in this epoch',
        {
          hints: ['wait for the next epoch of the subnet'],
          retryable: false,
        },
      )
    case 'CommitmentSetRateLimitExceeded':
      return new LeomaError('chain', 'COMMIT_TOO_SOON', 'the last commitment of this hotkey is too recent', {
        hints: ['wait about 100 blocks'],
        retryable: false,
      })
    case 'CommitRevealEnabled':
    case 'CommitRevealDisabled':
      return new LeomaError(
        'chain',
        'COMMIT_REVEAL_CHANGED',
        `commit-reveal of subnet ${netuid} was switched just now`,
        {
          hints: ['nothing to do: weights are sent the other way at the next try'],
        },
      )
    case 'TooManyUnrevealedCommits':
      return new LeomaError('chain', 'WEIGHTS_TOO_SOON', 'ten hidden commits of this hotkey wait for their reveal', {
        hints: ['wait for the next epoch of the subnet'],
      })
    default:
      return rejected(`the chain refuses ${call}: ${name}`, {
        hints: ['the runtime may be newer than this program: upgrade leoma'],
      })
  }
}

export function rejected(
  message: string,
  details: {readonly hints?: readonly string[]; readonly retryable?: boolean; readonly cause?: unknown} = {},
): LeomaError {
  return new LeomaError('chain', 'EXTRINSIC_REJECTED', message, {retryable: false, ...details})
}

function stakeTooLow({hotkey, netuid}: CallContext): LeomaError {
  return new LeomaError(
    'auth',
    'STAKE_TOO_LOW',
    `${hotkey} has less stake on subnet ${netuid} than the chain asks for`,
    {
      hints: [`stake more on this hotkey: btcli stake add --netuid ${netuid}`],
      retryable: true,
    },
  )
}

function notRegistered(hotkey: string, netuid: number): LeomaError {
  return new LeomaError('auth', 'HOTKEY_NOT_REGISTERED', `hotkey ${hotkey} is not registered on subnet ${netuid}`, {
    hints: ['check WALLET_NAME, HOTKEY_NAME and NETUID', `btcli subnets register --netuid ${netuid}`],
  })
}

function tooSoon({call}: CallContext): LeomaError {
  return new LeomaError('chain', 'WEIGHTS_TOO_SOON', `${call}: the last one of this hotkey is too recent`, {
    hints: ['wait for the rate limit of the subnet'],
  })
}
