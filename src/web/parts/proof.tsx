import type {TaskResultsBody} from '../../api/views.js'
import type {SignedManifest} from '../../domain/task.js'
import {useResource} from '../data.js'
import {plural} from '../format.js'
import {addressOf} from '../router.js'
import {Panel} from './basics.js'

/** The newest settled task in a picture, and the way to the evidence. */
export function Proof({settled, winner}: {settled: number; winner: string | undefined}) {
  const path = settled === 0 ? undefined : `tasks/log?after=${settled - 1}&limit=1`
  const log = useResource<{tasks: SignedManifest[]}>(path)
  const results = useResource<TaskResultsBody>(settled === 0 ? undefined : `tasks/${settled}/results`)
  const manifest = log.data?.tasks[0]?.manifest
  if (!manifest || manifest.taskId !== settled) return null
  const passed = results.data?.results.filter((row) => row.passed === true) ?? []
  const own = results.data?.results.find(({miner_hotkey}) => miner_hotkey === winner)
  return (
    <Panel title="The proof" class="proof">
      {manifest.firstFrame && (
        <img
          src={`media/${settled}/frame.png`}
          width="832"
          height="480"
          alt="The first frame, which every miner got"
          loading="lazy"
        />
      )}
      <div>
        <p class="kicker">Task {settled}, the newest that has settled</p>
        <blockquote>{manifest.prompt.text === '' ? 'Continue this picture.' : manifest.prompt.text}</blockquote>
        {results.data && (
          <p>
            {passed.length === 0 ? 'No output passed' : `${plural(passed.length, 'output')} passed`} of{' '}
            {plural(manifest.answers.length, 'miner')} asked.
            {own?.passed === true && ' The winner’s did.'}
            {own?.passed === false && ' The winner’s did not.'}
          </p>
        )}
        <a class="button" href={addressOf(['task', String(settled)])}>
          Watch the outputs side by side
        </a>
      </div>
    </Panel>
  )
}
