import type {Commitment} from '../chain/port.js'
import type {Hotkey} from '../domain/ids.js'
import type {AnyMechanism, KnownSubmission} from '../mechanisms/types.js'
import {listBlacklist} from '../store/blacklist.js'
import type {Store} from '../store/open.js'
import {
  claimsOf,
  findSubmission,
  listSubmissions,
  noteClaim,
  putSubmission,
  type StoredSubmission,
} from '../store/submissions.js'

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

/** Takes a submission of a hotkey that was shown to be the sender. Who is banned may submit: the ban ends some day. */
export function submit(
  {store, mechanism, windowS, at, block}: SubmitDeps,
  {hotkey, text}: {readonly hotkey: Hotkey; readonly text: string},
): Submitted {
  const parsed = mechanism.identify(text, hotkey)
  if (!parsed.ok) return {status: 'invalid', reason: parsed.reason}
  const {identity, text: form} = parsed.value
  return store.sql.transaction((): Submitted => {
    const current = findSubmission(store, mechanism.name, hotkey)
    const waitS = current === undefined ? 0 : Math.ceil((current.at + windowS * 1000 - at) / 1000)
    if (current && waitS > 0)
      return current.identity === identity
        ? {status: 'unchanged', submission: current}
        : {status: 'too-soon', waitS, submission: current}
    const [owner] = claimsOf(store, mechanism.name, identity)
    if (owner && owner.hotkey !== hotkey) return {status: 'claimed', by: owner.hotkey}
    const submission = {hotkey, text: form, identity, block, at, source: 'api', isCurrent: true} as const
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
        ...{hotkey, block, source: 'chain'},
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
  return listSubmissions(store, mechanism).map(({hotkey, text, identity, block, at}) => {
    const claims = claimsOf(store, mechanism, identity)
    const own = claims.find((claim) => claim.hotkey === hotkey)
    const [first] = claims
    return {
      ...{hotkey, text, block, at},
      claimBlock: own?.block ?? block,
      isBlacklisted: banned.has(hotkey),
      copyOf: first && first.hotkey !== hotkey ? first.hotkey : null,
    }
  })
}

/**
 * What the owner's API says is submitted, beside what is known here. A hotkey's later submission is in force, wherever it
 * was made; the API has looked after the window. Returns how many are new here.
 */
export function takeOver(store: Store, mechanism: AnyMechanism, submissions: readonly KnownSubmission[]): number {
  let added = 0
  store.sql.transaction(() => {
    for (const {hotkey, text, block, claimBlock, at} of submissions) {
      const parsed = mechanism.identify(text, hotkey)
      if (!parsed.ok) continue
      const entry = {hotkey, ...parsed.value, at}
      if (claimBlock < block) noteClaim(store, mechanism.name, {...entry, block: claimBlock})
      const current = findSubmission(store, mechanism.name, hotkey)
      if (current && (current.block > block || (current.block === block && current.identity === entry.identity)))
        continue
      putSubmission(store, mechanism.name, {...entry, block, source: 'api'})
      added++
    }
  })
  return added
}
