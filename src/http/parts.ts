import type {ChainState} from '../services/chain-watch.js'
import {datetime} from './datetime.js'
import type {ServerDeps} from './server.js'

/** One part of the service as `/health` shows it. */
export interface PartState {
  readonly part: 'chain' | 'scorer' | 'store' | 'sync'
  readonly ok: boolean
  /** When it last worked; null for never since the start. */
  readonly since: string | null
  readonly error: string | null
}

export interface StaleJob {
  readonly job: string
  readonly since: string | null
  readonly error: string | null
}

/** A head that does not move for this long is that of a node that stands still: 25 blocks of the real chain. */
const chainStaleMs = 5 * 60_000

/** A job is stale when its last success is older than what was promised; one that never ran since the start is too. */
export function staleJobs({jobs = [], health, time}: ServerDeps): StaleJob[] {
  const reports = new Map(health.report().map((report) => [report.job, report]))
  const now = time.now()
  return jobs.flatMap(({job, staleAfterMs}) => {
    const report = reports.get(job)
    const since = report?.lastSuccessAt ?? null
    if (since !== null && now - since <= staleAfterMs) return []
    return [{job, since: datetime(since), error: report?.lastError ?? null}]
  })
}

export function chainPart({answeredAt, error, movedAt}: ChainState, now: number): PartState {
  const ok = answeredAt !== null && movedAt !== null && now - movedAt <= chainStaleMs
  return {part: 'chain', ok, since: datetime(movedAt), error}
}

/** The store, the chain, and the two kinds of background work; each is stale with the first of its jobs that is. */
export function parts(deps: ServerDeps, storeIsAlive: boolean): PartState[] {
  const stale = staleJobs(deps)
  const work = (part: 'scorer' | 'sync'): PartState => {
    const own = (deps.jobs ?? []).filter((job) => (job.part ?? 'sync') === part).map(({job}) => job)
    const worst = stale.find(({job}) => own.includes(job))
    return {part, ok: worst === undefined, since: worst?.since ?? newest(deps, own), error: worst?.error ?? null}
  }
  const now = deps.time.now()
  return [
    ...(deps.chainState ? [chainPart(deps.chainState(), now)] : []),
    work('scorer'),
    work('sync'),
    {part: 'store', ok: storeIsAlive, since: storeIsAlive ? datetime(now) : null, error: null},
  ]
}

function newest({health}: ServerDeps, jobs: readonly string[]): string | null {
  const times = health.report().flatMap(({job, lastSuccessAt}) => (jobs.includes(job) ? (lastSuccessAt ?? []) : []))
  return times.length === 0 ? null : datetime(Math.min(...times))
}
