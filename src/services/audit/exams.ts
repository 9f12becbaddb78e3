import {SignedExam} from '../../domain/exam.js'
import type {Hotkey, TaskId} from '../../domain/ids.js'
import {examFault} from '../../domain/signed.js'
import {LeomaError} from '../../errors.js'
import type {AnyMechanism, Rule} from '../../mechanisms/types.js'
import type {Verify} from '../../wallet/port.js'
import type {Findings} from './findings.js'
import {readPiece, short} from './pieces.js'

export interface AuditedExam {
  readonly signed: SignedExam
  /** Undefined when this program cannot run it. */
  readonly rule: Rule | undefined
}

/** The exams of a subnet by hash, and which one a task must have been set under. */
export class ExamHistory {
  readonly #exams: readonly AuditedExam[]
  /** False when one of them could not be read: then nobody can say which exam a task belongs to. */
  readonly isWhole: boolean

  constructor(exams: readonly AuditedExam[], isWhole: boolean) {
    this.#exams = exams
    this.isWhole = isWhole
  }

  find(hash: string): AuditedExam | undefined {
    return this.#exams.find(({signed}) => signed.examHash === hash)
  }

  /** The newest of those that begin at or before it; of two that begin with the same task the later publication. */
  ofTask(taskId: TaskId): AuditedExam | undefined {
    let found: AuditedExam | undefined
    for (const exam of this.#exams) {
      const {fromTask} = exam.signed.exam
      if (fromTask <= taskId && fromTask >= (found?.signed.exam.fromTask ?? 0)) found = exam
    }
    return found
  }
}

export function readExams(
  texts: readonly string[],
  {
    mechanism,
    ownerHotkey,
    netuid,
    verify,
  }: {
    readonly mechanism: AnyMechanism
    readonly ownerHotkey: Hotkey | null
    readonly netuid: number
    readonly verify: Verify
  },
  findings: Findings,
): ExamHistory {
  let isWhole = true
  const exams = texts.flatMap((text, index): AuditedExam[] => {
    findings.looked('exams')
    const signed = readPiece(
      text,
      SignedExam,
      {check: 'exams', object: `exam ${index + 1} of ${texts.length}`},
      findings,
    )
    if (!signed) {
      isWhole = false
      return []
    }
    const object = `exam ${index + 1} of ${texts.length}`
    const {exam, examHash} = signed
    // An owner's key may change; then earlier exams were signed by the key of then, which nobody can ask for any more.
    const fault = examFault(signed, index === texts.length - 1 && ownerHotkey ? ownerHotkey : signed.signer, verify)
    if (fault) {
      isWhole = false
      const remedy = "the exam in force must be signed by the subnet's owner: leoma exam show"
      const expected = `an exam signed by ${ownerHotkey ?? 'the owner'}, with hash ${short(examHash)}`
      findings.error('exams', {code: 'EXAM_UNTRUSTED', object, who: signed.signer, expected, found: fault, remedy})
      return []
    }
    if (ownerHotkey && signed.signer !== ownerHotkey)
      findings.warning('exams', {
        ...{code: 'EXAM_EARLIER_OWNER', object, who: signed.signer},
        expected: `signed by ${ownerHotkey}`,
        found: `signed by ${signed.signer}, who may have owned the subnet before`,
      })
    if (exam.netuid !== netuid || exam.mechanism !== mechanism.name) return []
    return [{signed, rule: ruleOf(signed, mechanism, object, findings)}]
  })
  return new ExamHistory(exams, isWhole)
}

function ruleOf({exam}: SignedExam, mechanism: AnyMechanism, object: string, findings: Findings): Rule | undefined {
  try {
    return mechanism.rule(exam)
  } catch (error) {
    const {code, message} = LeomaError.from(error)
    if (code !== 'EXAM_UNSUPPORTED') throw error
    findings.warning('exams', {
      ...{code: 'EXAM_UNSUPPORTED', object, remedy: 'audit with a leoma that can run it'},
      expected: `version ${mechanism.version} of ${mechanism.name}`,
      found: message,
    })
    return undefined
  }
}
