import type {OwnerApi} from '../../api/port.js'
import type {Hotkey} from '../../domain/ids.js'
import {type Ranking, winnerOf} from '../../domain/ranking.js'
import type {Progress} from '../../mechanisms/types.js'
import type {Clock} from '../../runtime/clock.js'
import type {Logger} from '../../runtime/logger.js'
import type {HeadResult, HeadsResult, LocalnetEvent, LocalnetFacts} from './events.js'
import {headsMechanism} from './heads.js'

const pollMs = 300

export interface HeadsWatchOptions {
  readonly api: OwnerApi
  readonly facts: LocalnetFacts
  readonly time: Pick<Clock, 'sleep'>
  readonly log: Logger
  readonly onEvent: (event: LocalnetEvent) => void
}

type WeightsSet = Extract<Progress, {event: 'weights-set'}>

/** Follows the rounds of the mechanism that runs images, validator by validator, through the public API. */
export class HeadsWatch {
  readonly #options: HeadsWatchOptions
  /** The newest round of each validator before this run. */
  readonly #before = new Map<Hotkey, number>()
  readonly #rankings = new Map<Hotkey, Ranking>()
  readonly #weights = new Map<string, WeightsSet>()

  constructor(options: HeadsWatchOptions) {
    this.#options = options
  }

  /** Before the first round: what was there already is not of this run. */
  async begin(signal: AbortSignal): Promise<void> {
    for (const {hotkey} of this.#options.facts.validators) {
      const found = await this.#options.api.ownRanking(headsMechanism, hotkey, signal)
      this.#before.set(hotkey, roundOf(found?.ranking))
    }
  }

  report(progress: Progress): void {
    if (progress.event === 'weights-set' && progress.mechanism === headsMechanism)
      this.#weights.set(progress.validator, progress)
  }

  /** Resolves when every validator has held all rounds and set weights from the last one; or never. */
  async run(signal: AbortSignal): Promise<HeadsResult> {
    const {time, log} = this.#options
    for (;;) {
      try {
        if (await this.#look(signal)) return this.result()
      } catch (error) {
        signal.throwIfAborted()
        log.debug({err: error}, 'the rounds could not be looked at')
      }
      await time.sleep(pollMs, signal)
    }
  }

  async #look(signal: AbortSignal): Promise<boolean> {
    const {api, facts, onEvent} = this.#options
    let isOver = facts.rounds !== undefined
    for (const {name, hotkey} of facts.validators) {
      const found = await api.ownRanking(headsMechanism, hotkey, signal)
      const known = this.#rankings.get(hotkey)
      const round = roundOf(found?.ranking)
      const held = round - (this.#before.get(hotkey) ?? 0)
      if (found && held > 0 && known?.stateHash !== found.ranking.stateHash) {
        this.#rankings.set(hotkey, found.ranking)
        onEvent({
          type: 'head-round',
          validator: name,
          round,
          miners: this.#miners(found.ranking),
          ranking: found.ranking,
        })
      }
      const set = this.#weights.get(hotkey)
      const ranking = this.#rankings.get(hotkey)
      const isPaid = set !== undefined && ranking !== undefined && set.reason.includes(ranking.summary)
      if (facts.rounds === undefined || held < facts.rounds || !isPaid) isOver = false
    }
    return isOver
  }

  /** The figures of now, by the evidence of the first validator. */
  result(): HeadsResult {
    const {facts} = this.#options
    const [first] = facts.validators
    const ranking = first && this.#rankings.get(first.hotkey)
    const set = first && this.#weights.get(first.hotkey)
    const best = ranking && winnerOf(ranking)
    const miners = ranking ? this.#miners(ranking) : []
    const winner = miners.find(({hotkey}) => hotkey === best?.hotkey)
    return {
      mechanism: headsMechanism,
      isolation: facts.heads?.isolation ?? 'process',
      rounds: roundOf(ranking) - ((first && this.#before.get(first.hotkey)) ?? 0),
      miners,
      winner: winner ? {uid: winner.uid, hotkey: winner.hotkey, profile: winner.profile} : null,
      weights: set ? {block: set.block, uids: set.uids, values: set.values} : null,
    }
  }

  #miners(ranking: Ranking): HeadResult[] {
    const {heads} = this.#options.facts
    return (heads?.cast ?? []).map(({uid, hotkey, profile}) => {
      const row = ranking.rows.find((candidate) => candidate.hotkey === hotkey)
      return {
        ...{uid, hotkey, profile, rank: row?.rank ?? null, weight: row?.weight ?? 0},
        score: row?.numbers.score ?? null,
        sentence: row?.sentence ?? heads?.offered[profile] ?? 'submitted nothing',
      }
    })
  }
}

const roundOf = (ranking: Ranking | undefined) => ranking?.window.at(-1) ?? 0
