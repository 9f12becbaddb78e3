import type {DominanceRule} from '../../mechanisms/video/params.js'
import {attackOf} from './attacks.js'
import type {Outcome} from './season.js'

/** One attack under one rule, over all seasons. Shares are of the tempos in which somebody was paid, 0..1. */
export interface SimulationRow {
  readonly attack: string
  readonly about: string
  readonly rule: DominanceRule
  readonly seasons: number
  /** How often the truly best model was paid. */
  readonly bestShare: number
  /** How far the paid model's true pass rate lay below the best one's, in points of a hundred. */
  readonly shortfall: number
  /** Of the models that became the best: how many were paid while they were, and after how many tasks, in the middle. */
  readonly crowned: number
  readonly toCrown: number
  readonly medianTasks: number | null
  /** Changes in a season to a model that is not truly better than the one before. */
  readonly falseChanges: number
  readonly attackerShare: number
  /** What the attackers earn beyond what they would have earned without the attack, and its standard error. */
  readonly gain: number
  readonly gainError: number
}

/** `honest` are the same seasons without the attack, in the same order. */
export function summarize(
  attack: string,
  rule: DominanceRule,
  outcomes: readonly Outcome[],
  honest: readonly Outcome[],
): SimulationRow {
  const {about, byFounder} = attackOf(attack)
  const paid = sum(outcomes, (one) => one.paid)
  const share = (part: (one: Outcome) => number) => (paid === 0 ? 0 : sum(outcomes, part) / paid)
  const delays = outcomes.flatMap((one) => one.delays)
  const reached = delays.filter((delay) => delay !== null).sort((a, b) => a - b)
  const gains = outcomes.map((one, index) => {
    const before = byFounder ? (honest[index]?.founder ?? 0) / Math.max(1, honest[index]?.paid ?? 0) : 0
    return one.attackers / Math.max(1, one.paid) - before
  })
  const gain = sum(gains, (one) => one) / Math.max(1, gains.length)
  const variance = sum(gains, (one) => (one - gain) ** 2) / Math.max(1, gains.length - 1)
  return {
    ...{attack, about, rule, seasons: outcomes.length},
    bestShare: share((one) => one.best),
    shortfall: share((one) => one.shortfall),
    crowned: reached.length,
    toCrown: delays.length,
    medianTasks: reached[Math.floor((reached.length - 1) / 2)] ?? null,
    falseChanges: sum(outcomes, (one) => one.falseChanges) / Math.max(1, outcomes.length),
    attackerShare: share((one) => one.attackers),
    gain,
    gainError: Math.sqrt(variance / Math.max(1, gains.length)),
  }
}

function sum<T>(values: readonly T[], of: (value: T) => number): number {
  return values.reduce((total, value) => total + of(value), 0)
}
