import type {Hotkey, Sha256} from '../domain/ids.js'
import {SignedManifest} from '../domain/task.js'
import {type SettledTask, SignedVerdict, type Verdict} from '../domain/verdict.js'
import type {Store} from './open.js'

/**
 * Settled tasks of one exam, ascending: what a rule folds. Verdicts come as the few figures that rules look at; the rest
 * of one is read from the store when somebody asks for it, which nobody does for a hundred thousand of them.
 */
export function settledOfExam(store: Store, after: number, limit: number, examHash: Sha256): SettledTask[] {
  const {sql} = store
  const rows = sql.all(
    sql.q
      .selectFrom('tasks')
      .select(['task_id', 'body', 'settled_at_block'])
      .where('exam_hash', '=', examHash)
      .where('task_id', '>', after)
      .where('settled_at_block', 'is not', null)
      .orderBy('task_id')
      .limit(limit),
  )
  return rows.map(({task_id: taskId, body, settled_at_block: settledAtBlock}) => ({
    task: SignedManifest.parse(JSON.parse(body)),
    verdicts: figures(store, taskId).map((row) => new StoredVerdict(store, row)),
    settledAtBlock: settledAtBlock ?? 0,
  }))
}

interface Figures {
  readonly task_id: number
  readonly validator: string
  readonly miner: string
  readonly passed: number
  readonly overall: number
}

function figures({sql}: Store, taskId: number): Figures[] {
  return sql.all(
    sql.q
      .selectFrom('verdicts')
      .select(['task_id', 'validator', 'miner', 'passed', 'overall'])
      .where('task_id', '=', taskId)
      .orderBy('validator')
      .orderBy('miner'),
  )
}

class StoredVerdict implements SignedVerdict {
  readonly verdict: Verdict
  readonly #whole: () => SignedVerdict

  constructor(store: Store, figures: Figures) {
    let whole: SignedVerdict | undefined
    this.#whole = () => {
      whole ??= readVerdict(store, figures)
      return whole
    }
    this.verdict = new LazyVerdict(figures, () => this.#whole().verdict)
  }

  get signature() {
    return this.#whole().signature
  }

  toJSON(): SignedVerdict {
    return this.#whole()
  }
}

class LazyVerdict implements Verdict {
  readonly #figures: Figures
  readonly #whole: () => Verdict

  constructor(figures: Figures, whole: () => Verdict) {
    this.#figures = figures
    this.#whole = whole
  }

  get taskId() {
    return this.#figures.task_id
  }
  get validator() {
    return this.#figures.validator as Hotkey // Both were checked when the verdict was taken in.
  }
  get miner() {
    return this.#figures.miner as Hotkey
  }
  get passed() {
    return this.#figures.passed === 1
  }
  get overall() {
    return this.#figures.overall
  }
  get version() {
    return this.#whole().version
  }
  get mechanism() {
    return this.#whole().mechanism
  }
  get netuid() {
    return this.#whole().netuid
  }
  get examHash() {
    return this.#whole().examHash
  }
  get artefacts() {
    return this.#whole().artefacts
  }
  get judge() {
    return this.#whole().judge
  }
  get aspects() {
    return this.#whole().aspects
  }
  get confidence() {
    return this.#whole().confidence
  }
  get gate() {
    return this.#whole().gate
  }
  get reasoning() {
    return this.#whole().reasoning
  }
  get strengths() {
    return this.#whole().strengths
  }
  get issues() {
    return this.#whole().issues
  }

  toJSON(): Verdict {
    return this.#whole()
  }
}

function readVerdict({sql}: Store, {task_id: taskId, validator, miner}: Figures): SignedVerdict {
  const row = sql.get(
    sql.q
      .selectFrom('verdicts')
      .select('body')
      .where('task_id', '=', taskId)
      .where('validator', '=', validator)
      .where('miner', '=', miner),
  )
  if (!row) throw new Error(`the verdict of ${validator} on ${miner} in task ${taskId} is gone`)
  return SignedVerdict.parse(JSON.parse(row.body))
}
