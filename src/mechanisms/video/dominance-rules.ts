import {barFor, rankByDominance} from './dominance.js'
import {type Duel, duel, leadNeeded, type Proof, rankByProof} from './dominance-proven.js'
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

/** `tasks` is how many the window holds by now. */
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

function provenField(eligible: readonly Standing[], tasks: number, {dominance, oddsAgainst}: VideoParams['ranking']) {
  // An exam without the figure is refused by the schema; the bound is the least strict that it takes.
  const proof: Proof = {minLead: Math.max(1, Math.ceil(dominance * tasks - 1e-9)), oddsAgainst: oddsAgainst ?? 2}
  const {ranked, holders} = rankByProof(eligible, proof)
  const winner = ranked[0]
  /** For the winner, whom it took the lead from; nobody, when it has held it from the first. */
  const rivalOf = (entry: Standing) => (entry === winner ? holders.at(-2) : winner)
  /** Tasks that would have to end better for it, so that it is ahead by what is needed; 0 when it is. */
  const short = (entry: Standing, rival: Standing) => {
    const met = duel(entry, rival)
    return leadNeeded(met, proof) - (met.ahead - met.behind)
  }
  return {
    ranked,
    rateNeeded: (entry) => {
      const rival = rivalOf(entry)
      return rival ? Math.max(0, entry.passed + short(entry, rival)) / Math.max(1, entry.counted) : 0
    },
    numbers: (entry) => {
      const rival = rivalOf(entry)
      if (!rival) return {}
      const {ahead, behind} = duel(entry, rival)
      return {ahead, behind, leadNeeded: leadNeeded({common: 0, ahead, behind}, proof)}
    },
    whyFirst: (first) => {
      const own = `wins: passed ${recordOf(first)} (${percent(first.passRate)}), ${since(first)}`
      const before = holders.at(-2)
      const from = before
        ? `; it took the lead from ${nameOf(before)}: ${met(duel(first, before))}`
        : ', the first of those that can be ranked'
      const runnerUp = ranked[1]
      if (!runnerUp) return `${own}, and nobody else is eligible`
      return `${own}${from}; nobody has proved to be better, the next, ${nameOf(runnerUp)}, is ${met(duel(runnerUp, first))}`
    },
    whyNot: (entry) => {
      const own = `passed ${recordOf(entry)} (${percent(entry.passRate)}), ${since(entry)}`
      const rival = rivalOf(entry)
      if (!rival) return own
      const missing = short(entry, rival)
      const against = `${own}: against the winner ${nameOf(rival)} (${percent(rival.passRate)}) it is ${met(duel(entry, rival))}`
      const above = ranked[ranked.indexOf(entry) - 1]
      const beside = above && above !== rival ? `; ${neighbour(entry, above)}` : ''
      const need = leadNeeded(duel(entry, rival), proof)
      return `${against}, and needs a lead of ${need} tasks, which chance brings once in ${proof.oddsAgainst}: ${missing} more${beside}`
    },
  } satisfies Field
}

function neighbour(entry: Standing, above: Standing): string {
  const isLevel = entry.passed * above.counted === above.passed * entry.counted
  return isLevel
    ? `level with ${nameOf(above)} above, which comes first by commitment`
    : `${nameOf(above)} above passed ${percent(above.passRate)}`
}

function met({common, ahead, behind}: Duel): string {
  return `ahead in ${ahead} and behind in ${behind} of the ${common} tasks that both sat`
}
