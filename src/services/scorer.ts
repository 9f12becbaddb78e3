import type {Chain, Metagraph} from '../chain/port.js'
import type {SignedExam} from '../domain/exam.js'
import type {TaskId} from '../domain/ids.js'
import type {Ranking} from '../domain/ranking.js'
import type {MinerView, SubnetView} from '../domain/subnet.js'
import {LeomaError} from '../errors.js'
import type {AnyMechanism, Rule} from '../mechanisms/types.js'
import type {Clock} from '../runtime/clock.js'
import type {Logger} from '../runtime/logger.js'
import {currentExam} from '../store/exams.js'
import {listMiners} from '../store/miners.js'
import type {Store} from '../store/open.js'
import {findState, lastRanking, type StoredRanking, type StoredState, saveRanking} from '../store/rankings.js'
import {settledOfExam} from '../store/settled.js'

export interface ScorerOptions {
  readonly store: Store
  readonly mechanism: AnyMechanism
  readonly chain: Pick<Chain, 'metagraph'>
  readonly netuid: number
  readonly time: Pick<Clock, 'now' | 'sleep'>
  readonly log: Logger
}

/** Keeps the ranking: folds what has settled since the last turn, and weighs it over the subnet as it is now. */
export class Scorer {
  readonly #options: ScorerOptions
  #current: StoredRanking | undefined
  /** What has been folded so far, and the rule that folded it. */
  #folded: {readonly examHash: string; readonly rule: Rule; readonly state: StoredState} | undefined
  #turn: Promise<unknown> = Promise.resolve()
  #listeners: (() => void)[] = []

  constructor(options: ScorerOptions) {
    this.#options = options
    this.#current = lastRanking(options.store)
  }

  /** In memory; undefined before the first exam. */
  current(): StoredRanking | undefined {
    return this.#current
  }

  /** Reads the stored state, before anybody is served: of a full window that takes a while. */
  prepare(): void {
    const {store, mechanism} = this.#options
    const exam = currentExam(store)
    if (!exam) return
    const rule = mechanism.rule(exam.exam)
    const state = this.#stored(exam, rule)
    if (!state) return
    rule.hash(state.state)
    this.#folded = {examHash: exam.examHash, rule, state}
  }

  /** Called after each new ranking. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener)
  }

  /** One turn at a time: two would fold the same evidence onto the same state and the later would win by luck. */
  turn(signal: AbortSignal): Promise<StoredRanking | undefined> {
    const next = this.#turn.then(() => this.#score(signal))
    this.#turn = next.catch(() => undefined)
    return next
  }

  async #score(signal: AbortSignal): Promise<StoredRanking | undefined> {
    const {store, mechanism, chain, netuid, time, log} = this.#options
    const exam = currentExam(store)
    if (!exam) return undefined
    const known = this.#folded?.examHash === exam.examHash ? this.#folded : undefined
    const rule = known?.rule ?? mechanism.rule(exam.exam)
    const metagraph = await chain.metagraph(netuid, signal)
    const state = await fold(store, exam, rule, {time, signal, from: known?.state ?? this.#stored(exam, rule)})
    this.#folded = {examHash: exam.examHash, rule, state}
    await time.sleep(0, signal)

    const view = subnetView(metagraph, store)
    const {rows, decision, window, summary} = rule.weigh(state.state, view)
    const ranking: Ranking = {
      mechanism: mechanism.name,
      mechanismVersion: mechanism.version,
      examHash: exam.examHash,
      block: view.block,
      stateHash: state.hash as Ranking['stateHash'], // Rule.hash is a SHA-256 in hex.
      window: [...window],
      rows: [...rows],
      decision,
      summary,
    }
    const made = {ranking, view, madeAt: time.now()}
    await time.sleep(0, signal)
    saveRanking(store, {...state, text: rule.text(state.state)}, made)
    const before = this.#current?.ranking
    this.#current = made
    if (before?.summary !== summary || before.stateHash !== state.hash)
      log.info({block: view.block, tasks: window.length, state: state.hash.slice(0, 12), summary}, 'ranking made')
    for (const listener of this.#listeners) listener()
    return made
  }

  #stored({examHash}: SignedExam, rule: Rule): StoredState | undefined {
    const stored = findState(this.#options.store, examHash)
    if (!stored) return undefined
    try {
      return {...stored, state: rule.load(stored.state)}
    } catch (error) {
      if (!(error instanceof LeomaError) || error.code !== 'STATE_UNSUPPORTED') throw error
      this.#options.log.warn({err: error}, 'stored state is of another version, folding from the beginning')
      return undefined
    }
  }
}

interface FoldOptions {
  readonly time: Pick<Clock, 'sleep'>
  readonly signal: AbortSignal
  readonly from?: StoredState | undefined
  /** The last task to fold; all that have settled when absent. */
  readonly upTo?: TaskId
}

/** Folds everything settled under the exam, from a stored state or from nothing; both give the same hash. */
export async function fold(
  store: Store,
  exam: SignedExam,
  rule: Rule,
  {time, signal, from, upTo = Infinity}: FoldOptions,
): Promise<StoredState> {
  let state = from?.state ?? rule.initial()
  let lastTask: TaskId | 0 = from?.lastTask ?? 0
  for (;;) {
    const [task] = settledOfExam(store, lastTask, 1, exam.examHash)
    if (!task || task.task.manifest.taskId > upTo) break
    // Requests are answered in between: a long history must not hold up the server.
    await time.sleep(0, signal)
    state = rule.replay(state, [task])
    lastTask = task.task.manifest.taskId
    await time.sleep(0, signal)
  }
  return {state, lastTask, hash: rule.hash(state)}
}

export function subnetView({block, neurons}: Metagraph, store: Store): SubnetView {
  return {
    block: block.number,
    neurons: neurons.map(({uid, hotkey, stakeRao, validatorPermit}) => ({
      uid,
      hotkey,
      stakeRao: String(stakeRao),
      validatorPermit,
    })),
    miners: listMiners(store).flatMap(({uid, hotkey, isValid, invalidReason, block}): MinerView[] =>
      uid === null ? [] : [{uid, hotkey, isValid, invalidReason, block}],
    ),
  }
}
