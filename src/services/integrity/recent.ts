import type {SettledTask} from '../../domain/verdict.js'

/** Verdicts that are looked through in one go: whoever waits, waits for as long as that takes, about a second. */
export const maxVerdicts = 10_000

/** The newest of the tasks that pass by, as many as may be looked through at once. */
export class RecentTasks {
  readonly #tasks: SettledTask[] = []
  #verdicts = 0

  /** Tasks come in ascending order. */
  add(task: SettledTask): void {
    this.#tasks.push(task)
    this.#verdicts += task.verdicts.length
    while (this.#tasks.length > 1 && this.#verdicts > maxVerdicts)
      this.#verdicts -= this.#tasks.shift()?.verdicts.length ?? 0
  }

  list(): readonly SettledTask[] {
    return this.#tasks
  }
}
