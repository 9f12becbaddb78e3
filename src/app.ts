import {readFile} from 'node:fs/promises'
import path from 'node:path'
import {z} from 'zod'
import type {OwnerApi} from './api/port.js'
import type {Captioner} from './caption/port.js'
import type {Chain} from './chain/port.js'
import type {Config} from './config/load.js'
import {resolveNetwork, type SubtensorNetwork} from './config/networks.js'
import type {BucketRole} from './config/object-stores.js'
import {deploymentPolicy} from './domain/deployment.js'
import {developmentAccounts} from './domain/known-accounts.js'
import {LeomaError} from './errors.js'
import type {Judge} from './judge/port.js'
import type {Ports, Report} from './mechanisms/types.js'
import type {Media} from './media/port.js'
import type {RunFfmpeg} from './media/run.js'
import type {Deployer, DeployProgram, Generator, Models} from './models/port.js'
import type {Objects} from './objects/port.js'
import {type Clock, SystemClock, systemTime} from './runtime/clock.js'
import {Health} from './runtime/health.js'
import {keepHeapSmall} from './runtime/heap.js'
import type {Logger} from './runtime/logger.js'
import type {Service} from './runtime/service.js'
import type {Shutdown} from './runtime/shutdown.js'
import type {Journal} from './store/journal-port.js'
import type {Store} from './store/open.js'
import type {Vision} from './vision/open.js'
import type {Signer, WalletView} from './wallet/port.js'

/** Tasks also settle at once when their last verdict arrives; this is for those that a voter never judged. */
const settlementMs = 5_000

export const serviceNames = ['api', 'sampler', 'evaluator', 'validator'] as const
export type ServiceName = (typeof serviceNames)[number]

/** Wraps around ports, for whoever must see or spoil what passes through them: localnet and tests. */
export interface Wraps {
  readonly api?: (api: OwnerApi) => OwnerApi
  readonly captioner?: (captioner: Captioner) => Captioner
  readonly chain?: (chain: Chain) => Chain
  readonly generator?: (generator: Generator) => Generator
  readonly journal?: (journal: Journal) => Journal
  readonly judge?: (judge: Judge) => Judge
  readonly media?: (media: Media) => Media
}

export interface AppOptions {
  readonly config: Config
  readonly log: Logger
  /** Everything that is opened is registered here; its signal ends everything that waits. */
  readonly shutdown: Shutdown
  readonly time?: Pick<Clock, 'now' | 'sleep'>
  readonly wrap?: Wraps
  readonly report?: Report
  /** Asks a person for a password; absent where there is none. */
  readonly askSecret?: (question: string, signal: AbortSignal) => Promise<string>
}

/** The program, put together from its parts. Every part is opened when it is first asked for and at most once. */
export interface App {
  readonly config: Config
  readonly health: Health
  chain(): Promise<Chain>
  /** Without a wallet: what anyone may ask. */
  api(): Promise<OwnerApi>
  signer(): Promise<Signer>
  /** What is in the folder of wallets; no password is needed for it. */
  wallets(): Promise<readonly WalletView[]>
  store(): Promise<Store>
  media(): Promise<Media>
  /** Where models live and run: the providers, or on localnet the registry of this machine. */
  models(): Promise<Models>
  generator(): Promise<Generator>
  /** All that this program can judge with. */
  judges(): Promise<readonly Judge[]>
  /** Vision models, and what asking them has cost. */
  vision(): Promise<Vision>
  /** `apiKey` stands in where none is configured. */
  deployer(apiKey?: string): Promise<Deployer>
  /** The provider's own program, for what goes no other way. */
  deployProgram(): Promise<DeployProgram>
  /** A folder for what need not outlive the process. */
  workDir(): Promise<string>
  /** Runs these services until the signal aborts and their last turns have ended; rejects when one must end the process. */
  run(services: readonly ServiceName[]): Promise<void>
}

export function createApp(options: AppOptions): App {
  const {config, shutdown, wrap = {}} = options
  const log = options.log
  const time = options.time ?? systemTime()
  const health = new Health()
  const ours = {shutdown, time, config, log, askSecret: options.askSecret}

  const chain = once(async () => (wrap.chain ?? same)(await openChain(ours)))
  const signer = once(() => openSigner(ours))
  const store = once(() => openAppStore(ours))
  const media = once(async () => (wrap.media ?? same)(await openMedia(ours)))
  const api = once(() => openApi(ours))
  const models = once(() => openModels(ours))
  const generator = once(async () => (wrap.generator ?? same)(await openGenerator(ours)))
  const vision = once(() => openVisionModels(ours))
  const judges = once(async () => openJudges(await media(), await vision(), wrap))
  const workDir = once(() => openWork(ours))
  const signedApi = once(async () => (wrap.api ?? same)(await openApi(ours, await signer())))

  const parts: Parts = {
    ...options,
    time,
    wrap,
    health,
    chain,
    signer,
    store,
    media,
    models,
    generator,
    judges,
    vision,
    signedApi,
  }
  return {
    ...{config, health, chain, signer, store, media, api, generator, judges, vision},
    models: once(() => openModels(ours, {withEvidence: true})),
    deployer: (apiKey) => openDeployer(ours, apiKey),
    deployProgram: () => openDeployProgram(config),
    workDir,
    wallets: async () => (await import('./wallet/inspect.js')).inspectWallets(config.wallet.path),
    run: (services) => run(services, parts),
  }
}

interface Ours {
  readonly config: Config
  readonly log: Logger
  readonly shutdown: Shutdown
  readonly time: Pick<Clock, 'now' | 'sleep'>
  readonly askSecret?: AppOptions['askSecret'] | undefined
}

interface Parts extends Ours {
  readonly wrap: Wraps
  readonly report?: Report
  readonly health: Health
  readonly chain: () => Promise<Chain>
  readonly signer: () => Promise<Signer>
  readonly store: () => Promise<Store>
  readonly media: () => Promise<Media>
  readonly models: () => Promise<Models>
  readonly generator: () => Promise<Generator>
  readonly judges: () => Promise<readonly Judge[]>
  readonly vision: () => Promise<Vision>
  readonly signedApi: () => Promise<OwnerApi>
}

async function run(names: readonly ServiceName[], parts: Parts): Promise<void> {
  const {config, health, log, shutdown} = parts
  resolveNetwork(config.network)
  refuseUnsafe(config)
  keepHeapSmall()
  const {walletReady} = await import('./wallet/keypair.js')
  await walletReady()
  const clock = new SystemClock({log, health, blocks: parts.chain})
  const ports = once(() => buildPorts(clock, parts, names))
  const services: Service[] = []
  for (const name of serviceNames)
    if (names.includes(name)) services.push(...(await buildServices(name, clock, ports, parts)))
  if (names.includes('evaluator') || names.includes('sampler')) services.push((await parts.vision()).service)

  for (const service of services) await service.start(clock)
  log.info({services: services.map(({name}) => name), network: config.network, netuid: config.netuid}, 'started')
  try {
    await clock.start(shutdown.signal)
  } finally {
    log.info({services: services.map(({name}) => name)}, 'stopped')
  }
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
  const {mechanism} = await import('./mechanisms/registry.js')
  const services: Service[] = []
  for (const {name: mechanismName, mecid} of parts.config.mechanisms) {
    if (name === 'validator') services.push(await buildWeightSetter(mechanismName, mecid, clock, parts))
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
    import('./http/service.js'),
    import('./mechanisms/registry.js'),
    import('./wallet/keypair.js'),
    import('./wallet/ed25519.js'),
    import('./wallet/verify-beside.js'),
  ])
  const {server, netuid} = config
  const [first] = config.mechanisms
  if (!first) throw new LeomaError('config', 'MECHANISM_MISSING', 'MECHANISMS names no mechanism')
  const run = mechanism(first.name)
  const [chain, signer] = [await parts.chain(), await parts.signer()]
  refuseKnownKey(signer, config)
  await requireOwner(chain, signer, netuid, shutdown.signal)
  const beside = new VerifyBeside({time: parts.time, log: log.child({part: 'signatures'})})
  shutdown.add('signatures', () => beside.close())
  const params = server.examFile === undefined ? run.defaults : await readExamParams(server.examFile)
  return ownerApiService({
    ...{health, log, shutdown, netuid, verify, verifyEd25519, chain, signer},
    verifyAll: beside.verifyAll,
    mechanism: run,
    store: await parts.store(),
    models: await openModels(parts, {withEvidence: true}),
    params,
    validation: {binding: deploymentPolicy(params)},
    samplers: [signer.hotkey, ...server.samplerHotkeys],
    admins: server.adminHotkeys,
    minStakeRao: server.minValidatorStakeRao,
    host: server.host,
    port: server.port,
    everyMs: {
      minerValidation: server.minerValidationMs,
      validatorSync: server.validatorSyncMs,
      scoring: server.scoringMs,
      settlement: settlementMs,
    },
    version: await ownVersion(),
    windowS: server.signatureExpiryS,
    maxBodyBytes: server.maxBodyBytes,
    corsOrigins: server.corsOrigins,
    rates: server.rates,
    trustedProxies: server.trustedProxies,
    production: config.production,
  })
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
  const manifest: unknown = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'))
  return z.object({version: z.string()}).parse(manifest).version
}

/** Only from what setting weights takes: a validator that judges nothing need not load what judging takes. */
async function buildWeightSetter(mechanism: string, mecid: number, clock: Clock, parts: Parts): Promise<Service> {
  const [{weightSetterService}, {verify}] = await Promise.all([
    import('./services/weight-setter.js'),
    import('./wallet/keypair.js'),
  ])
  const {config, log, report = () => {}} = parts
  const {epochBlocks, maxWinnerAgeBlocks} = config.validator
  return weightSetterService({
    ...{clock, log, verify, netuid: config.netuid, report, mecid, mechanism, epochBlocks, maxWinnerAgeBlocks},
    chain: await parts.chain(),
    api: await parts.signedApi(),
    signer: await parts.signer(),
    store: await parts.store(),
  })
}

async function openChain(ours: Ours): Promise<Chain> {
  const {config, shutdown, time} = ours
  const network = resolveNetwork(config.network)
  if (network) return openSubtensor(network, ours)
  const [{LocalChain}, {verify, walletReady}] = await Promise.all([
    import('./chain/local.js'),
    import('./wallet/keypair.js'),
  ])
  await walletReady()
  // Made by leoma localnet alone: an empty one would only hide that LEOMA_DATA is the wrong folder.
  const chain = LocalChain.open({path: path.join(config.dataDir, 'chain.db'), create: false, time, verify})
  shutdown.add('chain', () => chain.close())
  return chain
}

async function openSubtensor(network: SubtensorNetwork, {config, log, shutdown, time}: Ours): Promise<Chain> {
  const [{SubtensorChain}, {MetadataCache}, {walletReady}] = await Promise.all([
    import('./chain/subtensor/chain.js'),
    import('./chain/subtensor/metadata-cache.js'),
    import('./wallet/keypair.js'),
  ])
  await walletReady()
  const chain = new SubtensorChain({
    ...network,
    network: network.name,
    cache: new MetadataCache(path.join(config.dataDir, 'cache', 'metadata')),
    time,
    log: log.child({part: 'chain'}),
  })
  shutdown.add('chain', () => chain.close())
  return chain
}

async function openSigner({askSecret, config, shutdown}: Ours): Promise<Signer> {
  const [{loadHotkey}, {environment}] = await Promise.all([
    import('./wallet/files.js'),
    import('./config/environment.js'),
  ])
  const passwords = {fromVariable: (name: string) => environment()[name], ...(askSecret && {ask: askSecret})}
  const {path: wallets, name, hotkey} = config.wallet
  return loadHotkey(wallets, name, hotkey, {passwords, signal: shutdown.signal})
}

async function openAppStore({config, shutdown}: Ours): Promise<Store> {
  const {openStore} = await import('./store/open.js')
  const store = openStore(config.storePath)
  shutdown.add('store', () => store.close())
  return store
}

async function openMedia(ours: Ours): Promise<Media> {
  const {FfmpegMedia} = await import('./media/ffmpeg.js')
  return new FfmpegMedia({run: await openFfmpeg(ours)})
}

async function openFfmpeg({config}: Ours): Promise<RunFfmpeg> {
  const [{createRunner}, {lazyFfmpeg}, {environment}] = await Promise.all([
    import('./media/run.js'),
    import('./media/resolve.js'),
    import('./config/environment.js'),
  ])
  const {ffmpegPath} = config.media
  return createRunner({ffmpeg: lazyFfmpeg({ffmpegPath, searchPath: environment().PATH})})
}

async function openApi({config, log, time}: Ours, signer?: Signer): Promise<OwnerApi> {
  const {HttpOwnerApi} = await import('./api/client.js')
  const {url, timeoutMs, maxAttempts: attempts} = config.api
  const {netuid} = config
  return new HttpOwnerApi({url, netuid, signer, time, timeoutMs, attempts, log: log.child({part: 'api-client'})})
}

async function openBucket(
  role: BucketRole,
  needs: readonly ('read' | 'write')[],
  {config, log, shutdown, time}: Ours,
): Promise<Objects> {
  const {openBucket} = await import('./objects/open.js')
  const {backend, sourceDir, samplesDir, samplesPublicUrl, store} = config.objects
  const {endpoint, region} = store
  const {objects, close} = await openBucket({
    ...{backend, endpoint, region, needs, time, log: log.child({part: 'objects'}), ...store[role]},
    folder: role === 'source' ? sourceDir : samplesDir,
    publicUrl: role === 'samples' ? samplesPublicUrl : undefined,
  })
  shutdown.add(`bucket ${objects.bucket}`, close)
  return objects
}

async function buildPorts(clock: Clock, parts: Parts, names: readonly ServiceName[]): Promise<Ports> {
  const {config, log, shutdown, wrap, report} = parts
  const [{verify}, {openWorkDir}, {firstOf}, {SidecarCaptioner}, {MeasuredCaptioner}] = await Promise.all([
    import('./wallet/keypair.js'),
    import('./runtime/work-dir.js'),
    import('./caption/first-of.js'),
    import('./caption/sidecar.js'),
    import('./caption/measured.js'),
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
    journal: isSampler ? noJournal : (wrap.journal ?? same)(await openJournal(parts)),
    workDir: await openWorkDir(path.join(config.dataDir, 'work'), shutdown),
    settings: {
      pollMs: config.evaluator.pollMs,
      maxConcurrentMiners: config.sampler.maxConcurrentMiners,
      maxConcurrentJudgements: config.evaluator.concurrency,
    },
    report: report ?? (() => {}),
  }
}

const noJournal = new Proxy({} as Journal /* every access throws */, {
  get: (_, name) => {
    throw new Error(`this process keeps no journal (${String(name)})`)
  },
})

async function openGenerator({config, shutdown, time}: Ours): Promise<Generator> {
  const {HttpGenerator} = await import('./models/generator.js')
  const {isUsed, apiKey, invokeUrl} = config.chutes
  const generator = new HttpGenerator({
    time,
    // Registered models run on this machine, where nobody needs the key.
    apiKey: isUsed ? apiKey : undefined,
    // An address without TLS is on this machine: the configuration takes no other.
    publicOnly: isUsed && invokeUrl.startsWith('https:'),
  })
  shutdown.add('connections to miners', () => generator.close())
  return generator
}

async function openModels({config, time}: Ours, {withEvidence = false} = {}): Promise<Models> {
  if (!config.chutes.isUsed) {
    const {LocalModels} = await import('./models/local.js')
    return new LocalModels({path: path.join(config.dataDir, 'models.json')})
  }
  const [{RemoteModels}, {Chutes}, {HuggingFace}] = await Promise.all([
    import('./models/remote.js'),
    import('./models/chutes.js'),
    import('./models/hugging-face.js'),
  ])
  const {apiUrl, apiKey, invokeUrl, keepMs} = config.chutes
  return new RemoteModels({
    chutes: new Chutes({url: apiUrl, apiKey, invokeUrl, keepMs, time, withEvidence}),
    huggingFace: new HuggingFace({...config.huggingFace, time}),
  })
}

async function openDeployer({config, time}: Ours, key?: string): Promise<Deployer> {
  const {ChutesDeployer} = await import('./models/chutes-deploy.js')
  const {apiUrl, apiKey = key, invokeUrl} = config.chutes
  return new ChutesDeployer({url: apiUrl, apiKey, invokeUrl, time})
}

async function openDeployProgram({chutes}: Config): Promise<DeployProgram> {
  const [{ChutesProgram}, {environment}] = await Promise.all([
    import('./models/chutes-program.js'),
    import('./config/environment.js'),
  ])
  const {PATH: searchPath, HOME: home} = environment()
  return new ChutesProgram({searchPath, home, configPath: chutes.cliConfig})
}

async function openWork({config, shutdown}: Ours): Promise<string> {
  const {openWorkDir} = await import('./runtime/work-dir.js')
  return openWorkDir(path.join(config.dataDir, 'work'), shutdown)
}

async function openJudges(media: Media, vision: Vision, wrap: Wraps): Promise<readonly Judge[]> {
  const [{ReferenceJudge}, {OpenAiJudge}] = await Promise.all([
    import('./judge/reference.js'),
    import('./judge/openai.js'),
  ])
  return [new ReferenceJudge({media}), new OpenAiJudge({media, vision})].map(wrap.judge ?? same)
}

async function openVisionModels(ours: Ours): Promise<Vision> {
  const [{openVision}, {FfmpegJpeg}, run] = await Promise.all([
    import('./vision/open.js'),
    import('./media/jpeg.js'),
    openFfmpeg(ours),
  ])
  const {time, log, config} = ours
  return openVision(config.vision, {jpeg: new FfmpegJpeg(run), time, log: log.child({part: 'vision'})})
}

/** Puts a model among those who write prompts, and before all of them one that looks at what they publish. */
async function withModel(
  {config, media, vision}: Parts,
  chain: (more: readonly Captioner[]) => Captioner,
): Promise<Captioner> {
  const {captionModel: model} = config.vision
  if (model === undefined) return chain([])
  const [{OpenAiCaptioner}, {OpenAiSafetyCheck}, {guarded, RefusedSources}] = await Promise.all([
    import('./caption/openai.js'),
    import('./caption/openai-safety.js'),
    import('./caption/safety.js'),
  ])
  const deps = {model, media: await media(), vision: await vision()}
  const refused = new RefusedSources(path.join(config.dataDir, 'refused-sources.json'))
  return guarded(chain([new OpenAiCaptioner(deps)]), new OpenAiSafetyCheck(deps), refused)
}

async function openJournal({store}: Parts): Promise<Journal> {
  const {StoreJournal} = await import('./store/journal.js')
  return new StoreJournal(await store())
}

/** Asked for once, opened once, and the same for all who ask; a failure is not remembered. */
function once<T>(open: () => Promise<T>): () => Promise<T> {
  let opening: Promise<T> | undefined
  return () => {
    opening ??= open().catch((error: unknown) => {
      opening = undefined
      throw error
    })
    return opening
  }
}

function same<T>(value: T): T {
  return value
}
