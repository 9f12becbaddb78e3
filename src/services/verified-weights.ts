import type {Metagraph} from '../chain/port.js'
import {LeomaError} from '../errors.js'
import type {Tick} from '../runtime/clock.js'
import type {Logger} from '../runtime/logger.js'
import type {Service} from '../runtime/service.js'
import {getMeta, setMeta} from '../store/meta.js'
import type {Store} from '../store/open.js'
import {type Followed, type Follower, whatOf} from './audit/follow.js'
import {type Choice, choiceOf, type NoChoice} from './weight-choice.js'

export interface VerifiedWeightsDeps {
  readonly follower: Pick<Follower, 'follow'>
  readonly store: Store
  readonly mecid: number
  readonly mechanism: string
  readonly maxWinnerAgeBlocks: number
  readonly log: Logger
}

export type VerifiedChoice =
  | Choice
  | NoChoice
  /** Keep the last good winner, for this reason. */
  | {readonly hold: string; readonly level?: 'info'}
  /** There is no evidence to verify: the published weights are all there is. */
  | 'published'

/**
 * Weights that this validator reckoned itself. It sets what follows from the evidence, also when the owner says something
 * else, which raises an alarm; where the evidence is incomplete it sets nothing new. An API without any evidence is
 * believed only as long as this validator has never seen one with it.
 */
export class VerifiedWeights {
  readonly #deps: VerifiedWeightsDeps
  #alarm = ''

  constructor(deps: VerifiedWeightsDeps) {
    this.#deps = deps
  }

  async choose(metagraph: Metagraph, signal: AbortSignal): Promise<VerifiedChoice> {
    const {maxWinnerAgeBlocks} = this.#deps
    const followed = await this.check(metagraph, signal)
    if (followed.kind === 'unheard')
      return this.#hasSeenEvidence() ? {hold: 'the owner shows no evidence any more'} : 'published'
    if (followed.kind === 'unproven') return {hold: `the ranking cannot be proven: ${followed.reason}`}
    const waiting = {hold: 'the owner has ranked nobody yet', level: 'info'} as const
    if (followed.kind === 'unranked') return waiting
    const {ranking} = followed
    const age = metagraph.block.number - ranking.block
    if (age > maxWinnerAgeBlocks) return {hold: `the owner's view of the subnet is ${age} blocks old`}
    const {decision, rows, summary} = ranking
    return (
      choiceOf({decision, paid: rows.filter(({weight}) => weight > 0), summary}, metagraph, 'recomputed') ?? waiting
    )
  }

  /** Follows the evidence to its end, and raises the alarm when the owner says something else. */
  async check(metagraph: Metagraph, signal: AbortSignal): Promise<Followed> {
    const {follower, log, mechanism} = this.#deps
    const followed = await follower.follow(metagraph, signal)
    if (followed.kind !== 'unheard') setMeta(this.#deps.store, this.#seenKey, '1')
    const differences = 'differences' in followed ? followed.differences : []
    const alarm = differences.map(({code, object}) => `${code} ${object}`).join(' ')
    if (alarm !== this.#alarm) {
      if (differences.length > 0) {
        const findings = differences.slice(0, 5)
        log.error(
          {mechanism, differences: differences.length, findings},
          'what the owner says does not follow from the evidence',
        )
      } else log.info({mechanism}, 'what the owner says follows from the evidence again')
    }
    this.#alarm = alarm
    return followed
  }

  #hasSeenEvidence(): boolean {
    return getMeta(this.#deps.store, this.#seenKey) !== undefined
  }

  get #seenKey(): string {
    return `weights.${this.#deps.mecid}.evidence`
  }
}

/** Often enough that an alarm is not older than a task or two, and little enough to cost nothing. */
const checkBlocks = 25

/**
 * Looks at the evidence also while no weights are due, so that a disagreement shows within minutes: in the log, and as a job
 * that fails, which is what health and metrics show.
 */
export function evidenceService(
  weights: Pick<VerifiedWeights, 'check'>,
  {mechanism, metagraph}: {readonly mechanism: string; readonly metagraph: (signal: AbortSignal) => Promise<Metagraph>},
): Service {
  const turn = async ({signal}: Tick) => {
    const followed = await weights.check(await metagraph(signal), signal)
    const differences = 'differences' in followed ? followed.differences : []
    if (differences.length > 0) {
      throw new LeomaError(
        'data',
        'WEIGHTS_DISAGREE',
        `the owner's ranking is not what the evidence says: ${whatOf(differences)}`,
        {
          hints: ['leoma audit names everything that differs', 'this validator sets what the evidence says'],
        },
      )
    }
    if (followed.kind === 'unproven')
      throw new LeomaError('upstream', 'EVIDENCE_INCOMPLETE', `the ranking cannot be proven: ${followed.reason}`, {
        hints: ['ask the owner of the subnet', 'upgrade leoma when the exam needs another version'],
      })
  }
  return {
    name: 'evidence',
    start: (clock) => clock.every(`evidence-${mechanism}`, {blocks: checkBlocks}, turn),
  }
}
