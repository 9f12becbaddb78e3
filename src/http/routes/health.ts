import {HealthBody, ReadyBody} from '../../api/schemas.js'
import {lastMinerSyncKey} from '../../services/miner-validation.js'
import {currentExam} from '../../store/exams.js'
import {getMeta} from '../../store/meta.js'
import {type Route, route, WithStatus} from '../route.js'
import {datetime, type RouteDeps} from './deps.js'

export function healthRoutes(deps: RouteDeps): Route[] {
  const {store, version} = deps
  return [
    route({
      method: 'GET',
      path: '/health',
      summary: 'whether the API works, and which of its jobs have not succeeded lately',
      access: 'public',
      answer: HealthBody,
      handle: () => {
        const database = store.isAlive()
        const stale = database ? staleJobs(deps) : []
        const lastSync = database ? getMeta(store, lastMinerSyncKey) : undefined
        const synced = lastSync !== undefined && !stale.some(({job}) => job !== 'ranking')
        return {
          status: database && synced && stale.length === 0 ? ('healthy' as const) : ('degraded' as const),
          version,
          database,
          metagraph_synced: synced,
          last_sync: datetime(lastSync === undefined ? null : Number(lastSync)),
          stale,
        }
      },
    }),
    route({
      method: 'GET',
      path: '/ready',
      summary: 'whether the API can do its work, and if not why',
      access: 'public',
      answer: ReadyBody,
      handle: () => {
        const reasons = [
          ...(store.isAlive() ? [] : ['the store cannot be read']),
          ...(store.isAlive() && !currentExam(store) ? ['no exam has been published'] : []),
        ]
        return new WithStatus(reasons.length === 0 ? 200 : 503, {ready: reasons.length === 0, reasons})
      },
    }),
  ]
}

/** A job is stale when its last success is older than what was promised; one that never ran since the start is too. */
function staleJobs({jobs = [], health, time}: RouteDeps) {
  const reports = new Map(health.report().map((report) => [report.job, report]))
  const now = time.now()
  return jobs.flatMap(({job, staleAfterMs}) => {
    const report = reports.get(job)
    const since = report?.lastSuccessAt ?? null
    if (since !== null && now - since <= staleAfterMs) return []
    return [{job, since: datetime(since), error: report?.lastError ?? null}]
  })
}
