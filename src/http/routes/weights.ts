import {WeightsBody} from '../../api/schemas.js'
import type {RankingRow} from '../../domain/ranking.js'
import {findMiner} from '../../store/miners.js'
import {type Route, route} from '../route.js'
import type {RouteDeps} from './deps.js'

export function weightRoutes({store, scorer}: RouteDeps): Route[] {
  return [
    route({
      method: 'GET',
      path: '/weights',
      summary: 'who gets the emission',
      access: 'public',
      answer: WeightsBody,
      handle: () => {
        const current = scorer.current()
        if (!current) return {winner_uid: 0, miners: [], burn: false, summary: 'there is no ranking yet'}
        const {ranking} = current
        const ranked = ranking.rows.filter(({rank}) => rank !== null)
        const present = ranked.map((row) => ({row, miner: findMiner(store, row.hotkey)}))
        // The ranking is made anew after every change of validity; until then the next valid miner stands in.
        const winner = present.find(({miner}) => miner?.isValid && miner.uid !== null)
        return {
          winner_uid: winner?.miner?.uid ?? 0,
          miners: present.map(({row, miner}) => ({
            miner_hotkey: row.hotkey,
            uid: miner?.uid ?? 0,
            pass_rate: passRate(row),
            weight: row === winner?.row ? 1 : 0,
          })),
          burn: ranking.decision === 'burn' || (ranking.decision === 'pay' && winner === undefined),
          exam_hash: ranking.examHash,
          state_hash: ranking.stateHash,
          block: ranking.block,
          summary: ranking.summary,
        }
      },
    }),
  ]
}

export function passRate({numbers}: RankingRow): number {
  return numbers.passRate ?? 0
}
