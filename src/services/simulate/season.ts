import type {SubnetView} from '../../domain/subnet.js'
import type {VideoEvidence} from '../../mechanisms/video/evidence.js'
import type {VideoParams} from '../../mechanisms/video/params.js'
import {fold, initial, type VideoState, weigh} from '../../mechanisms/video/rules.js'
import {bestOf, modelAt, type Season, type SimulatedMiner, sit, vote} from './world.js'

/** What one season came to under one rule. */
export interface Outcome {
  /** Tasks after which somebody could be paid. */
  readonly paid: number
  /** Of those: the truly best model was paid, under its own hotkey. */
  readonly best: number
  /** Sum of what the paid model's true rate lay below the best one's, in points. */
  readonly shortfall: number
  /** Changes to a model that is not truly better. */
  readonly falseChanges: number
  /** Tasks after which an attacker was paid. */
  readonly attackers: number
  /** Tasks after which the best of the first miners was paid: what attackers who already are the best start from. */
  readonly founder: number
  /** One per model that became the best one: tasks until it was paid first; null when it never was while it was best. */
  readonly delays: readonly (number | null)[]
}

const blocksPerTask = 100
/** Weights are set once in a tempo of 360 blocks; in between nobody looks. */
const tasksPerTempo = 3

/** Plays the season through the mechanism's own fold and weigh, once for each exam. */
export function play(season: Season, exams: readonly VideoParams[]): Outcome[] {
  const players = exams.map((params) => ({params, state: initial(), watch: new Watch(season)}))
  for (let task = 0; task < season.tasks; task++) {
    const evidence = evidenceOf(season, task)
    const view = viewOf(season, task)
    for (const player of players) {
      player.state = evidence.reduce<VideoState>((state, piece) => fold(state, piece, player.params), player.state)
      if (task % tasksPerTempo !== 0) continue
      const {rows, decision} = weigh(player.state, view, player.params)
      player.watch.see(task, decision === 'pay' ? rows[0]?.hotkey : undefined)
    }
  }
  return players.map(({watch}) => watch.outcome())
}

function evidenceOf({miners, validators, chance}: Season, task: number): VideoEvidence[] {
  const place = {taskId: task + 1, block: (task + 1) * blocksPerTask}
  const sat = miners.filter(({from}) => from <= task).map((miner) => ({miner, sitting: sit(miner, task, chance)}))
  return [
    {
      ...{type: 'task', ...place},
      answers: sat.map(({miner: {hotkey}, sitting}) => ({hotkey, outcome: sitting === 'missed' ? 'busy' : 'ok'})),
      voters: validators.map(({hotkey, stakeRao}) => ({hotkey, stakeRao})),
    },
    ...sat
      .filter(({sitting}) => sitting !== 'missed')
      .flatMap(({miner, sitting}) =>
        validators.map((validator): VideoEvidence => {
          const passed = vote(validator, miner, sitting === 'passed', task, chance)
          return {
            ...{type: 'verdict', ...place, validator: validator.hotkey, miner: miner.hotkey},
            ...{passed, overall: passed ? 85 : 50},
          }
        }),
      ),
  ]
}

function viewOf({miners}: Season, task: number): SubnetView {
  return {
    block: (task + 1) * blocksPerTask,
    neurons: [],
    miners: miners.flatMap(({hotkey, from}, uid) =>
      from <= task ? [{uid, hotkey, isValid: true, invalidReason: null, block: from * blocksPerTask + uid}] : [],
    ),
  }
}

/** Compares whom the rule pays with whom it should. */
class Watch {
  readonly #season: Season
  readonly #miners: ReadonlyMap<string, SimulatedMiner>
  #paid = 0
  #best = 0
  #shortfall = 0
  #falseChanges = 0
  #attackers = 0
  #founder = 0
  #holder: SimulatedMiner | undefined
  readonly #reigns: {readonly best: SimulatedMiner; readonly since: number; delay: number | null}[] = []

  constructor(season: Season) {
    this.#season = season
    this.#miners = new Map(season.miners.map((miner) => [miner.hotkey, miner]))
  }

  see(task: number, hotkey: string | undefined): void {
    const best = bestOf(this.#season.miners, task)
    if (this.#reigns.at(-1)?.best !== best) this.#reigns.push({best, since: task, delay: null})
    const holder = hotkey === undefined ? undefined : this.#miners.get(hotkey)
    if (!holder) return
    this.#paid++
    if (holder === best) this.#best++
    const rateOf = (miner: SimulatedMiner) => modelAt(miner, task).rate
    this.#shortfall += 100 * (rateOf(best) - rateOf(holder))
    if (holder.isAttacker) this.#attackers++
    if (holder.hotkey === bestOf(this.#season.miners, 0).hotkey) this.#founder++
    if (this.#holder && this.#holder !== holder && rateOf(holder) <= rateOf(this.#holder)) this.#falseChanges++
    this.#holder = holder
    const reign = this.#reigns.at(-1)
    if (reign && holder === best) reign.delay ??= task - reign.since
  }

  outcome(): Outcome {
    return {
      paid: this.#paid,
      best: this.#best,
      shortfall: this.#shortfall,
      falseChanges: this.#falseChanges,
      attackers: this.#attackers,
      founder: this.#founder,
      delays: this.#reigns.map(({delay}) => delay),
    }
  }
}
