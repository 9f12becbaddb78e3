import {Hotkey} from '../../domain/ids.js'
import type {Chance} from './random.js'

/** What a hotkey runs. Two hotkeys with one model pass the same task with the same probability. */
export interface Model {
  readonly name: string
  /** Share of all tasks that it passes in the long run, 0..1: what a perfect ranking would rank by. */
  readonly rate: number
}

export interface SimulatedMiner {
  readonly name: string
  readonly hotkey: Hotkey
  readonly model: Model
  /** First task that it is asked in; commitments are ordered by this, then by the order in which miners are listed. */
  readonly from: number
  readonly isAttacker: boolean
  /** What it runs from this task on, without a word. */
  readonly later?: {readonly from: number; readonly model: Model}
  /** Answers only tasks that are easier than this share of all; every task unless given. */
  readonly easiest?: number
}

export interface SimulatedValidator {
  readonly hotkey: Hotkey
  readonly stakeRao: string
  /** Votes pass for this miner and fail for everybody else. */
  readonly favours?: string
}

/** Everything about a season that does not depend on the rule. */
export interface Season {
  readonly tasks: number
  /** In order of commitment. */
  readonly miners: readonly SimulatedMiner[]
  readonly validators: readonly SimulatedValidator[]
  readonly chance: Chance
}

/** How much tasks differ: standard deviation of their difficulty in logits. 0 would make all of them alike. */
const difficultySpread = 1.5
/** An honest validator errs in so many of its verdicts, each on its own. */
const verdictNoise = 0.04
/** An honest miner fails to deliver so often. */
const missRate = 0.02

const stakes = [400_000, 250_000, 150_000, 120_000, 80_000]

export function validatorsOf(favoured: string | undefined): SimulatedValidator[] {
  return stakes.map((stake, index) => ({
    hotkey: hotkeyOf(`v${index}`),
    stakeRao: String(stake),
    // The second of them: 25 % of the stake is bought.
    ...(index === 1 && favoured !== undefined ? {favours: favoured} : {}),
  }))
}

/** A key that looks like one; nobody checks its checksum here. */
export function hotkeyOf(name: string): Hotkey {
  return Hotkey.parse(`5${name.replace(/[^1-9A-HJ-NP-Za-km-z]/g, 'o')}`.padEnd(48, '1'))
}

/** Six miners at the start and four newcomers, each of which tried to be better than the best before it. */
export function honestMiners(tasks: number, chance: Chance): SimulatedMiner[] {
  const miners: SimulatedMiner[] = []
  const add = (name: string, rate: number, from: number) =>
    miners.push({name, hotkey: hotkeyOf(name), model: {name, rate}, from, isAttacker: false})
  for (let i = 0; i < 6; i++) add(`starter${i}`, 0.35 + 0.3 * chance.uniform('starter', i), 0)
  const arrivals = Array.from({length: 4}, (_, i) => Math.floor(tasks * (0.1 + 0.55 * chance.uniform('arrival', i))))
  for (const [i, from] of arrivals.sort((a, b) => a - b).entries()) {
    const best = Math.max(...miners.map(({model}) => model.rate))
    add(`newcomer${i}`, Math.min(0.92, best - 0.08 + 0.23 * chance.uniform('newcomer', i)), from)
  }
  return miners
}

export function modelAt({model, later}: SimulatedMiner, task: number): Model {
  return later && task >= later.from ? later.model : model
}

/** The best model among those that are there by `task`, clones of it aside. */
export function bestOf(miners: readonly SimulatedMiner[], task: number): SimulatedMiner {
  return miners
    .filter(({from}) => from <= task)
    .reduce((best, miner) => (modelAt(miner, task).rate > modelAt(best, task).rate ? miner : best))
}

export type Sitting = 'passed' | 'failed' | 'missed'

/** How a miner does in a task. Models fail together on hard tasks; beyond that each hotkey has luck of its own. */
export function sit(miner: SimulatedMiner, task: number, chance: Chance): Sitting {
  const difficulty = chance.normal('difficulty', task)
  if (miner.easiest !== undefined && difficulty > quantile(miner.easiest)) return 'missed'
  if (chance.uniform('miss', miner.name, task) < missRate) return 'missed'
  const probability = logistic(skillOf(modelAt(miner, task).rate) - difficultySpread * difficulty)
  return chance.uniform('luck', miner.name, task) < probability ? 'passed' : 'failed'
}

export function vote(
  validator: SimulatedValidator,
  miner: SimulatedMiner,
  passed: boolean,
  task: number,
  chance: Chance,
): boolean {
  if (validator.favours !== undefined) return validator.favours === miner.name
  const errs = chance.uniform('verdict', validator.hotkey, miner.name, task) < verdictNoise
  return errs ? !passed : passed
}

function logistic(x: number): number {
  return 1 / (1 + Math.exp(-x))
}

const skills = new Map<number, number>()

/** The skill with which a model passes the share `rate` of tasks of normal difficulty. */
function skillOf(rate: number): number {
  const known = skills.get(rate)
  if (known !== undefined) return known
  let [low, high] = [-12, 12]
  for (let step = 0; step < 50; step++) {
    const middle = (low + high) / 2
    if (meanRate(middle) < rate) low = middle
    else high = middle
  }
  if (skills.size > 10_000) skills.clear()
  skills.set(rate, low)
  return low
}

const nodes = Array.from({length: 81}, (_, i) => -4 + i / 10)
const density = nodes.map((x) => Math.exp((-x * x) / 2))
const mass = density.reduce((sum, each) => sum + each, 0)

function meanRate(skill: number): number {
  const sum = nodes.reduce((total, x, i) => total + (density[i] ?? 0) * logistic(skill - difficultySpread * x), 0)
  return sum / mass
}

/** Difficulty that the given share of tasks stays below. */
function quantile(share: number): number {
  let sum = 0
  for (const [i, x] of nodes.entries()) {
    sum += (density[i] ?? 0) / mass
    if (sum >= share) return x
  }
  return Number.POSITIVE_INFINITY
}
