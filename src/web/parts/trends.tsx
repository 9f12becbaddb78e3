import {useMemo} from 'preact/hooks'
import type {RankBody} from '../../api/schemas.js'
import type {HistoryBody, OutcomesBody} from '../../api/views.js'
import type {Resource} from '../data.js'
import {bytes, count, one, percent, plural, span} from '../format.js'
import {firstAsked, hourlyRates, rollingRates, standings} from '../standings.js'
import {Answer, Panel} from './basics.js'
import {Plot, type PlotData} from './plot.js'
import {useRateRule} from './rate-rule.js'

const colours = ['--series-1', '--series-2', '--series-3', '--series-4', '--series-5']

export function Trends({
  history,
  outcomes,
  rank,
}: {
  history: Resource<HistoryBody>
  outcomes: Resource<OutcomesBody>
  rank: RankBody | undefined
}) {
  return (
    <Panel title="How it has gone" note="Settled tasks, oldest on the left.">
      <Answer of={history}>
        {({tasks}) => {
          if (tasks.length === 0)
            return <p class="quiet">No task has settled yet. The first plots come with the first results.</p>
          const rates = hourlyRates(tasks.map(({settled_at}) => settled_at))
          return (
            <div class="plots">
              <TopRates outcomes={outcomes.data} rank={rank} />
              <Small
                title="Outputs that passed"
                tasks={tasks}
                pick={(task) => task.passed}
                format={(value) => String(Math.round(value))}
                style="bars"
              />
              <Small
                title="Mean score of what was judged"
                tasks={tasks}
                pick={(task) => task.score}
                format={(value) => String(Math.round(value))}
                range={[0, 104]}
              />
              <Small
                title="Validators agree with the vote"
                tasks={tasks}
                pick={(task) => task.agreement}
                format={(value) => `${Math.round(100 * value)} %`}
                range={[0, 1.04]}
              />
              <Small
                title="Tasks an hour"
                tasks={tasks}
                pick={(_, index) => rates[index] ?? null}
                format={(value) => (value === 0 || value >= 10 ? count(value) : one(value))}
              />
              <Small
                title="Cost to the miners, in working time"
                tasks={tasks}
                pick={(task) => task.latency_ms}
                format={span}
                style="bars"
              />
              <Small
                title="Cost to the owner, in stored outputs"
                tasks={tasks}
                pick={(task) => task.bytes}
                format={(value) => bytes(Math.round(value))}
                style="bars"
              />
            </div>
          )
        }}
      </Answer>
    </Panel>
  )
}

type Task = HistoryBody['tasks'][number]

/** Tasks of a small plot: more would be a blot instead of bars. */
const smallTasks = 60

function Small({
  title,
  tasks: all,
  pick,
  format,
  range,
  style = 'line',
}: {
  title: string
  tasks: readonly Task[]
  /** Of a task, and where it stands among all. */
  pick: (task: Task, index: number) => number | null
  format: (value: number) => string
  range?: readonly [number, number]
  style?: 'line' | 'bars'
}) {
  const tasks = all.slice(-smallTasks)
  const values = all.map(pick).slice(-smallTasks)
  const known = values.filter((value) => value !== null)
  const last = known.at(-1)
  const data: PlotData = useMemo(
    () => ({
      x: tasks.map(({task_id}) => task_id),
      lines: [{name: '', values, colour: '--series-1', style}],
      format,
      ...(range && {range}),
    }),
    [all],
  )
  const said =
    last === undefined
      ? 'no figures yet'
      : `${format(last)} in the newest task, from ${format(Math.min(...known))} to ${format(Math.max(...known))} over ${plural(known.length, 'task')}`
  return (
    <div>
      <h3>{title}</h3>
      <p class="latest number">{last === undefined ? '–' : format(last)}</p>
      <Plot data={data} sentence={`${title}: ${said}`} height={110} />
    </div>
  )
}

/** The pass rate that ranks, of those who lead now, after every task. */
function TopRates({outcomes, rank}: {outcomes: OutcomesBody | undefined; rank: RankBody | undefined}) {
  const rule = useRateRule()
  const data = useMemo((): PlotData | undefined => {
    if (!outcomes || !rank) return undefined
    const top = standings(rank)
      .filter(({rank: place}) => place !== null)
      .slice(0, colours.length)
    const from = firstAsked(top.map(({hotkey}) => outcomes.outcomes[hotkey] ?? ''))
    return {
      x: outcomes.tasks.slice(from),
      lines: top.map(({hotkey, uid}, index) => ({
        name: `uid ${uid ?? '–'}`,
        values: rollingRates(outcomes.outcomes[hotkey] ?? '', rule).slice(from),
        colour: colours[index] ?? '--ink-3',
      })),
      format: (value) => `${Math.round(100 * value)} %`,
      range: [0, 1.04],
    }
  }, [outcomes, rank, rule])
  if (!data || data.lines.length === 0) return null
  const said = data.lines.map(({name, values}) => `${name} ${percent(values.at(-1) ?? null)}`).join(', ')
  return (
    <div class="wide">
      <h3>Pass rate of those who lead</h3>
      <Plot data={data} sentence={`Pass rate of those who lead, newest: ${said}`} height={230} />
    </div>
  )
}
