import type {EvidenceApi, OwnerApi} from '../api/port.js'
import type {Wraps} from '../app.js'
import type {Chain} from '../chain/port.js'
import type {Judge} from '../judge/port.js'
import type {Report} from '../mechanisms/types.js'
import type {Media} from '../media/port.js'
import type {Generator, Models} from '../models/port.js'
import type {Health} from '../runtime/health.js'
import type {Store} from '../store/open.js'
import type {Vision} from '../vision/open.js'
import type {Signer} from '../wallet/port.js'
import type {Ours} from './open.js'

export const serviceNames = ['api', 'sampler', 'evaluator', 'executor', 'validator'] as const
export type ServiceName = (typeof serviceNames)[number]

export interface Parts extends Ours {
  readonly wrap: Wraps
  readonly report?: Report
  readonly health: Health
  readonly chain: () => Promise<Chain>
  readonly signer: () => Promise<Signer>
  readonly store: () => Promise<Store>
  /** The same file for a service that answers others meanwhile: what it tells them it has flushed first. */
  readonly servedStore: () => Promise<Store>
  readonly media: () => Promise<Media>
  readonly models: () => Promise<Models>
  readonly generator: () => Promise<Generator>
  readonly judges: () => Promise<readonly Judge[]>
  readonly vision: () => Promise<Vision>
  readonly signedApi: () => Promise<OwnerApi>
  readonly evidence: () => Promise<EvidenceApi>
}
