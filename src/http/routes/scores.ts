import {
  AggregatedScoresBody,
  MinerParams,
  MinerScoresBody,
  RankBody,
  ScoreStatsBody,
  ValidatorParams,
  ValidatorScoresBody,
  ValidatorSummariesBody,
} from '../../api/schemas.js'
import type {Hotkey} from '../../domain/ids.js'
import type {RankingRow} from '../../domain/ranking.js'
import {listMiners, type MinerRow} from '../../store/miners.js'
import {listScores, type Score} from '../../store/scores.js'
import {datetime, datetimeWithOffset} from '../datetime.js'
import {type Route, route} from '../route.js'
import {hotkeyOf, type RouteDeps, ratio} from './deps.js'
import {passRate, rankingMaxAgeS} from './weights.js'

/**
 * Figures for people. `by_validator` counts all settled tasks; what is aggregated over validators is the ranking's own
 * window and rule, so that a dashboard never shows another order than the one that pays.
 */
export function scoreRoutes({store, scorer}: RouteDeps): Route[] {
  const keep = {maxAgeS: rankingMaxAgeS, basis: () => [scorer.current(), store.changes.of('settled')]}
  const windowed = () => new Map<string, RankingRow>(scorer.current()?.ranking.rows.map((row) => [row.hotkey, row]))
  return [
    route({
      method: 'GET',
      path: '/scores',
      summary: 'every miner over the window of the ranking',
      access: 'public',
      answer: AggregatedScoresBody,
      keep,
      handle: () => {
        const all = listScores(store)
        const rows = windowed()
        const byMiner = groupBy(all, ({miner}) => miner)
        return {
          scores: Object.fromEntries(
            [...byMiner].map(([miner, scores]) => [miner, aggregate(scores, rows.get(miner))]),
          ),
          total_validators: new Set(all.map(({validator}) => validator)).size,
          updated_at: datetime(newest(all)),
        }
      },
    }),
    route({
      method: 'GET',
      path: '/scores/validators',
      summary: 'every validator over all settled tasks',
      access: 'public',
      answer: ValidatorSummariesBody,
      keep,
      handle: () =>
        [...groupBy(listScores(store), ({validator}) => validator)].map(([validator, scores]) => ({
          validator_hotkey: validator,
          total_samples: sum(scores, 'total'),
          total_passed: sum(scores, 'passed'),
          avg_score: mean(scores),
          pass_rate: ratio(sum(scores, 'passed'), sum(scores, 'total')),
          last_updated: datetimeWithOffset(newest(scores)),
        })),
    }),
    route({
      method: 'GET',
      path: '/scores/miner/{miner_hotkey}',
      summary: 'one miner, by validator and over the window',
      access: 'public',
      params: MinerParams,
      answer: MinerScoresBody,
      handle: ({params}) => {
        const miner = hotkeyOf(params.miner_hotkey)
        const scores = listScores(store, {miner})
        return {
          miner_hotkey: miner,
          by_validator: scores.map((score) => ({validator_hotkey: score.validator, ...pair(score)})),
          aggregated: aggregate(scores, windowed().get(miner)),
        }
      },
    }),
    route({
      method: 'GET',
      path: '/scores/validator/{validator_hotkey}',
      summary: 'one validator, by miner',
      access: 'public',
      params: ValidatorParams,
      answer: ValidatorScoresBody,
      handle: ({params}) => {
        const validator = hotkeyOf(params.validator_hotkey)
        const scores = listScores(store, {validator})
        return {
          validator_hotkey: validator,
          scores: scores.map((score) => ({miner_hotkey: score.miner, ...pair(score)})),
          total_miners: scores.length,
        }
      },
    }),
    route({
      method: 'GET',
      path: '/scores/rank',
      summary: 'the ranking, and why each miner stands where it does',
      access: 'public',
      answer: RankBody,
      keep: {maxAgeS: rankingMaxAgeS, basis: () => [scorer.current(), store.changes.of('miners')]},
      handle: () => {
        const miners = new Map<string, MinerRow>(listMiners(store, 'all').map((miner) => [miner.hotkey, miner]))
        const rows = scorer.current()?.ranking.rows ?? []
        const bodyOf = (row: RankingRow) => rankRow(row, miners.get(row.hotkey))
        return {
          ranks: rows.flatMap((row) => (row.rank === null ? [] : [{...bodyOf(row), rank: row.rank}])),
          unranked: rows.filter(({rank}) => rank === null).map(bodyOf),
        }
      },
    }),
    route({
      method: 'GET',
      path: '/scores/stats',
      summary: 'totals over all settled tasks',
      access: 'public',
      answer: ScoreStatsBody,
      keep,
      handle: () => {
        const all = listScores(store)
        return {
          total_validators: new Set(all.map(({validator}) => validator)).size,
          total_miners: new Set(all.map(({miner}) => miner)).size,
          total_samples: sum(all, 'total'),
          total_score_entries: all.length,
          overall_pass_rate: ratio(sum(all, 'passed'), sum(all, 'total')),
        }
      },
    }),
  ]
}

function rankRow(row: RankingRow, miner: MinerRow | undefined) {
  const {ahead, behind, charged, completeness, evaluated, leadNeeded, rateNeeded, tasksNeeded} = row.numbers
  const isProved = ahead !== undefined && behind !== undefined && leadNeeded !== undefined
  return {
    miner_hotkey: row.hotkey,
    uid: miner?.uid ?? null,
    passed_count: row.numbers.passed ?? 0,
    pass_rate: passRate(row),
    block: row.block,
    eligible: row.eligible,
    is_valid: miner?.isValid ?? false,
    invalid_reason: miner?.invalidReason ?? null,
    explain: row.sentence,
    evaluated_count: (evaluated ?? 0) + (charged ?? 0),
    completeness: completeness ?? 0,
    tasks_to_eligible: tasksNeeded ?? null,
    pass_rate_to_win: rateNeeded === undefined || rateNeeded > 1 ? null : rateNeeded,
    proof: isProved ? {ahead, behind, short: leadNeeded - (ahead - behind)} : null,
  }
}

function aggregate(scores: readonly Score[], row: RankingRow | undefined) {
  const total = row?.numbers.evaluated ?? 0
  const passed = row?.numbers.passed ?? 0
  const rate = ratio(passed, total)
  return {
    avg_score: rate,
    total_samples: total,
    total_passed: passed,
    pass_rate: rate,
    validator_count: scores.length,
  }
}

function pair({total, passed, updatedAt}: Score) {
  const rate = ratio(passed, total)
  return {
    score: rate,
    total_samples: total,
    total_passed: passed,
    pass_rate: rate,
    updated_at: datetimeWithOffset(updatedAt),
  }
}

function groupBy(scores: readonly Score[], key: (score: Score) => Hotkey): Map<Hotkey, Score[]> {
  const groups = new Map<Hotkey, Score[]>()
  for (const score of scores) {
    const group = groups.get(key(score))
    if (group) group.push(score)
    else groups.set(key(score), [score])
  }
  return groups
}

const sum = (scores: readonly Score[], field: 'total' | 'passed') =>
  scores.reduce((total, score) => total + score[field], 0)
const mean = (scores: readonly Score[]) =>
  ratio(
    scores.reduce((total, score) => total + ratio(score.passed, score.total), 0),
    scores.length,
  )
const newest = (scores: readonly Score[]) =>
  scores.length === 0 ? null : Math.max(...scores.map(({updatedAt}) => updatedAt))
