import {barFor, rankByDominance} from './dominance.js'
import {type Comparison, compare, type Proof, rankByProof} from './dominance-proven.js'
import {nameOf, percent, recordOf, since} from './explain-words.js'
import type {VideoParams} from './params.js'
import type {Standing} from './rules.js'

/** The eligible miners in rank order, and what the rule that ordered them has to say. */
export interface Field {
  readonly ranked: readonly Standing[]
  /** Pass rate with which it wins, as things stand; over 1 when it cannot. For the winner, the rate it had to reach. */
  rateNeeded(entry: Standing): number
  /** Figures of this rule alone. */
  numbers(entry: Standing): Readonly<Record<string, number>>
  /** Sentences for people: why the winner wins, and why another one does not. */
  whyFirst(winner: Standing): string
  whyNot(entry: Standing): string
}

/** `tasks` is how many are remembered by now. */
export function fieldOf(eligible: readonly Standing[], tasks: number, ranking: VideoParams['ranking']): Field {
  return ranking.rule === 'dominance-2' ? provenField(eligible, tasks, ranking) : publishedField(eligible, ranking)
}

function publishedField(eligible: readonly Standing[], {dominance}: VideoParams['ranking']): Field {
  const ranked = rankByDominance(eligible, dominance)
  const bar = (entry: Standing) => barFor(entry, ranked, dominance)
  return {
    ranked,
    rateNeeded: bar,
    numbers: () => ({}),
    whyFirst: (winner) => {
      const runnerUp = ranked[1]
      const lead = `wins: passed ${recordOf(winner)} (${percent(winner.passRate)}), ${since(winner)}`
      if (!runnerUp) return `${lead}, and nobody else is eligible`
      return `${lead}; next is ${nameOf(runnerUp)} with ${percent(runnerUp.passRate)}, and a later miner needs ${percent(dominance)} more than every earlier one`
    },
    whyNot: (entry) => {
      const own = `passed ${recordOf(entry)} (${percent(entry.passRate)}), ${since(entry)}`
      const standing = `${own}: ${publishedComparison(entry, ranked)}`
      const rate = bar(entry)
      if (rate > 1) return `${standing}; it cannot lead by ${percent(dominance)} while an earlier miner is this good`
      const need =
        rate <= entry.passRate ? 'stays behind until the miners that lead it fall' : `needs ${percent(rate)} to win`
      return `${standing}; ${need}`
    },
  }
}

function publishedComparison(entry: Standing, ranked: readonly Standing[]): string {
  const [winner] = ranked
  const above = ranked[ranked.indexOf(entry) - 1]
  if (winner && (above === winner || !above))
    return `behind the winner ${nameOf(winner)} with ${percent(winner.passRate)}`
  if (!above || entry.passed === above.passed)
    return `level with ${above ? nameOf(above) : 'the one'} above, which comes first by hotkey`
  return `behind ${nameOf(above)}, which passed ${above.passed}`
}

/** Two looks, at the window and at all that is remembered, and the odds shared among them. */
function proofOf(tasks: number, {dominance, memory, oddsAgainst, window}: VideoParams['ranking']): Proof {
  // The schema has seen to it that an exam of this rule has both figures.
  const spans = [...new Set([Math.min(tasks, window), Math.min(tasks, memory ?? window)])]
  return {
    looks: spans.map((span) => ({tasks: span, minLead: Math.max(1, Math.ceil(dominance * span - rounding))})),
    oddsAgainst: (oddsAgainst ?? 2) * spans.length,
  }
}

/** 0.05 × 100 is five tasks, also where doubles make it a hair more. */
const rounding = 1e-9

function provenField(eligible: readonly Standing[], tasks: number, ranking: VideoParams['ranking']): Field {
  const proof = proofOf(tasks, ranking)
  const {ranked, holders} = rankByProof(eligible, proof)
  const winner = ranked[0]
  /** For the winner, whom it took the lead from; nobody, when it has held it from the first. */
  const rivalOf = (entry: Standing) => (entry === winner ? holders.at(-2) : winner)
  const against = (entry: Standing) => {
    const rival = rivalOf(entry)
    return rival && compare(entry, rival, proof)
  }
  return {
    ranked,
    rateNeeded: (entry) => {
      const met = against(entry)
      // Nothing may count of it yet; infinity has no place in what is hashed and signed.
      return met ? Math.max(0, entry.passed + met.short) / Math.max(1, entry.counted) : 0
    },
    numbers: (entry) => {
      const met = against(entry)
      return met ? {ahead: met.ahead, behind: met.behind, leadNeeded: met.needed} : {}
    },
    whyFirst: (first) => {
      const own = `wins: passed ${recordOf(first)} (${percent(first.passRate)}), ${since(first)}`
      const [before, met] = [rivalOf(first), against(first)]
      const from = before && met ? `; it took the lead from ${nameOf(before)}: ${said(met)}` : ''
      const runnerUp = ranked[1]
      const next = runnerUp && compare(runnerUp, first, proof)
      if (!runnerUp || !next) return `${own}, and nobody else is eligible`
      return `${own}${from}; nobody has proved to be better: the next, ${nameOf(runnerUp)}, is ${said(next)}`
    },
    whyNot: (entry) => {
      const own = `passed ${recordOf(entry)} (${percent(entry.passRate)}), ${since(entry)}`
      const [rival, met] = [rivalOf(entry), against(entry)]
      if (!rival || !met) return own
      const above = ranked[ranked.indexOf(entry) - 1]
      const beside = above && above !== rival ? `; ${neighbour(entry, above)}` : ''
      const comparison = `${own}: against the winner ${nameOf(rival)} (${percent(rival.passRate)}) it is ${said(met)}`
      // A holder with a larger pass rate in the window is not beaten by what happened before it.
      if (met.short <= 0) return `${comparison}, and needs a larger pass rate as well${beside}`
      return `${comparison}, and needs a lead of ${met.needed}, which chance brings once in ${proof.oddsAgainst}: ${met.short} more${beside}`
    },
  }
}

function neighbour(entry: Standing, above: Standing): string {
  const isLevel = entry.passed * above.counted === above.passed * entry.counted
  return isLevel
    ? `level with ${nameOf(above)} above, which comes first by commitment`
    : `${nameOf(above)} above passed ${percent(above.passRate)}`
}

function said({common, ahead, behind}: Comparison): string {
  if (common === 0) return 'not to be compared yet, for no task counts for both'
  if (common > 1) return `ahead in ${ahead} and behind in ${behind} of the ${common} tasks that count for both`
  return `${ahead > 0 ? 'ahead' : behind > 0 ? 'behind' : 'level'} in the only task that counts for both`
}
