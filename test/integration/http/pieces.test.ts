import {setImmediate} from 'node:timers/promises'
import type {FastifyInstance} from 'fastify'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import type {SignedManifest} from '../../../src/domain/task.js'
import type {SignedVerdict} from '../../../src/domain/verdict.js'
import {systemTime} from '../../../src/runtime/clock.js'
import {findSettled, settledPieces} from '../../../src/store/evidence.js'
import {prune} from '../../../src/store/prune.js'
import {addTask, manifestPiecesAfter, settleTask} from '../../../src/store/tasks.js'
import {addVerdict} from '../../../src/store/verdicts.js'
import {OwnerWorld} from '../../helpers/owner-world.js'
import {answerOf, people, verdictOf} from '../../helpers/written-evidence.js'

/** More verdicts than a piece holds. */
const manyMiners = people('many', 30)
const manyValidators = people('voter', 20)

let world: OwnerWorld
let app: FastifyInstance
beforeEach(async () => {
  world = await new OwnerWorld().ready()
  app = world.server({time: systemTime()})
})
afterEach(() => world.close())

function written(taskId: number, {isSettled}: {isSettled: boolean}): {task: SignedManifest; texts: string[]} {
  const {store, nowMs: at} = world
  const answers = manyMiners.map(({hotkey}, uid) => answerOf(taskId, {hotkey, uid}))
  const voters = manyValidators.map(({hotkey}, index) => ({hotkey, uid: 100 + index, stakeRao: '1'}))
  const task = world.manifest(taskId, {answers, voters})
  addTask(store, task, at)
  const verdicts = manyValidators.flatMap((validator) =>
    manyMiners.map(({hotkey: miner}): SignedVerdict => {
      const verdict = verdictOf(task, {validator: validator.hotkey, miner, passed: true})
      return {verdict, signature: `0x${'ab'.repeat(64)}`}
    }),
  )
  for (const verdict of verdicts) addVerdict(store, verdict, at)
  if (isSettled) settleTask(store, {taskId, atBlock: 500, at, verdicts: verdicts.length, results: []})
  const order = ({verdict: {validator, miner}}: SignedVerdict) => `${validator} ${miner}`
  const sorted = verdicts.toSorted((a, b) => (order(a) < order(b) ? -1 : 1))
  return {task, texts: sorted.map((verdict) => JSON.stringify(verdict))}
}

const end = JSON.stringify({settledAtBlock: 500, verdicts: 600})

describe('evidence that is read a piece at a time', () => {
  it('is every text as it was stored, in order, each a line', async () => {
    const {task, texts} = written(1, {isSettled: true})

    const {statusCode, body, headers} = await app.inject('/tasks/1/evidence')

    expect(statusCode).toBe(200)
    expect(headers['content-type']).toBe('application/x-ndjson; charset=utf-8')
    expect(body.split('\n')).toEqual([JSON.stringify(task), ...texts, end, ''])
  })

  it('is one JSON text in a page of settled tasks, without those that are open', async () => {
    const one = written(1, {isSettled: true})
    const two = written(2, {isSettled: true})
    written(3, {isSettled: false})

    const page = (await app.inject('/tasks/settled')).json()

    expect(page).toEqual({
      settled: [one, two].map(({task, texts}) => ({
        task,
        verdicts: texts.map((text) => JSON.parse(text)),
        settledAtBlock: 500,
      })),
    })
    expect((await app.inject('/tasks/settled?after=2')).json()).toEqual({settled: []})
    expect((await app.inject('/tasks/3/evidence')).statusCode).toBe(404)
  })

  it('ends a page before it is too large, but not before its first task', () => {
    const {texts} = written(1, {isSettled: true})
    written(2, {isSettled: true})
    const tasks = (maxBytes: number) =>
      [...settledPieces(world.store, 0, 10, maxBytes)].join('').match(/"settledAtBlock"/g)?.length

    expect(tasks(1)).toBe(1)
    expect(tasks(1.5 * texts.join().length)).toBe(1)
    expect(tasks(3 * texts.join().length)).toBe(2)
  })

  it('never looks whole when the task was removed before all of it was read', () => {
    written(1, {isSettled: true})
    written(2, {isSettled: true})
    const pieces = findSettled(world.store, 1)?.verdicts()
    pieces?.next()

    for (const _ of prune(world.store, {before: 2, nowS: 0, examHash: undefined}));

    expect(() => [...(pieces ?? [])]).toThrow('task 1 was removed while it was read')
  })

  it('lets others have their turn between two pieces', async () => {
    written(1, {isSettled: true})
    await app.inject('/tasks/1/manifest')
    let [turns, isDone] = [0, false]
    const counting = (async () => {
      for (; !isDone; turns++) await setImmediate()
    })()
    const turnsOf = async (url: string) => {
      const before = turns
      await app.inject(url)
      return turns - before
    }

    const forOne = await turnsOf('/tasks/1/manifest')
    const forPieces = await turnsOf('/tasks/1/evidence')
    isDone = true
    await counting

    // 600 verdicts are three pieces; manifest and end are two more.
    expect(forPieces).toBeGreaterThanOrEqual(forOne + 4)
  })
})

it('lists manifests in pieces as it would at once', async () => {
  const tasks = Array.from({length: 15}, (_, index) => world.manifest(index + 1))
  for (const task of tasks) addTask(world.store, task, world.nowMs)
  const texts = tasks.map((task) => JSON.stringify(task))

  expect([...manifestPiecesAfter(world.store, 0, 500)].flat()).toEqual(texts)
  expect([...manifestPiecesAfter(world.store, 3, 7)].flat()).toEqual(texts.slice(3, 10))
  expect((await app.inject('/tasks/log?after=10&limit=500')).json()).toEqual({tasks: tasks.slice(10)})
})
