import {byCommitment, type Contender} from './dominance.js'
import {fewestTrials, headsNeeded} from './sign-test.js'
import {result} from './tally.js'

/** A contender with at least one pass, of whom each task's result is known, so that two can be compared where both were put to the test. */
export interface Provable extends Contender {
  /** Evaluated and charged. */
  readonly counted: number
  /** It has sat enough of the window to hold the lead without having beaten anybody; a newcomer has not. */
  readonly isSeated: boolean
  /** One `result` per remembered task, oldest first, in the same order for all. */
  readonly results: Int8Array
}

/** What a lead must be to count. */
export interface Proof {
  /** Stretches of newest tasks that are looked at; a proof in any of them is one. A short one sees a holder that got worse. */
  readonly looks: readonly Look[]
  /** Chance may explain the lead in one look once in this many at most. */
  readonly oddsAgainst: number
}

export interface Look {
  readonly tasks: number
  /** Tasks by which a challenger must be ahead at least, however certain the lead. */
  readonly minLead: number
}

/** Two miners over the tasks in which both have a result; where both passed or both failed neither is ahead. */
export interface Duel {
  readonly common: number
  /** Tasks that the first passed and the second did not. */
  readonly ahead: number
  /** Tasks that the second passed and the first did not. */
  readonly behind: number
}

/** Over the newest `tasks`; over all when there are no more. */
export function duel(a: Pick<Provable, 'results'>, b: Pick<Provable, 'results'>, {tasks}: Pick<Look, 'tasks'>): Duel {
  let common = 0
  let ahead = 0
  let behind = 0
  for (let task = Math.max(0, a.results.length - tasks); task < a.results.length; task++) {
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
export function beats(challenger: Provable, holder: Provable, {looks, oddsAgainst}: Proof): boolean {
  if (challenger.passed * holder.counted <= holder.passed * challenger.counted) return false
  return looks.some((look) => {
    const {ahead, behind} = duel(challenger, holder, look)
    if (ahead - behind < look.minLead) return false
    const needed = headsNeeded(ahead + behind, oddsAgainst)
    return needed !== undefined && ahead >= needed
  })
}

/**
 * The lead that a challenger needs after such a duel, in tasks: as many disagreements as there are now (or as few as can
 * prove anything), and enough of them in its favour.
 */
export function leadNeeded(
  {ahead, behind}: Pick<Duel, 'ahead' | 'behind'>,
  minLead: number,
  oddsAgainst: number,
): number {
  const trials = Math.max(ahead + behind, fewestTrials(oddsAgainst))
  const needed = headsNeeded(trials, oddsAgainst) ?? trials
  return Math.max(minLead, 2 * needed - trials)
}

export interface Comparison extends Duel {
  /** Lead that would be a proof. */
  readonly needed: number
  /** Tasks that would have to end better for the challenger; nothing or less when it has its proof. */
  readonly short: number
}

/** The look in which `challenger` is nearest to a proof. */
export function compare(challenger: Provable, holder: Provable, {looks, oddsAgainst}: Proof): Comparison | undefined {
  const all = looks.map((look) => {
    const met = duel(challenger, holder, look)
    const needed = leadNeeded(met, look.minLead, oddsAgainst)
    return {...met, needed, short: needed - (met.ahead - met.behind)}
  })
  return all.sort((a, b) => a.short - b.short)[0]
}

/**
 * The rule of the proven lead. The lead is held by the earliest commitment that has sat the window until somebody
 * beats its holder; of several who
 * do, the earliest commitment takes it, and the same is asked again of the new holder. It ends, because each holder has a
 * larger pass rate than the one before; and the winner has been beaten by nobody.
 *
 * From this follows, and is held by tests: who improves loses no rank; a copy with the same results changes nothing for
 * anyone, since the original comes before it and beats whomever it beats; a miner that never holds the lead changes nothing
 * about who wins. A copy that is judged anew has its proof by luck in one of `oddsAgainst`
 * looks at most.
 */
export function rankByProof<T extends Provable>(
  contenders: readonly T[],
  proof: Proof,
): {readonly ranked: readonly T[]; readonly holders: readonly T[]} {
  const inOrder = [...contenders].sort(byCommitment)
  const holders: T[] = []
  for (let next = inOrder.find(({isSeated}) => isSeated) ?? inOrder[0]; next; ) {
    const holder: T = next
    holders.push(holder)
    next = inOrder.find((challenger) => beats(challenger, holder, proof))
  }
  const winner = holders.at(-1)
  const rest = inOrder.filter((contender) => contender !== winner).sort(byRate)
  return {ranked: winner ? [winner, ...rest] : rest, holders}
}
