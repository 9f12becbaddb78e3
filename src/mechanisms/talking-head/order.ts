import {compareText} from '../../domain/ids.js'
import type {TalkingHeadParams} from './params.js'
import type {Standing} from './state.js'

type Contender = Pick<Standing, 'hotkey' | 'digest' | 'score' | 'timeS' | 'memoryGb' | 'claimedAtBlock'>

/** The best first. Scores closer than `epsilon` to the best that is left are equal: time, memory and claim decide. */
export function inOrder<T extends Contender>(contenders: readonly T[], epsilon: number): T[] {
  const left = [...contenders].sort((a, b) => b.score - a.score || compareText(a.hotkey, b.hotkey))
  const ordered: T[] = []
  while (left.length > 0) {
    // Always against the best that is left: "closer than" is not transitive, and a chain of near misses must not tie.
    const bar = (left[0]?.score ?? 0) - epsilon
    const level = left.filter(({score}) => score > bar || score === left[0]?.score).sort(byCost)
    const [next] = level
    if (!next) break
    ordered.push(next)
    left.splice(left.indexOf(next), 1)
  }
  return ordered
}

/** What is missing sorts last: who was not measured must not be better for it. */
function byCost(a: Contender, b: Contender): number {
  return (
    compareNumbers(a.timeS, b.timeS) ||
    compareNumbers(a.memoryGb, b.memoryGb) ||
    a.claimedAtBlock - b.claimedAtBlock ||
    compareText(a.hotkey, b.hotkey)
  )
}

function compareNumbers(a: number | null, b: number | null): number {
  if (a === b) return 0
  if (a === null) return 1
  return b === null ? -1 : a - b
}

/**
 * The field in rank order: the winner of the round before stays first until somebody scores `lead` more, when it still
 * competes with the image that won.
 */
export function rankField<T extends Contender>(
  field: readonly T[],
  sitting: {readonly hotkey: string; readonly digest: string} | null,
  {tieEpsilon, lead}: TalkingHeadParams['ranking'],
): T[] {
  const ordered = inOrder(field, tieEpsilon)
  const defender = ordered.find(({hotkey, digest}) => hotkey === sitting?.hotkey && digest === sitting.digest)
  const [best] = ordered
  if (!defender || !best || defender === best || lead === 0 || best.score >= defender.score + lead) return ordered
  return [defender, ...ordered.filter((entry) => entry !== defender)]
}
