import type {SettledTask} from '../../domain/verdict.js'

/** Verdicts that are looked through in one go: whoever waits, waits for as long as that takes, about a second. */
export const maxVerdicts = 10_000

/** The newest of the tasks that pass by, as many as may be looked through at once. */
export class RecentTasks {
  readonly #tasks: SettledTask[] = []
  readonly #most: number
  #verdicts = 0
  #leftOut = 0

  /** The newest task stays whatever the number of its verdicts. */
  constructor(most = maxVerdicts) {
    this.#most = most
  }

  /** How many older tasks did not fit. */
  get leftOut(): number {
    return this.#leftOut
  }

  /** Tasks come in ascending order. */
  add(task: SettledTask): void {
    this.#tasks.push(task)
    this.#verdicts += task.verdicts.length
    while (this.#tasks.length > 1 && this.#verdicts > this.#most) {
      this.#verdicts -= this.#tasks.shift()?.verdicts.length ?? 0
      this.#leftOut++
    }
  }

  list(): readonly SettledTask[] {
    return this.#tasks
  }
}
