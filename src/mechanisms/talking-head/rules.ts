import {compareText, type Hotkey} from '../../domain/ids.js'
import type {RankingRow} from '../../domain/ranking.js'
import type {SubnetView} from '../../domain/subnet.js'
import type {EvidenceKey, Weighing} from '../types.js'
import {type ImageResult, keyOf, type TalkingHeadEvidence} from './evidence.js'
import {explain, summarize} from './explain.js'
import {rankField} from './order.js'
import type {TalkingHeadParams} from './params.js'
import {figuresOf} from './scores.js'
import {ruleVersion, type Standing, type TalkingHeadState} from './state.js'

export function initial(): TalkingHeadState {
  return {rule: {name: 'talking-head', version: ruleVersion}, watermark: null, round: 0, winner: null, standings: []}
}

export function watermark(state: TalkingHeadState): EvidenceKey | undefined {
  return state.watermark ?? undefined
}

/** One more round. What it measured replaces what was known; the best `carryOver` of it stay in the competition. */
export function fold(state: TalkingHeadState, round: TalkingHeadEvidence, params: TalkingHeadParams): TalkingHeadState {
  const {ranking} = params
  const before = new Map(state.standings.map((standing) => [standing.hotkey, standing]))
  const measured = round.results.flatMap((result): Standing[] => {
    if (result.outcome !== 'skipped') return [standingOf(result, round.sequence, params)]
    // The executor's own fault: who competed goes on competing with what is known, who is new stays new.
    const known = before.get(result.hotkey)
    return known?.place === 'carried' && known.digest === result.digest ? [known] : []
  })
  const placed = placedBy(measured, ranking)
  const field = rankField(
    placed.filter(({place}) => place === 'carried'),
    state.winner,
    ranking,
  )
  const kept = new Set(field.slice(0, ranking.carryOver).map(({hotkey}) => hotkey))
  const after = new Map<Hotkey, Standing>()
  // Who competed and was not looked at this time has left the competition: it left the subnet, or was banned.
  for (const standing of state.standings) {
    after.set(standing.hotkey, standing.place === 'carried' ? {...standing, place: 'dropped'} : standing)
  }
  for (const standing of placed) {
    const isOut = standing.place === 'carried' && !kept.has(standing.hotkey)
    after.set(standing.hotkey, isOut ? {...standing, place: 'dropped'} : standing)
  }
  const [best] = field
  return {
    rule: state.rule,
    watermark: [...keyOf(round)],
    round: round.sequence,
    winner: best
      ? {
          hotkey: best.hotkey,
          digest: best.digest,
          sinceRound:
            state.winner?.hotkey === best.hotkey && state.winner.digest === best.digest
              ? state.winner.sinceRound
              : round.sequence,
        }
      : null,
    standings: newest([...after.values()]),
  }
}

/** Hotkeys come and go for years: those measured longest ago are forgotten, and would run again as new. */
const maxStandings = 1024

function newest(standings: readonly Standing[]): Standing[] {
  const kept =
    standings.length <= maxStandings
      ? standings
      : [...standings].sort((a, b) => b.round - a.round || compareText(a.hotkey, b.hotkey)).slice(0, maxStandings)
  return [...kept].sort((a, b) => compareText(a.hotkey, b.hotkey))
}

/** Sums are reckoned again from what was measured in each run: what the record says they are is for its readers. */
function standingOf(result: ImageResult, round: number, params: TalkingHeadParams): Standing {
  const {hotkey, digest, contentSha256, submittedAtBlock, claimedAtBlock, outcome, reason} = result
  const figures = figuresOf(outcome === 'scored' ? result.challenges : [], params)
  return {
    ...{hotkey, digest, contentSha256, submittedAtBlock, claimedAtBlock, round, outcome, reason},
    place: outcome === 'scored' ? 'carried' : 'barred',
    copyOf: null,
    score: figures.finalScore,
    quality: figures.quality,
    factor: figures.factor,
    timeS: figures.timeS,
    memoryGb: params.efficiency.memory === 'vram' ? figures.peakVramGb : figures.peakMemoryGb,
    capViolation: figures.capViolation,
    ...(result.isolation === null ? {} : {isolation: result.isolation}),
  }
}

/** Takes copies, and what scored nothing or ran without the sandbox that the exam asks for, out of the competition. */
function placedBy(measured: readonly Standing[], ranking: TalkingHeadParams['ranking']): Standing[] {
  const owners = ownersOf(measured)
  return measured.map((standing): Standing => {
    if (standing.place !== 'carried') return standing
    const owner = owners.get(standing.contentSha256 ?? '') ?? owners.get(standing.digest)
    if (owner !== undefined && owner !== standing.hotkey) return {...standing, place: 'copy', copyOf: owner}
    const isShielded = standing.isolation !== undefined && ranking.isolation.includes(standing.isolation)
    if (!isShielded) return {...standing, place: 'unshielded'}
    return standing.score > 0 ? standing : {...standing, place: 'dropped'}
  })
}

/** Whose each image is, by digest and by content: the first to claim it. */
function ownersOf(measured: readonly Standing[]): Map<string, Hotkey> {
  const owners = new Map<string, Hotkey>()
  const byClaim = [...measured].sort((a, b) => a.claimedAtBlock - b.claimedAtBlock || compareText(a.hotkey, b.hotkey))
  for (const {digest, contentSha256, hotkey} of byClaim) {
    for (const key of [digest, contentSha256]) if (key !== null && !owners.has(key)) owners.set(key, hotkey)
  }
  return owners
}

/** The winner takes all but what is burned; who has left the subnet or is banned does not stand in anybody's way. */
export function weigh(state: TalkingHeadState, view: SubnetView, params: TalkingHeadParams): Weighing {
  const miners = new Map(view.miners.map((miner) => [miner.hotkey, miner]))
  const standings = new Map(state.standings.map((standing) => [standing.hotkey, standing]))
  const field = state.standings.filter(({hotkey, place}) => place === 'carried' && miners.get(hotkey)?.isValid === true)
  const ranked = rankField(field, state.winner, params.ranking)
  const isRanked = new Set(ranked.map(({hotkey}) => hotkey))
  const others = [...new Set([...standings.keys(), ...miners.keys()])].filter((hotkey) => !isRanked.has(hotkey))
  const context = {ranked, miners, state, params}
  const rows = [...ranked.map(({hotkey}) => hotkey), ...others.sort(compareText)].map((hotkey, index): RankingRow => {
    const standing = standings.get(hotkey)
    const miner = miners.get(hotkey)
    const rank = isRanked.has(hotkey) ? index + 1 : null
    return {
      hotkey,
      uid: miner?.uid ?? null,
      rank,
      eligible: rank !== null,
      weight: rank === 1 && params.ranking.burnShare < 1 ? 1 : 0,
      block: miner?.block ?? standing?.submittedAtBlock ?? null,
      numbers: standing ? numbersOf(standing, ranked[0]) : {},
      sentence: explain(hotkey, context),
    }
  })
  const isUnshielded = state.standings.some(({place, round}) => place === 'unshielded' && round === state.round)
  const decision =
    ranked.length > 0 && params.ranking.burnShare < 1
      ? 'pay'
      : state.round === 0 || (ranked.length === 0 && isUnshielded)
        ? 'wait'
        : 'burn'
  return {
    rows,
    decision,
    window: state.round === 0 ? [] : [state.round],
    summary: summarize(context),
    burnShare: decision === 'pay' ? params.ranking.burnShare : 0,
  }
}

function numbersOf(standing: Standing, best: Standing | undefined): Record<string, number> {
  const {score, quality, factor, timeS, memoryGb, round} = standing
  return {
    score,
    quality,
    factor,
    round,
    ...(timeS === null ? {} : {timeS}),
    ...(memoryGb === null ? {} : {memoryGb}),
    behind: Math.max(0, (best?.score ?? score) - score),
  }
}
