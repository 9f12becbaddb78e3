import {WeightsBody} from '../../api/schemas.js'
import {canonicalJson, hashOf} from '../../domain/canonical.js'
import type {RankingRow} from '../../domain/ranking.js'
import {type SignedWeights, signWeights, type WeightsStatement} from '../../domain/weights-statement.js'
import {listMiners, type MinerRow} from '../../store/miners.js'
import type {StoredRanking} from '../../store/rankings.js'
import {type Route, route} from '../route.js'
import type {RouteDeps} from './deps.js'

/** A second's worth of age costs nobody anything; a thousand readers a second then cost one answer. */
export const rankingMaxAgeS = 5

export function weightRoutes({store, scorer, netuid, signer}: RouteDeps): Route[] {
  let last: SignedWeights | undefined
  const sign = (statement: WeightsStatement): SignedWeights | undefined => {
    if (!signer) return undefined
    // A signature is different every time: the same statement keeps the one it has, or its answer would seem new.
    if (!last || canonicalJson(last.statement) !== canonicalJson(statement)) last = signWeights(statement, signer)
    return last
  }
  return [
    route({
      method: 'GET',
      path: '/weights',
      summary: 'who gets the emission; the `signed` part is what a validator acts on',
      access: 'public',
      answer: WeightsBody,
      keep: {maxAgeS: rankingMaxAgeS, basis: () => [scorer.current(), store.changes.of('miners')]},
      handle: () => {
        const current = scorer.current()
        if (!current) return {winner_uid: 0, miners: [], burn: false, summary: 'there is no ranking yet'}
        const {present, winner} = standing(current, listMiners(store))
        const {ranking} = current
        const rankingHash = hashOf(ranking)
        const decision = ranking.decision === 'pay' && winner === undefined ? 'burn' : ranking.decision
        const paid = winner === undefined ? null : {hotkey: winner.row.hotkey, uid: winner.uid}
        const signed = sign({
          version: 1,
          netuid,
          mechanism: ranking.mechanism,
          examHash: ranking.examHash,
          stateHash: ranking.stateHash,
          rankingHash,
          window: ranking.window,
          block: ranking.block,
          decision,
          winner: paid,
          weights: paid === null ? [] : [{...paid, weight: 1}],
          summary: ranking.summary,
        })
        return {
          winner_uid: paid?.uid ?? 0,
          miners: present.map(({row, miner}) => ({
            miner_hotkey: row.hotkey,
            uid: miner?.uid ?? 0,
            pass_rate: passRate(row),
            weight: row === winner?.row ? 1 : 0,
          })),
          burn: decision === 'burn',
          exam_hash: ranking.examHash,
          state_hash: ranking.stateHash,
          ranking_hash: rankingHash,
          window: ranking.window,
          block: ranking.block,
          summary: ranking.summary,
          ...(signed && {signed}),
        }
      },
    }),
  ]
}

/**
 * The ranked miners as they are now. The ranking is made anew after every change of validity; until then the next valid
 * miner stands in.
 */
function standing({ranking}: StoredRanking, miners: readonly MinerRow[]) {
  const byHotkey = new Map<string, MinerRow>(miners.map((miner) => [miner.hotkey, miner]))
  const present = ranking.rows.filter(({rank}) => rank !== null).map((row) => ({row, miner: byHotkey.get(row.hotkey)}))
  const [winner] = present.flatMap(({row, miner}) =>
    miner?.isValid && miner.uid !== null ? [{row, uid: miner.uid}] : [],
  )
  return {present, winner}
}

export function passRate({numbers}: RankingRow): number {
  return numbers.passRate ?? 0
}
