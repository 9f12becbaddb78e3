import {z} from 'zod'
import {canonicalJson, hashOf} from '../domain/canonical.js'
import {Exam, type SignedExam} from '../domain/exam.js'
import {compareText, type Hotkey, type TaskId} from '../domain/ids.js'
import {examFault, signValue} from '../domain/signed.js'
import {LeomaError} from '../errors.js'
import type {Judge} from '../judge/port.js'
import type {AnyMechanism} from '../mechanisms/types.js'
import {currentExam, findExam, publishExam} from '../store/exams.js'
import {getMeta, setMeta} from '../store/meta.js'
import type {Store} from '../store/open.js'
import {latestTaskId} from '../store/tasks.js'
import type {Signer, Verify} from '../wallet/port.js'

export interface ExamOptions {
  readonly store: Store
  readonly mechanism: AnyMechanism
  /** The mechanism's parameters; checked by the mechanism. */
  readonly params: unknown
  readonly netuid: number
  readonly samplers: readonly Hotkey[]
  /** The subnet owner's hotkey. */
  readonly signer: Signer
  /** Milliseconds since 1970. */
  readonly at: number
}

/** Hash of what the configuration last asked for, so that a restart does not undo what was published since. */
const configuredKey = 'exam.configured'

/**
 * Publishes the first exam, or a new one from the next task on when the configuration is another than at the last start;
 * otherwise what is in force stays, also when it was published by hand. Throws `EXAM_UNSUPPORTED` for parameters that the
 * mechanism refuses.
 */
export function ensureExam({store, mechanism, params, netuid, samplers, signer, at}: ExamOptions): SignedExam {
  const wanted = {
    version: 1,
    mechanism: mechanism.name,
    mechanismVersion: mechanism.version,
    netuid,
    samplers: [...new Set(samplers)].sort(compareText),
    params,
  }
  return store.sql.transaction(() => {
    const current = currentExam(store)
    const configured = hashOf(wanted)
    if (current && current.signer === signer.hotkey) {
      const {fromTask, ...same} = current.exam
      const before = getMeta(store, configuredKey)
      if (before === configured || canonicalJson(same) === canonicalJson(wanted)) {
        setMeta(store, configuredKey, configured)
        return current
      }
    }
    const exam = Exam.parse({...wanted, fromTask: latestTaskId(store) + 1})
    mechanism.rule(exam)
    const signed = signExam(exam, signer)
    publishExam(store, signed, at)
    setMeta(store, configuredKey, configured)
    return signed
  })
}

export function signExam(exam: Exam, signer: Signer): SignedExam {
  return {exam, examHash: hashOf(exam), signer: signer.hotkey, signature: signValue('exam', exam, signer)}
}

export interface ExamIntakeDeps {
  readonly store: Store
  readonly mechanism: AnyMechanism
  readonly netuid: number
  readonly ownerHotkey: Hotkey
  readonly verify: Verify
  /** Milliseconds since 1970. */
  readonly at: number
}

export type ExamIntake =
  | {readonly ok: true; readonly current: boolean}
  | {readonly ok: false; readonly status: 409 | 422; readonly detail: string}

/**
 * Takes in an exam that its owner signed: one that this program can run, from a task on that has not been made. What has
 * been examined stays examined as it was. The same exam twice is one publication.
 */
export function takeExam(signed: SignedExam, deps: ExamIntakeDeps): ExamIntake {
  const {store, mechanism, netuid, ownerHotkey, verify, at} = deps
  const refuse = (status: 409 | 422, detail: string): ExamIntake => ({ok: false, status, detail})
  const {exam, examHash} = signed
  const fault = examFault(signed, ownerHotkey, verify)
  if (fault) return refuse(422, `The exam is refused: ${fault}`)
  if (exam.netuid !== netuid) return refuse(422, `The exam is of subnet ${exam.netuid}, this is ${netuid}`)
  const unsupported = unsupportedBy(mechanism, exam)
  if (unsupported) return refuse(422, `The exam is refused: ${unsupported}`)
  return store.sql.transaction((): ExamIntake => {
    const isCurrent = () => currentExam(store)?.examHash === examHash
    if (findExam(store, examHash) && isCurrent()) return {ok: true, current: true}
    const next = latestTaskId(store) + 1
    if (exam.fromTask < next) {
      const past = `task ${exam.fromTask} has been made already; the earliest that an exam can begin with is ${next}`
      return refuse(409, `An exam cannot rewrite the past: ${past}`)
    }
    publishExam(store, signed, at)
    return {ok: true, current: isCurrent()}
  })
}

/** Why this program cannot run an exam, with the version that it takes; undefined when it can. */
export function unsupportedBy(mechanism: AnyMechanism, exam: Exam): string | undefined {
  try {
    mechanism.rule(exam)
    return undefined
  } catch (error) {
    if (error instanceof LeomaError && error.code === 'EXAM_UNSUPPORTED') return error.message
    throw error
  }
}

const Judged = z.looseObject({
  judge: z.looseObject({name: z.string(), version: z.number(), options: z.unknown().optional()}),
})

/**
 * Why no validator with this program could judge under an exam; undefined when it can, or when nobody judges under it. The
 * rule that ranks does not ask: whoever only ranks need not be able to judge.
 */
export function judgeFault(
  {params}: {readonly params: unknown},
  judges: readonly Pick<Judge, 'name' | 'version' | 'options'>[],
): string | undefined {
  const {judge: wanted} = Judged.safeParse(params).data ?? {}
  if (!wanted) return undefined
  const judge = judges.find(({name, version}) => name === wanted.name && version === wanted.version)
  if (!judge) {
    const known = judges.map(({name, version}) => `${name} ${version}`).join(', ')
    return `there is no judge ${wanted.name} ${wanted.version}; this program has ${known}`
  }
  const options = judge.options.safeParse(wanted.options)
  return options.success ? undefined : `the options of judge ${wanted.name}: ${z.prettifyError(options.error)}`
}

/** First task of a new exam unless the owner says otherwise: the round that is being held now still counts. */
export function firstTaskOfNext(latest: TaskId | 0): TaskId {
  return latest + 2
}
