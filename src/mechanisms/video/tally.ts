import type {Hotkey} from '../../domain/ids.js'
import type {VideoParams} from './params.js'
import {mark, markOf, pastLength} from './past.js'
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
  /** Tasks of the window since it was asked first; all of them when that was before. */
  readonly present: number
  /** Mean overall score of the judged outputs, 0..100; 0 when there is none. */
  readonly meanScore: number
  /** How often each gate rejected it. */
  readonly rejections: Readonly<Record<string, number>>
  /** One `result` per remembered task, oldest first; a miss is forgiven unless a window's worth has been before it. */
  readonly results: Int8Array
}

interface Counting {
  /** Place in the window of the first task that it was asked in; -1 when that was before. */
  first: number
  /** Places of the misses among the newest `window` tasks up to the one that is being counted. */
  readonly misses: number[]
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
  state: Pick<VideoState, 'tasks' | 'past'>,
  named: Iterable<Hotkey>,
  {ranking}: Pick<VideoParams, 'ranking'>,
): Map<Hotkey, Tally> {
  const {tasks} = state
  const before = pastLength(state)
  const counts = new Map<Hotkey, Counting>()
  const countOf = (hotkey: Hotkey): Counting => {
    const known = counts.get(hotkey)
    if (known) return known
    const fresh = {
      ...{first: tasks.length, evaluated: 0, passed: 0, missed: 0, scoreSum: 0, scores: 0, rejections: {}, misses: []},
      results: new Int8Array(before + tasks.length).fill(result.none),
    }
    counts.set(hotkey, fresh)
    return fresh
  }
  const note = (to: Counting, index: number, letter: string) => {
    to.results[index] = resultOf(letter, index, to.misses, ranking)
  }
  for (const hotkey of named) countOf(hotkey)
  for (const {asked} of tasks) for (const {hotkey} of asked) countOf(hotkey)
  for (const {hotkey, marks} of state.past ?? []) {
    const to = counts.get(hotkey)
    if (!to) continue
    if (/[^-]/.test(marks)) to.first = -1
    for (let index = 0; index < before; index++) note(to, index, marks[index] ?? mark.none)
  }
  for (const [index, task] of tasks.entries()) {
    for (const asked of task.asked) {
      const to = countOf(asked.hotkey)
      const letter = markOf(asked)
      to.first = Math.min(to.first, index)
      note(to, before + index, letter)
      count(to, asked, letter)
    }
  }
  return new Map([...counts].map(([hotkey, counted]) => [hotkey, tallyOf(hotkey, counted, tasks.length, ranking)]))
}

type Asked = VideoState['tasks'][number]['asked'][number]

function resultOf(
  letter: string,
  index: number,
  misses: number[],
  {forgivenMisses, window}: VideoParams['ranking'],
): number {
  if (letter === mark.passed) return result.passed
  if (letter === mark.failed) return result.failed
  if (letter === mark.none) return result.none
  misses.push(index)
  while ((misses[0] ?? index) <= index - window) misses.shift()
  return misses.length > forgivenMisses ? result.failed : result.none
}

function count(to: Counting, {outcome, votes}: Asked, letter: string): void {
  if (letter === mark.missed) to.missed++
  if (letter === mark.passed) to.passed++
  if (letter === mark.passed || letter === mark.failed) to.evaluated++
  if (outcome.startsWith('rejected:')) {
    const gate = outcome.slice('rejected:'.length)
    to.rejections[gate] = (to.rejections[gate] ?? 0) + 1
  } else if (letter !== mark.none && votes) {
    to.scoreSum += votes.scoreSum
    to.scores += votes.count
  }
}

function tallyOf(
  hotkey: Hotkey,
  {first, evaluated, passed, missed, scoreSum, scores, rejections, results}: Counting,
  tasks: number,
  {forgivenMisses}: VideoParams['ranking'],
): Tally {
  const charged = Math.max(0, missed - forgivenMisses)
  const counted = evaluated + charged
  return {
    ...{hotkey, evaluated, passed, missed, charged, rejections, results},
    passRate: counted === 0 ? 0 : passed / counted,
    completeness: tasks === 0 ? 0 : counted / tasks,
    present: tasks - Math.max(0, first),
    meanScore: scores === 0 ? 0 : scoreSum / scores,
  }
}
