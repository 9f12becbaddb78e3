import type {RankBody} from '../api/schemas.js'
import {plural, points} from './format.js'

/** One miner of the leaderboard. Shares are 0..1. */
export interface StandingRow {
  readonly hotkey: string
  readonly uid: number | null
  /** Null for miners that are not eligible. */
  readonly rank: number | null
  readonly passRate: number
  readonly passed: number
  readonly evaluated: number
  readonly completeness: number
  /** To the winner: 0 for the winner itself, negative for the others; null when nobody wins. */
  readonly margin: number | null
  /** Pass rate with which it would win; null when none would do. */
  readonly toWin: number | null
  /** Against the winner, where a lead has to be proved; null under other rules, and for the winner. */
  readonly proof: Proof | null
  readonly isValid: boolean
  readonly invalidReason: string | null
  readonly explain: string
  readonly block: number | null
}

export interface Proof {
  /** Tasks in which it was better, and worse. */
  readonly ahead: number
  readonly behind: number
  /** By how many more tasks it must be better before it wins; 0 or less when only its pass rate is too small. */
  readonly short: number
}

export const sortKeys = ['rank', 'pass', 'complete', 'uid', 'since'] as const
export type SortKey = (typeof sortKeys)[number]
export const showKeys = ['all', 'ranked', 'waiting', 'invalid'] as const
export type ShowKey = (typeof showKeys)[number]

export interface Selection {
  readonly search: string
  readonly sort: SortKey
  readonly show: ShowKey
}

/** What an address says, with the standard for whatever it says wrongly. */
export function selectionOf({q = '', sort, show}: Readonly<Record<string, string>>): Selection {
  return {
    search: q.slice(0, 100),
    sort: sortKeys.find((key) => key === sort) ?? 'rank',
    show: showKeys.find((key) => key === show) ?? 'all',
  }
}

export function standings({ranks, unranked = []}: RankBody): StandingRow[] {
  const best = ranks.find(({rank}) => rank === 1)?.pass_rate
  return [...ranks, ...unranked.map((row) => ({...row, rank: null}))].map((row) => ({
    hotkey: row.miner_hotkey,
    uid: row.uid,
    rank: row.rank,
    passRate: row.pass_rate,
    passed: row.passed_count,
    evaluated: row.evaluated_count ?? 0,
    completeness: row.completeness ?? 0,
    margin: best === undefined ? null : row.pass_rate - best,
    toWin: row.pass_rate_to_win ?? null,
    proof: row.rank === 1 ? null : (row.proof ?? null),
    isValid: row.is_valid,
    invalidReason: row.invalid_reason,
    explain: row.explain,
    block: row.block,
  }))
}

const byRank = (a: StandingRow, b: StandingRow) =>
  (a.rank ?? Number.POSITIVE_INFINITY) - (b.rank ?? Number.POSITIVE_INFINITY) ||
  Number(b.isValid) - Number(a.isValid) ||
  b.passRate - a.passRate ||
  byUid(a, b)
const byUid = (a: StandingRow, b: StandingRow) =>
  (a.uid ?? Number.POSITIVE_INFINITY) - (b.uid ?? Number.POSITIVE_INFINITY) || (a.hotkey < b.hotkey ? -1 : 1)

const orders: Readonly<Record<SortKey, (a: StandingRow, b: StandingRow) => number>> = {
  rank: byRank,
  pass: (a, b) => b.passRate - a.passRate || byRank(a, b),
  complete: (a, b) => b.completeness - a.completeness || byRank(a, b),
  uid: byUid,
  since: (a, b) => (a.block ?? Number.POSITIVE_INFINITY) - (b.block ?? Number.POSITIVE_INFINITY) || byRank(a, b),
}

const shown: Readonly<Record<ShowKey, (row: StandingRow) => boolean>> = {
  all: () => true,
  ranked: ({rank}) => rank !== null,
  waiting: ({rank, isValid}) => rank === null && isValid,
  invalid: ({isValid}) => !isValid,
}

/** What a ranked miner is from winning: tasks where a lead must be proved, otherwise points of its pass rate. */
export function distanceOf({rank, proof, margin}: StandingRow): string {
  if (rank === 1) return 'winner'
  if (proof) return proof.short > 0 ? `${plural(proof.short, 'task')} short` : 'needs a larger rate'
  return margin === null ? '' : points(margin)
}

/** Of those behind the winner, the one with the least to prove; undefined where nothing has to be. */
export function nearestChallenger(rows: readonly StandingRow[]): (StandingRow & {proof: Proof}) | undefined {
  return rows
    .flatMap((row) => (row.rank !== null && row.proof !== null ? [{...row, proof: row.proof}] : []))
    .sort((a, b) => a.proof.short - b.proof.short || b.passRate - a.passRate)[0]
}

/** `uid 7` and `7` find a uid exactly; anything else is looked for in address, sentence and reason. */
export function select(
  rows: readonly StandingRow[],
  {search, sort, show}: Selection,
  namesOf: (hotkey: string) => string = () => '',
): StandingRow[] {
  const wanted = search.trim().toLowerCase()
  const [, uid] = /^(?:uid\s*)?(\d{1,5})$/.exec(wanted) ?? []
  const matches = (row: StandingRow) => {
    if (wanted === '') return true
    if (uid !== undefined) return row.uid === Number(uid)
    const text = `${row.hotkey} ${row.explain} ${row.invalidReason ?? ''} ${namesOf(row.hotkey)}`.toLowerCase()
    return text.includes(wanted)
  }
  return rows.filter((row) => shown[show](row) && matches(row)).sort(orders[sort])
}

/** How many tasks each pass rate is over, as the rule counts: missed ones only beyond what is forgiven. */
export interface RateRule {
  readonly window: number
  readonly forgivenMisses: number
}

/** Pass rate over the rule's window after each of these tasks; null before the first counted one. */
export function rollingRates(letters: string, {window, forgivenMisses}: RateRule): (number | null)[] {
  const rates: (number | null)[] = []
  for (let end = 1; end <= letters.length; end++) {
    const seen = letters.slice(Math.max(0, end - window), end)
    let [passed, evaluated, missed] = [0, 0, 0]
    for (const letter of seen) {
      if (letter === 'p') passed++
      if (letter === 'p' || letter === 'f' || letter === 'r') evaluated++
      if (letter === 'm') missed++
    }
    const counted = evaluated + Math.max(0, missed - forgivenMisses)
    rates.push(counted === 0 ? null : passed / counted)
  }
  return rates
}

/** From the first task on in which any of these miners was asked: what is empty before says nothing. */
export function firstAsked(letters: readonly string[]): number {
  const firsts = letters.map((own) => own.search(/[^-]/)).filter((index) => index !== -1)
  return firsts.length === 0 ? 0 : Math.min(...firsts)
}

/** After each task, how many settled an hour over the newest of those until then; null for the first. */
export function hourlyRates(settledAt: readonly string[], newest = 20): (number | null)[] {
  return settledAt.map((_, index) => tasksPerHour(settledAt.slice(Math.max(0, index + 1 - newest), index + 1)))
}

/** Settled tasks an hour over the newest of them; null when too few to say. */
export function tasksPerHour(settledAt: readonly string[], newest = 20): number | null {
  const times = settledAt.slice(-newest).map((at) => Date.parse(at))
  const [first, last] = [times[0], times.at(-1)]
  if (first === undefined || last === undefined || times.length < 2 || last <= first) return null
  return ((times.length - 1) * 3_600_000) / (last - first)
}
