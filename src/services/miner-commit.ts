import {isDeepStrictEqual} from 'node:util'
import type {Chain, CommitAllowance, Commitment, CommitOptions, Receipt} from '../chain/port.js'
import {
  type CommitForm,
  commitForms,
  commitmentText,
  type ModelSubmission,
  parseModelCommitment,
} from '../domain/commitment.js'
import type {Hotkey, Netuid, Uid} from '../domain/ids.js'
import {LeomaError} from '../errors.js'
import type {Clock} from '../runtime/clock.js'
import type {Signer} from '../wallet/port.js'

/** The published rule: a third commitment makes a hotkey invalid for good. */
const maxCommitments = 2
/** A reveal is due after a block or two; much later something is wrong. */
const maxBlocksUntilReveal = 25

export interface CommitPlan {
  readonly network: string
  readonly netuid: Netuid
  readonly hotkey: Hotkey
  readonly uid: Uid
  /** Exactly the text that goes on the chain. */
  readonly text: string
  /** The published JSON, or the short form where that does not fit. */
  readonly form: CommitForm
  /** Bytes that the chain takes. */
  readonly maxTextBytes: number
  /** Hidden until the chain itself opens it a block or two later; else in the open at once. */
  readonly hidden: boolean
  /** What it takes of the space that the chain gives a hotkey in each epoch; null left where it counts blocks instead. */
  readonly space: {readonly costBytes: number; readonly leftBytes: number | null}
  /** The commitment in force until now; null for the first one. */
  readonly replaces: {readonly text: string; readonly block: number} | null
  /** Revealed commitments that this hotkey may still make after this one. */
  readonly left: number
}

/** What sending needs of a plan. */
export type SendPlan = Pick<CommitPlan, 'netuid' | 'hotkey' | 'text' | 'hidden'>

export interface Committed<Plan extends SendPlan = CommitPlan> {
  readonly plan: Plan
  readonly extrinsic: string
  /** Block that holds the extrinsic. */
  readonly block: number
  /** Block from which on everybody can read it; this one counts when two miners are equally good. */
  readonly revealedAtBlock: number
  /** A page about that block; null where there is none. */
  readonly url: string | null
}

/**
 * Finds everything that would waste one of a hotkey's few commitments, before it is made. Throws kind `usage` for a
 * submission that would be invalid, `auth` for a hotkey that is not on the subnet.
 */
export async function planCommit(
  chain: Chain,
  netuid: Netuid,
  hotkey: Hotkey,
  submission: ModelSubmission,
  signal: AbortSignal,
  {form: wanted, ...options}: CommitOptions & {readonly form?: CommitForm | undefined} = {},
): Promise<CommitPlan> {
  checkSubmission(submission, hotkey)
  const [metagraph, commitments, allowance] = await Promise.all([
    chain.metagraph(netuid, signal),
    chain.commitments(netuid, signal),
    chain.commitAllowance(netuid, hotkey, signal, options),
  ])
  const neuron = metagraph.neurons.find((candidate) => candidate.hotkey === hotkey)
  if (!neuron) {
    throw new LeomaError('auth', 'HOTKEY_NOT_REGISTERED', `${hotkey} is not on subnet ${netuid} of ${chain.network}`, {
      hints: ['register it first: btcli subnets register', 'check NETUID, NETWORK, WALLET_NAME and HOTKEY_NAME'],
    })
  }
  const earlier = commitments.filter((commitment) => commitment.hotkey === hotkey)
  const current = earlier.at(-1)
  if (current && isSame(submission, current)) {
    throw new LeomaError('usage', 'COMMIT_UNCHANGED', `exactly this is committed already, at block ${current.block}`, {
      hints: ['nothing to do: leoma get-rank shows where the miner stands'],
    })
  }
  // An open one makes room for this one; the rule counts it while it stands.
  const kept = earlier.filter(({isOpen}) => !isOpen).length
  if (kept >= maxCommitments) {
    throw new LeomaError(
      'usage',
      'COMMITS_USED_UP',
      `${hotkey} has committed ${kept} times; one more makes it invalid for good`,
      {hints: ['register another hotkey for the new model']},
    )
  }
  const {form, text} = chooseForm(submission, hotkey, allowance, wanted)
  checkSpace(allowance, text)
  return {
    network: chain.network,
    netuid,
    hotkey,
    uid: neuron.uid,
    text,
    form,
    maxTextBytes: allowance.maxTextBytes,
    hidden: !allowance.isPlain,
    space: {costBytes: allowance.cost(Buffer.byteLength(text)), leftBytes: allowance.bytesLeft ?? null},
    replaces: current ? {text: current.text, block: current.block} : null,
    left: maxCommitments - kept - (allowance.isPlain ? 0 : 1),
  }
}

/** In whatever form it was written: what is offered is what counts. */
function isSame(submission: ModelSubmission, {text, hotkey}: Commitment): boolean {
  const parsed = parseModelCommitment(text, hotkey)
  return parsed.ok && isDeepStrictEqual(parsed.value, {...submission})
}

/** The published form wherever it fits, because every tool of the subnet reads it. */
function chooseForm(
  submission: ModelSubmission,
  hotkey: Hotkey,
  {maxTextBytes}: CommitAllowance,
  wanted: CommitForm | undefined,
): {form: CommitForm; text: string} {
  const sizes: string[] = []
  for (const form of wanted ? [wanted] : commitForms) {
    const text = commitmentText(form, submission, hotkey)
    if (text === undefined) continue
    const bytes = Buffer.byteLength(text)
    if (bytes <= maxTextBytes) return {form, text}
    sizes.push(`${bytes} bytes in form ${form}`)
  }
  throw new LeomaError(
    'usage',
    'SUBMISSION_INVALID',
    `the commitment has ${sizes.join(', ')}; the chain takes ${maxTextBytes}`,
    {
      hints: [
        'shorten the name of the model',
        ...(wanted ? ['leave --form out: the form that fits is chosen by itself'] : []),
      ],
    },
  )
}

function checkSubmission(submission: ModelSubmission, hotkey: Hotkey): void {
  const problems = problemsOf(submission, hotkey)
  if (problems.length === 0) return
  throw new LeomaError('usage', 'SUBMISSION_INVALID', problems.join('; '), {
    hints: [
      `name the repository <user>/leoma-<anything>-${hotkey}`,
      'give the full commit hash of the model, as its page on Hugging Face shows it under "History"',
    ],
  })
}

/** Throws when the chain would not take a text now. */
export function checkSpace({bytesLeft, cost, notBefore}: CommitAllowance, text: string): void {
  const bytes = Buffer.byteLength(text)
  if (notBefore !== undefined) {
    throw new LeomaError('chain', 'COMMIT_TOO_SOON', 'the last commitment of this hotkey is too recent', {
      hints: [`wait until block ${notBefore}`],
      retryable: false,
    })
  }
  if (bytesLeft === undefined || cost(bytes) <= bytesLeft) return
  throw new LeomaError(
    'chain',
    'COMMIT_SPACE_EXCEEDED',
    `${bytesLeft} bytes are left in this epoch, this takes ${cost(bytes)}`,
    {
      hints: ['wait for the next epoch of the subnet'],
      retryable: false,
    },
  )
}

function problemsOf({modelName, modelRevision, chuteId}: ModelSubmission, hotkey: Hotkey): string[] {
  const repository = modelName.slice(modelName.lastIndexOf('/') + 1).toLowerCase()
  const problems: string[] = []
  if (!/^[\w.-]{1,96}\/[\w.-]{1,96}$/.test(modelName))
    problems.push('the model name is not of the form user/repository')
  else {
    if (!repository.startsWith('leoma')) problems.push('the name of the repository does not begin with leoma')
    if (!repository.endsWith(hotkey.toLowerCase()))
      problems.push(`the name of the repository does not end with ${hotkey}`)
  }
  if (!/^[0-9a-f]{40}$/.test(modelRevision))
    problems.push('the revision is not a full commit hash (40 lower-case hex digits)')
  if (!/^[\w.:-]{1,255}$/.test(chuteId))
    problems.push('the chute id holds something else than letters, digits and - _ . :')
  return problems
}

/** Signs and sends the plan, waits until it is revealed, and reads it back. */
export async function sendCommit<Plan extends SendPlan>(
  deps: {readonly chain: Chain; readonly signer: Signer; readonly time: Pick<Clock, 'now' | 'sleep'>},
  plan: Plan,
  signal: AbortSignal,
): Promise<Committed<Plan>> {
  const {chain, signer} = deps
  const receipt = await chain.commit(plan.netuid, plan.text, signer, signal, {plain: !plan.hidden})
  const {block: revealedAtBlock} = await waitForReveal(deps, plan, receipt, signal)
  const {extrinsic, block} = receipt
  return {plan, extrinsic, block: block.number, revealedAtBlock, url: chain.explorerUrl?.(block) ?? null}
}

async function waitForReveal(
  {chain, time}: {readonly chain: Chain; readonly time: Pick<Clock, 'now' | 'sleep'>},
  plan: SendPlan,
  receipt: Receipt,
  signal: AbortSignal,
): Promise<Commitment> {
  const deadline = time.now() + maxBlocksUntilReveal * chain.blockTimeMs
  for (;;) {
    const commitments = await chain.commitments(plan.netuid, signal)
    const own = commitments.filter(({hotkey}) => hotkey === plan.hotkey)
    const revealed = own.find(({text, block}) => text === plan.text && block >= receipt.block.number)
    if (revealed) return revealed
    if (time.now() >= deadline) {
      throw new LeomaError('chain', 'REVEAL_NOT_SEEN', `sent in block ${receipt.block.number}, but not revealed yet`, {
        hints: [
          'do not commit again: the chain holds it, and a second one would count',
          `look again later; the extrinsic is ${receipt.extrinsic}`,
        ],
        retryable: false,
      })
    }
    await time.sleep(Math.max(50, chain.blockTimeMs / 2), signal)
  }
}
