import type {AddressInfo} from 'node:net'
import type {FastifyInstance} from 'fastify'
import type {Chain} from '../chain/port.js'
import type {Hotkey} from '../domain/ids.js'
import {LeomaError} from '../errors.js'
import type {AnyMechanism} from '../mechanisms/types.js'
import type {Models} from '../models/port.js'
import type {Clock} from '../runtime/clock.js'
import type {Service} from '../runtime/service.js'
import type {Shutdown} from '../runtime/shutdown.js'
import {SelfAudit, type SelfAuditDeps} from '../services/audit/self.js'
import type {AuditChain} from '../services/audit/source.js'
import {ChainWatch} from '../services/chain-watch.js'
import {ChainWeights} from '../services/chain-weights.js'
import {ensureExam} from '../services/exam.js'
import {watchIntegrity} from '../services/integrity/watch.js'
import {type ValidationLimits, validateMinersOnce} from '../services/miner-validation.js'
import {OwnMechanism} from '../services/own-mechanism.js'
import {Scorer} from '../services/scorer.js'
import {settleInTurns} from '../services/settlement.js'
import {syncValidatorsOnce} from '../services/validator-sync.js'
import type {Signer} from '../wallet/port.js'
import {buildServer, type ServerDeps} from './server.js'

export interface OwnerApiOptions
  extends Omit<
    ServerDeps,
    'scorer' | 'own' | 'time' | 'jobs' | 'onVerdicts' | 'chainState' | 'chainWeights' | 'isStopping'
  > {
  readonly mechanism: AnyMechanism
  readonly chain: Pick<Chain, 'blockTimeMs' | 'head' | 'metagraph' | 'commitments'> & Partial<Pick<Chain, 'weights'>>
  /** Beside `mechanism`, those whose evidence is each validator's own, with their parameters. */
  readonly others?: readonly {readonly mechanism: AnyMechanism; readonly mecid: number; readonly params: unknown}[]
  readonly models: Models
  /** The subnet owner's hotkey: signs the exam, and is an admin. */
  readonly signer: Signer
  /** The mechanism's parameters for the exam. */
  readonly params: unknown
  /** Whose signature makes a task manifest valid; they are admins too. */
  readonly samplers: readonly Hotkey[]
  readonly minStakeRao: bigint
  /** The chain as an audit asks it; there is no audit of its own without. */
  readonly auditChain?: AuditChain
  readonly host: string
  /** 0 for any free one. */
  readonly port: number
  /** Pauses between two turns of a job, in milliseconds. */
  readonly everyMs: {
    readonly minerValidation: number
    readonly validatorSync: number
    readonly scoring: number
    readonly settlement: number
    /** The owner's audit of itself; never when absent or 0. */
    readonly selfAudit?: number
  }
  readonly validation?: Partial<ValidationLimits>
  readonly shutdown: Pick<Shutdown, 'add' | 'signal'>
}

export interface OwnerApiService extends Service {
  /** Where it listens; known once it has started. */
  url(): string
}

/** Signs of copying are for people, who do not look every second. */
const integrityMs = 60_000

export const ownerJobs = {
  sync: 'validator-sync',
  validation: 'miner-validation',
  settlement: 'settlement',
  scoring: 'ranking',
  integrity: 'integrity',
} as const

const weightsJob = 'chain-weights'

/** The owner's API: listens, and does the owner's background work in the same process. */
export function ownerApiService(given: OwnerApiOptions): OwnerApiService {
  let url: string | undefined
  return {
    name: 'api',
    start: async (clock) => {
      const chain = new ChainWatch(given.chain, clock)
      const options = {...given, chain}
      const {store, mechanism, params, netuid, samplers, signer} = options
      ensureExam({store, mechanism, params, netuid, samplers, signer, at: clock.now()})
      const scorer = new Scorer({...options, time: clock})
      scorer.prepare()
      const own = (options.others ?? []).map((other) => new OwnMechanism({...options, ...other, time: clock}))
      for (const mechanism of own) mechanism.prepare()
      const settle = settlementTurn(options, scorer, clock)
      const chainWeights = watchWeights(given)
      let published: SelfAuditDeps['published'] = async () => undefined
      const selfAudit = selfAuditOf(options, clock, (path) => published(path))
      const app = buildServer({
        ...options,
        audit: selfAudit,
        ...(chainWeights && {chainWeights}),
        admins: [signer.hotkey, ...samplers, ...options.admins],
        time: clock,
        scorer,
        own,
        jobs: promises(options),
        chainState: () => chain.state(),
        isStopping: () => options.shutdown.signal.aborted,
        onVerdicts: () => void settle(options.shutdown.signal).catch(() => undefined),
      })
      // As everybody gets it, through the very routes.
      published = async (path) => {
        const {statusCode, body} = await app.inject({url: path})
        return statusCode === 200 ? body : undefined
      }
      url = await listen(app, options)
      options.shutdown.add('api', () => app.close())
      options.log.info({url, netuid}, 'API is listening')
      register(options, scorer, settle, clock)
      for (const mechanism of own)
        clock.every(`own-${mechanism.name}`, {ms: options.everyMs.scoring}, ({signal}) => mechanism.turn(signal))
      const {selfAudit: auditMs = 0} = options.everyMs
      if (selfAudit && auditMs > 0)
        clock.every('self-audit', {ms: auditMs}, async ({signal}) => {
          await selfAudit.turn(signal)
        })
      // Only pages show it: the chain is asked a question for each validator, and nothing waits for the answer.
      if (chainWeights)
        clock.every(weightsJob, {ms: given.everyMs.validatorSync}, ({signal}) => chainWeights.turn(signal))
    },
    url: () => {
      if (url === undefined) throw new Error('the API has not started yet')
      return url
    },
  }
}

function selfAuditOf(
  {store, mechanism, netuid, auditChain, verify, verifyAll, log}: OwnerApiOptions,
  time: Clock,
  published: SelfAuditDeps['published'],
): SelfAudit | undefined {
  if (!auditChain || !verifyAll) return undefined
  return new SelfAudit({store, mechanism, netuid, chain: auditChain, published, verify, verifyAll, time, log})
}

function watchWeights({chain, store, netuid, mecid = 0, log}: OwnerApiOptions): ChainWeights | undefined {
  if (!chain.weights) return undefined
  const weights = chain.weights.bind(chain)
  return new ChainWeights({store, chain: {weights}, netuid, mecid, log})
}

type Turn = (signal: AbortSignal) => Promise<void>

function register(options: OwnerApiOptions, scorer: Scorer, settle: Turn, clock: Clock): void {
  const {everyMs} = options
  const deps = {...options, time: clock}
  clock.every(ownerJobs.sync, {ms: everyMs.validatorSync}, async ({signal}) => {
    await syncValidatorsOnce(deps, signal)
  })
  clock.every(ownerJobs.validation, {ms: everyMs.minerValidation}, async ({signal}) => {
    await validateMinersOnce({...deps, ...(options.validation ? {limits: options.validation} : {})}, signal)
    // Validity decides who can win, so the ranking follows it at once.
    await scorer.turn(signal)
  })
  clock.every(ownerJobs.settlement, {ms: everyMs.settlement}, ({signal}) => settle(signal))
  clock.every(ownerJobs.integrity, {ms: Math.max(everyMs.scoring, integrityMs)}, ({signal}) =>
    watchIntegrity({...deps, log: options.log}, signal),
  )
  clock.every(ownerJobs.scoring, {ms: everyMs.scoring}, async ({signal}) => {
    await scorer.turn(signal)
  })
}

function settlementTurn({store, mechanism, chain, log}: OwnerApiOptions, scorer: Scorer, clock: Clock): Turn {
  return async (signal) => {
    const {number: block} = await chain.head(signal)
    const settled = await settleInTurns({store, mechanism, block, at: clock.now(), log}, clock, signal)
    if (settled.length > 0) await scorer.turn(signal)
  }
}

/** Three missed turns and a minute make a job stale. */
function promises({everyMs}: OwnerApiOptions) {
  const promise = (part: 'scorer' | 'sync', job: string, ms: number) => ({part, job, staleAfterMs: 3 * ms + 60_000})
  return [
    promise('sync', ownerJobs.sync, everyMs.validatorSync),
    promise('sync', ownerJobs.validation, everyMs.minerValidation),
    promise('scorer', ownerJobs.settlement, everyMs.settlement),
    promise('scorer', ownerJobs.scoring, everyMs.scoring),
  ]
}

async function listen(app: FastifyInstance, {host, port}: OwnerApiOptions): Promise<string> {
  try {
    await app.listen({host, port})
  } catch (error) {
    const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
    throw new LeomaError('config', isTaken ? 'PORT_IN_USE' : 'LISTEN_FAILED', `cannot listen on ${host}:${port}`, {
      cause: error,
      hints: [isTaken ? 'another program uses this port: set API_PORT' : 'check API_HOST and API_PORT'],
    })
  }
  const address = app.server.address() as AddressInfo // A TCP server that listens has one.
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address
  return `http://${name === '0.0.0.0' ? '127.0.0.1' : name}:${address.port}`
}
