import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {HttpOwnerApi} from '../../src/api/client.js'
import {openLocalnet} from '../../src/app/localnet.js'
import {systemTime} from '../../src/runtime/clock.js'
import {createLogger, type Logger, silentLogger} from '../../src/runtime/logger.js'
import type {LocalnetEvent} from '../../src/services/localnet/events.js'
import {choosePort} from '../../src/services/localnet/free-port.js'
import type {Localnet} from '../../src/services/localnet/localnet.js'
import type {LocalnetOptions} from '../../src/services/localnet/parts.js'
import {placeClips} from './generated-clips.js'

export interface Watched {
  readonly localnet: Localnet
  /** Everything that was told so far. */
  readonly events: readonly LocalnetEvent[]
  /** The next event that fits, past ones included. */
  next<T extends LocalnetEvent>(fits: (event: LocalnetEvent) => event is T): Promise<T>
  next(fits: (event: LocalnetEvent) => boolean): Promise<LocalnetEvent>
}

type Fail = (reason: unknown) => void

/** Opens a localnet on a free port, gives it to the work, and closes it whatever happens. */
export async function withLocalnet<T>(
  options: Partial<LocalnetOptions>,
  work: (watched: Watched) => Promise<T>,
  env: Readonly<Record<string, string>> = {},
): Promise<T> {
  const events: LocalnetEvent[] = []
  const waiting: {fits: (event: LocalnetEvent) => boolean; done: (event: LocalnetEvent) => void; fail: Fail}[] = []
  const onEvent = (event: LocalnetEvent) => {
    events.push(event)
    for (const waiter of waiting.filter(({fits}) => fits(event))) {
      waiting.splice(waiting.indexOf(waiter), 1)
      waiter.done(event)
    }
  }
  const controller = new AbortController()
  const scratch = options.dataDir === undefined ? await mkdtemp(path.join(tmpdir(), 'leoma-test-localnet-')) : undefined
  const dataDir = options.dataDir ?? scratch
  if (options.source === undefined && dataDir !== undefined) await placeClips(dataDir)
  const localnet = await openLocalnet(
    {validators: 2, blockTimeMs: 250, ...options, ...(dataDir && {dataDir}), port: await choosePort(0)},
    {env: {PATH: process.env.PATH, FFMPEG_PATH: process.env.FFMPEG_PATH, ...env}, log: await testLogger(), onEvent},
    controller.signal,
  )
  const next = (fits: (event: LocalnetEvent) => boolean): Promise<LocalnetEvent> => {
    const past = events.find(fits)
    if (past) return Promise.resolve(past)
    return new Promise((done, fail) => waiting.push({fits, done, fail}))
  }
  // What ends the localnet ends the wait for what it would have done.
  const run = localnet.run.bind(localnet)
  localnet.run = async () => {
    try {
      return await run()
    } catch (error) {
      for (const {fail} of waiting.splice(0)) fail(error)
      throw error
    }
  }
  try {
    return await work({localnet, events, next: next as Watched['next']})
  } catch (error) {
    const skipped = events.flatMap((event) =>
      event.type === 'service' && event.progress.event === 'round-skipped' ? event.progress.reason : [],
    )
    throw skipped.length > 0 ? new Error(`rounds were skipped: ${skipped.join('; ')}`, {cause: error}) : error
  } finally {
    await localnet.close()
    if (scratch) await rm(scratch, {recursive: true, force: true})
  }
}

/** Silent; `LOG_LEVEL` brings the logs back when a test must be understood. */
function testLogger(): Promise<Logger> {
  return createLogger({level: process.env.LOG_LEVEL ?? 'silent', pretty: true, secretKeys: []})
}

export interface SettledView {
  readonly taskId: number
  readonly verdicts: readonly {
    readonly taskId: number
    readonly validator: string
    readonly miner: string
    readonly passed: boolean
    readonly overall: number
    readonly aspects: unknown
    readonly judge: {readonly name: string; readonly version: number}
  }[]
}

/** What anyone can read: the public log of settled tasks, with the parts of each verdict that money depends on. */
export async function settledTasks(api: string): Promise<SettledView[]> {
  const client = new HttpOwnerApi({url: api, netuid: 99, time: systemTime(), timeoutMs: 10_000, log: silentLogger()})
  const settled = await client.settledAfter(0, 50, new AbortController().signal)
  return settled.map(({task, verdicts}) => ({
    taskId: task.manifest.taskId,
    verdicts: verdicts.map(({verdict: {taskId, validator, miner, passed, overall, aspects, judge}}) => ({
      ...{taskId, validator, miner, passed, overall, aspects, judge},
    })),
  }))
}
