import type {VideoParams} from '../../mechanisms/video/params.js'
import {attackOf, seasonOf} from './attacks.js'
import {chanceOf} from './random.js'
import {type Outcome, play} from './season.js'

/** What all seasons have in common. Plain data: it goes to other threads. */
export interface Plan {
  readonly seed: string
  readonly tasks: number
  /** One exam per rule. */
  readonly exams: readonly VideoParams[]
}

export interface Job {
  readonly attack: string
  readonly season: number
}

export interface Played {
  readonly job: Job
  /** One per exam. */
  readonly outcomes: readonly Outcome[]
}

/** A season is known by seed and number alone: honest miners do the same in it whoever attacks. */
export function playJob({seed, tasks, exams}: Plan, job: Job): Played {
  const season = seasonOf(attackOf(job.attack), tasks, chanceOf(`${seed}/${job.season}`))
  return {job, outcomes: play(season, exams)}
}
