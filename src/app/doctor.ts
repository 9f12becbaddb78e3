import {statfs} from 'node:fs/promises'
import path from 'node:path'
import type {App} from '../app.js'
import type {Config, Role} from '../config/load.js'
import type {LeomaError} from '../errors.js'
import type {Clock} from '../runtime/clock.js'
import type {Logger} from '../runtime/logger.js'
import {type Check, type CheckResult, type DoctorReport, examine} from '../services/doctor.js'
import type {DoctorRole} from '../services/doctor-checks.js'
import * as checks from '../services/doctor-checks.js'
import {challengesCheck, sandboxCheck} from '../services/doctor-executor.js'

export interface DoctorRequest {
  readonly role: DoctorRole
  /** Put together for that role. */
  readonly app: App
  readonly log: Logger
  readonly time: Pick<Clock, 'now' | 'sleep'>
  /** What is wrong with the configuration, and what is odd about it. */
  readonly fault: LeomaError | undefined
  readonly warnings: readonly string[]
  /** Of the environment. */
  readonly searchPath: string | undefined
  readonly onResult?: (result: CheckResult) => void
}

/** What each role reads from the environment. */
export const configRoles: Readonly<Record<DoctorRole, readonly Role[]>> = {
  validator: ['evaluator', 'validator'],
  sampler: ['sampler'],
  executor: ['executor'],
  api: ['api'],
  miner: ['miner'],
}

const deadlineMs = 20_000
/** A block of a public chain takes 12 s; one has to come after the first. */
const chainDeadlineMs = 45_000

/** All checks for a role, at once. */
export async function runDoctor(request: DoctorRequest, signal: AbortSignal): Promise<DoctorReport> {
  const list = [
    ...machine(request),
    ...executor(request),
    ...(await subnet(request)),
    ...(await buckets(request)),
    ...accounts(request),
  ]
  const {time, onResult} = request
  return examine(list, {time, deadlineMs, ...(onResult && {onResult})}, signal)
}

/** A doctor asks twice, not for a minute. */
export function hasty(config: Config): Config {
  return {...config, api: {...config.api, maxAttempts: 2, timeoutMs: Math.min(config.api.timeoutMs, 8_000)}}
}

function machine({role, app, fault, warnings, searchPath}: DoctorRequest): Check[] {
  const {dataDir, storePath, media} = app.config
  const ffmpeg = checks.ffmpegCheck(async (signal) => {
    const {resolveFfmpeg} = await import('../media/resolve.js')
    return resolveFfmpeg({ffmpegPath: media.ffmpegPath, searchPath, verify: true}, signal)
  })
  const store = checks.storeCheck(async () => (await import('../store/inspect.js')).inspectStore(storePath))
  return [
    checks.nodeCheck(process.versions.node),
    checks.configurationCheck(fault, warnings),
    ...(role === 'validator' || role === 'sampler' || role === 'executor' ? [ffmpeg] : []),
    ...(role === 'validator' || role === 'api' || role === 'executor' ? [store] : []),
    checks.diskCheck(dataDir, () => freeBytes(dataDir)),
  ]
}

function executor({role, app, log, time}: DoctorRequest): Check[] {
  if (role !== 'executor') return []
  const {config} = app
  const {challengesDir} = config.executor
  return [
    sandboxCheck(async (signal) => {
      const [{openConfiguredSandbox}, {trySandbox}] = await Promise.all([
        import('./executor.js'),
        import('../sandbox/trial.js'),
      ])
      const opened = await openConfiguredSandbox({config, log, time}, await app.workDir(), signal)
      const {info} = opened.sandbox
      return {info, passedOver: opened.passedOver, trial: await trySandbox(opened, time, signal)}
    }),
    challengesCheck(challengesDir, async (signal) => {
      const {FolderObjects} = await import('../objects/folder.js')
      const pool = new FolderObjects({root: path.dirname(challengesDir), bucket: path.basename(challengesDir)})
      const faces: string[] = []
      for await (const {key} of pool.list('', signal)) if (key.endsWith('/face.png')) faces.push(key)
      return faces.length
    }),
  ]
}

async function subnet({role, app, time}: DoctorRequest): Promise<Check[]> {
  const {verify, walletReady} = await import('../wallet/keypair.js')
  await walletReady()
  const parts = {
    ...{chain: app.chain, signer: app.signer, api: app.api, verify, netuid: app.config.netuid},
    judgeNames: async () => (await app.judges()).map(({name}) => name),
  }
  const clock = checks.clockCheck(async (signal) => {
    const {clockSkewMs} = await import('../api/clock-skew.js')
    return clockSkewMs(app.config.api.url, time, signal)
  })
  const access = {vision: app.vision, sample: time.now()}
  const {captionModel} = app.config.vision
  return [
    checks.walletCheck(parts),
    checks.chainCheck(parts, chainDeadlineMs),
    checks.registrationCheck(parts, role),
    // The API's own machine is looked at before the API runs.
    ...(role === 'api'
      ? []
      : [checks.apiCheck(parts), ...(role === 'executor' ? [] : [checks.examCheck(parts)]), clock]),
    ...(role === 'validator' ? [checks.judgeCheck(parts, access)] : []),
    ...(role === 'sampler' && captionModel !== undefined ? [checks.captionerCheck(captionModel, access)] : []),
  ]
}

async function buckets({role, app, log, time}: DoctorRequest): Promise<Check[]> {
  if (role !== 'validator' && role !== 'sampler') return []
  const {bucketProbe} = await import('../objects/probe.js')
  const {backend, sourceDir, samplesDir, samplesPublicUrl, store} = app.config.objects
  const {endpoint, region} = store
  const isOwner = role === 'sampler'
  const common = {backend, endpoint, region, time, log, isOwner}
  const probe = (bucket: 'source' | 'samples', purpose: 'read' | 'write') =>
    bucketProbe({
      ...{...common, role: bucket, purpose, ...store[bucket]},
      folder: bucket === 'source' ? sourceDir : samplesDir,
      publicUrl: bucket === 'samples' ? samplesPublicUrl : undefined,
      forbidden: bucket === 'samples' ? store.source.bucket : undefined,
    })
  const probes = [
    ...(isOwner ? [probe('source', 'read')] : []),
    // Nothing here writes sources, so that pair is looked at only where there is one.
    ...(isOwner && backend !== 'folder' && store.source.keys.write ? [probe('source', 'write')] : []),
    probe('samples', 'read'),
    ...(isOwner ? [probe('samples', 'write')] : []),
  ]
  return probes.map((each) => checks.bucketCheck(each, (signal) => publishedKey(app, signal)))
}

/** Something that is in the bucket of samples when the last task was published. */
async function publishedKey(app: App, signal: AbortSignal): Promise<string | undefined> {
  const taskId = await (await app.api()).latestTask(signal)
  return taskId === undefined || taskId < 1 ? undefined : `${taskId}/manifest.json`
}

function accounts({role, app, time}: DoctorRequest): Check[] {
  const {chutes, huggingFace} = app.config
  if (role === 'validator' || role === 'executor') return []
  const chutesCheck = checks.credentialCheck('Chutes', {
    isSet: chutes.apiKey !== undefined,
    isNeeded: chutes.isUsed && role !== 'miner',
    variable: 'CHUTES_API_KEY',
    ask: async (signal) => {
      const {username, balanceUsd} = await (await app.deployer()).account(signal)
      return `account ${username}${balanceUsd === null ? '' : `, balance ${balanceUsd.toFixed(2)} dollars`}`
    },
  })
  const huggingFaceCheck = checks.credentialCheck('Hugging Face', {
    isSet: huggingFace.token !== undefined,
    isNeeded: false,
    variable: 'HF_TOKEN',
    ask: async (signal) => {
      const {tokenOwner} = await import('../models/hugging-face-token.js')
      return `account ${await tokenOwner({...huggingFace, time, timeoutMs: deadlineMs / 2}, signal)}`
    },
  })
  return [chutesCheck, ...(role === 'sampler' ? [] : [huggingFaceCheck])]
}

/** For a folder that need not be there yet. */
async function freeBytes(folder: string): Promise<number> {
  for (let at = folder; ; at = path.dirname(at)) {
    try {
      const {bavail, bsize} = await statfs(at)
      return bavail * bsize
    } catch (error) {
      if (at === path.dirname(at)) throw error
    }
  }
}
