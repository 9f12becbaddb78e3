import type {Hotkey} from '../../domain/ids.js'
import {stakeVote} from '../../domain/stake-vote.js'
import type {VideoParams} from './params.js'
import type {VideoState} from './rules.js'

/** Of one miner in one task: passed, did not pass, or nothing that counts (not asked, not voted on, a forgiven miss). */
export const result = {passed: 1, failed: 0, none: -1} as const

export interface Tally {
  readonly hotkey: Hotkey
  /** Judged or rejected. */
  readonly evaluated: number
  readonly passed: number
  /** Busy, transient or permanent. */
  readonly missed: number
  /** Missed beyond what is forgiven: they count as evaluated and not passed. */
  readonly charged: number
  /** Passed over evaluated and charged, 0..1. */
  readonly passRate: number
  /** Evaluated and charged over the tasks of the window, 0..1. */
  readonly completeness: number
  /** Mean overall score of the judged outputs, 0..100; 0 when there is none. */
  readonly meanScore: number
  /** How often each gate rejected it. */
  readonly rejections: Readonly<Record<string, number>>
  /** One `result` per task of the window, oldest first. The oldest misses are the forgiven ones. */
  readonly results: Int8Array
}

interface Counting {
  evaluated: number
  passed: number
  missed: number
  scoreSum: number
  scores: number
  readonly rejections: Record<string, number>
  readonly results: Int8Array
}

/** Everyone who was asked in the window or is named. */
export function tallies(
  {tasks}: Pick<VideoState, 'tasks'>,
  named: Iterable<Hotkey>,
  {ranking}: Pick<VideoParams, 'ranking'>,
): Map<Hotkey, Tally> {
  const counts = new Map<Hotkey, Counting>()
  const countOf = (hotkey: Hotkey): Counting => {
    const known = counts.get(hotkey)
    if (known) return known
    const fresh = {
      ...{evaluated: 0, passed: 0, missed: 0, scoreSum: 0, scores: 0, rejections: {}},
      results: new Int8Array(tasks.length).fill(result.none),
    }
    counts.set(hotkey, fresh)
    return fresh
  }
  for (const [index, task] of tasks.entries())
    for (const asked of task.asked) count(countOf(asked.hotkey), asked, index, ranking.forgivenMisses)
  for (const hotkey of named) countOf(hotkey)
  return new Map([...counts].map(([hotkey, counted]) => [hotkey, tallyOf(hotkey, counted, tasks.length, ranking)]))
}

type Asked = VideoState['tasks'][number]['asked'][number]

function count(to: Counting, {outcome, votes}: Asked, index: number, forgivenMisses: number): void {
  if (outcome === 'ok') {
    const verdict = stakeVote(votes)
    if (verdict === undefined) return
    to.evaluated++
    if (verdict) to.passed++
    to.results[index] = verdict ? result.passed : result.failed
    to.scoreSum += votes?.scoreSum ?? 0
    to.scores += votes?.count ?? 0
  } else if (outcome.startsWith('rejected:')) {
    to.evaluated++
    to.results[index] = result.failed
    const gate = outcome.slice('rejected:'.length)
    to.rejections[gate] = (to.rejections[gate] ?? 0) + 1
  } else {
    to.missed++
    if (to.missed > forgivenMisses) to.results[index] = result.failed
  }
}

function tallyOf(
  hotkey: Hotkey,
  {evaluated, passed, missed, scoreSum, scores, rejections, results}: Counting,
  tasks: number,
  {forgivenMisses}: VideoParams['ranking'],
): Tally {
  const charged = Math.max(0, missed - forgivenMisses)
  const counted = evaluated + charged
  return {
    ...{hotkey, evaluated, passed, missed, charged, rejections, results},
    passRate: counted === 0 ? 0 : passed / counted,
    completeness: tasks === 0 ? 0 : counted / tasks,
    meanScore: scores === 0 ? 0 : scoreSum / scores,
  }
}
