import './style/index.css'
import {render} from 'preact'
import {useEffect, useState} from 'preact/hooks'
import type {OverviewBody} from '../api/views.js'
import {refresh, useResource} from './data.js'
import {Live, type LiveState} from './live.js'
import {Boundary} from './parts/boundary.js'
import {Header} from './parts/header.js'
import {lazy} from './parts/lazy.js'
import {parsePlace} from './router.js'
import {Overview} from './views/overview.js'

const Leaderboard = lazy(async () => (await import('./views/leaderboard.js')).Leaderboard)
const Mechanism = lazy(async () => (await import('./views/mechanism.js')).Mechanism)
const MinerPage = lazy(async () => (await import('./views/miner.js')).MinerPage)
const TaskPage = lazy(async () => (await import('./views/task.js')).TaskPage)
const Tasks = lazy(async () => (await import('./views/tasks.js')).Tasks)
const Validators = lazy(async () => (await import('./views/validators.js')).Validators)

function App() {
  const [place, setPlace] = useState(() => parsePlace(location.hash))
  const [live, setLive] = useState<LiveState>({isLive: false, retryAt: undefined, block: null, heardAt: undefined})
  const overview = useResource<OverviewBody>('overview', [
    'tasks',
    'settled',
    'miners',
    'validators',
    'rankings',
    'block',
  ])
  useEffect(() => {
    new Live(setLive, refresh).start()
    addEventListener('hashchange', () => setPlace(parsePlace(location.hash)))
  }, [])
  const [view = '', id = ''] = place.path
  const page = `${view}/${id}`
  useEffect(() => {
    document.title = titleOf(view, id)
    scrollTo(0, 0)
    // A reader follows to the new page, as it would to a new document.
    if (place.path.length > 0) document.getElementById('main')?.focus({preventScroll: true})
  }, [page])
  const isOther = view === 'mechanism' && id !== '' && id !== overview.data?.mechanism
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        Skip to the content
      </button>
      <Header view={view} overview={overview} live={live} mechanism={isOther ? id : overview.data?.mechanism} />
      <main id="main" tabIndex={-1}>
        <Boundary key={page}>
          {view === '' && <Overview overview={overview} />}
          {view === 'miners' && <Leaderboard query={place.query} />}
          {view === 'miner' && <MinerPage hotkey={id} />}
          {view === 'tasks' && <Tasks query={place.query} />}
          {view === 'task' && <TaskPage id={id} latest={overview.data?.tasks.latest} />}
          {view === 'validators' && <Validators />}
          {view === 'mechanism' && (isOther ? <Mechanism name={id} /> : <Overview overview={overview} />)}
          {!views.includes(view) && (
            <section class="panel">
              <h1>There is no such page</h1>
              <p>
                <a href="#/">To the overview</a>
              </p>
            </section>
          )}
        </Boundary>
      </main>
      <footer class="foot">
        <p>
          Everything here follows from signed, public results: <a href="docs">the API</a>, the same on the command line
          with <code>leoma get-rank</code>. <a href="web/licences.txt">Licences</a>
        </p>
      </footer>
    </>
  )
}

const views: readonly string[] = ['', 'miners', 'miner', 'tasks', 'task', 'validators', 'mechanism']

function titleOf(view: string, id: string): string {
  const names: Readonly<Record<string, string>> = {
    miners: 'Miners',
    miner: `Miner ${id.slice(0, 8)}`,
    tasks: 'Tasks',
    task: `Task ${id}`,
    validators: 'Validators',
    mechanism: id,
  }
  const name = names[view]
  return name === undefined ? 'leoma' : `${name} · leoma`
}

const root = document.getElementById('app')
if (root) {
  root.textContent = ''
  render(<App />, root)
}
