import type {AnyMechanism, Instrument} from '../mechanisms/types.js'
import type {Clock} from '../runtime/clock.js'
import type {Service} from '../runtime/service.js'
import type {WeightSetterDeps} from '../services/weight-setter.js'
import type {Parts} from './parts.js'

/** Only from what setting weights takes: a validator that judges nothing need not load what judging takes. */
export async function buildWeights(
  mechanism: AnyMechanism,
  mecid: number,
  clock: Clock,
  parts: Parts,
): Promise<Service[]> {
  const [{weightSetterService}, {verify}] = await Promise.all([
    import('../services/weight-setter.js'),
    import('../wallet/keypair.js'),
  ])
  const {config, health, log, report = () => {}} = parts
  const count = (outcome: string) => health.outcome(`weights-${mechanism.name}`, outcome)
  const {epochBlocks, maxWinnerAgeBlocks} = config.validator
  const deps = {
    ...{clock, log, verify, netuid: config.netuid, report, count, mecid, epochBlocks, maxWinnerAgeBlocks},
    chain: await parts.chain(),
    api: await parts.signedApi(),
    signer: await parts.signer(),
    store: await parts.store(),
  }
  if (mechanism.scope === 'shared') return sharedWeights(mechanism, deps, parts)
  const [{OwnEvidence, ownEvidenceService}, {OwnWeights}, {StoreRecords}] = await Promise.all([
    import('../services/own-evidence.js'),
    import('../services/own-weights.js'),
    import('../store/records.js'),
  ])
  const evidence = new OwnEvidence({...deps, mechanism, instrument: await openInstrument(mechanism, parts)})
  const records = new StoreRecords(deps.store, clock)
  const own = new OwnWeights({...deps, mechanism, records, evidence})
  return [ownEvidenceService(evidence, mechanism.name), weightSetterService({...deps, mechanism: mechanism.name, own})]
}

/** Undefined when this validator has none: nobody else's is asked in its place. */
async function openInstrument(mechanism: AnyMechanism, {config, signer, time}: Parts): Promise<Instrument | undefined> {
  const {executorUrl} = config.validator
  if (executorUrl === undefined || !mechanism.instrument) return undefined
  const {HttpSigned} = await import('../api/signed-http.js')
  const http = new HttpSigned({
    ...{url: executorUrl, time, timeoutMs: config.api.timeoutMs, what: 'the executor', variable: 'EXECUTOR_API_URL'},
    signer: await signer(),
  })
  return mechanism.instrument(http)
}

/** Of the evidence that everybody can read: verified, unless this validator was told not to. */
async function sharedWeights(
  mechanism: AnyMechanism,
  deps: Omit<WeightSetterDeps, 'mechanism'>,
  {config, evidence}: Parts,
): Promise<Service[]> {
  const {weightSetterService} = await import('../services/weight-setter.js')
  if (!config.validator.isVerified) return [weightSetterService({...deps, mechanism: mechanism.name})]
  const [{Follower}, {VerifiedWeights, evidenceService}] = await Promise.all([
    import('../services/audit/follow.js'),
    import('../services/verified-weights.js'),
  ])
  const {hotkey} = deps.signer
  const follower = new Follower({...deps, api: await evidence(), mechanism, hotkey, time: deps.clock})
  const verified = new VerifiedWeights({...deps, mechanism: mechanism.name, follower})
  const metagraph = (signal: AbortSignal) => deps.chain.metagraph(config.netuid, signal)
  return [
    weightSetterService({...deps, mechanism: mechanism.name, verified}),
    evidenceService(verified, {mechanism: mechanism.name, metagraph}),
  ]
}
