import {
  AuthorQuery,
  KnownSubmissionsBody,
  LogsBody,
  MechanismParams,
  MechanismsBody,
  OwnRankingBody,
  OwnWeightsBody,
  RecordsBody,
  RecordsQuery,
  RecordTakenBody,
  RoundsBody,
  RoundsQuery,
} from '../../api/mechanism-schemas.js'
import {SignedExam} from '../../domain/exam.js'
import {maxRecordBytes, SignedRecord} from '../../domain/record.js'
import type {OwnMechanism, OwnRanking} from '../../services/own-mechanism.js'
import {currentExam} from '../../store/exams.js'
import {datetime} from '../datetime.js'
import {Refusal} from '../refusal.js'
import {type Route, route} from '../route.js'
import {callerOf, type RouteDeps} from './deps.js'

/** What belongs to one mechanism of several. The routes of the first one are the published ones at the root. */
export function mechanismRoutes(deps: RouteDeps): Route[] {
  const {store, own = [], mechanism, mecid = 0, scorer} = deps
  const find = (name: string): OwnMechanism => {
    const found = own.find((one) => one.name === name)
    if (found) return found
    if (name === mechanism.name) throw new Refusal(404, `The routes of ${name} are those at the root`)
    throw new Refusal(404, 'No such mechanism')
  }
  const ranked = (name: string, author: string | undefined): OwnRanking => {
    const rankings = find(name).rankings()
    const found = author === undefined ? rankings[0] : rankings.find((ranking) => ranking.author === author)
    if (!found) throw new Refusal(404, 'No ranking yet')
    return found
  }
  return [
    route({
      method: 'GET',
      path: '/mechanisms',
      summary: 'what runs on which mechanism index, and who is ahead',
      access: 'public',
      answer: MechanismsBody,
      keep: {
        maxAgeS: 5,
        basis: () => [scorer.current(), store.changes.of('exams', 'rankings', 'records', 'tasks')],
      },
      handle: () => ({
        mechanisms: [
          {
            ...{name: mechanism.name, version: mechanism.version, scope: mechanism.scope, mecid},
            exam_hash: currentExam(store)?.examHash ?? null,
            summary: scorer.current()?.ranking.summary ?? 'there is no ranking yet',
          },
          ...own.map((one) => ({
            ...{name: one.name, version: one.mechanism.version, scope: one.mechanism.scope, mecid: one.mecid},
            exam_hash: one.exam().examHash,
            summary: one.rankings()[0]?.ranking.summary ?? 'no validator has published a round yet',
          })),
        ],
      }),
    }),
    route({
      method: 'GET',
      path: '/mechanisms/{name}/exam',
      summary: 'the exam in force of a mechanism, signed by the owner',
      access: 'public',
      params: MechanismParams,
      answer: SignedExam,
      handle: ({params}) => {
        if (params.name !== mechanism.name) return find(params.name).exam()
        const exam = currentExam(store)
        if (!exam) throw new Refusal(404, 'No exam published yet')
        return exam
      },
    }),
    route({
      method: 'GET',
      path: '/mechanisms/{name}/ranking',
      summary: "the ranking that one validator's evidence gives, with its sentences",
      access: 'public',
      params: MechanismParams,
      query: AuthorQuery,
      answer: OwnRankingBody,
      handle: ({params, query}) => {
        const {author, ranking, view} = ranked(params.name, query.author)
        return {author, ranking, view}
      },
    }),
    route({
      method: 'GET',
      path: '/mechanisms/{name}/weights',
      summary: "who gets the emission by one validator's evidence; every validator sets what its own says",
      access: 'public',
      params: MechanismParams,
      query: AuthorQuery,
      answer: OwnWeightsBody,
      handle: ({params, query}) => {
        const {author, ranking} = ranked(params.name, query.author)
        const paid = ranking.rows.flatMap(({hotkey, uid, weight}) =>
          weight > 0 && uid !== null ? [{hotkey, uid, weight: weight * (1 - (ranking.burnShare ?? 0))}] : [],
        )
        return {
          author,
          block: ranking.block,
          decision: ranking.decision,
          burn_share: ranking.decision === 'burn' ? 1 : (ranking.burnShare ?? 0),
          weights: ranking.decision === 'pay' ? paid : [],
          summary: ranking.summary,
        }
      },
    }),
    route({
      method: 'GET',
      path: '/mechanisms/{name}/logs',
      summary: 'whose evidence there is, and how much',
      access: 'public',
      params: MechanismParams,
      answer: LogsBody,
      handle: ({params}) => {
        const mechanism = find(params.name)
        const neurons = new Map(mechanism.rankings()[0]?.view.neurons.map((neuron) => [neuron.hotkey, neuron]))
        return {
          logs: mechanism.logs().map(({author, sequence, block, receivedAt}) => ({
            ...{author, block, records: sequence, received_at: datetime(receivedAt)},
            uid: neurons.get(author)?.uid ?? null,
            stake_rao: neurons.get(author)?.stakeRao ?? null,
          })),
        }
      },
    }),
    route({
      method: 'GET',
      path: '/mechanisms/{name}/log',
      summary: "one validator's signed records with a larger number than `after`, ascending, as they were signed",
      access: 'public',
      params: MechanismParams,
      query: RecordsQuery,
      answer: RecordsBody,
      handle: ({params, query: {author, after, limit}}) => ({
        records: [...find(params.name).recordsAfter(author, after, limit)],
      }),
    }),
    route({
      method: 'GET',
      path: '/mechanisms/{name}/rounds',
      summary: "one validator's newest rounds with everything that was measured",
      access: 'public',
      params: MechanismParams,
      query: RoundsQuery,
      answer: RoundsBody,
      handle: ({params, query: {author = ranked(params.name, undefined).author, limit}}) => {
        const mechanism = find(params.name)
        const last = mechanism.logs().find((log) => log.author === author)?.sequence ?? 0
        const records = mechanism.recordsAfter(author, Math.max(0, last - limit), limit)
        return {
          author,
          rounds: records.toReversed().map(({record: {sequence, block, createdAt, examHash, body}}) => ({
            ...{sequence, block, evidence: body},
            created_at: createdAt,
            exam_hash: examHash,
          })),
        }
      },
    }),
    route({
      method: 'POST',
      path: '/mechanisms/{name}/records',
      summary: "append to the caller's own log; what does not follow its last record is refused",
      access: 'validator',
      params: MechanismParams,
      body: SignedRecord,
      maxBodyBytes: maxRecordBytes,
      answer: RecordTakenBody,
      handle: ({params, body, caller}) => {
        const taken = find(params.name).takeRecord(body, callerOf(caller).hotkey)
        if (!taken.ok) throw new Refusal(taken.status, taken.detail)
        return {success: true, sequence: body.record.sequence}
      },
    }),
    route({
      method: 'GET',
      path: '/mechanisms/{name}/submissions',
      summary: 'what is submitted and in force, for those who measure it',
      access: 'validator',
      params: MechanismParams,
      answer: KnownSubmissionsBody,
      handle: ({params}) => ({
        submissions: find(params.name)
          .submissions()
          .map(({hotkey, text, block, claimBlock, at, isBlacklisted, copyOf, proof}) => ({
            ...{hotkey, text, block},
            claim_block: claimBlock,
            submitted_at: at,
            is_blacklisted: isBlacklisted,
            copy_of: copyOf,
            proof,
          })),
      }),
    }),
  ]
}
