import {LeomaError} from '../../errors.js'
import type {Chance} from './random.js'
import {bestOf, honestMiners, hotkeyOf, type Season, type SimulatedMiner, validatorsOf} from './world.js'

export interface Attack {
  readonly name: string
  /** One line for the table. */
  readonly about: string
  /** Set when the attacker is the best of the first miners, who would earn without any attack as well. */
  readonly byFounder?: true
  /** Adds the attackers to an honest field; `favoured` names who a bought validator votes for. */
  join(field: readonly SimulatedMiner[], tasks: number): {miners: readonly SimulatedMiner[]; favoured?: string}
}

/** When attackers strike, as a share of the season: there is somebody worth copying by then. */
const strikesAt = 0.3

const attacker = (name: string, from: number, model: SimulatedMiner['model'], easiest?: number): SimulatedMiner => ({
  ...{name, hotkey: hotkeyOf(name), model, from, isAttacker: true},
  ...(easiest === undefined ? {} : {easiest}),
})

const many = (count: number, make: (index: number) => SimulatedMiner) => Array.from({length: count}, (_, i) => make(i))

function striking(build: (best: SimulatedMiner, from: number, tasks: number) => SimulatedMiner[]): Attack['join'] {
  return (field, tasks) => {
    const from = Math.floor(tasks * strikesAt)
    return {miners: [...field, ...build(bestOf(field, from), from, tasks)]}
  }
}

export const attacks: readonly Attack[] = [
  {name: 'none', about: 'honest miners alone', join: (field) => ({miners: field})},
  {
    name: 'clone',
    about: 'one copy of the best model, committed later, with luck of its own',
    join: striking((best, from) => [attacker('clone', from, best.model)]),
  },
  {
    name: 'clones',
    about: 'ten copies of the best model under ten hotkeys',
    join: striking((best, from) => many(10, (i) => attacker(`clone${i}`, from, best.model))),
  },
  {
    name: 'sybil',
    about: 'twenty hotkeys with one model that is 8 points worse than the best',
    join: striking((best, from) =>
      many(20, (i) => attacker(`sybil${i}`, from, {name: 'sybil', rate: Math.max(0.05, best.model.rate - 0.08)})),
    ),
  },
  {
    name: 'lucky',
    about: 'ten models in turn, each 4 points worse than the best, that hope for luck',
    join: striking((best, from, tasks) =>
      many(10, (i) =>
        attacker(`lucky${i}`, from + Math.floor((i * tasks) / 20), {
          name: `lucky${i}`,
          rate: Math.max(0.05, best.model.rate - 0.04),
        }),
      ),
    ),
  },
  {
    name: 'easy',
    about: 'a model 8 points worse than the best that answers only the easier 85 % of tasks',
    join: striking((best, from) => [
      attacker('easy', from, {name: 'easy', rate: Math.max(0.05, best.model.rate - 0.08)}, 0.85),
    ]),
  },
  {
    name: 'moat',
    about: 'the best starter adds a second model, 4 points better, that only raises the bar for others',
    byFounder: true,
    join: (field, tasks) => {
      const owner = bestOf(field, 0)
      const second = attacker('moat', Math.floor(tasks * 0.02), {name: 'moat', rate: owner.model.rate + 0.04})
      return {miners: [...field.map((miner) => (miner === owner ? {...miner, isAttacker: true} : miner)), second]}
    },
  },
  {
    name: 'switch',
    about: 'the best starter replaces its model by one 20 points worse, halfway and without a word',
    byFounder: true,
    join: (field, tasks) => {
      const owner = bestOf(field, 0)
      const later = {from: Math.floor(tasks / 2), model: {name: 'cheap', rate: Math.max(0.05, owner.model.rate - 0.2)}}
      return {miners: field.map((miner) => (miner === owner ? {...miner, isAttacker: true, later} : miner))}
    },
  },
  {
    name: 'bought',
    about: 'a validator with 25 % of the stake passes one miner, 8 points worse than the best, and nobody else',
    join: (field, tasks) => ({
      ...striking((best, from) => [
        attacker('bought', from, {name: 'bought', rate: Math.max(0.05, best.model.rate - 0.08)}),
      ])(field, tasks),
      favoured: 'bought',
    }),
  },
]

export function attackOf(name: string): Attack {
  const found = attacks.find((attack) => attack.name === name)
  if (found) return found
  throw new LeomaError('usage', 'ATTACK_UNKNOWN', `there is no attack ${name}`, {
    hints: [`known: ${attacks.map((known) => known.name).join(', ')}`],
  })
}

export function seasonOf(attack: Attack, tasks: number, chance: Chance): Season {
  const {miners, favoured} = attack.join(honestMiners(tasks, chance), tasks)
  const inOrder = miners
    .map((miner, index) => ({miner, index}))
    .sort((a, b) => a.miner.from - b.miner.from || a.index - b.index)
  return {tasks, miners: inOrder.map(({miner}) => miner), validators: validatorsOf(favoured), chance}
}
