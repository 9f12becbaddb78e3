import type {OwnerApi} from '../api/port.js'
import type {WeightsBody} from '../api/schemas.js'
import type {Chain, Metagraph, Neuron, Receipt, StoredWeights} from '../chain/port.js'
import type {Netuid} from '../domain/ids.js'
import {isAbort, LeomaError} from '../errors.js'
import type {Report} from '../mechanisms/types.js'
import {type Clock, FatalError, type Tick} from '../runtime/clock.js'
import type {Logger} from '../runtime/logger.js'
import type {Service} from '../runtime/service.js'
import type {Store} from '../store/open.js'
import {appendWeights, lastAcceptedBlock, lastGoodWinner} from '../store/weight-log.js'
import type {Signer, Verify} from '../wallet/port.js'
import type {OwnWeights} from './own-weights.js'
import type {VerifiedWeights} from './verified-weights.js'
import {type Choice, choiceOf, type NoChoice, sameWeights} from './weight-choice.js'
import {WeightTrust} from './weight-trust.js'

export interface WeightSetterDeps {
  readonly clock: Pick<Clock, 'now' | 'sleep'>
  readonly log: Logger
  readonly chain: Chain
  readonly api: OwnerApi
  readonly signer: Signer
  readonly verify: Verify
  readonly store: Store
  readonly netuid: Netuid
  /** Mechanism index on the chain. */
  readonly mecid: number
  readonly mechanism: string
  /** Blocks between two settings. */
  readonly epochBlocks: number
  /** For how long the last good winner is set again while the scores cannot be had. */
  readonly maxWinnerAgeBlocks: number
  readonly report: Report
  /** Counts what each turn that was due came to: `set`, or a code that says why not. */
  readonly count: (outcome: string) => void
  /** For a mechanism of scope `own`: what this validator's own evidence says, instead of what the owner publishes. */
  readonly own?: Pick<OwnWeights, 'choose'>
  /** What follows from the public evidence, instead of what the owner publishes. */
  readonly verified?: Pick<VerifiedWeights, 'choose'>
}

/** Chains compare the version key with the subnet's; a larger one is always accepted. */
const versionKey = 1_000_000

/**
 * Sets weights every `epochBlocks` blocks, counted from the last setting and never as exact multiples, and at the start.
 * It looks at every block and decides from the chain and its own log whether it is due.
 */
export function weightSetterService(deps: WeightSetterDeps): Service {
  const setter = new WeightSetter(deps)
  return {
    name: 'validator',
    start: (clock) => clock.every(`weights-${deps.mechanism}`, {blocks: 1}, (tick) => setter.turn(tick)),
  }
}

export class WeightSetter {
  readonly #deps: WeightSetterDeps
  readonly #trust: WeightTrust
  /** Not before this block: backoff after a failure. Lost at a restart on purpose, which is a reason to try again. */
  #notBefore = 0
  #failures = 0
  #startedWith: number | undefined
  #lastReason: string | undefined
  /** Sent hidden, and to be opened by the chain from this block on. */
  #hidden: {readonly choice: Choice; readonly revealBlock: number} | undefined

  constructor(deps: WeightSetterDeps) {
    this.#deps = deps
    this.#trust = new WeightTrust(deps)
  }

  async turn(tick: Tick): Promise<void> {
    try {
      await this.#turn(tick)
    } catch (error) {
      if (!isAbort(error, tick.signal)) this.#deps.count(LeomaError.from(error).code)
      throw error
    }
  }

  async #turn({signal}: Tick): Promise<void> {
    const {chain, epochBlocks, mecid, netuid, store} = this.#deps
    const metagraph = await chain.metagraph(netuid, signal)
    const head = metagraph.block.number
    if (head < this.#notBefore) return
    const self = this.#self(metagraph)
    const {tempo, weightsRateLimit} = await chain.hyperparameters(netuid, signal)
    const stored = await chain.weights(netuid, mecid, self.uid, signal)
    this.#checkReveal(head, tempo, stored)

    // A start is a reason to set; afterwards the distance to the last accepted setting decides.
    const last = this.#startedWith === undefined ? undefined : (lastAcceptedBlock(store, mecid) ?? stored?.lastUpdate)
    if (last !== undefined && head - last < epochBlocks) return
    // The metagraph's is that of the first mechanism; each has a limit of its own.
    const lastUpdate = mecid === 0 ? self.lastUpdate : (stored?.lastUpdate ?? 0)
    const wait = lastUpdate + weightsRateLimit - head
    if (lastUpdate > 0 && wait > 0) {
      return this.#notSet(
        'WEIGHTS_TOO_SOON',
        `the chain takes the next weights in ${wait === 1 ? 'one block' : `${wait} blocks`}`,
        'info',
      )
    }

    const choice = await this.#choose(metagraph, signal)
    if ('none' in choice) {
      this.#backOff(head)
      return this.#notSet(choice.code ?? 'SCORES_UNAVAILABLE', choice.none, choice.level ?? 'error')
    }
    await this.#set(choice, {head, self, stored}, signal)
    this.#startedWith = head
  }

  #self({neurons}: Metagraph): Neuron {
    const {netuid, signer} = this.#deps
    const self = neurons.find(({hotkey}) => hotkey === signer.hotkey)
    if (self) return self
    throw new FatalError('auth', 'HOTKEY_NOT_REGISTERED', `${signer.hotkey} is not registered on subnet ${netuid}`, {
      hints: ['register the hotkey on the subnet, or name another one with WALLET_NAME and HOTKEY_NAME'],
    })
  }

  /** The weights to set, or a reason for setting none. Scores that are old count as scores that could not be had. */
  async #choose(metagraph: Metagraph, signal: AbortSignal): Promise<Choice | NoChoice> {
    const {api, log, maxWinnerAgeBlocks, own} = this.#deps
    if (own) return own.choose(metagraph, signal)
    try {
      const choice = await this.#deps.verified?.choose(metagraph, signal)
      if (choice !== undefined && choice !== 'published') {
        if (!('hold' in choice)) return choice
        const {hold, level} = choice
        return level ? {...this.#hold(metagraph, hold), level} : this.#hold(metagraph, hold)
      }
      const trusted = this.#trust.check(await api.weights(signal), metagraph.ownerHotkey)
      if ('fault' in trusted) {
        log.error({reason: trusted.fault}, 'published weights are not trusted')
        return this.#hold(metagraph, trusted.fault)
      }
      const {published} = trusted
      const age = published.block === undefined ? 0 : metagraph.block.number - published.block
      if (age > maxWinnerAgeBlocks) return this.#hold(metagraph, `the owner's scores are ${age} blocks old`)
      // An owner that has ranked nothing yet has not said that nobody deserves the emission.
      const waiting = 'the owner has ranked nobody yet'
      return (
        fromPublished(published, metagraph) ?? {...this.#hold(metagraph, waiting), code: 'NOBODY_RANKED', level: 'info'}
      )
    } catch (error) {
      if (isAbort(error, signal)) throw error
      log.warn({err: error}, 'scores could not be had')
      return this.#hold(metagraph, `the owner's API did not answer (${LeomaError.from(error).code})`)
    }
  }

  /** Nothing burns because something was down: the last good winner holds, up to a stated age. */
  #hold(metagraph: Metagraph, why: string): Choice | NoChoice {
    const {maxWinnerAgeBlocks, mecid, store} = this.#deps
    const good = lastGoodWinner(store, mecid)
    if (!good) return {none: `${why}, and there is no winner to hold`}
    const age = metagraph.block.number - good.block
    if (age > maxWinnerAgeBlocks)
      return {none: `${why}, and the last good winner is ${age} blocks old (limit ${maxWinnerAgeBlocks})`}
    const neuron = metagraph.neurons.find(({hotkey}) => hotkey === good.hotkey)
    if (!neuron) return {code: 'WINNERS_GONE', none: `${why}, and the last good winner has left the subnet`}
    return {
      uids: [neuron.uid],
      values: [1],
      source: 'held',
      winner: {hotkey: good.hotkey, uid: neuron.uid},
      reason: `${why}; uid ${neuron.uid}, the winner of ${age} blocks ago, holds`,
    }
  }

  async #set(
    choice: Choice,
    {head, self, stored}: {head: number; self: Neuron; stored: StoredWeights | undefined},
    signal: AbortSignal,
  ): Promise<void> {
    const {chain, clock, log, mecid, mechanism, netuid, report, signer, store} = this.#deps
    const decision = {at: clock.now(), block: head, mecid, ...choice}
    try {
      const call = {netuid, mecid, uids: choice.uids, values: choice.values, versionKey}
      const receipt = await chain.setWeights(call, signer, signal)
      if (receipt.revealBlock !== undefined) return this.#sentHidden(choice, receipt, receipt.revealBlock)
      const back = await chain.weights(netuid, mecid, self.uid, signal)
      if (!back || (stored && back.lastUpdate <= stored.lastUpdate) || !sameWeights(choice, back)) {
        throw new LeomaError('chain', 'WEIGHTS_NOT_STORED', 'the chain accepted the weights but does not hold them', {
          hints: ['they are sent again at the next block'],
        })
      }
      appendWeights(store, {...decision, extrinsic: receipt.extrinsic, error: null})
      this.#failures = 0
      this.#lastReason = undefined
      this.#deps.count('set')
      log.info(
        {mechanism, block: receipt.block.number, uids: back.uids, values: back.values, reason: choice.reason},
        'weights set',
      )
      report({
        event: 'weights-set',
        mechanism,
        validator: signer.hotkey,
        block: receipt.block.number,
        uids: back.uids,
        values: back.values,
        reason: choice.reason,
      })
    } catch (error) {
      if (isAbort(error, signal)) throw error
      appendWeights(store, {...decision, extrinsic: null, error: LeomaError.from(error).code})
      this.#backOff(head)
      // Logged where it is handled, by the clock.
      report({
        event: 'weights-not-set',
        mechanism,
        validator: signer.hotkey,
        reason: LeomaError.from(error).message,
      })
      throw error
    }
  }

  /** Under commit-reveal nothing can be read back yet; the turns after the reveal do it. */
  #sentHidden(choice: Choice, {block, extrinsic}: Receipt, revealBlock: number): void {
    const {clock, log, mecid, mechanism, report, signer, store} = this.#deps
    appendWeights(store, {at: clock.now(), block: block.number, mecid, ...choice, extrinsic, error: null})
    this.#failures = 0
    this.#lastReason = undefined
    this.#hidden = {choice, revealBlock}
    this.#deps.count('committed')
    const {uids, values, reason} = choice
    log.info(
      {mechanism, block: block.number, revealBlock, uids, reason},
      'weights committed, hidden until their reveal',
    )
    report({event: 'weights-set', mechanism, validator: signer.hotkey, block: block.number, uids, values, reason})
  }

  /** The chain drops hidden weights that it cannot open without a word; so their effect is looked for, an epoch long. */
  #checkReveal(head: number, tempo: number, stored: StoredWeights | undefined): void {
    if (!this.#hidden || head < this.#hidden.revealBlock) return
    const {choice, revealBlock} = this.#hidden
    const {log, mechanism} = this.#deps
    if (stored && sameWeights(choice, stored)) {
      this.#hidden = undefined
      this.#deps.count('revealed')
      log.info({mechanism, uids: stored.uids, values: stored.values}, 'hidden weights revealed')
    } else if (head > revealBlock + tempo + 1) {
      this.#hidden = undefined
      this.#notSet(
        'REVEAL_NOT_SEEN',
        `the chain did not open the hidden weights that were due at block ${revealBlock}`,
        'error',
      )
    }
  }

  /** 1, 2, 4, … blocks, at most half an epoch: the retries end inside the epoch they are for. */
  #backOff(head: number): void {
    const pause = Math.min(2 ** this.#failures++, Math.max(1, Math.floor(this.#deps.epochBlocks / 2)))
    this.#notBefore = head + pause
  }

  /** The reason for not setting is always one line, and only when it changes. */
  #notSet(code: string, reason: string, level: 'error' | 'info'): void {
    const {count, log, mechanism, report, signer} = this.#deps
    count(code)
    const kind = reason.replace(/\d+/g, 'n')
    if (kind === this.#lastReason) return
    this.#lastReason = kind
    log[level]({mechanism, code, reason}, 'weights not set')
    report({event: 'weights-not-set', mechanism, validator: signer.hotkey, reason})
  }
}

/** What the owner's answer says; undefined when it says neither who is paid nor that nobody is. */
function fromPublished(published: WeightsBody, metagraph: Metagraph): Choice | NoChoice | undefined {
  const paid = published.miners.flatMap(({miner_hotkey: hotkey, weight}) => (weight > 0 ? [{hotkey, weight}] : []))
  const decision = (published.burn ?? paid.length === 0) ? 'burn' : paid.length === 0 ? 'wait' : 'pay'
  const summary = published.summary ?? `winner uid ${published.winner_uid}`
  return choiceOf({decision, paid, summary}, metagraph, 'published')
}
