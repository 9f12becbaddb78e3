import type {OutcomesBody, TaskFiguresBody} from '../../api/views.js'
import {useResource} from '../data.js'
import {plural, quoteClass, shortened} from '../format.js'
import {addressOf} from '../router.js'
import {Panel} from './basics.js'
import {Picture} from './picture.js'

/** The newest settled task in a picture, and the way to the evidence. */
export function Proof({
  settled,
  winner,
  outcomes,
}: {
  settled: number
  winner: string | undefined
  outcomes: OutcomesBody | undefined
}) {
  const page = useResource<TaskFiguresBody>(settled === 0 ? undefined : 'history/tasks?limit=1', ['settled'])
  const task = page.data?.tasks[0]
  if (!task) return null
  const isNewest = outcomes?.tasks.at(-1) === task.task_id
  const own = isNewest && winner !== undefined ? outcomes.outcomes[winner]?.at(-1) : undefined
  const address = addressOf(['task', String(task.task_id)])
  return (
    <Panel title="The proof" class="proof">
      {task.kind !== 't2v' && (
        <Picture src={`media/${task.task_id}/frame.png`} alt="The first frame, which every miner got" isLazy />
      )}
      <div>
        <p class="kicker">Task {task.task_id}, the newest that has settled</p>
        <blockquote class={quoteClass(task.prompt)}>
          {task.prompt === '' ? 'Continue this picture.' : shortened(task.prompt)}
        </blockquote>
        <p>
          {task.passed === 0 ? 'No output passed' : `${plural(task.passed, 'output')} passed`} of{' '}
          {plural(task.asked, 'miner')} asked.
          {own === 'p' && ' The winner’s did.'}
          {(own === 'f' || own === 'r') && ' The winner’s did not.'}
        </p>
        <a class="button" href={address}>
          Watch the outputs side by side
        </a>
      </div>
    </Panel>
  )
}
