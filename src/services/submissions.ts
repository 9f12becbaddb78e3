import type {Commitment} from '../chain/port.js'
import type {Hotkey} from '../domain/ids.js'
import {provenBy, type SubmissionProof} from '../domain/submission-proof.js'
import type {AnyMechanism, KnownSubmission} from '../mechanisms/types.js'
import {listBlacklist} from '../store/blacklist.js'
import type {Store} from '../store/open.js'
import {
  claimsOf,
  findSubmission,
  listSubmissions,
  noteClaim,
  proveSubmission,
  putSubmission,
  type StoredSubmission,
} from '../store/submissions.js'
import type {Verify} from '../wallet/port.js'

export type Submitted =
  /** In force from now on. */
  | {readonly status: 'accepted'; readonly submission: StoredSubmission}
  /** The same is in force already; the window did not begin anew. */
  | {readonly status: 'unchanged'; readonly submission: StoredSubmission}
  | {readonly status: 'too-soon'; readonly waitS: number; readonly submission: StoredSubmission}
  | {readonly status: 'claimed'; readonly by: Hotkey}
  | {readonly status: 'invalid'; readonly reason: string}

export interface SubmitDeps {
  readonly store: Store
  readonly mechanism: AnyMechanism
  /** Seconds between two submissions of one hotkey. */
  readonly windowS: number
  /** Milliseconds since 1970. */
  readonly at: number
  /** The chain's head. */
  readonly block: number
}

export interface Offer {
  readonly hotkey: Hotkey
  readonly text: string
  /** Null when its signature covers no body. */
  readonly proof: SubmissionProof | null
}

/** Takes a submission of a hotkey that was shown to be the sender. Who is banned may submit: the ban ends some day. */
export function submit({store, mechanism, windowS, at, block}: SubmitDeps, {hotkey, text, proof}: Offer): Submitted {
  const parsed = mechanism.identify(text, hotkey)
  if (!parsed.ok) return {status: 'invalid', reason: parsed.reason}
  const {identity, text: form} = parsed.value
  return store.sql.transaction((): Submitted => {
    const current = findSubmission(store, mechanism.name, hotkey)
    const waitS = current === undefined ? 0 : Math.ceil((current.at + windowS * 1000 - at) / 1000)
    if (current && waitS > 0) {
      if (current.identity !== identity) return {status: 'too-soon', waitS, submission: current}
      const isProven = current.proof !== null || current.source === 'chain' || proof === null || current.text !== form
      if (isProven) return {status: 'unchanged', submission: current}
      proveSubmission(store, mechanism.name, hotkey, proof)
      return {status: 'unchanged', submission: {...current, proof}}
    }
    const [owner] = claimsOf(store, mechanism.name, identity)
    if (owner && owner.hotkey !== hotkey) return {status: 'claimed', by: owner.hotkey}
    const submission = {hotkey, text: form, identity, block, at, source: 'api', isCurrent: true, proof} as const
    putSubmission(store, mechanism.name, submission)
    return {status: 'accepted', submission}
  })
}

export interface CommitmentSync extends SubmitDeps {
  readonly blockTimeMs: number
  /** Oldest first per hotkey, as the chain gives them. */
  readonly commitments: readonly Commitment[]
}

/**
 * Takes in what was committed on the chain since: the same rules, with the window counted in blocks. What comes too soon
 * is left out for good, as if it had not been committed. Returns how many are new.
 */
export function syncCommitments({commitments, blockTimeMs, ...deps}: CommitmentSync): number {
  const {store, mechanism, windowS, at, block: head} = deps
  const windowBlocks = Math.ceil((windowS * 1000) / blockTimeMs)
  let added = 0
  store.sql.transaction(() => {
    for (const {hotkey, text, block} of commitments) {
      const parsed = mechanism.identify(text, hotkey)
      if (!parsed.ok) continue
      const current = findSubmission(store, mechanism.name, hotkey)
      if (current && (block <= current.block || block < current.block + windowBlocks)) continue
      putSubmission(store, mechanism.name, {
        ...{hotkey, block, source: 'chain', proof: null},
        ...parsed.value,
        at: at - Math.max(0, head - block) * blockTimeMs,
      })
      added++
    }
  })
  return added
}

/** All that is in force, the oldest first, with whose each is. */
export function knownSubmissions(store: Store, mechanism: string): KnownSubmission[] {
  const banned = new Set(listBlacklist(store).map(({hotkey}) => hotkey))
  return listSubmissions(store, mechanism).map(({hotkey, text, identity, block, at, proof}) => {
    const claims = claimsOf(store, mechanism, identity)
    const own = claims.find((claim) => claim.hotkey === hotkey)
    const [first] = claims
    return {
      ...{hotkey, text, block, at, proof},
      claimBlock: own?.block ?? block,
      isBlacklisted: banned.has(hotkey),
      copyOf: first && first.hotkey !== hotkey ? first.hotkey : null,
    }
  })
}

/** What is proven to be in force: the same without what only the owner's word stands for. */
export function provenSubmissions(store: Store, mechanism: string): KnownSubmission[] {
  const onChain = new Set(
    listSubmissions(store, mechanism).flatMap(({hotkey, source}) => (source === 'chain' ? hotkey : [])),
  )
  return knownSubmissions(store, mechanism).filter(({hotkey, proof}) => proof !== null || onChain.has(hotkey))
}

export interface TakeOverDeps {
  readonly store: Store
  readonly mechanism: AnyMechanism
  readonly verify: Verify
  /** The chain's head: nothing was submitted after it. */
  readonly head: number
}

interface Heard {
  readonly entry: Omit<StoredSubmission, 'isCurrent'>
  readonly claimBlock: number
}

/**
 * What the owner's API says is submitted, beside what is known here, as far as the miners' own signatures bear it out. A
 * hotkey's later submission is in force, wherever it was made; the API has looked after the window. When a thing was first
 * offered is the owner's word, but a claim that is heard of later comes after those that are known here already: else an
 * owner could give an image to somebody else. Returns how many are new here.
 */
export function takeOver(deps: TakeOverDeps, submissions: readonly KnownSubmission[]): number {
  const {store, mechanism} = deps
  let added = 0
  store.sql.transaction(() => {
    // All are looked at before any is written down: what is heard of together is in the owner's order.
    for (const {entry, claimBlock} of submissions.flatMap((submission) => heard(deps, submission) ?? [])) {
      const {hotkey, block, identity, proof} = entry
      if (claimBlock < block) noteClaim(store, mechanism.name, {...entry, block: claimBlock})
      const current = findSubmission(store, mechanism.name, hotkey)
      // On the chain everybody sees it for himself.
      if (proof === null) continue
      if (current && isOlder(entry, current)) continue
      if (current && current.identity === identity && current.block === block && current.proof !== null) continue
      putSubmission(store, mechanism.name, entry)
      added++
    }
  })
  return added
}

/** A request that was made before the one in force comes too late, whatever block the owner gives it. */
function isOlder(entry: Heard['entry'], current: StoredSubmission): boolean {
  const isUnproven = current.source === 'api' && current.proof === null
  if (isUnproven) return false
  return current.block > entry.block || (current.source === 'api' && entry.at <= current.at)
}

/** Undefined for what nothing proves. */
function heard(
  {store, mechanism, verify, head}: TakeOverDeps,
  {hotkey, text, block, claimBlock, at, proof}: KnownSubmission,
): Heard | undefined {
  const parsed = mechanism.identify(text, hotkey)
  if (!parsed.ok) return undefined
  const {identity} = parsed.value
  const current = findSubmission(store, mechanism.name, hotkey)
  const claims = claimsOf(store, mechanism.name, identity)
  const isKnown = claims.some((claim) => claim.hotkey === hotkey)
  const [first] = claims
  const after = !isKnown && first ? first.block + 1 : 0
  const entry = {
    hotkey,
    ...parsed.value,
    block: Math.max(after, Math.min(block, head)),
    source: 'api',
    at,
    proof,
  } as const
  const claimed = {entry, claimBlock: Math.max(after, Math.min(claimBlock, entry.block))}
  if (proof === null) return current?.source === 'chain' && current.identity === identity ? claimed : undefined
  const {requests} = mechanism
  // Verified when it was first heard of.
  if (current?.proof?.signature === proof.signature) return claimed
  const proven = requests && provenBy(proof, {hotkey, target: requests.submit}, verify)
  if (!proven || proven.fields.hotkey !== hotkey) return undefined
  const said = mechanism.identify(JSON.stringify({[requests.field]: proven.fields[requests.field]}), hotkey)
  if (!said.ok || said.value.text !== parsed.value.text) return undefined
  return {...claimed, entry: {...entry, at: proven.at}}
}
