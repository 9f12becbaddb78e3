import {compareText} from '../../domain/ids.js'

export interface Contender {
  readonly hotkey: string
  readonly passed: number
  /** 0..1 */
  readonly passRate: number
  /** Block of the commitment; null when unknown. */
  readonly block: number | null
}

/** Where a contender without a block stands: after every real one, as in the published rule. */
const noBlock = 2 ** 31

export function byCommitment(a: Contender, b: Contender): number {
  return (a.block ?? noBlock) - (b.block ?? noBlock) || compareText(a.hotkey, b.hotkey)
}

/**
 * The published dominance rule: in order of commitment, the winner is the latest contender whose pass rate is at least
 * `threshold` above that of every earlier one. The first always qualifies. The others follow by passed count, then hotkey.
 * Compared as IEEE doubles, `not (rate < earlier + threshold)`, because the published ranking does.
 */
export function rankByDominance<T extends Contender>(contenders: readonly T[], threshold: number): T[] {
  const inOrder = [...contenders].sort(byCommitment)
  let winner: T | undefined
  let bar = Number.NEGATIVE_INFINITY
  for (const contender of inOrder) {
    if (!(contender.passRate < bar)) winner = contender
    bar = Math.max(bar, contender.passRate + threshold)
  }
  const rest = inOrder
    .filter((contender) => contender !== winner)
    .sort((a, b) => b.passed - a.passed || compareText(a.hotkey, b.hotkey))
  return winner ? [winner, ...rest] : rest
}

/** Pass rate that `contender` needs to win: the best of all that committed earlier, plus the threshold. */
export function barFor(contender: Contender, contenders: readonly Contender[], threshold: number): number {
  const earlier = contenders.filter((other) => other !== contender && byCommitment(other, contender) < 0)
  return earlier.length === 0 ? 0 : Math.max(...earlier.map((other) => other.passRate)) + threshold
}
