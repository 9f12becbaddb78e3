import {Worker} from 'node:worker_threads'
import {LeomaError} from '../../errors.js'
import {type DominanceRule, dominanceDefaults, VideoParams} from '../../mechanisms/video/params.js'
import type {Clock} from '../../runtime/clock.js'
import {attackOf} from './attacks.js'
import {type Job, type Plan, type Played, playJob} from './job.js'
import {type SimulationRow, summarize} from './report.js'

export {defaults} from '../../mechanisms/video/params.js'

export interface SimulateOptions {
  /** The exam that is taken where nothing else is said. */
  readonly exam: VideoParams
  readonly rules: readonly DominanceRule[]
  readonly attacks: readonly string[]
  readonly seasons: number
  /** Tasks of a season. */
  readonly tasks: number
  readonly seed: string
  /** Figures of the ranking to try instead of those of the exam or the rule. */
  readonly ranking?: RankingChange
  readonly threads: number
  readonly onProgress?: (done: number, of: number) => void
}

export interface RankingChange {
  readonly window?: number | undefined
  readonly dominance?: number | undefined
  /** Of `dominance-2` alone, as is the next. */
  readonly oddsAgainst?: number | undefined
  readonly memory?: number | undefined
}

export interface Simulation {
  readonly seed: string
  readonly seasons: number
  readonly tasks: number
  readonly rules: readonly {readonly rule: DominanceRule; readonly ranking: VideoParams['ranking']}[]
  readonly rows: readonly SimulationRow[]
}

/** Plays every season under every rule and attack; the same options give the same answer, on any number of threads. */
export async function simulate(
  options: SimulateOptions,
  time: Pick<Clock, 'sleep'>,
  signal: AbortSignal,
): Promise<Simulation> {
  const {seasons, tasks, seed} = options
  const rules = options.rules.map((rule) => ({rule, params: examFor(rule, options)}))
  // Without an attack is what every attack is measured against.
  const names = [...new Set(['none', ...options.attacks])]
  for (const name of names) attackOf(name)
  const jobs = Array.from({length: seasons}, (_, season) => names.map((attack): Job => ({attack, season}))).flat()
  const plan: Plan = {seed, tasks, exams: rules.map(({params}) => params)}
  let done = 0
  const played = new Map<string, Played>()
  const take = (result: Played) => {
    played.set(key(result.job), result)
    options.onProgress?.(++done, jobs.length)
  }
  const threads = Math.min(options.threads, jobs.length)
  if (threads > 1 && isBuilt) await beside(plan, jobs, threads, take, signal)
  else {
    for (const job of jobs) {
      // Ctrl-C has its turn between two seasons.
      await time.sleep(0, signal)
      take(playJob(plan, job))
    }
  }
  const outcomes = (attack: string, at: number) =>
    Array.from({length: seasons}, (_, season) => played.get(key({attack, season}))?.outcomes[at]).filter(
      (one) => one !== undefined,
    )
  return {
    ...{seed, seasons, tasks},
    rules: rules.map(({rule, params}) => ({rule, ranking: params.ranking})),
    rows: names.flatMap((attack) =>
      rules.map(({rule}, at) => summarize(attack, rule, outcomes(attack, at), outcomes('none', at))),
    ),
  }
}

/** The exam with this rule in it: with the exam's own figures when it is the exam's rule, else with the rule's. */
export function examFor(
  rule: DominanceRule,
  {exam, ranking = {}}: Pick<SimulateOptions, 'exam' | 'ranking'>,
): VideoParams {
  const own = exam.ranking.rule ?? 'dominance-1'
  const {rule: _, dominance, oddsAgainst, memory, ...common} = exam.ranking
  const figures = own === rule ? {rule, dominance, ...drop({oddsAgainst, memory})} : dominanceDefaults[rule]
  const {window, dominance: lead, ...proof} = ranking
  const changed = {
    ...common,
    ...figures,
    ...drop({window, dominance: lead}),
    ...(rule === 'dominance-2' ? drop(proof) : {}),
  }
  const params = VideoParams.safeParse({...exam, ranking: changed})
  if (params.success) return params.data
  const why = params.error.issues.map(({path, message}) => `${path.join('.')}: ${message}`).join('; ')
  throw new LeomaError('usage', 'RANKING_INVALID', `these figures make no ranking by ${rule}: ${why}`)
}

function drop<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T> // Less of the same.
}

const key = ({attack, season}: Job) => `${attack}/${season}`

/** From source there is no program for a thread to load. */
const isBuilt = import.meta.url.endsWith('.js')

/** Each thread is given the next season when it is done with one. */
async function beside(
  plan: Plan,
  jobs: readonly Job[],
  threads: number,
  take: (played: Played) => void,
  signal: AbortSignal,
): Promise<void> {
  const queue = [...jobs]
  const workers: Worker[] = []
  const program = new URL('./worker.js', import.meta.url)
  try {
    await Promise.all(
      Array.from({length: threads}, () => {
        const worker = new Worker(program, {workerData: plan, name: 'seasons'})
        workers.push(worker)
        return new Promise<void>((resolve, reject) => {
          const next = () => {
            const job = queue.shift()
            if (job) worker.postMessage(job)
            else resolve()
          }
          worker.on('message', (played: Played) => {
            take(played)
            next()
          })
          worker.on('error', reject)
          worker.on('exit', () => reject(new Error('a thread of the simulation ended early')))
          signal.addEventListener('abort', () => reject(signal.reason), {once: true})
          next()
        })
      }),
    )
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
}
