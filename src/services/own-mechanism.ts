import type {Chain, Metagraph} from '../chain/port.js'
import {canonicalJson} from '../domain/canonical.js'
import {Exam, type SignedExam} from '../domain/exam.js'
import type {Hotkey, Netuid} from '../domain/ids.js'
import type {Ranking} from '../domain/ranking.js'
import {recordFault, type SignedRecord} from '../domain/record.js'
import type {SubnetView} from '../domain/subnet.js'
import {LeomaError} from '../errors.js'
import type {AnyMechanism, KnownSubmission} from '../mechanisms/types.js'
import type {Clock} from '../runtime/clock.js'
import type {Logger} from '../runtime/logger.js'
import type {Store} from '../store/open.js'
import {currentOwnExam, publishOwnExam} from '../store/own-exams.js'
import {recordLogs, StoreRecords} from '../store/records.js'
import type {Signer, Verify} from '../wallet/port.js'
import {signExam} from './exam.js'
import {OwnLogs, ownView} from './own-log.js'
import {knownSubmissions, type Offer, type Submitted, submit, syncCommitments} from './submissions.js'

export interface OwnMechanismDeps {
  readonly store: Store
  readonly mechanism: AnyMechanism
  /** The mechanism's parameters; checked by the mechanism. */
  readonly params: unknown
  readonly netuid: Netuid
  /** Index on the chain. */
  readonly mecid: number
  /** The subnet owner's hotkey. */
  readonly signer: Signer
  readonly verify: Verify
  readonly chain: Pick<Chain, 'metagraph' | 'commitments' | 'blockTimeMs'>
  readonly time: Pick<Clock, 'now'>
  readonly log: Logger
}

export interface OwnRanking {
  /** Whose evidence it is. */
  readonly author: Hotkey
  readonly ranking: Ranking
  readonly view: SubnetView
  /** Milliseconds since 1970. */
  readonly madeAt: number
}

export type RecordIntake =
  | {readonly ok: true}
  | {readonly ok: false; readonly status: 403 | 409 | 422; readonly detail: string}

/**
 * The owner's half of a mechanism of scope `own`: takes submissions, serves them to validators, and keeps and shows the
 * evidence that validators publish. Nobody is paid by what it says: every validator weighs its own evidence.
 */
export class OwnMechanism {
  readonly #deps: OwnMechanismDeps
  readonly #records: StoreRecords
  readonly #logs: OwnLogs
  #metagraph: Metagraph | undefined
  #rankings: readonly OwnRanking[] = []

  constructor(deps: OwnMechanismDeps) {
    this.#deps = deps
    this.#records = new StoreRecords(deps.store, deps.time)
    this.#logs = new OwnLogs(deps.mechanism, this.#records)
  }

  get name(): string {
    return this.#deps.mechanism.name
  }

  get mechanism(): AnyMechanism {
    return this.#deps.mechanism
  }

  get mecid(): number {
    return this.#deps.mecid
  }

  /** Publishes an exam when there is none, or when the configured parameters are others. */
  prepare(): SignedExam {
    const {store, mechanism, params, netuid, signer, time} = this.#deps
    const exam = Exam.parse({
      version: 1,
      mechanism: mechanism.name,
      mechanismVersion: mechanism.version,
      netuid,
      fromTask: 1,
      samplers: [signer.hotkey],
      params,
    })
    mechanism.rule(exam)
    return store.sql.transaction(() => {
      const current = currentOwnExam(store, mechanism.name)
      if (current?.signer === signer.hotkey && canonicalJson(current.exam) === canonicalJson(exam)) return current
      const signed = signExam(exam, signer)
      publishOwnExam(store, signed, time.now())
      return signed
    })
  }

  exam(): SignedExam {
    return currentOwnExam(this.#deps.store, this.name) ?? this.prepare()
  }

  /** Looks at the chain, and weighs every author's evidence over the subnet as it is. */
  async turn(signal: AbortSignal): Promise<void> {
    const {chain, mechanism, netuid, store, time} = this.#deps
    const metagraph = await chain.metagraph(netuid, signal)
    this.#metagraph = metagraph
    const {submissionWindowS: windowS} = mechanism.rule(this.exam().exam)
    syncCommitments({
      ...{store, mechanism, windowS, at: time.now(), block: metagraph.block.number},
      blockTimeMs: chain.blockTimeMs,
      commitments: await chain.commitments(netuid, signal),
    })
    this.#weigh()
  }

  #weigh(): void {
    const {store, time, log} = this.#deps
    const metagraph = this.#metagraph
    if (!metagraph) return
    const exam = this.exam()
    const view = ownView(metagraph, this.submissions())
    const stakes = new Map(metagraph.neurons.map(({hotkey, stakeRao}) => [hotkey, stakeRao]))
    const authors = recordLogs(store, this.name)
      .filter(({author}) => stakes.has(author))
      .sort((a, b) => Number((stakes.get(b.author) ?? 0n) - (stakes.get(a.author) ?? 0n)))
    this.#rankings = authors.flatMap(({author}) => {
      try {
        return {author, ranking: this.#logs.rank(exam, author, view), view, madeAt: time.now()}
      } catch (error) {
        // One author's evidence, which only its schema was checked of, must not take the others' from the page.
        log.error({author, err: error}, 'evidence cannot be weighed')
        return []
      }
    })
    store.changes.bump('rankings')
  }

  /** Hotkeys of the subnet; undefined before the chain has answered. */
  isRegistered(hotkey: string): boolean | undefined {
    return this.#metagraph?.neurons.some((neuron) => neuron.hotkey === hotkey)
  }

  /** `hotkey` has been shown to be the sender; `proof` shows it to others. */
  submit(offer: Offer): Submitted {
    const {store, mechanism, time, log} = this.#deps
    if (!this.#metagraph) throw new LeomaError('chain', 'CHAIN_UNREACHABLE', 'the chain has not answered yet')
    const {submissionWindowS: windowS} = mechanism.rule(this.exam().exam)
    const submitted = submit({store, mechanism, windowS, at: time.now(), block: this.#metagraph.block.number}, offer)
    log.info({mechanism: mechanism.name, hotkey: offer.hotkey, status: submitted.status}, 'submission')
    return submitted
  }

  submissions(): KnownSubmission[] {
    return knownSubmissions(this.#deps.store, this.name)
  }

  /** Of the author with the most stake first. */
  rankings(): readonly OwnRanking[] {
    return this.#rankings
  }

  /** Appends to its author's log. `sender` is who signed the request. */
  takeRecord(signed: SignedRecord, sender: Hotkey): RecordIntake {
    const {mechanism, netuid, store, verify, log} = this.#deps
    const {record} = signed
    if (record.author !== sender)
      return {ok: false, status: 403, detail: 'a validator publishes its own records and no others'}
    const fault = recordFault(signed, {mechanism: mechanism.name, netuid}, verify)
    if (fault !== undefined) return {ok: false, status: 422, detail: `the record is refused: ${fault}`}
    const unreadable = this.#unreadable(signed)
    if (unreadable !== undefined) return {ok: false, status: 422, detail: unreadable}
    try {
      this.#records.append(signed)
    } catch (error) {
      if (!(error instanceof LeomaError) || error.code !== 'RECORD_OUT_OF_ORDER') throw error
      return {ok: false, status: 409, detail: error.message}
    }
    log.info({mechanism: mechanism.name, author: record.author, sequence: record.sequence}, 'record taken')
    if (store.isAlive()) this.#weigh()
    return {ok: true}
  }

  /** Folded once for nothing: what the mechanism cannot read must not stand in a log that can never be mended. */
  #unreadable(signed: SignedRecord): string | undefined {
    const exam = this.exam()
    try {
      const rule = this.#deps.mechanism.rule(exam.exam)
      rule.replay(rule.initial(), [signed])
      return undefined
    } catch (error) {
      return `the record is refused: it is no evidence of ${this.name} (${LeomaError.from(error).message.slice(0, 200)})`
    }
  }

  recordsAfter(author: Hotkey, after: number, limit: number): readonly SignedRecord[] {
    return this.#records.after(this.name, author, after, limit)
  }

  logs(): ReturnType<typeof recordLogs> {
    return recordLogs(this.#deps.store, this.name)
  }
}
