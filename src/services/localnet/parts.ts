import path from 'node:path'
import type {OwnerApi, SignedHttp} from '../../api/port.js'
import type {Captioner} from '../../caption/port.js'
import type {Netuid} from '../../domain/ids.js'
import type {Judge} from '../../judge/port.js'
import type {Report} from '../../mechanisms/types.js'
import type {VideoParams} from '../../mechanisms/video/params.js'
import type {Media} from '../../media/port.js'
import type {RunFfmpeg} from '../../media/run.js'
import type {Objects} from '../../objects/port.js'
import type {Clock} from '../../runtime/clock.js'
import type {JobHealth} from '../../runtime/health.js'
import type {Logger} from '../../runtime/logger.js'
import type {Signer, Verify} from '../../wallet/port.js'
import {favouredProfile, favouringJudge} from './attacks.js'
import type {LocalnetEvent} from './events.js'
import {executorSpecs, executorUrl, type HeadsStage, headsExamFile, headsMechanism, type PrepareHeads} from './heads.js'
import type {HiddenClips} from './peek.js'
import type {ProviderEnv, ProviderOptions} from './providers.js'
import type {Provisioned} from './provision.js'
import {walletNames} from './wallets.js'

export interface LocalnetOptions extends ProviderOptions {
  /** Node of a subtensor chain of one's own, as `NETWORK` takes it; the embedded chain when absent. */
  readonly chain?: string
  /** Names of the profiles that take part; all of the cast when absent. */
  readonly miners?: readonly string[]
  /** Attacks that are carried out besides, by their names. */
  readonly attacks?: readonly string[]
  readonly validators: number
  /** Ends after this many rounds; never when absent. */
  readonly rounds?: number
  /** Milliseconds between blocks. */
  readonly blockTimeMs?: number
  /** Kept and resumable; a temporary folder, removed at the end, when absent. */
  readonly dataDir?: string
  /** Folder of real videos; clips are made when absent. */
  readonly source?: string
  /** Of the owner's API, as `choosePort` takes it; the usual one, or a free one, when absent. */
  readonly port?: number | undefined
  /** In the order of their indices on the chain; `video` alone when absent. */
  readonly mechanisms?: readonly string[]
}

/** One part of the subnet as it would run in a process of its own: services, and the environment they read. */
export interface PartSpec {
  /** `owner`, `sampler`, `validator-0`, … */
  readonly name: string
  readonly services: readonly ('api' | 'sampler' | 'evaluator' | 'executor' | 'validator')[]
  readonly env: Readonly<Record<string, string>>
  readonly wrap?: {
    readonly media?: (media: Media) => Media
    readonly captioner?: (captioner: Captioner) => Captioner
    readonly judge?: (judge: Judge) => Judge
  }
}

export interface Part {
  /** How each of its jobs fares. */
  health(): readonly JobHealth[]
  /** Resolves when the part was stopped; rejects when it failed. Everything it opened is closed by then. */
  readonly ended: Promise<void>
  /** Aborts what it is doing, at whatever line that is; resolves when it has ended. */
  stop(): Promise<void>
}

/** What `app.ts` provides. Parts share nothing but files and HTTP. */
export interface LocalnetDeps {
  readonly startPart: (spec: PartSpec, report: Report) => Part
  readonly openApi: (url: string, netuid: Netuid) => OwnerApi
  /** The owner's API asked by one of the miners. */
  readonly openCalls: (url: string, signer: Signer) => SignedHttp
  readonly prepareHeads: PrepareHeads
  readonly media: Media
  readonly ffmpeg: RunFfmpeg
  readonly time: Pick<Clock, 'now' | 'sleep'>
  readonly verify: Verify
  readonly log: Logger
  /** Of the embedded chain's subnet; a chain of one's own gives its own numbers. */
  readonly netuid: Netuid
  /** Of the account that pays on a chain of one's own. */
  readonly fundingSecret: string
  /** Processors that may be kept busy. */
  readonly concurrency: number
  readonly providers: ProviderEnv
  /** Of the exam; the reference judge when absent. */
  readonly judge?: VideoParams['judge']
  /** The bucket of footage, where that is not a folder of this machine. */
  readonly source?: Objects
  readonly onEvent: (event: LocalnetEvent) => void
}

/** What is there before any service runs. */
export interface Stage {
  readonly dataDir: string
  readonly provisioned: Provisioned
  readonly hidden: HiddenClips
  /** Names in the order of their indices. */
  readonly mechanisms: readonly string[]
  /** Only where images are run. */
  readonly heads: HeadsStage | undefined
}

export const examFile = (dataDir: string) => path.join(dataDir, 'exam.json')

/** At least this many blocks between two weight settings of one validator. */
export const epochBlocks = 3

/** Every part with its environment, in the order in which they are started. */
export function partSpecs(
  {dataDir, provisioned, hidden, mechanisms, heads}: Stage,
  {port, providers, concurrency}: {readonly port: number} & Pick<LocalnetDeps, 'providers' | 'concurrency'>,
): PartSpec[] {
  const shared = {
    ...provisioned.env,
    LEOMA_DATA: dataDir,
    API_URL: `http://127.0.0.1:${port}`,
    MECHANISMS: mechanisms.map((name, index) => `${name}:${index}`).join(','),
  }
  const wallet = ({wallet: name, hotkey}: {wallet: string; hotkey: string}) => ({
    WALLET_NAME: name,
    HOTKEY_NAME: hotkey,
  })
  const owner: PartSpec = {
    name: 'owner',
    services: ['api'],
    env: {
      ...providers.api,
      ...shared,
      ...wallet(walletNames.owner),
      API_PORT: String(port),
      EXAM_FILE: examFile(dataDir),
      ...(heads && {EXAM_FILES: `${headsMechanism}=${headsExamFile(dataDir)}`}),
      MINER_VALIDATION_INTERVAL: '2',
      VALIDATOR_SYNC_INTERVAL: '2',
      SCORER_INTERVAL: '1',
      AUDIT_INTERVAL: '10',
    },
  }
  // They share this machine, where each would otherwise keep all of its processors busy.
  const each = Math.max(1, Math.floor(concurrency / provisioned.validators.length))
  const favoured = provisioned.cast.find(({profile}) => profile === favouredProfile)
  const validators = provisioned.validators.map(
    ({name}, index): PartSpec => ({
      name,
      services: mechanisms.includes('video') ? ['evaluator', 'validator'] : ['validator'],
      env: {
        EVALUATOR_CONCURRENCY: String(Math.min(8, each)),
        ...providers.evaluator,
        ...shared,
        ...wallet(walletNames.validator(index)),
        EPOCH_LEN: String(epochBlocks),
        EVALUATOR_POLL_INTERVAL: '0.5',
        ...(heads && {EXECUTOR_API_URL: executorUrl(heads, index)}),
      },
      ...(favoured && index === 0 && {wrap: {judge: (judge) => favouringJudge(judge, favoured.hotkey)}}),
    }),
  )
  const sampler: PartSpec = {
    name: 'sampler',
    services: ['sampler'],
    env: {...providers.sampler, ...shared, ...wallet(walletNames.owner)},
    wrap: {
      media: (media) => hidden.watchMedia(media),
      captioner: (captioner) => hidden.watchCaptioner(captioner),
    },
  }
  const executors = heads ? executorSpecs(heads, provisioned.validators, shared) : []
  return [owner, ...executors, ...validators, ...(mechanisms.includes('video') ? [sampler] : [])]
}
