import type {OwnerApi} from '../../api/port.js'
import {LeomaError} from '../../errors.js'
import {retry} from '../../runtime/retry.js'
import {Shutdown} from '../../runtime/shutdown.js'
import {withStop} from '../../runtime/stop.js'
import type {Signer} from '../../wallet/port.js'
import type {LocalnetFacts, LocalnetResult} from './events.js'
import {choosePort} from './free-port.js'
import {offerImages} from './heads.js'
import {HeadsWatch} from './heads-watch.js'
import {type LocalnetDeps, type LocalnetOptions, type Part, type PartSpec, partSpecs, type Stage} from './parts.js'
import {RoundsWatch} from './rounds.js'
import {count, setStage} from './stage.js'
import {TroubleWatch} from './trouble.js'

const readyDeadlineMs = 60_000
/** A node of one's own may share this machine, and takes seconds for an answer then. */
const readyOnNodeDeadlineMs = 300_000

/** A whole subnet on this machine: every part is the real service, configured as it would be in a process of its own. */
export class Localnet {
  readonly facts: LocalnetFacts
  readonly #deps: LocalnetDeps
  readonly #shutdown: Shutdown
  readonly #specs: readonly PartSpec[]
  readonly #parts = new Map<string, Part>()
  /** Filled when the images are submitted. */
  readonly #offered: Record<string, string> = {}
  readonly #api: OwnerApi
  readonly #watch: RoundsWatch
  readonly #heads: HeadsWatch | undefined
  readonly #stage: Stage
  readonly #troubles: TroubleWatch

  /** Everything but the sampler runs and the miners are checked when this resolves. */
  static async start(options: LocalnetOptions, deps: LocalnetDeps, signal: AbortSignal): Promise<Localnet> {
    const shutdown = new Shutdown()
    const stop = () => shutdown.stop(signal.reason)
    signal.throwIfAborted()
    signal.addEventListener('abort', stop, {once: true})
    shutdown.add('the outer signal', () => signal.removeEventListener('abort', stop))
    try {
      if (options.port !== undefined) await choosePort(options.port)
      const stage = await setStage(options, deps, shutdown)
      // Once more, and only now: in the minute that a stage may take, another program takes what was free.
      const port = await choosePort(options.port)
      const localnet = new Localnet(stage, {...options, port}, deps, shutdown)
      await localnet.#open()
      return localnet
    } catch (error) {
      // Whatever cannot be closed now failed for the same reason, which is the one to tell.
      await shutdown.close().catch((closing: unknown) => deps.log.debug({err: closing}, 'closing a failed localnet'))
      throw error
    }
  }

  private constructor(
    stage: Stage,
    options: LocalnetOptions & {readonly port: number},
    deps: LocalnetDeps,
    shutdown: Shutdown,
  ) {
    const {dataDir, provisioned, heads} = stage
    this.#deps = deps
    this.#stage = stage
    this.#shutdown = shutdown
    this.#specs = partSpecs(stage, {port: options.port, ...deps})
    this.facts = {
      api: `http://127.0.0.1:${options.port}`,
      dataDir,
      isTemporary: options.dataDir === undefined,
      rounds: options.rounds,
      env: provisioned.env,
      ...outsideOf(options, deps),
      validators: provisioned.validators.map(({name, uid, signer}) => ({name, uid, hotkey: signer.hotkey})),
      cast: provisioned.cast,
      ...(heads && {
        heads: {
          isolation: heads.isolation,
          cast: provisioned.heads.map(({profile, about, uid, hotkey}) => ({profile, about, uid, hotkey})),
          offered: this.#offered,
        },
      }),
    }
    this.#api = deps.openApi(this.facts.api, provisioned.netuid)
    this.#watch = new RoundsWatch({
      api: this.#api,
      facts: this.facts,
      time: deps.time,
      log: deps.log,
      onEvent: deps.onEvent,
      // No task may begin that this run would not wait for.
      onLastTask: () => void this.stopPart('sampler').catch((error: unknown) => shutdown.stop(error)),
    })
    const {time, log, onEvent} = deps
    this.#troubles = new TroubleWatch({parts: this.#parts, time, onEvent})
    this.#heads = heads && new HeadsWatch({api: this.#api, facts: this.facts, time, log, onEvent})
  }

  /** Runs one of the parts (`owner`, `sampler`, `validator-0`, …), again after it was stopped. */
  startPart(name: string): void {
    const spec = this.#specs.find((candidate) => candidate.name === name)
    if (!spec || this.#parts.has(name)) throw new Error(`part ${name} is unknown or runs already`)
    const part = this.#deps.startPart(spec, (progress) => {
      this.#watch.report(name, progress)
      this.#troubles.report(name)
      this.#heads?.report(progress)
    })
    this.#parts.set(name, part)
    part.ended.catch((error: unknown) => this.#shutdown.stop(error))
  }

  /** Ends a part in the middle of whatever it does; its memory is what it wrote down. */
  async stopPart(name: string): Promise<void> {
    const part = this.#parts.get(name)
    this.#parts.delete(name)
    await part?.stop()
  }

  /** Holds rounds until as many as wanted are over, or until the signal aborts (then it throws the signal's reason). */
  async run(): Promise<LocalnetResult> {
    const {signal} = this.#shutdown
    const hasVideo = this.#specs.some(({name}) => name === 'sampler')
    if (hasVideo) this.startPart('sampler')
    return withStop(signal, async (inner, stop) => {
      const watching = this.#troubles.run(inner)
      try {
        const [video, heads] = await Promise.all([
          hasVideo ? this.#watch.run(signal) : undefined,
          this.#heads?.run(signal),
        ])
        return {...(video ?? (await this.#watch.result(signal))), ...(heads && {heads})}
      } finally {
        stop(new Error('the rounds are over'))
        await watching
      }
    })
  }

  /** The figures of now. */
  async result(): Promise<LocalnetResult> {
    const result = await this.#watch.result(AbortSignal.timeout(5_000))
    return {...result, ...(this.#heads && {heads: this.#heads.result()})}
  }

  /** Stops and removes everything, newest first. */
  close(): Promise<void> {
    return this.#shutdown.close()
  }

  async #open(): Promise<void> {
    const {onEvent} = this.#deps
    const {signal} = this.#shutdown
    this.#shutdown.add('the parts', async () => {
      for (const name of [...this.#parts.keys()].reverse()) {
        // A part that failed has said so when it did: that is what stopped everything.
        await this.stopPart(name).catch((error: unknown) => this.#deps.log.debug({err: error, part: name}, 'failed'))
      }
    })
    onEvent({type: 'step', step: 'api', state: 'started', note: 'checking every miner'})
    this.startPart('owner')
    const valid = await this.#waitForMiners(signal)
    await this.#watch.begin(signal)
    const {cast, validators, api} = this.facts
    onEvent({
      type: 'step',
      step: 'api',
      state: 'finished',
      note: `${api}, ${valid} of ${count(cast.length, 'miner')} valid`,
    })

    await this.#offer(signal)
    onEvent({type: 'step', step: 'validators', state: 'started', note: 'opening their stores'})
    for (const {name} of this.#specs) if (name.startsWith('executor-')) this.startPart(name)
    for (const {name} of validators) this.startPart(name)
    onEvent({type: 'step', step: 'validators', state: 'finished', note: validators.map(({name}) => name).join(', ')})
    onEvent({type: 'ready', ...this.facts})
  }

  /** The images, before anybody could run them: all of them are in the first round. */
  async #offer(signal: AbortSignal): Promise<void> {
    const {heads, provisioned} = this.#stage
    if (!heads) return
    const {onEvent, openCalls, time} = this.#deps
    onEvent({type: 'step', step: 'submissions', state: 'started', note: 'submitting images'})
    const open = (signer: Signer) => openCalls(this.facts.api, signer)
    const offered = await offerImages(provisioned.heads, heads, {open, time}, signal)
    for (const {profile, answer} of offered) this.#offered[profile] = answer
    const taken = offered.filter(({answer}) => answer === 'accepted' || answer === 'unchanged').length
    await this.#heads?.begin(signal)
    onEvent({
      type: 'step',
      step: 'submissions',
      state: 'finished',
      note: `${taken} of ${count(offered.length, 'image')} taken`,
    })
  }

  /** The first round must not begin before every miner has been checked: it would ask only some of them. */
  async #waitForMiners(signal: AbortSignal): Promise<number> {
    const {time} = this.#deps
    const api = this.#api
    const isEmbedded = this.facts.env.NETWORK === 'localnet'
    const until = time.now() + (isEmbedded ? readyDeadlineMs : readyOnNodeDeadlineMs)
    return retry(
      async () => {
        const {miners} = await api.miners(signal)
        const checked = miners.filter(({hotkey}) => this.facts.cast.some((member) => member.hotkey === hotkey))
        const exam = await api.exam(signal)
        const voters = await api.voters(signal)
        if (checked.length === this.facts.cast.length && exam && voters.length >= this.facts.validators.length)
          return checked.filter(({is_valid}) => is_valid).length
        throw new LeomaError('upstream', 'LOCALNET_NOT_READY', 'the owner has not checked all miners in time')
      },
      {time, signal, attempts: 1_000, firstPauseMs: 200, maxPauseMs: 300, until},
    )
  }
}

/** Whom of the world outside this localnet asks, as a person would name them. */
function outsideOf(
  {objects, models}: LocalnetOptions,
  {judge}: LocalnetDeps,
): Pick<LocalnetFacts, 'judge' | 'outside'> {
  const {model} = judge?.options ?? {}
  const named = typeof model === 'string' ? {name: judge?.name ?? '', model} : judge && {name: judge.name}
  const outside = {...(objects !== undefined && {objects}), ...(models !== undefined && {models})}
  return {...(named && {judge: named}), ...(Object.keys(outside).length > 0 && {outside})}
}
