import {readFile, stat} from 'node:fs/promises'
import type {App} from '../app.js'
import {hashOf} from '../domain/canonical.js'
import {Exam, SignedExam} from '../domain/exam.js'
import {Hotkey, type TaskId} from '../domain/ids.js'
import {examFault} from '../domain/signed.js'
import {LeomaError} from '../errors.js'

/** More than any exam has; a file beyond it is something else. */
const maxFileBytes = 1024 * 1024

export interface FoundExam {
  readonly exam: Exam
  readonly examHash: string
  /** Undefined for one that nobody has signed: the shipped default, or bare parameters. */
  readonly signed: SignedExam | undefined
  /** Where it came from. */
  readonly from: string
  /** Why its signature does not hold; undefined when it does, or when there is none or no chain to ask. */
  readonly fault: string | undefined
  /** Why this program cannot run it, with the version that it takes; undefined when it can. */
  readonly unsupported: string | undefined
}

/**
 * An exam by how a person names it: `current`, `default`, `task:N`, a hash or its beginning, or a file with a signed exam,
 * an exam, or its parameters.
 */
export async function findExam(app: App, name: string, mechanism: string, signal: AbortSignal): Promise<FoundExam> {
  if (name === 'default')
    return describe(await defaultExam(app, mechanism), undefined, 'shipped with this program', app)
  if (await isFile(name)) return fromFile(app, name, mechanism)
  const [, task] = /^task:(\d{1,10})$/.exec(name) ?? []
  if (name !== 'current' && task === undefined && !/^[0-9a-f]{4,64}$/.test(name)) {
    throw new LeomaError('usage', 'EXAM_UNKNOWN', `${JSON.stringify(name.slice(0, 80))} names no exam`, {
      hints: ['current, default, task:N, a hash (its first digits do), or a file that is there'],
    })
  }
  const api = await app.evidence()
  const exams = await listExams(app, signal)
  const missing = (what: string) =>
    new LeomaError('upstream', 'EXAM_MISSING', `${api.url} has published no exam ${what}`, {
      hints: ['leoma exam list shows those that it has; a file, default, current and task:N have names too'],
      retryable: false,
    })
  const latest = (await api.latestTask(signal)) ?? 0
  if (name === 'current' || task !== undefined) {
    const found = ofTask(exams, task === undefined ? latest + 1 : Number(task))
    if (!found) throw missing(task === undefined ? 'yet' : `for task ${task}`)
    return describe(found.exam, found, api.url, app)
  }
  const found = exams.filter(({examHash}) => examHash.startsWith(name))
  const [only, ...more] = found
  if (!only) throw missing(`with hash ${name}`)
  if (more.length > 0)
    throw new LeomaError('usage', 'EXAM_AMBIGUOUS', `${found.length} exams begin with ${name}`, {
      hints: ['give more digits'],
    })
  return describe(only.exam, only, api.url, app)
}

/** All that were published, in the order of publication. */
export async function listExams(app: App, signal: AbortSignal): Promise<readonly SignedExam[]> {
  const texts = (await (await app.evidence()).examTexts(signal)) ?? []
  return texts.map((text) => {
    const exam = SignedExam.safeParse(parsed(text))
    if (exam.success) return exam.data
    throw new LeomaError('upstream', 'EXAM_UNREADABLE', 'the owner publishes an exam that cannot be read', {
      hints: ['upgrade leoma', 'leoma audit says which one it is'],
      cause: exam.error,
      retryable: false,
    })
  })
}

/** What the owner would sign: parameters from a file, everything else from the exam in force unless given. */
export interface NewExam {
  readonly file: string
  readonly mechanism: string
  /** The round after the one that is being held now, when absent. */
  readonly fromTask: TaskId | undefined
  readonly samplers: readonly Hotkey[]
}

export async function signNewExam(app: App, wanted: NewExam, signal: AbortSignal): Promise<SignedExam> {
  const [{signExam, firstTaskOfNext, unsupportedBy}, {mechanism}, {walletReady}] = await Promise.all([
    import('../services/exam.js'),
    import('../mechanisms/registry.js'),
    import('../wallet/keypair.js'),
  ])
  await walletReady()
  const run = mechanism(wanted.mechanism)
  const json = await readJson(wanted.file)
  const signer = await app.signer()
  const {fromTask, samplers} = wanted
  const given = Exam.safeParse(partOf(json, 'exam') ?? json)
  const api = await app.evidence()
  const [current, latest] = await Promise.all([api.exam(signal), api.latestTask(signal)])
  const exam = Exam.parse({
    version: 1,
    mechanism: run.name,
    mechanismVersion: run.version,
    netuid: app.config.netuid,
    samplers: samplers.length > 0 ? samplers : (given.data?.samplers ?? current?.exam.samplers ?? [signer.hotkey]),
    params: given.data?.params ?? json,
    fromTask: fromTask ?? firstTaskOfNext(latest ?? 0),
  })
  const unsupported = unsupportedBy(run, exam)
  if (unsupported !== undefined) throw new LeomaError('config', 'EXAM_UNSUPPORTED', unsupported)
  await checkJudge(app, exam)
  return signExam(exam, signer)
}

/** An exam whose judge nobody has would stop every validator until the next one. */
async function checkJudge(app: App, exam: Exam): Promise<void> {
  const {judgeFault} = await import('../services/exam.js')
  const fault = judgeFault(exam, await app.judges())
  if (fault === undefined) return
  throw new LeomaError('config', 'EXAM_UNSUPPORTED', `no validator could judge under this exam: ${fault}`, {
    hints: ['upgrade leoma, where a newer one has this judge'],
  })
}

export async function readSignedExam(app: App, file: string): Promise<SignedExam> {
  const signed = SignedExam.safeParse(await readJson(file))
  if (signed.success) {
    await checkJudge(app, signed.data.exam)
    return signed.data
  }
  throw invalid(file, 'it is not what leoma exam sign prints', signed.error)
}

export const publishSigned = async (app: App, signed: SignedExam, signal: AbortSignal) =>
  (await app.exams()).publishExam(signed, signal)

async function fromFile(app: App, file: string, mechanism: string): Promise<FoundExam> {
  const json = await readJson(file)
  const signed = SignedExam.safeParse(json)
  if (signed.success) return describe(signed.data.exam, signed.data, file, app)
  const exam = Exam.safeParse(json)
  if (exam.success) return describe(exam.data, undefined, file, app)
  const base = await defaultExam(app, mechanism)
  const params = Exam.shape.params.safeParse(json)
  if (!params.success) throw invalid(file, 'it holds no exam and no parameters of one', params.error)
  return describe({...base, params: params.data}, undefined, file, app)
}

async function defaultExam(app: App, name: string): Promise<Exam> {
  const {mechanism} = await import('../mechanisms/registry.js')
  const {version, defaults} = mechanism(name)
  // Nobody has signed it, so nobody is a sampler: the address stands for whoever will be.
  const samplers = [Hotkey.parse('5'.padEnd(48, '1'))]
  const {netuid} = app.config
  return Exam.parse({
    version: 1,
    mechanism: name,
    mechanismVersion: version,
    netuid,
    fromTask: 1,
    samplers,
    params: defaults,
  })
}

async function describe(exam: Exam, signed: SignedExam | undefined, from: string, app: App): Promise<FoundExam> {
  const [{mechanisms}, {judgeFault, unsupportedBy}, {verify, walletReady}] = await Promise.all([
    import('../mechanisms/registry.js'),
    import('../services/exam.js'),
    import('../wallet/keypair.js'),
  ])
  await walletReady()
  const run = mechanisms.find(({name}) => name === exam.mechanism)
  const judge = judgeFault(exam, await app.judges())
  return {
    exam,
    examHash: signed?.examHash ?? hashOf(exam),
    signed,
    from,
    // Whether the signer owns the subnet is for the chain to say; here only whether it signed this.
    fault: signed && examFault(signed, signed.signer, verify),
    unsupported: run
      ? (unsupportedBy(run, exam) ?? judge)
      : `this program has no mechanism ${exam.mechanism} (netuid ${app.config.netuid})`,
  }
}

/** As the store does it: the newest beginning at or before the task; of two the later publication. */
function ofTask(exams: readonly SignedExam[], taskId: TaskId): SignedExam | undefined {
  let found: SignedExam | undefined
  for (const exam of exams) {
    const {fromTask} = exam.exam
    if (fromTask <= taskId && fromTask >= (found?.exam.fromTask ?? 0)) found = exam
  }
  return found
}

const isFile = async (name: string) => (await stat(name).catch(() => undefined))?.isFile() === true

async function readJson(file: string): Promise<unknown> {
  const found = await stat(file).catch((error: unknown) => {
    throw invalid(file, 'it cannot be read', error)
  })
  if (found.size > maxFileBytes) throw invalid(file, `it has more than ${maxFileBytes} bytes`)
  const text = await readFile(file, 'utf8')
  try {
    return JSON.parse(text)
  } catch (error) {
    throw invalid(file, 'it is not JSON', error)
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function partOf(json: unknown, key: string): unknown {
  return typeof json === 'object' && json !== null ? Reflect.get(json, key) : undefined
}

function invalid(file: string, why: string, cause?: unknown): LeomaError {
  return new LeomaError('usage', 'EXAM_FILE_INVALID', `${file} is no exam: ${why}`, {
    hints: ['a file as EXAM_FILE takes it, or what leoma exam show --json or exam sign printed'],
    ...(cause === undefined ? {} : {cause}),
  })
}
