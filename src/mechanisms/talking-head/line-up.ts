import {compareText, type Hotkey} from '../../domain/ids.js'
import type {TalkingHeadState} from './state.js'

/** A submission as the executor knows it. */
export interface Candidate {
  readonly hotkey: Hotkey
  readonly imageRef: string
  readonly digest: string
  /** Of the submission in force. */
  readonly block: number
  /** When this hotkey first offered this image. */
  readonly claimBlock: number
  readonly isBlacklisted: boolean
}

export type Exclusion = 'blacklisted' | 'copy' | 'barred' | 'dropped' | 'unshielded'

export interface LineUp {
  /** Who runs in the next round, the oldest submission first. */
  readonly field: readonly (Candidate & {readonly entered: 'new' | 'carried'})[]
  readonly excluded: readonly {readonly hotkey: Hotkey; readonly reason: Exclusion}[]
}

/**
 * The field of the next round: what was submitted since a hotkey was last measured, and the best of the round before. The
 * same state and submissions give the same field, so that anyone can check that nobody was left out.
 */
export function lineUp(state: TalkingHeadState, candidates: readonly Candidate[]): LineUp {
  const standings = new Map(state.standings.map((standing) => [standing.hotkey, standing]))
  const inTurn = [...candidates].sort((a, b) => a.block - b.block || compareText(a.hotkey, b.hotkey))
  const byClaim = [...candidates].sort((a, b) => a.claimBlock - b.claimBlock || compareText(a.hotkey, b.hotkey))
  const owners = new Map<string, Hotkey>()
  for (const {digest, hotkey, isBlacklisted} of byClaim) {
    // Who is banned owns nothing: a ban must not keep an image from somebody who offers it honestly.
    if (!isBlacklisted && !owners.has(digest)) owners.set(digest, hotkey)
  }
  const field: LineUp['field'][number][] = []
  const excluded: LineUp['excluded'][number][] = []
  for (const candidate of inTurn) {
    const {hotkey, digest, block} = candidate
    const known = standings.get(hotkey)
    const isMeasured = known?.digest === digest && known.submittedAtBlock >= block
    if (candidate.isBlacklisted) excluded.push({hotkey, reason: 'blacklisted'})
    else if (owners.get(digest) !== hotkey) excluded.push({hotkey, reason: 'copy'})
    else if (!isMeasured) field.push({...candidate, entered: 'new'})
    else if (known.place === 'carried') field.push({...candidate, entered: 'carried'})
    else excluded.push({hotkey, reason: known.place})
  }
  return {field, excluded}
}
