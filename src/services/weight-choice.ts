import type {Metagraph, StoredWeights} from '../chain/port.js'
import type {Hotkey, Uid} from '../domain/ids.js'
import type {Decision} from '../domain/ranking.js'
import type {WeightDecision} from '../store/weight-log.js'

export type Choice = Pick<WeightDecision, 'uids' | 'values' | 'source' | 'winner' | 'reason'>

/** Why there is nothing to set. A subnet that has only begun is no fault, and must not look like one. */
export interface NoChoice {
  readonly none: string
  /** For counting; that scores could not be had when absent. */
  readonly code?: string
  readonly level?: 'info'
}

export interface Payout {
  readonly decision: Decision
  /** Best first, each with its share. */
  readonly paid: readonly {readonly hotkey: Hotkey; readonly weight: number}[]
  readonly summary: string
}

/**
 * Weights by hotkey on the uids that these have now: a uid may have another owner since. Burns only where that was decided;
 * undefined where it was decided to wait.
 */
export function choiceOf(
  {decision, paid, summary}: Payout,
  {
    neurons,
    ownerHotkey,
  }: {readonly neurons: readonly {readonly uid: Uid; readonly hotkey: Hotkey}[]} & Pick<Metagraph, 'ownerHotkey'>,
  source: 'published' | 'recomputed',
): Choice | NoChoice | undefined {
  if (decision === 'wait') return undefined
  const uidOf = new Map(neurons.map(({hotkey, uid}) => [hotkey, uid]))
  if (decision === 'burn') {
    // The subnet owner's own uid recycles its share; the published convention for it is uid 0.
    const uid = (ownerHotkey ? uidOf.get(ownerHotkey) : undefined) ?? 0
    return {uids: [uid], values: [1], source: 'burn', winner: null, reason: `burned on uid ${uid}: ${summary}`}
  }
  const present = paid.flatMap(({hotkey, weight}) => {
    const uid = uidOf.get(hotkey)
    return uid === undefined ? [] : [{hotkey, uid, weight}]
  })
  const [first] = present
  if (!first) return {code: 'WINNERS_GONE', none: 'every miner with a weight has left the subnet since it was ranked'}
  return {
    uids: present.map(({uid}) => uid),
    values: present.map(({weight}) => weight),
    source,
    winner: {hotkey: first.hotkey, uid: first.uid},
    reason: summary,
  }
}

/** The chain keeps ratios in 1/65,535 of the largest and drops what rounds to nothing. */
export function sameWeights(
  {uids, values}: Pick<Choice, 'uids' | 'values'>,
  back: Pick<StoredWeights, 'uids' | 'values'>,
): boolean {
  const largest = Math.max(...values)
  const expected = new Map(uids.map((uid, index) => [uid, ((values[index] ?? 0) / largest) * 65_535]))
  const actual = new Map(back.uids.map((uid, index) => [uid, back.values[index] ?? 0]))
  return [...new Set([...expected.keys(), ...actual.keys()])].every((uid) => {
    const [wanted, got] = [expected.get(uid) ?? 0, actual.get(uid) ?? 0]
    // The largest and nothing are exact; what lies between may be rounded either way.
    return wanted === 65_535 || wanted === 0 ? got === wanted : Math.abs(wanted - got) <= 1
  })
}
