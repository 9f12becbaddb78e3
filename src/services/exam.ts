import {canonicalJson, hashOf} from '../domain/canonical.js'
import {Exam, type SignedExam} from '../domain/exam.js'
import {compareText, type Hotkey} from '../domain/ids.js'
import {signValue} from '../domain/signed.js'
import type {AnyMechanism} from '../mechanisms/types.js'
import {currentExam, publishExam} from '../store/exams.js'
import type {Store} from '../store/open.js'
import {latestTaskId} from '../store/tasks.js'
import type {Signer} from '../wallet/port.js'

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

/**
 * Publishes the first exam, or a new one from the next task on when anything differs; otherwise the current one stays.
 * Throws `EXAM_UNSUPPORTED` for parameters that the mechanism refuses.
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
    if (current && current.signer === signer.hotkey) {
      const {fromTask, ...same} = current.exam
      if (canonicalJson(same) === canonicalJson(wanted)) return current
    }
    const exam = Exam.parse({...wanted, fromTask: latestTaskId(store) + 1})
    mechanism.rule(exam)
    const signed: SignedExam = {
      exam,
      examHash: hashOf(exam),
      signer: signer.hotkey,
      signature: signValue('exam', exam, signer),
    }
    publishExam(store, signed, at)
    return signed
  })
}
