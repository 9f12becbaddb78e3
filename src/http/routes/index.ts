import type {Route} from '../route.js'
import {blacklistRoutes} from './blacklist.js'
import type {RouteDeps} from './deps.js'
import {evidenceRoutes} from './evidence.js'
import {healthRoutes} from './health.js'
import {mechanismRoutes} from './mechanisms.js'
import {minerRoutes} from './miners.js'
import {sampleRoutes} from './samples.js'
import {scoreRoutes} from './scores.js'
import {submissionRoutes} from './submissions.js'
import {subnetRoutes} from './subnet.js'
import {taskRoutes} from './tasks.js'
import {viewRoutes} from './views.js'
import {weightRoutes} from './weights.js'

/** The published table, and after it what our own programs need beyond it. */
export function routes(deps: RouteDeps): Route[] {
  return [
    ...healthRoutes(deps),
    ...minerRoutes(deps),
    ...sampleRoutes(deps),
    ...scoreRoutes(deps),
    ...blacklistRoutes(deps),
    ...taskRoutes(deps),
    ...weightRoutes(deps),
    ...subnetRoutes(deps),
    ...mechanismRoutes(deps),
    ...submissionRoutes(deps),
    ...evidenceRoutes(deps),
    ...viewRoutes(deps),
  ]
}
