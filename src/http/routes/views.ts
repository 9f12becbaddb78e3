import {MinerParams, TaskMinerParams, TaskParams} from '../../api/schemas.js'
import {
  FiguresQuery,
  HistoryBody,
  MinerHistoryBody,
  MinerRecordBody,
  OutcomesBody,
  OverviewBody,
  TaskFiguresBody,
  TaskResultsBody,
  ValidatorsBody,
  VerdictsBody,
} from '../../api/views.js'
import {winnerOf} from '../../domain/ranking.js'
import {ValidatorsView} from '../../services/validators-view.js'
import {agreementByTask, listTaskFigures, type TaskFigures} from '../../store/figures.js'
import {listMiners} from '../../store/miners.js'
import {listOffers} from '../../store/offers.js'
import {listReigns, type Reign} from '../../store/reigns.js'
import {listVotes, meanAspects, verdictTexts} from '../../store/task-views.js'
import {findTask, latestTaskId, openTaskIds, publishedAt, resultsOfMiner, resultsOfTask} from '../../store/tasks.js'
import {listValidators} from '../../store/validators.js'
import {datetime} from '../datetime.js'
import {Outcomes} from '../outcomes.js'
import {Refusal} from '../refusal.js'
import {JsonText, type Route, route} from '../route.js'
import {hotkeyOf, type RouteDeps} from './deps.js'
import {passRate, rankingMaxAgeS} from './weights.js'

/** Tasks of the plots. */
const historyTasks = 200
/** Tasks that a miner's aspects are averaged over. */
const aspectTasks = 30

/** What the dashboard shows: public, of settled tasks only, counted from what is stored. */
export function viewRoutes(deps: RouteDeps): Route[] {
  const {store, scorer} = deps
  const outcomes = new Outcomes(store, historyTasks)
  const validators = new ValidatorsView(deps)
  return [
    route({
      method: 'GET',
      path: '/overview',
      summary: 'the subnet in one answer: is it alive, who is ahead, and for how long',
      access: 'public',
      answer: OverviewBody,
      keep: {
        maxAgeS: 1,
        basis: () => [
          deps.chainState?.().block,
          scorer.current(),
          store.changes.of('tasks', 'settled', 'miners', 'validators', 'rankings'),
        ],
      },
      handle: () => overview(deps),
    }),
    route({
      method: 'GET',
      path: '/history',
      summary: 'the newest settled tasks in figures, and who was ahead from when on',
      access: 'public',
      answer: HistoryBody,
      keep: {maxAgeS: rankingMaxAgeS, basis: () => [store.changes.of('settled', 'rankings')]},
      handle: () => {
        const tasks = listTaskFigures(store, {limit: historyTasks}).reverse()
        const agreement = new Map(agreementByTask(store, tasks[0]?.taskId ?? 1).map((row) => [row.taskId, row]))
        return {
          tasks: tasks.map((task) => {
            const {kind: _, prompt: __, ...figures} = taskFigures(task)
            const votes = agreement.get(task.taskId)
            return {...figures, agreement: votes ? votes.agreed / votes.verdicts : null}
          }),
          reigns: listReigns(store, deps.mechanism.name, 50).map(reignBody),
        }
      },
    }),
    route({
      method: 'GET',
      path: '/history/tasks',
      summary: 'settled tasks in figures, newest first',
      access: 'public',
      query: FiguresQuery,
      answer: TaskFiguresBody,
      handle: ({query}) => ({tasks: listTaskFigures(store, query).map(taskFigures)}),
    }),
    route({
      method: 'GET',
      path: '/history/outcomes',
      summary: 'what every miner did in each of the newest settled tasks, a letter each',
      access: 'public',
      answer: OutcomesBody,
      keep: {maxAgeS: rankingMaxAgeS, basis: () => [store.changes.of('settled')]},
      handle: () => outcomes.read(),
    }),
    route({
      method: 'GET',
      path: '/miners/{miner_hotkey}/history',
      summary: 'everything one miner was asked for in settled tasks, answered or not, newest first',
      access: 'public',
      params: MinerParams,
      query: FiguresQuery,
      answer: MinerHistoryBody,
      handle: ({params, query}) => ({
        tasks: resultsOfMiner(store, hotkeyOf(params.miner_hotkey), query).map((result) => ({
          task_id: result.taskId,
          outcome: result.outcome,
          reason: result.reason,
          passed: result.passed,
          score: result.score,
          votes: result.votes,
          latency_ms: result.latencyMs,
          judged_at: datetime(result.judgedAt),
        })),
      }),
    }),
    route({
      method: 'GET',
      path: '/miners/{miner_hotkey}/record',
      summary: 'what one miner has offered so far, and what its outputs are good at',
      access: 'public',
      params: MinerParams,
      answer: MinerRecordBody,
      handle: ({params}) => {
        const hotkey = hotkeyOf(params.miner_hotkey)
        const judged = resultsOfMiner(store, hotkey, {limit: 2 * aspectTasks}).filter(({votes}) => votes > 0)
        return {
          miner_hotkey: hotkey,
          submissions: listOffers(store, hotkey, 50).map((submission) => ({
            block: submission.block,
            model_name: submission.modelName,
            model_revision: submission.modelRevision,
            is_valid: submission.isValid,
            invalid_reason: submission.invalidReason,
            first_seen_at: new Date(submission.firstSeenAt).toISOString(),
            last_seen_at: new Date(submission.lastSeenAt).toISOString(),
          })),
          ...meanAspects(
            store,
            hotkey,
            judged.slice(0, aspectTasks).map(({taskId}) => taskId),
          ),
        }
      },
    }),
    route({
      method: 'GET',
      path: '/validators',
      summary: 'whether the validators work and agree, and what they have put on the chain',
      access: 'public',
      answer: ValidatorsBody,
      keep: {
        maxAgeS: rankingMaxAgeS,
        // By the minute, because one of its figures is about the last hour.
        basis: () => [
          store.changes.of('settled', 'validators', 'rankings'),
          deps.chainWeights?.version(),
          Math.floor(deps.time.now() / 60_000),
        ],
      },
      handle: () => validators.read(),
    }),
    route({
      method: 'GET',
      path: '/tasks/{task_id}/results',
      summary: 'who passed one task, and how each validator voted; hidden until it has settled',
      access: 'public',
      params: TaskParams,
      answer: TaskResultsBody,
      handle: ({params}) => taskResults(deps, params.task_id),
    }),
    route({
      method: 'GET',
      path: '/tasks/{task_id}/verdicts/{miner_hotkey}',
      summary: 'the signed verdicts on one output of a settled task',
      access: 'public',
      params: TaskMinerParams,
      answer: VerdictsBody,
      handle: ({params}) => {
        const texts = verdictTexts(store, params.task_id, hotkeyOf(params.miner_hotkey))
        return new JsonText(`{"verdicts":[${texts.join(',')}]}`)
      },
    }),
  ]
}

function overview(deps: RouteDeps) {
  const {store, scorer, netuid, version, chainState, mecid = 0, own = []} = deps
  const mechanism = deps.mechanism.name
  const current = scorer.current()
  const ranking = current?.ranking
  const winner = ranking && winnerOf(ranking)
  const miners = listMiners(store)
  const [reign] = listReigns(store, mechanism, 1)
  const latest = latestTaskId(store)
  const [settled] = listTaskFigures(store, {limit: 1})
  return {
    version,
    netuid,
    mechanism,
    mechanisms: [{name: mechanism, mecid}, ...own.map((one) => ({name: one.name, mecid: one.mecid}))],
    block: chainState?.().block ?? ranking?.block ?? null,
    exam_hash: ranking?.examHash ?? null,
    tasks: {
      latest,
      published_at: datetime(latest === 0 ? null : publishedAt(store, latest)),
      open: openTaskIds(store),
      settled: settled?.taskId ?? 0,
    },
    miners: {
      total: miners.length,
      valid: miners.filter(({isValid}) => isValid).length,
      ranked: ranking?.rows.filter(({rank}) => rank !== null).length ?? 0,
    },
    validators: listValidators(store).length,
    decision: ranking?.decision ?? null,
    summary: ranking?.summary ?? 'there is no ranking yet',
    winner: winner
      ? {
          hotkey: winner.hotkey,
          uid: winner.uid,
          pass_rate: passRate(winner),
          since: reign && reign.hotkey === winner.hotkey ? reignBody(reign) : null,
        }
      : null,
    ranked_at: datetime(current?.madeAt),
  }
}

function taskResults({store}: RouteDeps, taskId: number) {
  const task = findTask(store, taskId)
  if (!task) throw new Refusal(404, 'Task not found')
  const votes = listVotes(store, taskId)
  const validators = [...new Set(votes.map(({validator}) => validator))]
  const position = new Map(validators.map((validator, index) => [validator, index]))
  const byMiner = Map.groupBy(votes, ({miner}) => miner)
  const [figures] = listTaskFigures(store, {limit: 1, before: taskId + 1})
  return {
    task_id: taskId,
    settled: task.settledAtBlock !== null,
    settled_at: datetime(figures?.taskId === taskId ? figures.settledAt : null),
    settled_at_block: task.settledAtBlock,
    validators,
    results: resultsOfTask(store, taskId).map(({miner, passed, score}) => ({
      miner_hotkey: miner,
      passed,
      score,
      votes: (byMiner.get(miner) ?? []).map((vote): [number, boolean, number] => [
        position.get(vote.validator) ?? 0,
        vote.passed,
        vote.overall,
      ]),
    })),
  }
}

function taskFigures(task: TaskFigures) {
  return {
    task_id: task.taskId,
    kind: task.kind,
    prompt: task.prompt,
    published_at: new Date(task.publishedAt).toISOString(),
    settled_at: new Date(task.settledAt).toISOString(),
    settled_at_block: task.settledAtBlock,
    asked: task.asked,
    delivered: task.delivered,
    rejected: task.rejected,
    judged: task.judged,
    passed: task.passed,
    score: task.score,
    latency_ms: task.latencyMs,
    bytes: task.bytes,
    verdicts: task.verdicts,
  }
}

const reignBody = ({hotkey, decision, block, taskId, at}: Reign) => ({
  ...{hotkey, decision, block},
  task_id: taskId,
  at: new Date(at).toISOString(),
})
