import {RankingBody, VotersBody} from '../../api/schemas.js'
import {SignedExam} from '../../domain/exam.js'
import {IntegritySigns} from '../../services/integrity/findings.js'
import {lastSigns} from '../../services/integrity/watch.js'
import {currentVoters} from '../../services/validator-sync.js'
import {findBlacklisted} from '../../store/blacklist.js'
import {currentExam} from '../../store/exams.js'
import {Refusal} from '../refusal.js'
import {type Route, route} from '../route.js'
import type {RouteDeps} from './deps.js'
import {rankingMaxAgeS} from './weights.js'

/** What our own programs need beyond the published routes. */
export function subnetRoutes({store, scorer}: RouteDeps): Route[] {
  return [
    route({
      method: 'GET',
      path: '/exam',
      summary: 'the exam in force, signed by the owner',
      access: 'public',
      answer: SignedExam,
      keep: {maxAgeS: 60, basis: () => [store.changes.of('exams', 'tasks')]},
      handle: () => {
        const exam = currentExam(store)
        if (!exam) throw new Refusal(404, 'No exam published yet')
        return exam
      },
    }),
    route({
      method: 'GET',
      path: '/voters',
      summary: 'who may vote on the next task, with the stake that counts',
      access: 'public',
      answer: VotersBody,
      keep: {maxAgeS: 5, basis: () => [store.changes.of('blacklist', 'miners', 'validators')]},
      handle: () => ({voters: currentVoters(store, (hotkey) => findBlacklisted(store, hotkey) !== undefined)}),
    }),
    route({
      method: 'GET',
      path: '/integrity',
      summary: 'signs of copying and collusion in the newest settled tasks, with who, where and the figures',
      access: 'public',
      answer: IntegritySigns,
      keep: {maxAgeS: 60, basis: () => [store.changes.of('integrity')]},
      handle: () => {
        const last = lastSigns(store)
        if (!last) throw new Refusal(404, 'No task inspected yet')
        return last
      },
    }),
    route({
      method: 'GET',
      path: '/ranking',
      summary: 'the whole ranking with its sentences, and the view of the subnet it was weighed over',
      access: 'public',
      answer: RankingBody,
      keep: {maxAgeS: rankingMaxAgeS, basis: () => [scorer.current()]},
      handle: () => {
        const current = scorer.current()
        if (!current) throw new Refusal(404, 'No ranking yet')
        return {ranking: current.ranking, view: current.view}
      },
    }),
  ]
}
