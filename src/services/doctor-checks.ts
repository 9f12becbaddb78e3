import {z} from 'zod'
import type {OwnerApi} from '../api/port.js'
import type {Chain, Metagraph, Neuron} from '../chain/port.js'
import type {SignedExam} from '../domain/exam.js'
import {type Finding, fail, ok, skipped, warn} from '../domain/finding.js'
import {examFault} from '../domain/signed.js'
import {LeomaError} from '../errors.js'
import {mechanism} from '../mechanisms/registry.js'
import type {BucketProbe} from '../objects/port.js'
import type {StoreFacts} from '../store/inspect.js'
import type {VisionModel} from '../vision/port.js'
import type {Signer, Verify} from '../wallet/port.js'
import type {Check} from './doctor.js'

/** Who the machine is to be. */
export const doctorRoles = ['validator', 'sampler', 'executor', 'api', 'miner'] as const
export type DoctorRole = (typeof doctorRoles)[number]

/** Parts as the program would use them; each is opened by the first check that asks. */
export interface DoctorParts {
  readonly chain: () => Promise<Chain>
  readonly signer: () => Promise<Signer>
  readonly api: () => Promise<OwnerApi>
  readonly verify: Verify
  readonly netuid: number
  readonly judgeNames: () => Promise<readonly string[]>
}

const minNode = [22, 19] as const
/** The API refuses what is signed more than five minutes from its own time. */
const maxSkewMs = 60_000
const goodSkewMs = 5_000
const gibibyte = 1024 ** 3

export function nodeCheck(version: string): Check {
  return {
    name: 'Node.js',
    run: async () => {
      const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number)
      const isOld = major < minNode[0] || (major === minNode[0] && minor < minNode[1])
      return isOld ? fail(version, `install Node.js ${minNode.join('.')} or newer`) : ok(version.replace(/^v/, ''))
    },
  }
}

/** `fault` holds every wrong value at once; the other checks then go by the defaults. */
export function configurationCheck(fault: LeomaError | undefined, warnings: readonly string[]): Check {
  return {
    name: 'configuration',
    run: async () => [
      ...(fault ? [fail(fault.message, ...fault.hints)] : [ok('every value can be read')]),
      ...warnings.map((warning) => warn(warning)),
    ],
  }
}

export interface FoundFfmpeg {
  readonly path: string
  readonly version: string
  readonly source: string
  readonly missingFilters: readonly string[]
}

export function ffmpegCheck(find: (signal: AbortSignal) => Promise<FoundFfmpeg>): Check {
  return {
    name: 'ffmpeg',
    deadlineMs: 30_000,
    run: async (signal) => {
      const {path, version, source, missingFilters} = await find(signal)
      const found = `${version} at ${path} (${source})`
      if (missingFilters.length === 0) return ok(found)
      return warn(
        `${found} lacks filters that only leoma localnet wants: ${missingFilters.join(', ')}`,
        'another build, or FFMPEG_PATH',
      )
    },
  }
}

export function storeCheck(inspect: () => Promise<StoreFacts>): Check {
  return {
    name: 'store',
    run: async () => {
      const {path, exists, version, knownVersion} = await inspect()
      if (!exists) return ok(`${path} will be made`)
      if (version === knownVersion) return ok(`${path}, version ${version}`)
      return ok(`${path}, version ${version}; the first start brings it to ${knownVersion}: keep a copy`)
    },
  }
}

export function diskCheck(folder: string, freeBytes: () => Promise<number>): Check {
  return {
    name: 'disk',
    run: async () => {
      const free = await freeBytes()
      const found = `${(free / gibibyte).toFixed(1)} GiB free for ${folder}`
      if (free < gibibyte / 2) return fail(found, 'free some space, or point LEOMA_DATA to a larger disk')
      return free < 5 * gibibyte ? warn(found, 'videos pass through it: 5 GiB is comfortable') : ok(found)
    },
  }
}

export function walletCheck({signer}: Pick<DoctorParts, 'signer'>): Check {
  return {name: 'wallet', run: async () => ok(`hotkey ${(await signer()).hotkey}`)}
}

export function chainCheck({chain}: Pick<DoctorParts, 'chain'>, deadlineMs: number): Check {
  return {
    name: 'chain',
    deadlineMs,
    run: async (signal) => {
      const connected = await chain()
      let first: number | undefined
      for await (const {number} of connected.watchHeads(signal)) {
        signal.throwIfAborted()
        if (first !== undefined && number > first) return ok(`${connected.network}, at block ${number} and moving`)
        first ??= number
      }
      signal.throwIfAborted()
      return fail(`${connected.network} stopped telling its blocks`, 'check NETWORK; try another endpoint')
    },
  }
}

export function registrationCheck(parts: Pick<DoctorParts, 'chain' | 'signer' | 'netuid'>, role: DoctorRole): Check {
  const {chain, signer, netuid} = parts
  return {
    name: 'registration',
    run: async (signal) => {
      const key = await unless(signer, 'the wallet cannot be read')
      const connected = await unless(chain, 'the chain does not answer')
      if ('why' in key) return skipped(key.why)
      if ('why' in connected) return skipped(connected.why)
      const metagraph = await connected.value.metagraph(netuid, signal)
      const {hotkey} = key.value
      const neuron = metagraph.neurons.find((other) => other.hotkey === hotkey)
      if (role === 'api' || role === 'sampler') return ownership(hotkey, metagraph, role)
      if (!neuron) {
        return fail(
          `hotkey ${hotkey} is not on subnet ${netuid}`,
          `btcli subnet register --netuid ${netuid}`,
          'check NETUID and NETWORK',
        )
      }
      return role === 'validator' || role === 'executor'
        ? standing(neuron, netuid)
        : ok(`uid ${neuron.uid} on subnet ${netuid}`)
    },
  }
}

function ownership(hotkey: string, {ownerHotkey, netuid}: Metagraph, role: DoctorRole): Finding {
  if (hotkey === ownerHotkey) return ok(`the owner's hotkey of subnet ${netuid}`)
  const found = `${hotkey} is not the owner's hotkey of subnet ${netuid}, which is ${ownerHotkey ?? 'unknown to the chain'}`
  if (role === 'sampler') return ok(`${found}; ADMIN_HOTKEYS of the API must name it`)
  return fail(found, 'WALLET_NAME and HOTKEY_NAME must name it: validators trust no other exam')
}

function standing({uid, validatorPermit, stakeRao}: Neuron, netuid: number): Finding {
  const found = `uid ${uid} on subnet ${netuid}, ${alpha(stakeRao)} alpha of stake`
  if (validatorPermit) return ok(`${found}, with a validator permit`)
  return fail(
    `${found}, without a validator permit: it may not set weights`,
    'add stake to the hotkey; permits are given out anew each epoch',
  )
}

export function apiCheck({api}: Pick<DoctorParts, 'api'>): Check {
  return {
    name: "owner's API",
    run: async (signal) => {
      const client = await api()
      const {status, version, stale = [], database, metagraph_synced: isSynced} = await client.health(signal)
      const found = `${client.url}, version ${version}`
      if (status === 'healthy') return ok(found)
      const why = [
        ...(database ? [] : ['its store does not answer']),
        ...(isSynced ? [] : ['it does not hear from the chain']),
        ...stale.map(({job, since}) => `${job} last succeeded ${since ?? 'never'}`),
      ]
      return warn(`${found}, is not well: ${why.join(', ') || status}`, 'tell the owner of the subnet')
    },
  }
}

export function examCheck({
  api,
  chain,
  verify,
  netuid,
}: Pick<DoctorParts, 'api' | 'chain' | 'verify' | 'netuid'>): Check {
  return {
    name: 'exam',
    run: async (signal) => {
      const found = await unless(async () => (await api()).exam(signal), 'the API does not answer')
      if ('why' in found) return skipped(found.why)
      if (!found.value) return warn('none is published yet', 'wait for the owner of the subnet')
      const {exam, examHash} = found.value
      const {name, version} = mechanism(exam.mechanism)
      mechanism(exam.mechanism).rule(exam)
      const detail = `${name} version ${version}, ${examHash.slice(0, 12)}…`
      const net = await unless(async () => (await chain()).metagraph(netuid, signal), 'the chain does not answer')
      if ('why' in net) return ok(`${detail}, supported; ${net.why}, so its signature is not checked`)
      const {ownerHotkey} = net.value
      const fault = ownerHotkey ? examFault(found.value, ownerHotkey, verify) : 'the subnet has no owner'
      if (fault) return fail(`${detail}, cannot be trusted: ${fault}`, 'check API_URL and NETWORK; ask the owner')
      return ok(`${detail}, supported and signed by the owner`)
    },
  }
}

export function clockCheck(skewMs: (signal: AbortSignal) => Promise<number>): Check {
  return {
    name: 'clock',
    run: async (signal) => {
      const found = await unless(() => skewMs(signal), 'the API does not tell the time')
      if ('why' in found) return skipped(found.why)
      const seconds = Math.round(found.value / 1000)
      if (Math.abs(found.value) <= goodSkewMs) return ok("as the API's")
      const detail = `${Math.abs(seconds)} s ${seconds > 0 ? 'ahead of' : 'behind'} the API's`
      const hint = "set this machine's clock: timedatectl set-ntp true"
      return Math.abs(found.value) > maxSkewMs
        ? fail(`${detail}: signed requests will be refused`, hint)
        : warn(detail, hint)
    },
  }
}

export function bucketCheck(probe: BucketProbe, knownKey: (signal: AbortSignal) => Promise<string | undefined>): Check {
  return {
    name: probe.name,
    // The question for the key comes first, and the store may ask to wait.
    deadlineMs: 45_000,
    run: async (signal) => {
      const found = await unless(() => knownKey(signal), '')
      return probe.run('why' in found ? undefined : found.value, signal)
    },
  }
}

const JudgePart = z.object({
  judge: z.object({name: z.string(), options: z.looseObject({model: z.string().optional()})}),
})

/** The judge that the exam names, and the model that it asks for where it asks one. */
export function judgeOf(exam: SignedExam | undefined): {name: string; model: string | undefined} | undefined {
  const found = JudgePart.safeParse(exam?.exam.params)
  return found.success ? {name: found.data.judge.name, model: found.data.judge.options.model} : undefined
}

export interface JudgeAccess {
  readonly vision: () => Promise<VisionModel>
  /** Different each time: an answer that is remembered would prove nothing. */
  readonly sample: number
}

export function judgeCheck(parts: Pick<DoctorParts, 'api' | 'judgeNames'>, access: JudgeAccess): Check {
  return {
    name: 'judge',
    deadlineMs: 60_000,
    run: async (signal) => {
      const exam = await unless(async () => (await parts.api()).exam(signal), 'the API does not answer')
      const judge = 'why' in exam ? undefined : judgeOf(exam.value)
      if (!judge) return skipped('which judge the exam wants is not known')
      if (!(await parts.judgeNames()).includes(judge.name)) {
        return fail(`the exam wants judge ${judge.name}, which this program does not have`, 'upgrade leoma')
      }
      if (judge.model === undefined) return ok(`${judge.name}, which needs no key`)
      return ok(`${judge.name}: ${await askModel(judge.model, access, signal)}`)
    },
  }
}

/** The model that writes prompts, where one is configured. */
export function captionerCheck(model: string, access: JudgeAccess): Check {
  return {
    name: 'prompt writer',
    deadlineMs: 60_000,
    run: async (signal) => ok(await askModel(model, access, signal)),
  }
}

const Ready = z.strictObject({ready: z.boolean()})

/** A question of a few tokens, as the program itself would ask it: key, credit, model and answers in a shape. */
async function askModel(model: string, {vision, sample}: JudgeAccess, signal: AbortSignal): Promise<string> {
  const connected = await vision()
  const {servedBy, usage} = await connected.ask(
    {
      ...{model, sample, account: 'doctor', detail: 'low', sampling: {}},
      instructions: 'Say that you are ready.',
      parts: [{text: 'Are you ready?'}],
      answer: {name: 'ready', schema: Ready},
      maxTokens: 256,
    },
    signal,
  )
  return `${servedBy} answered in ${(usage.latencyMs / 1000).toFixed(1)} s, for ${usage.usd.toFixed(5)} dollars`
}

/** A credential that some can do without: said to be missing, or tried out. */
export function credentialCheck(
  name: string,
  {
    isSet,
    isNeeded,
    variable,
    ask,
  }: {
    readonly isSet: boolean
    readonly isNeeded: boolean
    readonly variable: string
    readonly ask: (signal: AbortSignal) => Promise<string>
  },
): Check {
  return {
    name,
    run: async (signal) => {
      if (isSet) return ok(await ask(signal))
      return isNeeded ? fail(`${variable} is not set`, `set ${variable}`) : skipped(`${variable} is not set`)
    },
  }
}

/** What another check tells of in full is only referred to here. */
async function unless<T>(work: () => Promise<T>, why: string): Promise<{readonly value: T} | {readonly why: string}> {
  try {
    return {value: await work()}
  } catch (error) {
    if (error instanceof LeomaError) return {why}
    throw error
  }
}

function alpha(rao: bigint): string {
  return (Number(rao / 1_000_000n) / 1000).toFixed(3)
}
