import {gateWords, invalidWords, counted as numberOf} from '../../domain/plain-words.js'
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
  if (!entry.miner.isValid) return notValid(entry.miner.invalidReason)
  if (tasks < minTasks) return `not ranked yet: ${settledOf(tasks, minTasks)}`
  const {counted} = entry
  const needed = judgedNeeded(entry, tasks, params)
  if (counted < needed) {
    const missed = entry.missed > 0 ? `, ${numberOf(entry.missed, 'time')} it did not deliver` : ''
    const isNew = params.ranking.rule === 'dominance-2' && entry.present < tasks
    const of = isNew ? `${numberOf(entry.present, 'task')} since it came` : numberOf(tasks, 'task')
    const least = isNew ? `, and ${minTasks} at least,` : ''
    return `not ranked: judged in ${counted} of ${of}${missed}; ${percent(completeness)}${least} are needed, that is ${needed - counted} more`
  }
  if (entry.passed === 0) return `not ranked: ${nonePassed(counted)}${failures(entry)}`
  if (entry.passed < minPassed)
    return `not ranked: ${recordOf(entry)} passed, ${minPassed} are needed${failures(entry)}`
  return 'not ranked'
}

function notValid(reason: string | null): string {
  return `not ranked: not valid, ${reason === null ? 'no reason given' : invalidWords(reason)}`
}

function settledOf(tasks: number, needed: number): string {
  if (tasks === 0) return 'no task has settled yet'
  return `${tasks} of the first ${numberOf(needed, 'task')} ${tasks === 1 ? 'has' : 'have'} settled`
}

const nonePassed = (counted: number): string =>
  counted === 1 ? 'its only task did not pass' : `none of its ${counted} tasks passed`

function failures({rejections, evaluated, meanScore}: Standing): string {
  const gates = Object.entries(rejections).sort(([, a], [, b]) => b - a)
  const rejected = gates.reduce((sum, [, count]) => sum + count, 0)
  const parts = gates.map(([gate, count]) => `${count} rejected for ${gateWords(gate)}`)
  if (evaluated > rejected) parts.push(`mean score${rejected > 0 ? ' of the others' : ''} ${meanScore.toFixed(1)}`)
  return parts.length === 0 ? '' : `: ${parts.join(', ')}`
}

export function summarize({field, tasks, params}: RankingContext): string {
  const winner = field.ranked[0]
  if (winner) return `${nameOf(winner)} takes all: it passed ${recordOf(winner)} (${percent(winner.passRate)})`
  if (tasks < params.ranking.minTasks) return `nobody is ranked yet: ${settledOf(tasks, params.ranking.minTasks)}`
  return 'nobody is eligible: the emission is burned'
}
