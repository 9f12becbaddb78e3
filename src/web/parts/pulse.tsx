import type {HealthBody} from '../../api/schemas.js'
import type {HistoryBody, OverviewBody, ValidatorsBody} from '../../api/views.js'
import type {Resource} from '../data.js'
import {ago, count, one, percent, plural, words} from '../format.js'
import {addressOf} from '../router.js'
import {tasksPerHour} from '../standings.js'
import {Ago, Fact, useNow} from './basics.js'

const partNames: Readonly<Record<string, string>> = {
  chain: 'The chain does not answer or does not move',
  scorer: 'The ranking is not being made anew',
  store: 'The store cannot be read',
  sync: 'Miners and validators are not being checked',
}

/** What is wrong, in words; empty when nothing is. */
export function troubles({parts = [], stale = []}: HealthBody, nowMs: number): string[] {
  const bad = parts
    .filter(({ok}) => !ok)
    .map(({part, since}) => `${partNames[part] ?? words(part)} (last worked ${ago(since, nowMs)}).`)
  // A job stands for its part; it is only said by itself where no part names it.
  if (bad.length === 0)
    bad.push(...stale.map(({job, since}) => `${words(job)} is late (last done ${ago(since, nowMs)}).`))
  return bad
}

type WeightsSet = NonNullable<ValidatorsBody['validators'][number]['weights']>

/** Against what is expected, where there is something to expect. */
function weightsWords({validators, winner}: OverviewBody, set: readonly WeightsSet[]): string {
  if (set.length === 0) return '–'
  if (!winner) return `set by ${count(set.length)} of ${count(validators)}`
  return `${count(set.filter(({verdict}) => verdict === 'agrees').length)} of ${count(validators)} as expected`
}

/** Is the subnet alive? One sentence, and the figures that it rests on. */
export function Pulse({
  overview,
  health,
  history,
  validators,
}: {
  overview: OverviewBody
  health: Resource<HealthBody>
  history: HistoryBody | undefined
  validators: ValidatorsBody | undefined
}) {
  const now = useNow()
  const {tasks, miners} = overview
  const bad = health.data ? troubles(health.data, now) : []
  const rate = history ? tasksPerHour(history.tasks.map(({settled_at}) => settled_at)) : null
  const set = validators?.validators.flatMap(({weights}) => (weights ? [weights] : [])) ?? []
  const lastBlock = set.length === 0 ? null : Math.max(...set.map(({block}) => block))
  const agreement = history?.tasks.findLast((task) => task.agreement !== null)?.agreement ?? null
  const state = health.error ? 'bad' : bad.length > 0 ? 'warn' : 'good'
  return (
    <section class={`pulse ${state}`} aria-label="Is the subnet alive?">
      <p class="headline">
        <span class="dot" aria-hidden="true" />
        {state === 'good' &&
          (tasks.latest === 0 ? 'The subnet is up, and waits for its first task.' : 'The subnet is alive.')}
        {state === 'warn' && 'The subnet runs, but not all of it.'}
        {state === 'bad' && 'The API does not answer.'}
      </p>
      {bad.length > 0 && (
        <ul class="troubles">
          {bad.map((text) => (
            <li key={text}>{text}</li>
          ))}
        </ul>
      )}
      <dl class="facts">
        <Fact label="Newest task" hint={<Ago at={tasks.published_at} />}>
          {tasks.latest === 0 ? 'none' : <a href={addressOf(['task', String(tasks.latest)])}>#{tasks.latest}</a>}
        </Fact>
        <Fact
          label="Tasks an hour"
          hint={tasks.open.length > 0 ? `${plural(tasks.open.length, 'task')} being judged` : 'none being judged'}
        >
          {rate === null ? '–' : rate >= 10 ? count(rate) : one(rate)}
        </Fact>
        <Fact label="Miners" hint={`${count(miners.valid)} valid, ${count(miners.ranked)} ranked`}>
          {count(miners.total)}
        </Fact>
        <Fact
          label="Weights on the chain"
          hint={lastBlock === null ? 'none set yet' : `last set at block ${count(lastBlock)}`}
        >
          {weightsWords(overview, set)}
        </Fact>
        <Fact label="Validators agree" hint="on the newest task">
          {percent(agreement)}
        </Fact>
      </dl>
    </section>
  )
}
