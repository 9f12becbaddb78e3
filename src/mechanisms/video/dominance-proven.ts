import {byCommitment, type Contender} from './dominance.js'
import {fewestTrials, headsNeeded} from './sign-test.js'
import {result} from './tally.js'

/** A contender with at least one pass, of whom each task's result is known, so that two can be compared where both were put to the test. */
export interface Provable extends Contender {
  /** Evaluated and charged. */
  readonly counted: number
  /** One `result` per task of the window, in the same order for all. */
  readonly results: Int8Array
}

/** What a lead must be to count. */
export interface Proof {
  /** Tasks by which a challenger must be ahead at least, however certain the lead. */
  readonly minLead: number
  /** Chance may explain the lead once in this many comparisons at most. */
  readonly oddsAgainst: number
}

/** Two miners over the tasks in which both have a result; where both passed or both failed neither is ahead. */
export interface Duel {
  readonly common: number
  /** Tasks that the first passed and the second did not. */
  readonly ahead: number
  /** Tasks that the second passed and the first did not. */
  readonly behind: number
}

export function duel(a: Pick<Provable, 'results'>, b: Pick<Provable, 'results'>): Duel {
  let common = 0
  let ahead = 0
  let behind = 0
  for (let task = 0; task < a.results.length; task++) {
    const mine = a.results[task]
    const theirs = b.results[task]
    if (mine === result.none || theirs === result.none) continue
    common++
    if (mine === theirs) continue
    if (mine === result.passed) ahead++
    else behind++
  }
  return {common, ahead, behind}
}

/** Larger pass rate first, exactly; then the earlier commitment. */
export function byRate(a: Provable, b: Provable): number {
  return b.passed * a.counted - a.passed * b.counted || byCommitment(a, b)
}

/** Whether `challenger` has proved to be better: a larger pass rate, a lead that matters, and one that is no chance. */
export function beats(challenger: Provable, holder: Provable, {minLead, oddsAgainst}: Proof): boolean {
  if (challenger.passed * holder.counted <= holder.passed * challenger.counted) return false
  const {ahead, behind} = duel(challenger, holder)
  if (ahead - behind < minLead) return false
  const needed = headsNeeded(ahead + behind, oddsAgainst)
  return needed !== undefined && ahead >= needed
}

/**
 * The lead that `challenger` needs over `holder`, in tasks: as many disagreements as there are now (or as few as can prove
 * anything), and enough of them in its favour.
 */
export function leadNeeded({ahead, behind}: Duel, {minLead, oddsAgainst}: Proof): number {
  const trials = Math.max(ahead + behind, fewestTrials(oddsAgainst))
  const needed = headsNeeded(trials, oddsAgainst) ?? trials
  return Math.max(minLead, 2 * needed - trials)
}

/**
 * The rule of the proven lead. The lead is held by the earliest commitment until somebody beats its holder; of several who
 * do, the earliest commitment takes it, and the same is asked again of the new holder. It ends, because each holder has a
 * larger pass rate than the one before; and the winner has been beaten by nobody.
 *
 * From this follows, and is held by tests: who improves loses no rank; a copy with the same results changes nothing for
 * anyone, since the original comes before it and beats whomever it beats; a miner that never holds the lead changes nothing
 * about who wins. A copy that is judged anew wins by luck in one of `oddsAgainst` windows at most.
 */
export function rankByProof<T extends Provable>(
  contenders: readonly T[],
  proof: Proof,
): {readonly ranked: readonly T[]; readonly holders: readonly T[]} {
  const inOrder = [...contenders].sort(byCommitment)
  const holders: T[] = []
  for (let next = inOrder[0]; next; ) {
    const holder: T = next
    holders.push(holder)
    next = inOrder.find((challenger) => beats(challenger, holder, proof))
  }
  const winner = holders.at(-1)
  const rest = inOrder.filter((contender) => contender !== winner).sort(byRate)
  return {ranked: winner ? [winner, ...rest] : rest, holders}
}
