import type {Hotkey} from '../../domain/ids.js'
import {invalidWords} from '../../domain/plain-words.js'
import type {MinerView} from '../../domain/subnet.js'
import type {TalkingHeadParams} from './params.js'
import type {Standing, TalkingHeadState} from './state.js'

export interface RankingContext {
  /** Those who compete, the winner first. */
  readonly ranked: readonly Standing[]
  readonly miners: ReadonlyMap<Hotkey, MinerView>
  readonly state: TalkingHeadState
  readonly params: TalkingHeadParams
}

const points = (score: number) => score.toFixed(4)

function name(hotkey: Hotkey, {miners}: RankingContext): string {
  const miner = miners.get(hotkey)
  return miner ? `uid ${miner.uid}` : `${hotkey.slice(0, 8)}…`
}

/** What its score is made of. */
function record({score, quality, factor, timeS, memoryGb, capViolation, round}: Standing): string {
  const cost = [
    ...(timeS === null ? [] : [`${timeS.toFixed(2)} s`]),
    ...(memoryGb === null ? [] : [`${memoryGb.toFixed(2)} GB`]),
  ]
  const costs = cost.length === 0 ? '' : ` for ${cost.join(' and ')}`
  const cap = capViolation ? ', beyond the limit of time or memory' : ''
  return `scored ${points(score)} in round ${round} (quality ${points(quality)} × ${points(factor)}${costs}${cap})`
}

/** One sentence a miner can act on: why it stands where it does, and what it would take to stand higher. */
export function explain(hotkey: Hotkey, context: RankingContext): string {
  const position = context.ranked.findIndex((standing) => standing.hotkey === hotkey)
  const standing = context.ranked[position]
  if (!standing) return notRanked(hotkey, context)
  const above = context.ranked[position - 1]
  if (!above) return wins(standing, context)
  return `${record(standing)}: behind ${name(above.hotkey, context)} ${comparison(standing, above, context)}; it runs again in the next round`
}

function wins(winner: Standing, context: RankingContext): string {
  const next = context.ranked[1]
  const lead = `wins: ${record(winner)}`
  if (!next) return `${lead}, and nobody else competes`
  return `${lead}; next is ${name(next.hotkey, context)}, which scored ${points(next.score)}`
}

function comparison(standing: Standing, above: Standing, {params}: RankingContext): string {
  const {tieEpsilon, lead} = params.ranking
  if (above.score - standing.score > tieEpsilon) return `by ${points(above.score - standing.score)}`
  if (standing.score - above.score > tieEpsilon)
    return `though it scored more: the winner of the round before stays until somebody leads it by ${points(lead)}`
  if (above.timeS !== standing.timeS) return 'with an equal score, because that one is faster'
  if (above.memoryGb !== standing.memoryGb) return 'with an equal score and time, because that one takes less memory'
  if (above.claimedAtBlock !== standing.claimedAtBlock) return 'in every number equal, because that one was there first'
  return 'in everything equal, by the order of hotkeys'
}

function notRanked(hotkey: Hotkey, context: RankingContext): string {
  const {miners, state, ranked} = context
  const miner = miners.get(hotkey)
  const standing = state.standings.find((entry) => entry.hotkey === hotkey)
  if (!miner) return 'not ranked: this hotkey is not registered, or offers no image any more'
  if (!miner.isValid)
    return `not ranked: not valid, ${miner.invalidReason === null ? 'no reason given' : invalidWords(miner.invalidReason)}`
  if (!standing) return 'not ranked yet: its image runs in the next round'
  const again = 'a new submission runs in the round after it'
  switch (standing.place) {
    case 'copy':
      return `not ranked: its image is that of ${name(standing.copyOf ?? hotkey, context)}, which claimed it first; ${again}`
    case 'barred':
      return `not ranked: ${standing.outcome === 'unpullable' ? 'its image could not be pulled' : 'its image did not deliver'} in round ${standing.round} (${standing.reason ?? 'no reason given'}); ${again}`
    case 'unshielded':
      return `not ranked: it ${record(standing)}, but ran without the sandbox that the exam asks for, which pays nobody`
    case 'dropped':
    case 'carried': {
      const best = ranked[0]
      const distance =
        best && best.score > standing.score ? `, ${points(best.score - standing.score)} behind the best` : ''
      return `out of the competition: it ${record(standing)}${distance}; ${again}`
    }
  }
}

export function summarize(context: RankingContext): string {
  const {ranked, state, params} = context
  const [winner] = ranked
  const {burnShare} = params.ranking
  if (winner) {
    const share = burnShare === 0 ? 'takes all' : `takes ${(100 * (1 - burnShare)).toFixed(1)} %, the rest is burned`
    return `${name(winner.hotkey, context)} ${share}: it ${record(winner)}`
  }
  if (state.round === 0) return 'nobody is ranked: no round has ended yet'
  if (state.standings.some(({place, round}) => place === 'unshielded' && round === state.round))
    return `nobody is ranked: round ${state.round} ran without the sandbox that the exam asks for`
  return `nobody competes after round ${state.round}: the emission is burned`
}
