import {Writable} from 'node:stream'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import {LocalnetView} from '../../../src/cli/localnet-view.js'
import {S3Objects} from '../../../src/objects/s3.js'
import {SystemClock} from '../../../src/runtime/clock.js'
import {Health} from '../../../src/runtime/health.js'
import {silentLogger} from '../../../src/runtime/logger.js'
import type {LocalnetEvent, LocalnetFacts} from '../../../src/services/localnet/events.js'
import {choosePort} from '../../../src/services/localnet/free-port.js'
import {TroubleWatch} from '../../../src/services/localnet/trouble.js'
import {S3Server} from '../../fakes/s3-server.js'

const keys = {accessKey: 'key', secretKey: 'not-a-secret'}
const facts: LocalnetFacts = {
  ...{api: 'http://127.0.0.1:8000', dataDir: '/tmp/net', isTemporary: true, rounds: 2},
  ...{env: {}, validators: [], cast: []},
}

let written = ''
const stream = Object.assign(
  new Writable({
    write: (chunk, _, done) => {
      written += chunk
      done()
    },
  }),
  {isTTY: false},
) as unknown as NodeJS.WriteStream // the view writes to it and asks for its size

describe('a sampler whose store of footage does not answer', () => {
  let objects: S3Objects
  let stop: AbortController
  let clock: SystemClock
  let endpoint: string
  let port: number
  const health = new Health()
  const events: LocalnetEvent[] = []

  beforeEach(async () => {
    written = ''
    port = await choosePort(0)
    endpoint = `http://127.0.0.1:${port}`
    stop = new AbortController()
    clock = new SystemClock({log: silentLogger(), health})
    objects = new S3Objects({
      ...{endpoint, region: 'us-east-1', bucket: 'footage', keys: {write: keys}},
      ...{variables: {read: 'READ', write: 'WRITE'}, time: clock, log: silentLogger(), attempts: 1},
    })
  })
  afterEach(() => objects.close())

  it('is told in words with since when and what to do, again when it lasts, and when it works again', async () => {
    const view = new LocalnetView({stream, live: undefined})
    const watch = new TroubleWatch({
      parts: new Map([['sampler', {health: () => health.report()}]]),
      time: clock,
      onEvent: (event) => {
        events.push(event)
        view.show(event)
      },
    })
    view.show({type: 'ready', ...facts})
    let turns = 0
    let server: S3Server | undefined
    clock.every('sampling', {ms: 1}, async ({signal}) => {
      if (++turns === 5)
        server = await S3Server.start({
          port,
          buckets: ['footage'],
          accounts: [{...keys, rights: ['get', 'list', 'put', 'delete']}],
        })
      watch.look()
      for await (const _ of objects.list('', signal)) break
      if (turns === 6) stop.abort()
    })
    await clock.start(stop.signal)
    watch.look()
    await server?.close()

    expect(events.filter(({type}) => type === 'trouble').length).toBeGreaterThanOrEqual(4)
    expect(written).toMatch(
      /✗ sampler: making tasks fails since \d\d:\d\d:\d\d \(1 try in 0 s\): .*bucket footage failed: .*ECONNREFUSED/,
    )
    expect(written).toContain(`what to do: check that ${endpoint} can be reached from here; or leoma doctor`)
    expect(written).toContain('(3 tries in ')
    expect(written).not.toContain('(2 tries in ')
    expect(written).toContain('round 1 of 2 cannot be held while this lasts; it goes on trying, and Ctrl-C stops it')
    expect(written).toMatch(/✓ sampler: making tasks goes on, after \d+ s\n$/)
  })
})

describe('a sampler that is slow to begin', () => {
  it('is told of once it has taken ten seconds, and not while a round goes on', () => {
    const health = new Health()
    let now = 1_000_000
    const events: LocalnetEvent[] = []
    const watch = new TroubleWatch({
      parts: new Map([['sampler', {health: () => health.report()}]]),
      time: {now: () => now, sleep: async () => {}},
      onEvent: (event) => events.push(event),
    })
    health.expect('sampling')
    health.began('sampling', now)
    now += 9_999
    watch.look()
    expect(events).toEqual([])
    now += 1
    watch.look()
    expect(events).toMatchObject([{type: 'trouble', part: 'sampler', failures: 0, forMs: 10_000}])

    watch.report('sampler')
    watch.look()
    expect(events.at(-1)).toEqual({type: 'recovered', part: 'sampler', job: 'sampling', afterMs: 10_000})
    now += 60_000
    watch.look()
    expect(events).toHaveLength(2)
  })
})
