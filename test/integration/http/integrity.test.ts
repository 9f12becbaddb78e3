import {afterEach, beforeEach, expect, it} from 'vitest'
import type {Logger} from '../../../src/runtime/logger.js'
import {watchIntegrity} from '../../../src/services/integrity/watch.js'
import {setMeta} from '../../../src/store/meta.js'
import {miners, never, OwnerWorld, owner, validators} from '../../helpers/owner-world.js'

let world: OwnerWorld
beforeEach(async () => {
  world = await new OwnerWorld().ready()
})
afterEach(() => world.close())

/** Sentences of the log. */
async function watch(): Promise<string[]> {
  const said: string[] = []
  const log = {warn: (_: object, sentence: string) => said.push(sentence)} as unknown as Logger // all that is called
  await watchIntegrity({store: world.store, time: world.time, log}, never)
  return said
}

it('signs are served once their tasks have settled, and survive a restart', async () => {
  const app = world.server()
  const get = () => app.inject('/integrity')
  const victim = miners[0]?.hotkey
  const task = await world.judgedTask(app, 1, (miner) => miner === victim)
  await watch()
  expect((await get()).statusCode).toBe(404)

  world.settle()
  await watch()

  expect((await get()).json()).toEqual({from: 1, to: 1, tasks: 1, findings: []})

  // The same bytes from two miners, in the next task.
  const output = task.manifest.answers[0]?.output
  const next = world.manifest(2)
  const answers = next.manifest.answers.map((answer, index) => (index < 2 && output ? {...answer, output} : answer))
  const copied = world.signed({...next.manifest, answers})
  await world.expectOk(world.send(app, owner, 'POST', '/tasks', copied))
  for (const validator of validators)
    await world.expectOk(
      world.send(
        app,
        validator,
        'POST',
        '/samples/batch',
        world.batch(copied, validator, () => true),
      ),
    )
  world.settle()
  expect(await watch()).toContainEqual(expect.stringMatching(/repeats the output of .* in 1 task$/))
  expect(await watch()).toEqual([])

  const {findings, to} = (await get()).json()
  expect(to).toBe(2)
  expect(findings.map(({code}: {code: string}) => code)).toEqual(
    expect.arrayContaining(['copied_output', 'reused_output']),
  )
  expect((await app.inject('/metrics')).body).toContain(`\nleoma_integrity_signs ${findings.length}\n`)
  world.reopen()
  expect((await world.server().inject('/integrity')).json().findings).toEqual(findings)
})

it('what a program that looked for other signs found is looked for again after an upgrade', async () => {
  const app = world.server()
  await world.judgedTask(app, 1, () => true)
  world.settle()
  setMeta(world.store, 'integrity', JSON.stringify({from: 1, to: 1, tasks: 1, findings: []}))

  expect((await app.inject('/integrity')).statusCode).toBe(404)
  await watch()

  expect((await app.inject('/integrity')).json()).toMatchObject({from: 1, to: 1, tasks: 1})
})
