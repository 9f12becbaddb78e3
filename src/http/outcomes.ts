import {type OutcomesBody, outcomeLetters} from '../api/views.js'
import type {TaskId} from '../domain/ids.js'
import {listTaskFigures, type MinerTask, outcomesOfTask} from '../store/figures.js'
import type {Store} from '../store/open.js'

/** A table of miners and the newest settled tasks. What has settled never changes, so each task is read once. */
export class Outcomes {
  readonly #store: Store
  readonly #limit: number
  readonly #tasks = new Map<TaskId, ReadonlyMap<string, string>>()

  constructor(store: Store, limit: number) {
    this.#store = store
    this.#limit = limit
  }

  read(): OutcomesBody {
    const ids = listTaskFigures(this.#store, {limit: this.#limit})
      .map(({taskId}) => taskId)
      .reverse()
    for (const id of ids) if (!this.#tasks.has(id)) this.#tasks.set(id, letters(outcomesOfTask(this.#store, id)))
    const wanted = new Set(ids)
    for (const id of this.#tasks.keys()) if (!wanted.has(id)) this.#tasks.delete(id)
    const columns = ids.map((id) => this.#tasks.get(id) ?? new Map<string, string>())
    const miners = new Set(columns.flatMap((column) => [...column.keys()]))
    return {
      tasks: ids,
      outcomes: Object.fromEntries(
        [...miners].map((miner) => [
          miner,
          columns.map((column) => column.get(miner) ?? outcomeLetters.absent).join(''),
        ]),
      ),
    }
  }
}

function letters(rows: readonly MinerTask[]): ReadonlyMap<string, string> {
  return new Map(rows.map((row) => [row.miner, letterOf(row)]))
}

function letterOf({outcome, passed}: MinerTask): string {
  if (outcome.startsWith('rejected:')) return outcomeLetters.rejected
  if (outcome !== 'ok') return outcomeLetters.missed
  if (passed === null) return outcomeLetters.unjudged
  return passed ? outcomeLetters.passed : outcomeLetters.failed
}
