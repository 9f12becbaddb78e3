import type {Field} from './dominance-rules.js'
import {nameOf, percent, recordOf} from './explain-words.js'
import {judgedNeeded} from './judged-needed.js'
import type {VideoParams} from './params.js'
import type {Standing} from './rules.js'

export interface RankingContext {
  readonly field: Field
  /** Tasks in the window. */
  readonly tasks: number
  readonly params: VideoParams
}

/** One sentence a miner can act on: why it stands where it does, and what it would take to stand higher. */
export function explain(entry: Standing, context: RankingContext): string {
  if (!entry.eligible) return notRanked(entry, context)
  return entry === context.field.ranked[0] ? context.field.whyFirst(entry) : context.field.whyNot(entry)
}

function notRanked(entry: Standing, {tasks, params}: RankingContext): string {
  const {completeness, minPassed, minTasks} = params.ranking
  if (!entry.miner) return 'not ranked: this hotkey is not registered, or offers no model any more'
  if (!entry.miner.isValid) return `not ranked: not valid (${entry.miner.invalidReason ?? 'no reason given'})`
  if (tasks < minTasks) return `not ranked yet: ${tasks} of the first ${minTasks} tasks have settled`
  const {counted} = entry
  const needed = judgedNeeded(entry, tasks, params)
  if (counted < needed) {
    const missed = entry.missed > 0 ? `, ${entry.missed} times it did not deliver` : ''
    const isNew = params.ranking.rule === 'dominance-2' && entry.present < tasks
    const of = isNew ? `${entry.present} tasks since it came` : `${tasks} tasks`
    const least = isNew ? `, and ${minTasks} at least,` : ''
    return `not ranked: judged in ${counted} of ${of}${missed}; ${percent(completeness)}${least} are needed, that is ${needed - counted} more`
  }
  if (entry.passed === 0) return `not ranked: none of ${counted} passed${failures(entry)}`
  if (entry.passed < minPassed)
    return `not ranked: ${recordOf(entry)} passed, ${minPassed} are needed${failures(entry)}`
  return 'not ranked'
}

function failures({rejections, evaluated, meanScore}: Standing): string {
  const gates = Object.entries(rejections).sort(([, a], [, b]) => b - a)
  const rejected = gates.reduce((sum, [, count]) => sum + count, 0)
  const parts = gates.map(([gate, count]) => `${count} rejected for ${gate.replaceAll('_', ' ')}`)
  if (evaluated > rejected) parts.push(`mean score of the others ${meanScore.toFixed(1)}`)
  return parts.length === 0 ? '' : `: ${parts.join(', ')}`
}

export function summarize({field, tasks, params}: RankingContext): string {
  const winner = field.ranked[0]
  if (winner) return `${nameOf(winner)} takes all: it passed ${recordOf(winner)} (${percent(winner.passRate)})`
  if (tasks < params.ranking.minTasks)
    return `nobody is ranked: ${tasks} of the first ${params.ranking.minTasks} tasks have settled`
  return 'nobody is eligible: the emission is burned'
}
