import {HealthBody, ReadyBody} from '../../api/schemas.js'
import {lastMinerSyncKey} from '../../services/miner-validation.js'
import {currentExam} from '../../store/exams.js'
import {getMeta} from '../../store/meta.js'
import {datetime} from '../datetime.js'
import {parts, staleJobs} from '../parts.js'
import {type Route, route, WithStatus} from '../route.js'
import type {RouteDeps} from './deps.js'

export function healthRoutes(deps: RouteDeps): Route[] {
  const {store, version} = deps
  // What went wrong may name a node's address with its key in it.
  const shown = <T extends {error: string | null}>(item: T): T =>
    deps.production ? {...item, error: item.error === null ? null : 'see the log'} : item
  return [
    route({
      method: 'GET',
      path: '/health',
      summary: 'whether the API works, and which of its parts have not lately',
      access: 'public',
      answer: HealthBody,
      handle: () => {
        const database = store.isAlive()
        const stale = database ? staleJobs(deps) : []
        const states = parts(deps, database)
        const lastSync = database ? getMeta(store, lastMinerSyncKey) : undefined
        const synced = lastSync !== undefined && states.every(({part, ok}) => ok || part === 'scorer')
        return {
          status:
            synced && stale.length === 0 && states.every(({ok}) => ok) ? ('healthy' as const) : ('degraded' as const),
          version,
          database,
          metagraph_synced: synced,
          last_sync: datetime(lastSync === undefined ? null : Number(lastSync)),
          stale: stale.map(shown),
          parts: states.map(shown),
        }
      },
    }),
    route({
      method: 'GET',
      path: '/ready',
      summary: 'whether the API can do its work, and if not why',
      access: 'public',
      answer: ReadyBody,
      mayBeDown: true,
      handle: () => {
        const reasons = [
          ...(deps.isStopping?.() ? ['the server is stopping'] : []),
          ...(store.isAlive() ? [] : ['the store cannot be read']),
          ...(store.isAlive() && !currentExam(store) ? ['no exam has been published'] : []),
        ]
        return new WithStatus(reasons.length === 0 ? 200 : 503, {ready: reasons.length === 0, reasons})
      },
    }),
  ]
}
