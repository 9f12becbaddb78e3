import {type Ballot, mapAspects, points} from './openai-answer.js'
import {type AspectScores, aspects, type Criteria} from './port.js'

/** In a video that speaks to its judge nothing earns more than this, which no threshold lets pass. */
const attackCap = 10

export interface Outcome {
  readonly scores: AspectScores
  readonly isAttack: boolean
  /** Largest difference between two votes on one aspect. */
  readonly spread: number
}

/** Each aspect's median and the majority's word on an attack. The number of ballots is odd. */
export function tally(ballots: readonly Ballot[]): Outcome {
  const isAttack = 2 * ballots.filter((ballot) => ballot.isAttack).length > ballots.length
  const most = isAttack ? attackCap : 100
  const votes = (aspect: (typeof aspects)[number]) => ballots.map(({scores}) => scores[aspect])
  return {
    scores: mapAspects((aspect) => Math.min(most, median(votes(aspect)))),
    isAttack,
    spread: Math.max(...aspects.map((aspect) => Math.max(...votes(aspect)) - Math.min(...votes(aspect)))),
  }
}

/** By how many points a verdict passes, or fails to: the least of what its overall and critical aspects have to spare. */
export function slackOf(scores: AspectScores, criteria: Criteria): number {
  const overall = aspects.reduce((sum, aspect) => sum + scores[aspect] * criteria.weights[aspect], 0)
  return Math.min(
    Number(overall.toFixed(9)) - criteria.passThreshold,
    ...criteria.critical.map((aspect) => scores[aspect] - criteria.criticalThreshold),
  )
}

/** Position of the ballot that is nearest to the outcome and has words to explain it; the first of equals. */
export function spokesman(ballots: readonly Ballot[], {scores}: Outcome): number {
  const distance = (ballot: Ballot) =>
    ballot.words === undefined
      ? Number.POSITIVE_INFINITY
      : aspects.reduce((sum, aspect) => sum + Math.abs(ballot.scores[aspect] - scores[aspect]), 0)
  return ballots.reduce((best, ballot, at) => (distance(ballot) < distance(ballots[best] ?? ballot) ? at : best), 0)
}

export function median(values: readonly number[]): number {
  return points([...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0)
}
