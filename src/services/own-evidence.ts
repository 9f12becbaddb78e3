import {z} from 'zod'
import type {OwnerApi} from '../api/port.js'
import type {Chain} from '../chain/port.js'
import type {Netuid} from '../domain/ids.js'
import {recordFault} from '../domain/record.js'
import {isAbort, LeomaError} from '../errors.js'
import {type ExamInForce, examInForce} from '../mechanisms/own-exam.js'
import type {AnyMechanism, Instrument, KnownSubmission} from '../mechanisms/types.js'
import type {Clock, Tick} from '../runtime/clock.js'
import type {Logger} from '../runtime/logger.js'
import type {Service} from '../runtime/service.js'
import {getMeta, setMeta} from '../store/meta.js'
import type {Store} from '../store/open.js'
import {currentOwnExam, publishOwnExam} from '../store/own-exams.js'
import {StoreRecords} from '../store/records.js'
import type {Signer, Verify} from '../wallet/port.js'
import {provenSubmissions, syncCommitments, takeOver} from './submissions.js'

export interface OwnEvidenceDeps {
  readonly mechanism: AnyMechanism
  /** Undefined when none is configured; then only what is stored counts. */
  readonly instrument: Instrument | undefined
  readonly store: Store
  readonly chain: Pick<Chain, 'blockTimeMs' | 'commitments' | 'metagraph'>
  readonly api: Pick<OwnerApi, 'blacklist' | 'ownExam' | 'publishRecord' | 'submissions'>
  readonly signer: Signer
  readonly verify: Verify
  readonly netuid: Netuid
  readonly clock: Pick<Clock, 'now'>
  readonly log: Logger
}

const pageSize = 20
/** Pages of one turn: an executor with a long history must not hold up the weights. */
const maxPages = 50

/**
 * A validator's own evidence: brings what is submitted to its instrument, and the instrument's signed records home and to
 * the public. Whatever cannot be reached is tried again at the next turn; nothing is forgotten in between.
 */
export class OwnEvidence {
  readonly #deps: OwnEvidenceDeps
  readonly #records: StoreRecords
  #lastFault: string | undefined

  constructor(deps: OwnEvidenceDeps) {
    this.#deps = deps
    this.#records = new StoreRecords(deps.store, deps.clock)
  }

  async turn({signal}: Pick<Tick, 'signal'>): Promise<void> {
    const {chain, mechanism, netuid, instrument, log} = this.#deps
    const {block} = await chain.metagraph(netuid, signal)
    const {exam} = await this.exam(signal)
    const known = await this.#gather(mechanism.rule(exam).submissionWindowS, block.number, signal)
    if (!instrument) {
      this.#fault('no executor is configured: set EXECUTOR_API_URL')
      return
    }
    try {
      await instrument.update(known, signal)
      await this.#bringHome(instrument, signal)
      setMeta(this.#deps.store, heardKey(mechanism.name), String(block.number))
      this.#fault(undefined)
    } catch (error) {
      if (isAbort(error, signal)) throw error
      this.#fault(`the executor does not serve: ${LeomaError.from(error).message}`)
      log.debug({err: error}, 'the executor does not serve')
    }
    await this.#publish(signal)
  }

  exam(signal: AbortSignal): Promise<ExamInForce> {
    const {store, mechanism, clock} = this.#deps
    const memory = {
      current: () => currentOwnExam(store, mechanism.name),
      keep: (signed: Parameters<typeof publishOwnExam>[1]) => publishOwnExam(store, signed, clock.now()),
    }
    return examInForce({...this.#deps, memory}, signal)
  }

  /** What is submitted, as far as this validator knows. */
  submissions(): KnownSubmission[] {
    const {mechanism, store} = this.#deps
    const banned = new Set(z.array(z.string()).parse(JSON.parse(getMeta(store, bannedKey) ?? '[]')))
    return provenSubmissions(store, mechanism.name).map((submission) => ({
      ...submission,
      isBlacklisted: submission.isBlacklisted || banned.has(submission.hotkey),
    }))
  }

  /** From the owner's API and from the chain; one of them is enough. */
  async #gather(windowS: number, head: number, signal: AbortSignal): Promise<KnownSubmission[]> {
    const {api, chain, clock, log, mechanism, netuid, store, verify} = this.#deps
    try {
      const offered = await api.submissions(mechanism.name, signal)
      takeOver({store, mechanism, verify, head}, offered)
      setMeta(store, bannedKey, JSON.stringify(await api.blacklist(signal)))
    } catch (error) {
      if (isAbort(error, signal)) throw error
      log.debug({err: LeomaError.from(error)}, 'the API does not say what is submitted; the chain does')
    }
    syncCommitments({
      ...{store, mechanism, windowS, at: clock.now(), block: head},
      blockTimeMs: chain.blockTimeMs,
      commitments: await chain.commitments(netuid, signal),
    })
    return this.submissions()
  }

  async #bringHome(instrument: Instrument, signal: AbortSignal): Promise<void> {
    const {mechanism, netuid, signer, verify, log} = this.#deps
    for (let page = 0; page < maxPages; page++) {
      const last = this.#records.last(mechanism.name, signer.hotkey)?.record.sequence ?? 0
      const records = await instrument.recordsAfter(last, pageSize, signal)
      for (const signed of records) {
        const {record} = signed
        const fault =
          record.author === signer.hotkey
            ? recordFault(signed, {mechanism: mechanism.name, netuid}, verify)
            : `it is signed by ${record.author}, not by this validator`
        if (fault !== undefined) throw new LeomaError('data', 'RECORD_UNTRUSTED', `a record is not trusted: ${fault}`)
        this.#records.append(signed)
        log.info({mechanism: mechanism.name, sequence: record.sequence, block: record.block}, 'record brought home')
      }
      if (records.length < pageSize) return
    }
  }

  /** In order and without gaps, as the owner's log wants them. */
  async #publish(signal: AbortSignal): Promise<void> {
    const {api, log, mechanism, signer, store} = this.#deps
    const key = `published.${mechanism.name}`
    for (;;) {
      const done = Number(getMeta(store, key) ?? 0)
      const [next] = this.#records.after(mechanism.name, signer.hotkey, done, 1)
      if (!next) return
      try {
        await api.publishRecord(next, signal)
      } catch (error) {
        if (isAbort(error, signal)) throw error
        log.warn({sequence: next.record.sequence, err: error}, 'a record could not be published, it is tried again')
        return
      }
      setMeta(store, key, String(next.record.sequence))
    }
  }

  /** Once for each reason, not once for each block. */
  #fault(reason: string | undefined): void {
    const {log, mechanism} = this.#deps
    if (reason === this.#lastFault) return
    // Both may have been started just now, and the executor needs longer.
    const isEarly = getMeta(this.#deps.store, heardKey(mechanism.name)) === undefined
    if (reason !== undefined) log[isEarly ? 'warn' : 'error']({mechanism: mechanism.name, reason}, 'no new evidence')
    else if (this.#lastFault !== undefined) log.info({mechanism: mechanism.name}, 'the executor serves again')
    this.#lastFault = reason
  }
}

/** The owner's ban list as it was last heard of. */
const bannedKey = 'banned'

/** Block at which the instrument was last heard of. */
export const heardKey = (mechanism: string) => `heard.${mechanism}`

export function ownEvidenceService(evidence: OwnEvidence, mechanism: string): Service {
  return {
    name: 'evidence',
    start: (clock) => clock.every(`evidence-${mechanism}`, {blocks: 1}, (tick) => evidence.turn(tick)),
  }
}
