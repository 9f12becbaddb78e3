import {useMemo} from 'preact/hooks'
import type {RankBody} from '../../api/schemas.js'
import type {HistoryBody, OutcomesBody} from '../../api/views.js'
import type {Resource} from '../data.js'
import {bytes, percent, plural, span} from '../format.js'
import {rollingRates, standings} from '../standings.js'
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
        {({tasks}) =>
          tasks.length === 0 ? (
            <p class="quiet">No task has settled yet. The first plots come with the first results.</p>
          ) : (
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
                range={[0, 100]}
              />
              <Small
                title="Validators agree with the vote"
                tasks={tasks}
                pick={(task) => task.agreement}
                format={(value) => `${Math.round(100 * value)} %`}
                range={[0, 1.04]}
              />
              <Small
                title="What a task costs the miners, in working time"
                half
                tasks={tasks}
                pick={(task) => task.latency_ms}
                format={span}
                style="bars"
              />
              <Small
                title="What a task costs the owner, in stored outputs"
                half
                tasks={tasks}
                pick={(task) => task.bytes}
                format={(value) => bytes(Math.round(value))}
                style="bars"
              />
            </div>
          )
        }
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
  half = false,
}: {
  title: string
  tasks: readonly Task[]
  pick: (task: Task) => number | null
  format: (value: number) => string
  range?: readonly [number, number]
  style?: 'line' | 'bars'
  half?: boolean
}) {
  const tasks = all.slice(-smallTasks)
  const values = tasks.map(pick)
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
    <div class={half ? 'half' : ''}>
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
    return {
      x: outcomes.tasks,
      lines: top.map(({hotkey, uid}, index) => ({
        name: `uid ${uid ?? '–'}`,
        values: rollingRates(outcomes.outcomes[hotkey] ?? '', rule),
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
