import path from 'node:path'
import type {HttpOwnerApi} from '../api/client.js'
import type {SignedHttp} from '../api/port.js'
import type {AppOptions} from '../app.js'
import type {Chain} from '../chain/port.js'
import type {Config} from '../config/load.js'
import {resolveNetwork, type SubtensorNetwork} from '../config/networks.js'
import type {BucketRole} from '../config/object-stores.js'
import type {Addresses} from '../http/objects.js'
import type {Media} from '../media/port.js'
import type {RunFfmpeg} from '../media/run.js'
import type {Deployer, DeployProgram, Generator, Models} from '../models/port.js'
import type {Objects} from '../objects/port.js'
import type {Clock} from '../runtime/clock.js'
import type {Logger} from '../runtime/logger.js'
import type {Shutdown} from '../runtime/shutdown.js'
import type {Durability, Store} from '../store/open.js'
import type {Vision} from '../vision/open.js'
import type {Signer, VerifyAll} from '../wallet/port.js'

export interface Ours {
  readonly config: Config
  readonly log: Logger
  readonly shutdown: Shutdown
  readonly time: Pick<Clock, 'now' | 'sleep'>
  readonly askSecret?: AppOptions['askSecret'] | undefined
}

export async function openChain(ours: Ours): Promise<Chain> {
  const {config, shutdown, time} = ours
  const network = resolveNetwork(config.network)
  if (network) return openSubtensor(network, ours)
  const [{LocalChain}, {verify, walletReady}] = await Promise.all([
    import('../chain/local.js'),
    import('../wallet/keypair.js'),
  ])
  await walletReady()
  // Made by leoma localnet alone: an empty one would only hide that LEOMA_DATA is the wrong folder.
  const chain = LocalChain.open({path: path.join(config.dataDir, 'chain.db'), create: false, time, verify})
  shutdown.add('chain', () => chain.close())
  return chain
}

export async function openSubtensor(network: SubtensorNetwork, {config, log, shutdown, time}: Ours): Promise<Chain> {
  const [{SubtensorChain}, {MetadataCache}, {walletReady}] = await Promise.all([
    import('../chain/subtensor/chain.js'),
    import('../chain/subtensor/metadata-cache.js'),
    import('../wallet/keypair.js'),
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

export async function openSigner({askSecret, config, shutdown}: Ours): Promise<Signer> {
  const [{loadHotkey}, {environment}] = await Promise.all([
    import('../wallet/files.js'),
    import('../config/environment.js'),
  ])
  const passwords = {fromVariable: (name: string) => environment()[name], ...(askSecret && {ask: askSecret})}
  const {path: wallets, name, hotkey} = config.wallet
  return loadHotkey(wallets, name, hotkey, {passwords, signal: shutdown.signal})
}

export async function openAppStore({config, shutdown}: Ours, durability: Durability): Promise<Store> {
  const {openStore} = await import('../store/open.js')
  const store = openStore(config.storePath, {durability})
  shutdown.add('store', () => store.close())
  return store
}

export async function openMedia(ours: Ours): Promise<Media> {
  const {FfmpegMedia} = await import('../media/ffmpeg.js')
  return new FfmpegMedia({run: await openFfmpeg(ours)})
}

export async function openFfmpeg({config}: Ours): Promise<RunFfmpeg> {
  const [{createRunner}, {lazyFfmpeg}, {environment}] = await Promise.all([
    import('../media/run.js'),
    import('../media/resolve.js'),
    import('../config/environment.js'),
  ])
  const {ffmpegPath} = config.media
  return createRunner({ffmpeg: lazyFfmpeg({ffmpegPath, searchPath: environment().PATH})})
}

export async function openApi({config, log, time}: Ours, signer?: Signer): Promise<HttpOwnerApi> {
  const {HttpOwnerApi} = await import('../api/client.js')
  const {url, timeoutMs, maxAttempts: attempts} = config.api
  const {netuid} = config
  return new HttpOwnerApi({url, netuid, signer, time, timeoutMs, attempts, log: log.child({part: 'api-client'})})
}

export const withApi = (config: Config, url: string): Config => ({...config, api: {...config.api, url}})

export async function openVerifyAll({log, shutdown, time}: Ours): Promise<VerifyAll> {
  const [{VerifyPool}, {walletReady}, {availableParallelism}] = await Promise.all([
    import('../wallet/verify-pool.js'),
    import('../wallet/keypair.js'),
    import('node:os'),
  ])
  await walletReady()
  const pool = new VerifyPool({
    time,
    log: log.child({part: 'signatures'}),
    threads: Math.min(8, availableParallelism()),
  })
  shutdown.add('signatures', () => pool.close())
  return pool.verifyAll
}

export async function openCalls({config, time}: Ours, signer: Signer): Promise<SignedHttp> {
  const {HttpSigned} = await import('../api/signed-http.js')
  const {url, timeoutMs} = config.api
  return new HttpSigned({url, signer, time, timeoutMs, what: "the owner's API", variable: 'API_URL'})
}

export async function openBucket(
  role: BucketRole,
  needs: readonly ('read' | 'write')[],
  {config, log, shutdown, time}: Ours,
): Promise<Objects> {
  const {openBucket} = await import('../objects/open.js')
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

export interface OpenAddresses extends Addresses {
  /** Where they lead. */
  readonly origin: string
}

/** Addresses of samples for those who have no key, where the owner allows that. */
export async function openAddresses({config, log, shutdown, time}: Ours): Promise<OpenAddresses | undefined> {
  const {backend, presignS, store} = config.objects
  if (presignS === undefined) return undefined
  const {openPresigner} = await import('../objects/open.js')
  const {endpoint, region} = store
  const objects = await openPresigner({
    ...{backend, endpoint, region, time, log: log.child({part: 'objects'}), ...store.samples},
  })
  shutdown.add(`addresses of ${objects.bucket}`, () => objects.close())
  return {
    ...{bucket: objects.bucket, seconds: presignS},
    origin: new URL(await objects.presign('anything', presignS)).origin,
    presign: (key, seconds, method) => objects.presign(key, seconds, method),
  }
}

export async function openGenerator({config, shutdown, time}: Ours): Promise<Generator> {
  const {HttpGenerator} = await import('../models/generator.js')
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

export async function openModels({config, time}: Ours, {withEvidence = false} = {}): Promise<Models> {
  if (!config.chutes.isUsed) {
    const {LocalModels} = await import('../models/local.js')
    return new LocalModels({path: config.modelsFile})
  }
  const [{RemoteModels}, {Chutes}, {HuggingFace}] = await Promise.all([
    import('../models/remote.js'),
    import('../models/chutes.js'),
    import('../models/hugging-face.js'),
  ])
  const {apiUrl, apiKey, invokeUrl, keepMs} = config.chutes
  return new RemoteModels({
    chutes: new Chutes({url: apiUrl, apiKey, invokeUrl, keepMs, time, withEvidence}),
    huggingFace: new HuggingFace({...config.huggingFace, time}),
  })
}

export async function openDeployer({config, time}: Ours, key?: string): Promise<Deployer> {
  const {ChutesDeployer} = await import('../models/chutes-deploy.js')
  const {apiUrl, apiKey = key, invokeUrl} = config.chutes
  return new ChutesDeployer({url: apiUrl, apiKey, invokeUrl, time})
}

export async function openDeployProgram({chutes}: Config): Promise<DeployProgram> {
  const [{ChutesProgram}, {environment}] = await Promise.all([
    import('../models/chutes-program.js'),
    import('../config/environment.js'),
  ])
  const {PATH: searchPath, HOME: home} = environment()
  return new ChutesProgram({searchPath, home, configPath: chutes.cliConfig})
}

export async function openWork({config, shutdown}: Ours): Promise<string> {
  const {openWorkDir} = await import('../runtime/work-dir.js')
  return openWorkDir(path.join(config.dataDir, 'work'), shutdown)
}

export async function openVisionModels(ours: Ours): Promise<Vision> {
  const [{openVision}, {FfmpegJpeg}, run] = await Promise.all([
    import('../vision/open.js'),
    import('../media/jpeg.js'),
    openFfmpeg(ours),
  ])
  const {time, log, config} = ours
  return openVision(config.vision, {jpeg: new FfmpegJpeg(run), time, log: log.child({part: 'vision'})})
}

/** Asked for once, opened once, and the same for all who ask; a failure is not remembered. */
export function once<T>(open: () => Promise<T>): () => Promise<T> {
  let opening: Promise<T> | undefined
  return () => {
    opening ??= open().catch((error: unknown) => {
      opening = undefined
      throw error
    })
    return opening
  }
}

export function same<T>(value: T): T {
  return value
}
