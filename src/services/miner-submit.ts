import {SubmittedBody} from '../api/mechanism-schemas.js'
import type {SignedHttp} from '../api/port.js'
import {RefusedError} from '../api/signed-http.js'
import type {Chain} from '../chain/port.js'
import {parseModelCommitment} from '../domain/commitment.js'
import type {Hotkey, Netuid, Uid} from '../domain/ids.js'
import {LeomaError} from '../errors.js'
import type {AnyMechanism, PublishedRequests} from '../mechanisms/types.js'
import {spell} from './duration.js'
import {checkSpace, type SendPlan} from './miner-commit.js'

/** What goes out, shown before it does. */
export interface Submission {
  readonly mechanism: string
  readonly hotkey: Hotkey
  /** As the miner gave it. */
  readonly offer: string
}

export interface OnChainPlan extends SendPlan {
  readonly network: string
  readonly mechanism: string
  readonly uid: Uid
  /** Bytes that the chain takes. */
  readonly maxTextBytes: number
  /** The commitment in force until now; null for the first one. */
  readonly replaces: {readonly text: string; readonly block: number} | null
}

const hintsOf: Readonly<Record<string, readonly string[]>> = {
  image_ref_without_digest: [
    'name the image by the digest of its manifest: repository@sha256:<64 hex digits>',
    'docker push prints it; docker image inspect --format "{{.RepoDigests}}" shows it again',
  ],
}

/** Throws kind `usage` for what no executor would run; nothing is asked of anybody before that. */
export function checkOffer(mechanism: AnyMechanism, hotkey: Hotkey, offer: string): PublishedRequests {
  const {requests} = mechanism
  if (!requests) {
    throw new LeomaError('usage', 'NOT_BY_REQUEST', `${mechanism.name} takes commitments alone`, {
      hints: ['use leoma miner commit'],
    })
  }
  const parsed = mechanism.identify(JSON.stringify({[requests.field]: offer}), hotkey)
  if (parsed.ok) return requests
  throw new LeomaError(
    'usage',
    'SUBMISSION_INVALID',
    `this cannot be submitted: ${parsed.reason.replaceAll('_', ' ')}`,
    {
      hints: hintsOf[parsed.reason] ?? [
        'a reference is [registry/]repository[:tag]@sha256:<64 hex digits>, all lower case',
      ],
    },
  )
}

/** Sends it to the owner's API. Throws `SUBMITTED_TOO_SOON` with the time left, `SUBMISSION_CLAIMED` for another's. */
export async function sendSubmission(
  http: SignedHttp,
  {submit, field}: PublishedRequests,
  {hotkey, offer}: Submission,
  signal: AbortSignal,
): Promise<SubmittedBody> {
  try {
    return await http.post(submit, {hotkey, [field]: offer}, SubmittedBody, signal)
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error
    throw explained(error)
  }
}

function explained(error: RefusedError): LeomaError {
  const {status, message, retryAfterS} = error
  if (status === 429 && retryAfterS !== undefined) {
    return new LeomaError('upstream', 'SUBMITTED_TOO_SOON', `the last submission of this hotkey is too recent`, {
      ...{cause: error, status, retryable: false},
      hints: [`come again in ${spell(retryAfterS)}`, 'what was submitted before stays in force until then'],
    })
  }
  if (status === 409) {
    return new LeomaError('upstream', 'SUBMISSION_CLAIMED', message, {
      ...{cause: error, status, retryable: false},
      hints: ['submit an image of your own: one that somebody else submitted first is paid to that one'],
    })
  }
  if (status === 403) {
    return new LeomaError('auth', 'HOTKEY_NOT_REGISTERED', message, {
      ...{cause: error, status, retryable: false},
      hints: ['register the hotkey first: btcli subnets register', 'check WALLET_NAME, HOTKEY_NAME and API_URL'],
    })
  }
  return error
}

/**
 * The same as a commitment on the chain, for which no API is needed. The published form where it fits, else the reference
 * alone. A hotkey has one commitment: one that offers a model to the video mechanism is not written over.
 */
export async function planOnChain(
  chain: Chain,
  netuid: Netuid,
  {mechanism, hotkey, offer}: Submission,
  field: string,
  signal: AbortSignal,
  {plain = false}: {readonly plain?: boolean} = {},
): Promise<OnChainPlan> {
  const [metagraph, commitments, allowance] = await Promise.all([
    chain.metagraph(netuid, signal),
    chain.commitments(netuid, signal),
    chain.commitAllowance(netuid, hotkey, signal, {plain}),
  ])
  const neuron = metagraph.neurons.find((candidate) => candidate.hotkey === hotkey)
  if (!neuron) {
    throw new LeomaError('auth', 'HOTKEY_NOT_REGISTERED', `${hotkey} is not on subnet ${netuid} of ${chain.network}`, {
      hints: ['register it first: btcli subnets register', 'check NETUID, NETWORK, WALLET_NAME and HOTKEY_NAME'],
    })
  }
  const current = commitments.findLast((commitment) => commitment.hotkey === hotkey)
  if (current && parseModelCommitment(current.text, hotkey).ok) {
    throw new LeomaError(
      'usage',
      'COMMIT_IN_USE',
      'the commitment of this hotkey offers a model to another mechanism',
      {
        hints: ['submit without --on-chain', 'or use another hotkey: each has one commitment'],
      },
    )
  }
  const texts = [`{"${field}": ${JSON.stringify(offer)}}`, offer]
  if (current && texts.includes(current.text)) {
    throw new LeomaError('usage', 'COMMIT_UNCHANGED', `exactly this is committed already, at block ${current.block}`, {
      hints: [`nothing to do: leoma get-rank --mechanism ${mechanism} shows where the miner stands`],
    })
  }
  const text = texts.find((candidate) => Buffer.byteLength(candidate) <= allowance.maxTextBytes)
  if (text === undefined) {
    const message = `the chain takes ${allowance.maxTextBytes} bytes, the reference has ${Buffer.byteLength(offer)}`
    throw new LeomaError('usage', 'COMMIT_TOO_LONG', message, {
      hints: ['submit without --on-chain', 'or give the repository a shorter name'],
    })
  }
  checkSpace(allowance, text)
  return {
    ...{network: chain.network, mechanism, netuid, hotkey, uid: neuron.uid, text},
    maxTextBytes: allowance.maxTextBytes,
    hidden: !allowance.isPlain,
    replaces: current ? {text: current.text, block: current.block} : null,
  }
}
