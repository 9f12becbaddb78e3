import {readFile} from 'node:fs/promises'
import path from 'node:path'
import {z} from 'zod'
import type {Chain} from '../chain/port.js'
import type {Config} from '../config/load.js'
import {deploymentPolicy} from '../domain/deployment.js'
import {developmentAccounts} from '../domain/known-accounts.js'
import {LeomaError} from '../errors.js'
import type {ServerDeps} from '../http/server.js'
import type {AnyMechanism} from '../mechanisms/types.js'
import type {Service} from '../runtime/service.js'
import type {Signer} from '../wallet/port.js'
import {type OpenAddresses, openAddresses, openModels} from './open.js'
import type {Parts} from './parts.js'

/** Tasks also settle at once when their last verdict arrives; this is for those that a voter never judged. */
const settlementMs = 5_000

export async function buildApi(parts: Parts): Promise<Service> {
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
  if (server.examFile !== undefined) await requireJudge(parts, params, server.examFile)
  return ownerApiService({
    ...{health, log, shutdown, netuid, verify, verifyEd25519, chain, signer},
    verifyAll: beside.verifyAll,
    ...{mechanism: run, mecid: root.mecid, others},
    store: await parts.servedStore(),
    judgeFault: ({params: wanted}) => faultOfJudge(parts, wanted),
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

async function faultOfJudge({judges}: Parts, params: unknown): Promise<string | undefined> {
  const {judgeFault} = await import('../services/exam.js')
  return judgeFault({params}, await judges())
}

/** An exam whose judge nobody has would stop every validator until the next one. */
async function requireJudge(parts: Parts, params: unknown, file: string): Promise<void> {
  const fault = await faultOfJudge(parts, params)
  if (fault === undefined) return
  throw new LeomaError('config', 'EXAM_UNSUPPORTED', `no validator could judge under the exam in ${file}: ${fault}`, {
    hints: ['correct the file, or upgrade leoma, where a newer one has this judge'],
  })
}

async function ownVersion(): Promise<string> {
  const manifest: unknown = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'))
  return z.object({version: z.string()}).parse(manifest).version
}
