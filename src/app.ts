import type {BlacklistApi, EvidenceApi, ExamApi, OwnerApi, SignedHttp} from './api/port.js'
import {
  once,
  openApi,
  openAppStore,
  openBucket,
  openCalls,
  openChain,
  openDeployer,
  openDeployProgram,
  openFfmpeg,
  openGenerator,
  openMedia,
  openModels,
  openSigner,
  openVerifyAll,
  openVisionModels,
  openWork,
  same,
  withApi,
} from './app/open.js'
import type {Parts, ServiceName} from './app/parts.js'
import {openJudges} from './app/ports.js'
import {run} from './app/services.js'
import type {Captioner} from './caption/port.js'
import type {Chain} from './chain/port.js'
import type {Config} from './config/load.js'
import type {Judge} from './judge/port.js'
import type {AnyMechanism, Report} from './mechanisms/types.js'
import type {Media} from './media/port.js'
import type {RunFfmpeg} from './media/run.js'
import type {Deployer, DeployProgram, Generator, Models} from './models/port.js'
import type {Objects} from './objects/port.js'
import {type Clock, systemTime} from './runtime/clock.js'
import {Health} from './runtime/health.js'
import type {Logger} from './runtime/logger.js'
import type {Shutdown} from './runtime/shutdown.js'
import type {Journal} from './store/journal-port.js'
import type {Store} from './store/open.js'
import type {Vision} from './vision/open.js'
import type {Signer, VerifyAll, WalletView} from './wallet/port.js'

export {type ServiceName, serviceNames} from './app/parts.js'

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
  /** What an auditor asks, of the configured API or of another one. */
  evidence(url?: string): Promise<EvidenceApi & OwnerApi>
  exams(): Promise<ExamApi>
  /** The bucket of tasks and outputs, for reading. */
  samples(): Promise<Objects>
  /** Checks signatures with all processors of this machine. */
  verifyAll(): Promise<VerifyAll>
  /** `signed` by the wallet, for whoever wants to write it. */
  blacklist(options: {readonly signed: boolean}): Promise<BlacklistApi>
  mechanism(name: string): Promise<AnyMechanism>
  /** The owner's API with requests in the signed form of a mechanism's own ecosystem. */
  calls(): Promise<SignedHttp>
  signer(): Promise<Signer>
  /** What is in the folder of wallets; no password is needed for it. */
  wallets(): Promise<readonly WalletView[]>
  store(): Promise<Store>
  media(): Promise<Media>
  /** ffmpeg itself, for what only this program is to read again. */
  ffmpeg(): Promise<RunFfmpeg>
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
  const store = once(() => openAppStore(ours, 'each'))
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
    servedStore: once(() => openAppStore(ours, 'flushed')),
    media,
    models,
    generator,
    judges,
    vision,
    signedApi,
    evidence: once(() => openApi(ours)),
  }
  return {
    ...{config, health, chain, signer, store, media, api, generator, judges, vision},
    ffmpeg: once(() => openFfmpeg(ours)),
    models: once(() => openModels(ours, {withEvidence: true})),
    evidence: (url) => openApi(url === undefined ? ours : {...ours, config: withApi(config, url)}),
    mechanism: async (name) => (await import('./mechanisms/registry.js')).mechanism(name),
    calls: async () => openCalls(ours, await signer()),
    exams: async () => openApi(ours, await signer()),
    samples: once(() => openBucket('samples', ['read'], ours)),
    verifyAll: once(() => openVerifyAll(ours)),
    blacklist: async ({signed}) => openApi(ours, signed ? await signer() : undefined),
    deployer: (apiKey) => openDeployer(ours, apiKey),
    deployProgram: () => openDeployProgram(config),
    workDir,
    wallets: async () => (await import('./wallet/inspect.js')).inspectWallets(config.wallet.path),
    run: (services) => run(services, parts),
  }
}
