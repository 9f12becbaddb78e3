import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {afterAll, beforeAll, expect, test} from 'vitest'
import type {Progress} from '../../src/mechanisms/types.js'
import type {LocalnetEvent} from '../../src/services/localnet/events.js'
import {settledTasks, type Watched, withLocalnet} from '../helpers/localnet.js'

/** Few and quick: what is tested here does not depend on who takes part. */
const miners = ['oracle', 'drift', 'zoom', 'frozen']
let dataDir: string

beforeAll(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'leoma-sim-'))
})
afterAll(() => rm(dataDir, {recursive: true, force: true}))

test('a validator killed between two verdicts ends with the same verdicts as one that was not', async () => {
  // One at a time, so that there is a time between two verdicts.
  const oneByOne = {EVALUATOR_CONCURRENCY: '1'}
  const work = async ({localnet, events, next}: Watched) => {
    const [whole, killed] = localnet.facts.validators
    const running = localnet.run()

    await next(service('output-judged', ({validator, taskId}) => validator === killed?.hotkey && taskId === 1))
    await localnet.stopPart(killed?.name ?? '')
    const judgedBefore = judgements(events, killed?.hotkey, 1)
    localnet.startPart(killed?.name ?? '')
    await running

    const byValidator = new Map<string, unknown[]>()
    for (const {verdicts} of await settledTasks(localnet.facts.api))
      for (const {validator, ...verdict} of verdicts)
        byValidator.set(validator, [...(byValidator.get(validator) ?? []), verdict])
    expect(judgedBefore).toBeLessThan(3)
    expect(byValidator.get(whole?.hotkey ?? '')).toHaveLength(2 * 3)
    expect(byValidator.get(killed?.hotkey ?? '')).toEqual(byValidator.get(whole?.hotkey ?? ''))
    // Each output was paid for once, although the first task was judged in two lives.
    expect(judgements(events, killed?.hotkey, 1)).toBe(3)
  }
  await withLocalnet({miners, rounds: 2, dataDir}, work, oneByOne)
})

test('a localnet that is resumed goes on counting, and its winner holds while the owner is away', async () => {
  await withLocalnet({miners, rounds: 1, dataDir}, async (watched) => {
    const {localnet} = watched
    const result = await localnet.run()

    expect(result.tasks.map(({taskId}) => taskId)).toEqual([3])
    expect(result.miners.find(({profile}) => profile === 'oracle')).toMatchObject({evaluated: 3, passed: 3, rank: 1})

    await localnet.stopPart('owner')
    const oracle = localnet.facts.cast[0]
    for (const {hotkey} of localnet.facts.validators) {
      const held = await heldBy(watched, hotkey)
      expect(held.uids).toEqual([oracle?.uid])
      expect(held.reason).toContain('holds')
    }
  })
})

type Event<Name extends Progress['event']> = Extract<Progress, {event: Name}>
type ServiceEvent = Extract<LocalnetEvent, {type: 'service'}>

function service<Name extends Progress['event']>(name: Name, fits: (progress: Event<Name>) => boolean) {
  return (event: LocalnetEvent): event is ServiceEvent =>
    event.type === 'service' && event.progress.event === name && fits(event.progress as Event<Name>)
}

function judgements(events: readonly LocalnetEvent[], validator: string | undefined, taskId: number): number {
  return events.filter(service('output-judged', (judged) => judged.validator === validator && judged.taskId === taskId))
    .length
}

async function heldBy({next}: Watched, validator: string): Promise<Event<'weights-set'>> {
  const event = await next(service('weights-set', (set) => set.validator === validator && set.reason.includes('holds')))
  return event.progress as Event<'weights-set'>
}
