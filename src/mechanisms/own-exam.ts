import type {OwnerApi} from '../api/port.js'
import type {Chain} from '../chain/port.js'
import {hashOf} from '../domain/canonical.js'
import type {Exam, SignedExam} from '../domain/exam.js'
import type {Sha256} from '../domain/ids.js'
import {examFault} from '../domain/signed.js'
import {isAbort, LeomaError} from '../errors.js'
import type {Logger} from '../runtime/logger.js'
import type {Verify} from '../wallet/port.js'

/** Where the last exam that was seen is kept, so that neither a restart nor an API that is away changes what is asked. */
export interface ExamMemory {
  current(): SignedExam | undefined
  keep(signed: SignedExam): void
}

/** An exam and its hash; without a signature when the owner has never been heard of. */
export interface ExamInForce {
  readonly exam: Exam
  readonly examHash: Sha256
}

export interface ExamDeps {
  readonly mechanism: {readonly name: string; readonly version: number; readonly defaults: unknown}
  readonly api: Pick<OwnerApi, 'ownExam'>
  readonly chain: Pick<Chain, 'metagraph'>
  readonly netuid: number
  readonly verify: Verify
  readonly memory: ExamMemory
  readonly log: Logger
}

/**
 * The exam of a mechanism of scope `own`: what the subnet's owner signed; what it signed last, when its API is away; and
 * what this program ships, when it has never said anything. So a validator and its executor need no central API, and sit
 * one exam with everybody else as soon as there is one.
 */
export async function examInForce(
  {mechanism, api, chain, netuid, verify, memory, log}: ExamDeps,
  signal: AbortSignal,
): Promise<ExamInForce> {
  const known = memory.current()
  const {ownerHotkey} = await chain.metagraph(netuid, signal)
  try {
    const signed = await api.ownExam(mechanism.name, signal)
    const fault = signed && faultOf(signed, ownerHotkey, verify, {name: mechanism.name, netuid})
    if (fault !== undefined) log.error({reason: fault}, 'the exam of the owner is not trusted')
    else if (signed) {
      if (signed.examHash !== known?.examHash) memory.keep(signed)
      return signed
    }
  } catch (error) {
    if (isAbort(error, signal)) throw error
    log.debug({err: LeomaError.from(error)}, 'the exam cannot be had')
  }
  if (known && faultOf(known, ownerHotkey, verify, {name: mechanism.name, netuid}) === undefined) return known
  return shippedExam(mechanism, netuid, ownerHotkey)
}

function faultOf(
  signed: SignedExam,
  ownerHotkey: SignedExam['signer'] | null,
  verify: Verify,
  {name, netuid}: {readonly name: string; readonly netuid: number},
): string | undefined {
  if (ownerHotkey === null) return 'the subnet has no owner'
  if (signed.exam.mechanism !== name || signed.exam.netuid !== netuid) return 'it is of another mechanism or subnet'
  return examFault(signed, ownerHotkey, verify)
}

/** The exam that follows from the chain and this program alone. */
function shippedExam(
  {name, version, defaults}: ExamDeps['mechanism'],
  netuid: number,
  ownerHotkey: SignedExam['signer'] | null,
): ExamInForce {
  const exam: Exam = {
    version: 1,
    mechanism: name,
    mechanismVersion: version,
    netuid,
    fromTask: 1,
    samplers: ownerHotkey === null ? [] : [ownerHotkey],
    // Parameters are JSON by their schema; a copy, because nobody may change the defaults.
    params: JSON.parse(JSON.stringify(defaults)) as Exam['params'],
  }
  return {exam, examHash: hashOf(exam)}
}
