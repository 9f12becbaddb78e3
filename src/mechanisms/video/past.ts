import {z} from 'zod'
import {compareText, Hotkey} from '../../domain/ids.js'
import {stakeVote} from '../../domain/stake-vote.js'
import type {VideoParams} from './params.js'
import type {VideoState} from './rules.js'

/** One letter per task: passed, failed, missed, or nothing (not asked, not voted on). */
export const mark = {passed: 'p', failed: 'f', missed: 'm', none: '-'} as const

/** What came of tasks that have left the window: a letter a task for each miner that sat in one of them. */
export const Past = z.array(z.strictObject({hotkey: Hotkey, marks: z.string().regex(/^[pfm-]{1,10000}$/)}))
export type Past = z.infer<typeof Past>

type TaskState = VideoState['tasks'][number]
type Asked = TaskState['asked'][number]

/** States share what has not changed, so most votes have been counted before. */
const counted = new WeakMap<object, {readonly passed: boolean | undefined}>()

export function markOf({outcome, votes}: Asked): (typeof mark)[keyof typeof mark] {
  if (outcome.startsWith('rejected:')) return mark.failed
  if (outcome !== 'ok') return mark.missed
  if (votes === null) return mark.none
  const known = counted.get(votes) ?? {passed: stakeVote(votes)}
  counted.set(votes, known)
  return known.passed === undefined ? mark.none : known.passed ? mark.passed : mark.failed
}

export function pastLength({past}: Pick<VideoState, 'past'>): number {
  return past?.[0]?.marks.length ?? 0
}

/** The past with the tasks that leave the window now, and without what is older than the exam remembers. */
export function remember(
  past: Past | undefined,
  leaving: readonly TaskState[],
  {memory, window}: VideoParams['ranking'],
): {past?: Past} {
  if (memory === undefined || memory === window) return {}
  let now = past ?? []
  for (const task of leaving) now = append(now, task, memory - window)
  return {past: now}
}

function append(past: Past, {asked}: TaskState, length: number): Past {
  const before = past[0]?.marks.length ?? 0
  const marks = new Map(past.map((record) => [record.hotkey, record.marks]))
  const today = new Map(asked.map((entry) => [entry.hotkey, markOf(entry)]))
  const blank = mark.none.repeat(before)
  const hotkeys = [...new Set([...marks.keys(), ...today.keys()])].sort(compareText)
  const records = hotkeys.map((hotkey) => ({
    hotkey,
    marks: ((marks.get(hotkey) ?? blank) + (today.get(hotkey) ?? mark.none)).slice(-length),
  }))
  const sat = records.filter((record) => /[^-]/.test(record.marks))
  // The length must not be forgotten when nobody sat: then one record keeps it.
  return sat.length > 0 ? sat : records.slice(0, 1)
}
