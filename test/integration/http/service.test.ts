import {createServer} from 'node:net'
import {afterEach, beforeEach, expect, it} from 'vitest'
import {HttpOwnerApi} from '../../../src/api/client.js'
import {type OwnerApiOptions, ownerApiService, ownerJobs} from '../../../src/http/service.js'
import type {Run, Tick} from '../../../src/runtime/clock.js'
import {silentLogger} from '../../../src/runtime/logger.js'
import {Shutdown} from '../../../src/runtime/shutdown.js'
import {verify} from '../../../src/wallet/keypair.js'
import type {Signer} from '../../../src/wallet/port.js'
import {
  miners,
  minStakeRao,
  netuid,
  never,
  OwnerWorld,
  owner,
  params,
  validators,
  video,
} from '../../helpers/owner-world.js'

/** Jobs run when a test says so. */
class StillClock {
  readonly jobs = new Map<string, Run>()
  readonly #world: OwnerWorld
  constructor(world: OwnerWorld) {
    this.#world = world
  }
  now = () => this.#world.nowMs
  sleep = async () => {}
  every = (name: string, _: unknown, run: Run) => void this.jobs.set(name, run)
  start = async () => {}
  async turn(name: string): Promise<void> {
    const tick: Tick = {at: this.now(), signal: never}
    await this.jobs.get(name)?.(tick)
  }
}

let world: OwnerWorld
let shutdown: Shutdown
beforeEach(() => {
  world = new OwnerWorld()
  shutdown = new Shutdown()
})
afterEach(async () => {
  await shutdown.close()
  await world.close()
})

const options = (changes: Partial<OwnerApiOptions> = {}): OwnerApiOptions => ({
  store: world.store,
  mechanism: video,
  chain: world.chain,
  models: world.models,
  netuid,
  verify,
  health: world.health,
  log: silentLogger(),
  version: '0.0.0-test',
  admins: [],
  signer: owner,
  params,
  samplers: [owner.hotkey],
  minStakeRao,
  host: '127.0.0.1',
  port: 0,
  everyMs: {minerValidation: 300_000, validatorSync: 600_000, scoring: 1_800_000, settlement: 5_000},
  shutdown,
  ...changes,
})

it('publishes the exam, listens, and does every job until there are weights', async () => {
  const clock = new StillClock(world)
  const service = ownerApiService(options())
  await service.start(clock)
  const api = (signer?: Signer) =>
    new HttpOwnerApi({url: service.url(), netuid, signer, time: world.time, timeoutMs: 5000, log: silentLogger()})
  expect(await api().exam(never)).toBeDefined()

  await clock.turn(ownerJobs.sync)
  await clock.turn(ownerJobs.validation)
  for (const id of [1, 2]) {
    const task = world.manifest(id)
    await api(owner).publishTask(task, never)
    for (const validator of validators) {
      const verdicts = miners.map(({hotkey}) => world.verdict(task, validator, hotkey, hotkey === miners[0]!.hotkey))
      await api(validator).submitVerdicts({verdicts, manifest: task, bucket: 'samples'}, never)
    }
  }
  await clock.turn(ownerJobs.settlement)

  expect(await api().weights(never)).toMatchObject({winner_uid: 10, burn: false})
  expect([...clock.jobs.keys()].sort()).toEqual(Object.values(ownerJobs).sort())
})

it('answers with the last ranking right after a restart, before any job has run', async () => {
  const first = ownerApiService(options())
  const clock = new StillClock(world)
  await first.start(clock)
  await clock.turn(ownerJobs.scoring)
  await shutdown.close()
  world.reopen()
  shutdown = new Shutdown()

  const second = ownerApiService(options({store: world.store}))
  await second.start(new StillClock(world))

  const api = new HttpOwnerApi({url: second.url(), netuid, time: world.time, timeoutMs: 5000, log: silentLogger()})
  expect((await api.ranking(never))?.ranking.examHash).toBe(world.exam().examHash)
})

it('says which variable to change when the port is taken', async () => {
  const other = createServer()
  await new Promise<void>((done) => other.listen(0, '127.0.0.1', done))
  const address = other.address()
  const port = typeof address === 'object' && address ? address.port : 0

  await expect(ownerApiService(options({port})).start(new StillClock(world))).rejects.toMatchObject({
    code: 'PORT_IN_USE',
    hints: [expect.stringContaining('API_PORT')],
  })
  other.close()
})

it('finishes the request it has when it is stopped', async () => {
  const reached = Promise.withResolvers<void>()
  const release = Promise.withResolvers<void>()
  await world.ready()
  await world.judgedTask(world.server(), 1, () => true)
  world.settle()
  const mediaUrl = async (key: string) => {
    reached.resolve()
    await release.promise
    return `https://samples.example/${key}`
  }
  const service = ownerApiService(options({mediaUrl}))
  await service.start(new StillClock(world))

  const asking = fetch(`${service.url()}/tasks/1`)
  await reached.promise
  const closing = shutdown.close()
  release.resolve()
  const answer = await asking
  await closing

  expect(await answer.json()).toMatchObject({original_clip_url: 'https://samples.example/1/original_clip.mp4'})
  await expect(fetch(`${service.url()}/health`)).rejects.toThrow()
})
