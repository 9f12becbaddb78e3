import {useState} from 'preact/hooks'
import type {MinerHistoryBody} from '../../api/views.js'
import {useResource} from '../data.js'
import {outcomeWords, seconds} from '../format.js'
import {addressOf} from '../router.js'
import {Ago, Answer, Chip, Panel} from './basics.js'
import {Verdicts} from './verdicts.js'

const pageTasks = 25

/** Every task that the miner was asked in; the verdicts behind a result open below it. */
export function MinerVerdicts({hotkey}: {hotkey: string}) {
  const [before, setBefore] = useState<number[]>([])
  const [open, setOpen] = useState<number>()
  const from = before.at(-1)
  const path = `miners/${hotkey}/history?limit=${pageTasks}${from === undefined ? '' : `&before=${from}`}`
  const history = useResource<MinerHistoryBody>(path, from === undefined ? ['settled'] : [])
  return (
    <Panel title="Every verdict" note="Newest first. A result opens to what each validator said.">
      <Answer of={history}>
        {({tasks}) => (
          <>
            {tasks.length === 0 && (
              <p class="quiet">
                {before.length === 0 ? 'It was asked in no settled task yet.' : 'There are no older ones.'}
              </p>
            )}
            <ul class="verdict-list">
              {tasks.map((task) => (
                <li key={task.task_id}>
                  <div class="line">
                    <a class="number" href={addressOf(['task', String(task.task_id)])}>
                      #{task.task_id}
                    </a>
                    <Result passed={task.passed} outcome={task.outcome} />
                    <span class="number score">{task.score === null ? '' : `score ${Math.round(task.score)}`}</span>
                    <span class="number quiet">{seconds(task.latency_ms)}</span>
                    <span class="quiet when">{task.judged_at !== null && <Ago at={task.judged_at} />}</span>
                    {task.votes > 0 && (
                      <button
                        type="button"
                        class="small"
                        aria-expanded={open === task.task_id}
                        onClick={() => setOpen(open === task.task_id ? undefined : task.task_id)}
                      >
                        {task.votes === 1 ? '1 verdict' : `${task.votes} verdicts`}
                      </button>
                    )}
                  </div>
                  {task.reason !== null && <p class="reason">{task.reason}</p>}
                  {open === task.task_id && <Verdicts taskId={task.task_id} hotkey={hotkey} />}
                </li>
              ))}
            </ul>
            <p class="paging">
              {before.length > 0 && (
                <button type="button" onClick={() => setBefore(before.slice(0, -1))}>
                  Newer
                </button>
              )}
              {tasks.length === pageTasks && (
                <button type="button" onClick={() => setBefore([...before, tasks.at(-1)?.task_id ?? 1])}>
                  Older
                </button>
              )}
            </p>
          </>
        )}
      </Answer>
    </Panel>
  )
}

export function Result({passed, outcome}: {passed: boolean | null; outcome: string}) {
  if (outcome !== 'ok')
    return <Chip tone={outcome.startsWith('rejected:') ? 'warn' : 'plain'}>{outcomeWords(outcome)}</Chip>
  if (passed === null) return <Chip tone="plain">not judged</Chip>
  return passed ? <Chip tone="good">passed</Chip> : <Chip tone="bad">failed</Chip>
}
