import {rmSync} from 'node:fs'
import {setTimeout as delay} from 'node:timers/promises'
import {Pool} from 'undici'
import {signRequest2} from '../../src/api/signature.js'
import {systemTime} from '../../src/runtime/clock.js'
import {pruneInTurns} from '../../src/services/store-prune.js'
import {backupStore} from '../../src/store/backup.js'
import {currentExam} from '../../src/store/exams.js'
import {openStore} from '../../src/store/open.js'
import type {Server} from './api-process.js'
import {netuid, validators} from './api-world.js'
import type {Measured} from './run.js'

const never = new AbortController().signal
const limit = 50
/** As many as there are validators, who all come when a task has settled. */
const atOnce = 16

/** What else could hold up everybody: large answers asked for by many at once, and work beside the requests. */
export async function holds(server: Server, file: string): Promise<Measured[]> {
  const pool = new Pool(server.url, {connections: 2 * atOnce})
  const get = async (path: string) => {
    const answer = await pool.request({path, method: 'GET'})
    await answer.body.dump()
    if (answer.statusCode !== 200) throw new Error(`${path} was answered with ${answer.statusCode}`)
  }
  const allAtOnce = (paths: readonly string[]) => () => Promise.all(paths.map(get))
  const numbers = Array.from({length: atOnce}, (_, index) => index + 1)
  const measured = async (what: string, note: string, work: () => Promise<unknown>): Promise<Measured> => ({
    name: `event loop while ${what}, in ms`,
    ratio: await server.longestHold(work),
    limit,
    note,
  })
  try {
    return [
      await measured(
        `${atOnce} fetch evidence`,
        'a task each, 4.6 MB',
        allAtOnce(numbers.map((task) => `/tasks/${task}/evidence`)),
      ),
      await measured(
        `${atOnce} read logs`,
        'half of them settled tasks with all verdicts, half 41 manifests',
        allAtOnce(numbers.map((n) => (n % 2 ? `/tasks/settled?after=${n}&limit=5` : '/tasks/log?after=0&limit=500'))),
      ),
      await measured(
        'everything kept is made anew',
        `${kept.length} answers, asked for ${atOnce} times each when all miners have been checked`,
        async () => {
          await server.tell({do: 'validate'})
          await allAtOnce(numbers.flatMap(() => kept))()
        },
      ),
      await measured('256 miners are checked', 'every other with 400 weight files', () =>
        server.tell({do: 'validate'}),
      ),
      await measured('a backup is made', 'by another process, with writes meanwhile', async () => {
        const copy = `${file}.backup`
        await withWrites(pool, () => backupStore(file, copy))
        rmSync(copy)
      }),
      await measured('old tasks are removed', 'by another process, with writes meanwhile', () =>
        withWrites(pool, () => removeTasks(file)),
      ),
    ]
  } finally {
    await pool.close()
  }
}

const kept = [
  ...['/overview', '/history', '/history/outcomes', '/validators', '/miners/list', '/scores', '/scores/rank'],
  ...['/scores/stats', '/scores/validators', '/weights', '/ranking', '/voters', '/metrics'],
]

/** A signed request that changes nothing still writes down that its signature was used. */
async function withWrites(pool: Pool, work: () => Promise<unknown>): Promise<void> {
  const [validator] = validators
  if (!validator) return
  const target = '/samples/batch'
  const body = Buffer.from(JSON.stringify({signature: null, samples: []}))
  const done = new AbortController()
  const writing = (async () => {
    while (!done.signal.aborted) {
      const headers = signRequest2(validator, {netuid, method: 'POST', target, body}, Date.now())
      const answer = await pool.request({path: target, method: 'POST', headers, body})
      await answer.body.dump()
      if (answer.statusCode !== 200) throw new Error(`a write was answered with ${answer.statusCode}`)
      await delay(2)
    }
  })()
  try {
    await work()
  } finally {
    done.abort()
    await writing
  }
}

/** The oldest, as `db prune` would when they have left the window. */
async function removeTasks(file: string): Promise<void> {
  const store = openStore(file)
  try {
    await pruneInTurns(store, {before: 12, nowS: 0, examHash: currentExam(store)?.examHash}, systemTime(), never)
  } finally {
    store.close()
  }
}
