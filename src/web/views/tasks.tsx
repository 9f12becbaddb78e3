import type {OverviewBody, TaskFiguresBody} from '../../api/views.js'
import {useResource} from '../data.js'
import {bytes, plural, shortened} from '../format.js'
import {Ago, Answer, Chip, Panel} from '../parts/basics.js'
import {addressOf} from '../router.js'

const pageTasks = 50

/** All settled tasks, a page at a time; however many there are, a page is a page. */
export function Tasks({query}: {query: Readonly<Record<string, string>>}) {
  const before = /^\d{1,10}$/.test(query.before ?? '') ? Number(query.before) : undefined
  const overview = useResource<OverviewBody>('overview', ['tasks', 'settled', 'block'])
  const path = `history/tasks?limit=${pageTasks}${before === undefined ? '' : `&before=${before}`}`
  const page = useResource<TaskFiguresBody>(path, before === undefined ? ['settled'] : [])
  const open = before === undefined ? (overview.data?.tasks.open ?? []) : []
  return (
    <>
      <h1>Tasks</h1>
      <form
        class="controls"
        onSubmit={(event) => {
          event.preventDefault()
          const id = new FormData(event.currentTarget).get('task')
          if (typeof id === 'string' && /^\d{1,10}$/.test(id.trim()))
            location.hash = addressOf(['task', String(Number(id))])
        }}
      >
        <label class="field">
          <span>Task number</span>
          <input
            name="task"
            inputMode="numeric"
            pattern="\s*\d{1,10}\s*"
            placeholder={String(overview.data?.tasks.latest ?? 1)}
          />
        </label>
        <button type="submit">Go to the task</button>
      </form>
      <Answer of={page}>
        {({tasks}) => (
          <Panel title={before === undefined ? 'Newest first' : `Before task ${before}`}>
            {open.length > 0 && (
              <p class="notice">
                Being judged now, results hidden until all have voted:{' '}
                {open.map((id) => (
                  <a key={id} href={addressOf(['task', String(id)])}>
                    #{id}{' '}
                  </a>
                ))}
              </p>
            )}
            {tasks.length === 0 && (
              <p class="quiet">{before === undefined ? 'No task has settled yet.' : 'There are no older tasks.'}</p>
            )}
            <ul class="task-list">
              {tasks.map((task) => (
                <li key={task.task_id}>
                  <a class="number id" href={addressOf(['task', String(task.task_id)])}>
                    #{task.task_id}
                  </a>
                  <p class="prompt">{task.prompt === '' ? 'no prompt' : shortened(task.prompt)}</p>
                  <span class="result">
                    <Chip tone={task.passed > 0 ? 'good' : 'plain'}>
                      <b class="number">{task.passed}</b> passed
                    </Chip>{' '}
                    <span class="quiet number">
                      of {task.asked} asked{task.rejected > 0 ? `, ${task.rejected} rejected` : ''}
                    </span>
                  </span>
                  <span class="quiet number meta">
                    {plural(task.verdicts, 'verdict')} · {bytes(task.bytes)} · <Ago at={task.settled_at} />
                  </span>
                </li>
              ))}
            </ul>
            <p class="paging">
              {before !== undefined && (
                <a class="button" href={addressOf(['tasks'])}>
                  Newest
                </a>
              )}
              {tasks.length === pageTasks && (
                <a class="button" href={addressOf(['tasks'], {before: String(tasks.at(-1)?.task_id ?? 1)})}>
                  Older
                </a>
              )}
            </p>
          </Panel>
        )}
      </Answer>
    </>
  )
}
