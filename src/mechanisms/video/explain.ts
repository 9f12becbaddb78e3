import {barFor} from './dominance.js'
import type {VideoParams} from './params.js'
import type {Standing} from './rules.js'

export interface RankingContext {
  /** Eligible miners, the winner first. */
  readonly ranked: readonly Standing[]
  /** Tasks in the window. */
  readonly tasks: number
  readonly params: VideoParams
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`
const name = ({miner, hotkey}: Standing) => (miner ? `uid ${miner.uid}` : `${hotkey.slice(0, 8)}…`)
const record = ({passed, evaluated, charged}: Standing) => `${passed} of ${evaluated + charged}`
const since = ({block}: Standing) => (block === null ? 'with no known block' : `committed at block ${block}`)

/** One sentence a miner can act on: why it stands where it does, and what it would take to stand higher. */
export function explain(entry: Standing, context: RankingContext): string {
  if (!entry.eligible) return notRanked(entry, context)
  const position = context.ranked.indexOf(entry)
  const winner = context.ranked[0]
  if (position === 0 || !winner) return wins(entry, context)
  return follows(entry, winner, context.ranked[position - 1] ?? winner, context)
}

function wins(winner: Standing, {ranked, params}: RankingContext): string {
  const runnerUp = ranked[1]
  const lead = `wins: passed ${record(winner)} (${percent(winner.passRate)}), ${since(winner)}`
  if (!runnerUp) return `${lead}, and nobody else is eligible`
  const margin = percent(params.ranking.dominance)
  return `${lead}; next is ${name(runnerUp)} with ${percent(runnerUp.passRate)}, and a later miner needs ${margin} more than every earlier one`
}

function follows(entry: Standing, winner: Standing, above: Standing, {ranked, params}: RankingContext): string {
  const bar = barFor(entry, ranked, params.ranking.dominance)
  const own = `passed ${record(entry)} (${percent(entry.passRate)}), ${since(entry)}`
  const comparison =
    above === winner
      ? `behind the winner ${name(winner)} with ${percent(winner.passRate)}`
      : entry.passed === above.passed
        ? `level with ${name(above)} above, which comes first by hotkey`
        : `behind ${name(above)}, which passed ${above.passed}`
  if (bar > 1)
    return `${own}: ${comparison}; it cannot lead by ${percent(params.ranking.dominance)} while an earlier miner is this good`
  const need =
    bar <= entry.passRate ? 'stays behind until the miners that lead it fall' : `needs ${percent(bar)} to win`
  return `${own}: ${comparison}; ${need}`
}

function notRanked(entry: Standing, {tasks, params}: RankingContext): string {
  const {completeness, minPassed, minTasks} = params.ranking
  if (!entry.miner) return 'not ranked: this hotkey is not registered, or offers no model any more'
  if (!entry.miner.isValid) return `not ranked: not valid (${entry.miner.invalidReason ?? 'no reason given'})`
  if (tasks < minTasks) return `not ranked yet: ${tasks} of the first ${minTasks} tasks have settled`
  const counted = entry.evaluated + entry.charged
  if (entry.completeness < completeness) {
    const needed = Math.ceil(completeness * tasks) - counted
    const missed = entry.missed > 0 ? `, ${entry.missed} times it did not deliver` : ''
    return `not ranked: judged in ${counted} of ${tasks} tasks${missed}; ${percent(completeness)} are needed, that is ${needed} more`
  }
  if (entry.passed < minPassed) return `not ranked: none of ${counted} passed${failures(entry)}`
  return 'not ranked'
}

function failures({rejections, evaluated, meanScore}: Standing): string {
  const gates = Object.entries(rejections).sort(([, a], [, b]) => b - a)
  const rejected = gates.reduce((sum, [, count]) => sum + count, 0)
  const parts = gates.map(([gate, count]) => `${count} rejected for ${gate.replaceAll('_', ' ')}`)
  if (evaluated > rejected) parts.push(`mean score of the others ${meanScore.toFixed(1)}`)
  return parts.length === 0 ? '' : `: ${parts.join(', ')}`
}

export function summarize({ranked, tasks, params}: RankingContext): string {
  const winner = ranked[0]
  if (winner) return `${name(winner)} takes all: it passed ${record(winner)} (${percent(winner.passRate)})`
  if (tasks < params.ranking.minTasks)
    return `nobody is ranked: ${tasks} of the first ${params.ranking.minTasks} tasks have settled`
  return 'nobody is eligible: the emission is burned'
}
