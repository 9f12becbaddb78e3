import {readFile} from 'node:fs/promises'
import path from 'node:path'
import {z} from 'zod'
import type {EvidenceApi, OwnerApi} from '../api/port.js'
import type {Wraps} from '../app.js'
import type {Captioner} from '../caption/port.js'
import type {Chain} from '../chain/port.js'
import type {Config} from '../config/load.js'
import {resolveNetwork} from '../config/networks.js'
import {deploymentPolicy} from '../domain/deployment.js'
import {developmentAccounts} from '../domain/known-accounts.js'
import {LeomaError} from '../errors.js'
import type {ServerDeps} from '../http/server.js'
import type {Judge} from '../judge/port.js'
import type {AnyMechanism, Instrument, Ports, Report} from '../mechanisms/types.js'
import type {Media} from '../media/port.js'
import type {Generator, Models} from '../models/port.js'
import {type Clock, SystemClock} from '../runtime/clock.js'
import type {Health} from '../runtime/health.js'
import {keepHeapSmall} from '../runtime/heap.js'
import type {Service} from '../runtime/service.js'
import type {WeightSetterDeps} from '../services/weight-setter.js'
import type {Journal} from '../store/journal-port.js'
import type {Store} from '../store/open.js'
import type {Records} from '../store/record-port.js'
import type {Vision} from '../vision/open.js'
import type {Signer} from '../wallet/port.js'
import type {OpenedExecutor} from './executor.js'
import {type OpenAddresses, type Ours, once, openAddresses, openBucket, openModels, openWork, same} from './open.js'

export const serviceNames = ['api', 'sampler', 'evaluator', 'executor', 'validator'] as const
export type ServiceName = (typeof serviceNames)[number]

/** Tasks also settle at once when their last verdict arrives; this is for those that a voter never judged. */
const settlementMs = 5_000

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

export async function run(names: readonly ServiceName[], parts: Parts): Promise<void> {
  const {config, health, log, shutdown} = parts
  resolveNetwork(config.network)
  refuseUnsafe(config)
  keepHeapSmall()
  const {walletReady} = await import('../wallet/keypair.js')
  await walletReady()
  const clock = new SystemClock({log, health, blocks: parts.chain})
  const workDir = once(() => openWork(parts))
  const executor = names.includes('executor') ? await openExecutor(parts, await workDir()) : undefined
  const ports = once(async () => ({
    ...(await buildPorts(clock, parts, names, await workDir())),
    ...(executor && {executor: executor.ports}),
  }))
  const services: Service[] = []
  for (const name of serviceNames)
    if (names.includes(name)) services.push(...(await buildServices(name, clock, ports, parts)))
  if (executor) services.push(...(await executor.services()))
  if (names.includes('evaluator') || names.includes('sampler')) services.push((await parts.vision()).service)

  if (!names.includes('api')) services.push(await buildHealthFile(names, parts))

  for (const service of services) await service.start(clock)
  log.info({services: services.map(({name}) => name), network: config.network, netuid: config.netuid}, 'started')
  try {
    await clock.start(shutdown.signal)
  } finally {
    log.info({services: services.map(({name}) => name)}, 'stopped')
  }
}

async function openExecutor(parts: Parts, workDir: string): Promise<OpenedExecutor> {
  const {openExecutorPorts} = await import('./executor.js')
  return openExecutorPorts(parts, workDir)
}

function refuseUnsafe({unsafe}: Config): void {
  if (unsafe.length === 0) return
  const lines = unsafe.map((fault) => `  ${fault}`)
  throw new LeomaError('config', 'CONFIG_UNSAFE', ['this must not run in production', ...lines].join('\n'), {
    hints: ['give each of them a value of your own', 'or leave LEOMA_ENV empty where nothing is at stake'],
  })
}

async function buildServices(
  name: ServiceName,
  clock: Clock,
  ports: () => Promise<Ports>,
  parts: Parts,
): Promise<Service[]> {
  if (name === 'api') return [await buildApi(parts)]
  const {mechanism} = await import('../mechanisms/registry.js')
  const services: Service[] = []
  for (const {name: mechanismName, mecid} of parts.config.mechanisms) {
    if (name === 'validator') services.push(...(await buildWeights(mechanism(mechanismName), mecid, clock, parts)))
    else {
      const factory = mechanism(mechanismName).services[name]
      if (factory) services.push(factory(await ports()))
    }
  }
  return services
}

async function buildApi(parts: Parts): Promise<Service> {
  const {config, health, log, shutdown} = parts
  const [{ownerApiService}, {mechanism}, {verify}, {verifyEd25519}, {VerifyBeside}] = await Promise.all([
    import('../http/service.js'),
    import('../mechanisms/registry.js'),
    import('../wallet/keypair.js'),
    import('../wallet/ed25519.js'),
    import('../wallet/verify-beside.js'),
  ])
  const {server, netuid} = config
  const {LiveChain} = await import('../services/audit/live.js')
  const [root, others] = await arrange(config, mechanism)
  const {run} = root
  const [chain, signer] = [await parts.chain(), await parts.signer()]
  refuseKnownKey(signer, config)
  await requireOwner(chain, signer, netuid, shutdown.signal)
  const beside = new VerifyBeside({time: parts.time, log: log.child({part: 'signatures'})})
  shutdown.add('signatures', () => beside.close())
  const addresses = await openAddresses(parts)
  const params = server.examFile === undefined ? run.defaults : await readExamParams(server.examFile)
  return ownerApiService({
    ...{health, log, shutdown, netuid, verify, verifyEd25519, chain, signer},
    verifyAll: beside.verifyAll,
    ...{mechanism: run, mecid: root.mecid, others},
    store: await parts.servedStore(),
    models: await openModels(parts, {withEvidence: true}),
    params,
    validation: {binding: deploymentPolicy(params)},
    samplers: [signer.hotkey, ...server.samplerHotkeys],
    admins: server.adminHotkeys,
    minStakeRao: server.minValidatorStakeRao,
    auditChain: new LiveChain(chain, {netuid, mecid: root.mecid}),
    host: server.host,
    port: server.port,
    everyMs: {
      minerValidation: server.minerValidationMs,
      validatorSync: server.validatorSyncMs,
      scoring: server.scoringMs,
      settlement: settlementMs,
      selfAudit: server.selfAuditMs,
    },
    version: await ownVersion(),
    windowS: server.signatureExpiryS,
    maxBodyBytes: server.maxBodyBytes,
    corsOrigins: server.corsOrigins,
    rates: server.rates,
    trustedProxies: server.trustedProxies,
    production: config.production,
    ...(await openPageMedia(parts, addresses)),
    addresses,
  })
}

interface Arranged {
  readonly mechanism: AnyMechanism
  readonly mecid: number
  readonly params: unknown
}

/** The root of the API belongs to the mechanism with tasks that everybody judges; the others have places of their own. */
async function arrange(
  {mechanisms, server}: Config,
  find: (name: string) => AnyMechanism,
): Promise<readonly [{readonly run: AnyMechanism; readonly mecid: number}, readonly Arranged[]]> {
  const all = mechanisms.map(({name, mecid}) => ({mechanism: find(name), mecid}))
  if (all.length === 0) throw new LeomaError('config', 'MECHANISM_MISSING', 'MECHANISMS names no mechanism')
  const shared = all.filter(({mechanism}) => mechanism.scope === 'shared')
  if (shared.length > 1) {
    const names = shared.map(({mechanism}) => mechanism.name).join(' and ')
    throw new LeomaError('config', 'MECHANISM_CLASH', `one API serves the tasks of one mechanism, not of ${names}`, {
      hints: ['run a second API with a store of its own'],
    })
  }
  const own = all.filter(({mechanism}) => mechanism.scope === 'own')
  const others = await Promise.all(
    own.map(async ({mechanism, mecid}) => {
      const file = server.examFiles[mechanism.name]
      return {mechanism, mecid, params: file === undefined ? mechanism.defaults : await readExamParams(file)}
    }),
  )
  const [root] = shared
  return [root ? {run: root.mechanism, mecid: root.mecid} : {run: find('video'), mecid: 0}, others]
}

/** Where the dashboard's videos come from: this process for a folder, the bucket's public address otherwise. */
async function openPageMedia(
  {config}: Parts,
  addresses: OpenAddresses | undefined,
): Promise<Pick<ServerDeps, 'artefacts' | 'mediaUrl' | 'mediaOrigins'>> {
  const {backend, samplesDir, samplesPublicUrl} = config.objects
  if (backend === 'folder') {
    const {FolderObjects} = await import('../objects/folder.js')
    return {artefacts: new FolderObjects({root: path.dirname(samplesDir), bucket: path.basename(samplesDir)})}
  }
  if (addresses) {
    const {origin, seconds} = addresses
    return {mediaUrl: (key) => addresses.presign(key, seconds, 'GET'), mediaOrigins: [origin]}
  }
  if (samplesPublicUrl === undefined) return {}
  const base = samplesPublicUrl.replace(/\/+$/, '')
  return {mediaUrl: async (key) => `${base}/${key}`, mediaOrigins: [new URL(base).origin]}
}

function refuseKnownKey({hotkey}: Signer, {production}: Config): void {
  if (!production || !developmentAccounts.has(hotkey)) return
  throw new LeomaError('auth', 'WALLET_PUBLIC', `everybody can sign for ${hotkey}, which is a development account`, {
    hints: ['WALLET_NAME and HOTKEY_NAME must name a hotkey of your own'],
  })
}

/** Validators trust only the subnet owner's exam: with another key the API would run, and nobody would listen to it. */
async function requireOwner(chain: Chain, signer: Signer, netuid: number, signal: AbortSignal): Promise<void> {
  const {ownerHotkey} = await chain.metagraph(netuid, signal)
  if (ownerHotkey === signer.hotkey) return
  throw new LeomaError('auth', 'NOT_THE_OWNER', `${signer.hotkey} does not own subnet ${netuid}`, {
    hints: [
      `WALLET_NAME and HOTKEY_NAME must name the owner's hotkey, ${ownerHotkey ?? 'which the chain does not know'}`,
    ],
  })
}

async function readExamParams(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'))
  } catch (error) {
    throw new LeomaError('config', 'EXAM_FILE_UNREADABLE', `the exam in ${file} cannot be read`, {
      hints: ['EXAM_FILE must name a JSON file with the parameters of the mechanism'],
      cause: error,
    })
  }
}

async function ownVersion(): Promise<string> {
  const manifest: unknown = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'))
  return z.object({version: z.string()}).parse(manifest).version
}

/** Only from what setting weights takes: a validator that judges nothing need not load what judging takes. */
async function buildWeights(mechanism: AnyMechanism, mecid: number, clock: Clock, parts: Parts): Promise<Service[]> {
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

/** A process without a server tells its health in a file; each hotkey has its own. */
async function buildHealthFile(names: readonly ServiceName[], {config, health}: Parts): Promise<Service> {
  const {healthFileService} = await import('../services/health-file.js')
  const file = `${names.join('-')}-${config.wallet.hotkey}.prom`
  return healthFileService({health, file: path.join(config.dataDir, 'health', file)})
}

async function buildPorts(clock: Clock, parts: Parts, names: readonly ServiceName[], workDir: string): Promise<Ports> {
  const {config, log, wrap, report} = parts
  const [{verify}, {firstOf}, {SidecarCaptioner}, {MeasuredCaptioner}] = await Promise.all([
    import('../wallet/keypair.js'),
    import('../caption/first-of.js'),
    import('../caption/sidecar.js'),
    import('../caption/measured.js'),
  ])
  const media = await parts.media()
  const isSampler = names.includes('sampler')
  const source = await openBucket('source', isSampler ? ['read'] : [], parts)
  const captioner = await withModel(parts, (more) =>
    firstOf([new SidecarCaptioner(source), ...more, new MeasuredCaptioner(media)]),
  )
  return {
    clock,
    log,
    netuid: config.netuid,
    signer: await parts.signer(),
    verify,
    chain: await parts.chain(),
    api: await parts.signedApi(),
    source,
    samples: await openBucket(
      'samples',
      isSampler ? ['read', 'write'] : names.includes('evaluator') ? ['read'] : [],
      parts,
    ),
    media,
    captioner: (wrap.captioner ?? same)(captioner),
    judges: await parts.judges(),
    models: await parts.models(),
    generator: await parts.generator(),
    // A sampler remembers nothing, and the owner's store has one writer, the API.
    journal: isSampler ? unused<Journal>('journal') : (wrap.journal ?? same)(await openJournal(parts)),
    records: isSampler ? unused<Records>('records') : await openRecords(parts),
    workDir,
    settings: {
      pollMs: config.evaluator.pollMs,
      maxConcurrentMiners: config.sampler.maxConcurrentMiners,
      maxConcurrentJudgements: config.evaluator.concurrency,
    },
    report: report ?? (() => {}),
  }
}

function unused<T extends object>(what: string): T {
  return new Proxy({} as T /* every access throws */, {
    get: (_, name) => {
      throw new Error(`this process keeps no ${what} (${String(name)})`)
    },
  })
}

export async function openJudges(media: Media, vision: Vision, wrap: Wraps): Promise<readonly Judge[]> {
  const [{ReferenceJudge}, {OpenAiJudge}] = await Promise.all([
    import('../judge/reference.js'),
    import('../judge/openai.js'),
  ])
  return [new ReferenceJudge({media}), new OpenAiJudge({media, vision})].map(wrap.judge ?? same)
}

/** Puts a model among those who write prompts, and before all of them one that looks at what they publish. */
async function withModel(
  {config, media, vision}: Parts,
  chain: (more: readonly Captioner[]) => Captioner,
): Promise<Captioner> {
  const {captionModel: model} = config.vision
  if (model === undefined) return chain([])
  const [{OpenAiCaptioner}, {OpenAiSafetyCheck}, {guarded, RefusedSources}] = await Promise.all([
    import('../caption/openai.js'),
    import('../caption/openai-safety.js'),
    import('../caption/safety.js'),
  ])
  const deps = {model, media: await media(), vision: await vision()}
  const refused = new RefusedSources(path.join(config.dataDir, 'refused-sources.json'))
  return guarded(chain([new OpenAiCaptioner(deps)]), new OpenAiSafetyCheck(deps), refused)
}

async function openRecords({store, time}: Parts): Promise<Records> {
  const {StoreRecords} = await import('../store/records.js')
  return new StoreRecords(await store(), time)
}

async function openJournal({store}: Parts): Promise<Journal> {
  const {StoreJournal} = await import('../store/journal.js')
  return new StoreJournal(await store())
}
