import {
  HotkeyParams,
  MinerBody,
  MinerParams,
  MinersList,
  MinerTasksBody,
  TaskPageQuery,
  UidParams,
} from '../../api/schemas.js'
import {findMiner, findMinerByUid, listMiners, type MinerRow} from '../../store/miners.js'
import {resultsOfMiner, type TaskResult} from '../../store/tasks.js'
import {datetime} from '../datetime.js'
import {Refusal} from '../refusal.js'
import {type Route, route} from '../route.js'
import {hotkeyOf, type RouteDeps} from './deps.js'
import {rankingMaxAgeS} from './weights.js'

export function minerRoutes({store}: RouteDeps): Route[] {
  const list = (validOnly: boolean) => {
    const all = listMiners(store)
    const valid = all.filter(({isValid}) => isValid)
    return {
      miners: (validOnly ? valid : all).flatMap(minerBody),
      total: all.length,
      valid_count: valid.length,
    }
  }
  const found = (miner: MinerRow | undefined) => {
    const [body] = miner ? minerBody(miner) : []
    if (!body) throw new Refusal(404, 'Miner not found')
    return body
  }
  const byHotkey = (hotkey: string) => found(findMiner(store, hotkeyOf(hotkey)))
  return [
    route({
      method: 'GET',
      path: '/miners/uid/{uid}',
      summary: 'one miner by uid',
      access: 'public',
      params: UidParams,
      answer: MinerBody,
      handle: ({params}) => found(findMinerByUid(store, params.uid)),
    }),
    route({
      method: 'GET',
      path: '/miners/list',
      summary: 'all miners with their validity, by uid',
      access: 'public',
      answer: MinersList,
      keep: {maxAgeS: rankingMaxAgeS, basis: () => [store.changes.of('miners')]},
      handle: () => list(false),
    }),
    route({
      method: 'GET',
      path: '/miners/valid',
      summary: 'miners that may be asked',
      access: 'validator',
      answer: MinersList,
      handle: () => list(true),
    }),
    route({
      method: 'GET',
      path: '/miners/all',
      summary: 'all miners, for validators',
      access: 'validator',
      answer: MinersList,
      handle: () => list(false),
    }),
    route({
      method: 'GET',
      path: '/miners/{miner_hotkey}/tasks',
      summary: 'results of one miner in settled tasks, newest first',
      access: 'public',
      params: MinerParams,
      query: TaskPageQuery,
      answer: MinerTasksBody,
      handle: ({params, query}) => minerTasks(resultsOfMiner(store, hotkeyOf(params.miner_hotkey), query)),
    }),
    route({
      method: 'GET',
      path: '/miners/info/{miner_hotkey}',
      summary: 'one miner by hotkey',
      access: 'public',
      params: MinerParams,
      answer: MinerBody,
      handle: ({params}) => byHotkey(params.miner_hotkey),
    }),
    route({
      method: 'GET',
      path: '/miners/{hotkey}',
      summary: 'one miner by hotkey, as promised to miners without a signature',
      access: 'public',
      params: HotkeyParams,
      answer: MinerBody,
      handle: ({params}) => byHotkey(params.hotkey),
    }),
  ]
}

/** Nothing for a miner that has left: its row is history. */
function minerBody(miner: MinerRow) {
  if (miner.uid === null) return []
  return [
    {
      uid: miner.uid,
      hotkey: miner.hotkey,
      model_name: miner.modelName,
      model_revision: miner.modelRevision,
      model_hash: miner.modelHash,
      chute_id: miner.chuteId,
      chute_slug: miner.chuteSlug,
      is_valid: miner.isValid,
      invalid_reason: miner.invalidReason,
      block: miner.block,
      last_validated_at: datetime(miner.lastValidatedAt),
    },
  ]
}

/** Tasks in which the miner was judged, or in which its output was rejected before anybody judged it. */
export function minerTasks(results: readonly TaskResult[]) {
  return results.flatMap(({taskId, passed, latencyMs, judgedAt, outcome, reason}) =>
    passed === null
      ? []
      : [{task_id: taskId, passed, latency_ms: latencyMs, updated: datetime(judgedAt), outcome, reason}],
  )
}
