import {mkdirSync, readdirSync, writeFileSync} from 'node:fs'
import path from 'node:path'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {LeomaError} from '../../src/errors.js'
import {systemTime} from '../../src/runtime/clock.js'
import type {PulledImage, Running, Sandbox} from '../../src/sandbox/port.js'
import {TalkingHeadWorld} from '../helpers/talking-head-world.js'

const profiles = ['good', 'silent', 'slow', 'missing', 'copycat']
let world: TalkingHeadWorld

/** Everything real but the sandbox, which is a plain process: what a sandbox keeps is tested with real ones. */
beforeEach(async () => {
  const folder = path.join(import.meta.dirname, `../../node_modules/.cache/executor-${process.pid}`)
  world = await TalkingHeadWorld.make({
    ...{isolation: 'process', profiles, folder},
    params: (params) => ({...params, challenges: {...params.challenges, warmUp: 1, scored: 1, maxSeconds: 1}}),
  })
})
afterEach(() => world.close())

const outcomes = () => [...world.results()].map(([name, {outcome}]) => `${name} ${outcome}`).sort()

test('a round measures the whole field by one set of challenges and is signed at once', async () => {
  world.submit(['good', 'silent', 'missing', 'copycat'])
  expect(world.rounds()).toEqual([])

  await world.turn()

  const [round] = world.rounds()
  expect(outcomes()).toEqual(['good scored', 'missing unpullable', 'silent scored'])
  expect(round?.challenges.block.number).toBe(8)
  expect(round?.challenges.ids).toHaveLength(2)
  expect(world.results().get('good')?.finalScore).toBeGreaterThan(0.5)
  expect(world.results().get('good')).toMatchObject({isolation: 'process', reason: null})
  expect(world.results().get('missing')?.reason).toBe('the image cannot be had: it is not on this machine')
  expect(world.book.round()).toBeUndefined()
  expect(
    readdirSync(path.join(import.meta.dirname, `../../node_modules/.cache/executor-${process.pid}`, 'data')),
  ).toEqual([])
})

test('the next round is for the best of the last one and for what is new', async () => {
  world.submit(['good', 'missing'])
  await world.turn()
  world.head = 12
  world.submit(['good', 'missing', 'silent'])

  await world.turn()

  expect(outcomes()).toEqual(['good scored', 'silent scored'])
  expect(world.results().get('good')?.entered).toBe('carried')
  expect(world.results().get('silent')?.entered).toBe('new')
})

test('metrics have a version, and who knows it is told nothing again', async () => {
  world.submit(['good'])
  const ask = (ifNoneMatch?: string) => world.routes()[1]!.handle({query: {}, body: undefined, ifNoneMatch})
  expect(ask()).toEqual({status: 200, headers: {etag: 'W/"metrics-0"'}, body: []})
  await world.turn()

  const answer = ask('W/"metrics-0"')

  expect(answer.status).toBe(200)
  expect(answer.body).toEqual([
    {
      hotkey: world.hotkey('good'),
      image_ref: world.images.get('good'),
      submit_time: 1_700_000_001,
      metrics: expect.objectContaining({
        final_score: world.results().get('good')?.finalScore,
        scoring_count: 1,
        isolation: 'process',
      }),
    },
  ])
  expect(ask('"other", W/"metrics-1"')).toEqual({status: 304, headers: {etag: 'W/"metrics-1"'}})
  expect(ask('*').status).toBe(304)
})

describe('what the sheet of the published executor lists as its faults', () => {
  /** The sandbox, seen and spoiled on its way. */
  function wrap(change: {
    start?: (running: Running, image: PulledImage) => Running
    pull?: (image: PulledImage) => void | Promise<void>
  }) {
    const real = world.sandbox!
    const wrapped: Sandbox = {
      info: real.info,
      sweep: (signal) => real.sweep(signal),
      drop: (image, signal) => real.drop(image, signal),
      pull: async (name, limits, signal) => {
        const image = await real.pull(name, limits, signal)
        await change.pull?.(image)
        return image
      },
      start: async (image, options, signal) => {
        const running = await real.start(image, options, signal)
        return change.start?.(running, image) ?? running
      },
    }
    world.sandbox = wrapped
    world.start()
  }

  test('fault 1, reference files are writable while being judged: scores are made when nothing runs, from copies of our own', async () => {
    const events: string[] = []
    const real = world.quality
    wrap({
      start: (running) =>
        new Proxy(running, {
          get: (target, key) => {
            const value = Reflect.get(target, key)
            if (key === 'stop') return () => target.stop().finally(() => void events.push('stopped'))
            return typeof value === 'function' ? value.bind(target) : value
          },
        }),
    })
    world.quality = {
      ...{name: real.name, version: real.version},
      measure: (request, signal) => {
        events.push(`measured ${path.basename(path.dirname(request.face))}`)
        return real.measure(request, signal)
      },
    }
    world.start()
    world.submit(['good'])

    await world.turn()

    expect(events).toEqual(['stopped', 'measured challenges'])
  })

  test('fault 3, challenge ids are used in file names unchecked: ids of another form are no challenges, and nobody inside sees one', async () => {
    const pool = path.join(import.meta.dirname, `../../node_modules/.cache/executor-${process.pid}/pool`)
    mkdirSync(path.join(pool, '..evil'), {recursive: true})
    for (const name of ['face.png', 'audio.wav']) writeFileSync(path.join(pool, '..evil', name), 'x')
    const names: string[] = []
    wrap({
      start: (running) =>
        new Proxy(running, {
          get: (target, key) => {
            if (key === 'take')
              return (name: string, to: string, max: number) => {
                names.push(name)
                return target.take(name, to, max)
              }
            const value = Reflect.get(target, key)
            return typeof value === 'function' ? value.bind(target) : value
          },
        }),
    })
    world.submit(['good'])

    await world.turn()

    expect(world.results().get('good')?.outcome).toBe('scored')
    expect(names.every((name) => /^[0-9a-f]{16}\.(json|mp4)$/.test(name))).toBe(true)
    expect(world.rounds()[0]?.challenges.ids).not.toContain('..evil')
  })

  test('fault 5, a value that begins with a dash reaches the command line: it is not even kept', () => {
    const update = world.routes()[0]!
    const row = {hotkey: world.hotkey('good'), submit_time: 1}
    const digest = `@sha256:${'a'.repeat(64)}`

    for (const image_ref of [`--privileged${digest}`, `-v/:/h${digest}`, 'x@sha256:short', 'no digest'])
      expect(update.handle({query: {}, body: [{...row, image_ref}], ifNoneMatch: undefined})).toMatchObject({
        status: 200,
      })

    expect(world.book.rows()).toEqual([])
  })

  test('fault 10, one malicious miner blocks everybody: each image has a time of its own', async () => {
    world.params = {...world.params, limits: {...world.params.limits, imageMs: 10_000}}
    wrap({
      // It works, and works, and is never done.
      start: (running, image) =>
        image.name.imageRef !== world.images.get('slow')
          ? running
          : new Proxy(running, {
              get: (target, key) => {
                if (key === 'has') return async (name: string) => name === 'ready.txt'
                const value = Reflect.get(target, key)
                return typeof value === 'function' ? value.bind(target) : value
              },
            }),
    })
    world.submit(['slow', 'good'])

    await world.turn()

    expect(outcomes()).toEqual(['good scored', 'slow failed'])
    expect(world.results().get('slow')?.reason).toBe('took longer than 10 s altogether')
  })

  test('fault 11, the clock can be stopped before the video is done: it stops when the whole answer is ours', async () => {
    wrap({
      start: (running) =>
        new Proxy(running, {
          get: (target, key) => {
            // As if the video were still being written when the result is there.
            if (key === 'take')
              return async (name: string, to: string, max: number) =>
                name.endsWith('.mp4') ? {ok: false, reason: 'changed'} : target.take(name, to, max)
            const value = Reflect.get(target, key)
            return typeof value === 'function' ? value.bind(target) : value
          },
        }),
    })
    world.submit(['good'])

    await world.turn()

    expect(world.results().get('good')).toMatchObject({
      outcome: 'failed',
      reason: 'in a warm-up run was still writing the video when it said that it was done',
    })
  })

  test('fault 11, time is as good as how often one looks: a host that looks late measures the same', async () => {
    const late = (key: string | symbol) => key === 'has' || key === 'take'
    wrap({
      start: (running) =>
        new Proxy(running, {
          get: (target, key) => {
            const value = Reflect.get(target, key)
            if (typeof value !== 'function') return value
            if (!late(key)) return value.bind(target)
            return async (...args: unknown[]) => {
              await systemTime().sleep(1_500, new AbortController().signal)
              return value.apply(target, args)
            }
          },
        }),
    })
    world.submit(['good'])

    await world.turn()

    expect(world.results().get('good')?.outcome).toBe('scored')
    // It looked three times, and lost at least 4.5 s by it.
    expect(world.results().get('good')?.timeS).toBeLessThan(4.4)
  })

  test('fault 13, nothing ties an output to the task: a video of another length or size fails, and every task has its own seed', async () => {
    const real = world.quality
    const seen: unknown[] = []
    world.quality = {
      ...{name: real.name, version: real.version},
      measure: async (request, signal) => {
        const {expected} = request
        for (const other of [{resolution: 128}, {fps: 50}, {durationS: 3}])
          seen.push(await real.measure({...request, expected: {...expected, ...other}}, signal))
        return real.measure({...request, expected: {...expected, durationS: 3}}, signal)
      },
    }
    const tasks: {seed: number}[] = []
    wrap({
      start: (running) =>
        new Proxy(running, {
          get: (target, key) => {
            if (key === 'put')
              return (name: string, bytes: Uint8Array) => {
                if (name === 'task.json') tasks.push(JSON.parse(Buffer.from(bytes).toString('utf8')) as {seed: number})
                return target.put(name, bytes)
              }
            const value = Reflect.get(target, key)
            return typeof value === 'function' ? value.bind(target) : value
          },
        }),
    })
    world.submit(['good'])

    await world.turn()

    expect(seen).toMatchObject([{code: 'wrong-resolution'}, {code: 'wrong-frame-rate'}, {code: 'wrong-duration'}])
    expect(world.results().get('good')?.outcome).toBe('failed')
    expect(new Set(tasks.map(({seed}) => seed)).size).toBe(tasks.length)
  })

  test('fault 14, identical digests are accepted from several hotkeys: only the first to claim it runs', async () => {
    world.submit(['copycat', 'good'])
    world.book.tell([world.told('copycat', 5), world.told('good', 2)])

    await world.turn()

    expect(outcomes()).toEqual(['good scored'])
  })

  test('fault 18, the loop spins without pause: one round for each block that draws, and none for nobody', async () => {
    await world.turn()
    expect(world.rounds()).toHaveLength(0)
    world.submit(['good'])
    await world.turn()
    await world.turn()
    world.head = 11
    await world.turn()

    expect(world.rounds()).toHaveLength(1)
  })

  test('fault 19, a pull failure is known by its text: by its outcome, and it is not tried again until something new comes', async () => {
    world.submit(['good', 'missing'])
    await world.turn()
    world.head = 12
    await world.turn()
    expect(outcomes()).toEqual(['good scored'])

    world.head = 16
    world.book.tell([world.told('good', 1), world.told('missing', 14)])
    await world.turn()

    expect(outcomes()).toEqual(['good scored', 'missing unpullable'])
  })

  test('fault 20, an update zeroes the income and who has left is measured for ever: the old score stays until the new one is there, and the gone are gone', async () => {
    world.submit(['good', 'silent'])
    await world.turn()
    world.book.tell([world.told('good', 9, 'slow')])
    const shown = world.routes()[1]!.handle({query: {}, body: undefined, ifNoneMatch: undefined})

    expect(shown.body).toMatchObject([{hotkey: world.hotkey('good'), image_ref: world.images.get('good')}])
    world.head = 12
    await world.turn()
    expect(outcomes()).toEqual(['good scored'])
    expect(world.results().get('good')?.imageRef).toBe(world.images.get('slow'))
  })

  test('fault 22, a restart in mid-round mixes two challenge sets: it goes on with the same, and measures nobody twice', async () => {
    world.submit(['good', 'silent'])
    let pulls = 0
    const stop = new AbortController()
    wrap({
      pull: () => {
        if (++pulls === 2) stop.abort(new DOMException('killed', 'AbortError'))
      },
    })
    await expect(world.turn(stop.signal)).rejects.toThrow()
    const before = JSON.parse(world.book.round() ?? '{}') as {setSha256: string}
    expect(world.book.staged()).toHaveLength(1)
    expect(world.rounds()).toHaveLength(0)

    // The chain has gone on, and would draw others by now.
    world.head = 20
    world.start()
    await world.turn()

    expect(outcomes()).toEqual(['good scored', 'silent scored'])
    expect(world.rounds()[0]?.challenges).toMatchObject({setSha256: before.setSha256, block: {number: 8}})
    expect(pulls).toBe(3)
  })

  test('a result for an image that was replaced meanwhile is thrown away, and a banned hotkey is not committed', async () => {
    world.submit(['good', 'silent'])
    wrap({
      pull: ({name}) => {
        if (name.imageRef === world.images.get('silent'))
          world.book.tell([world.told('good', 1, 'blacklist'), world.told('silent', 9, 'slow')])
      },
    })

    await world.turn()

    expect([...world.results()].map(([name, {imageRef}]) => [name, imageRef])).toEqual([
      ['silent', world.images.get('slow')],
    ])
  })

  test("what the executor itself cannot do is held against nobody, and no reason names the image's place", async () => {
    world.quality = {
      ...{name: 'embedded', version: 1},
      measure: () =>
        Promise.reject(new LeomaError('upstream', 'METRICS_UNREACHABLE', 'http://127.0.0.1:1 does not answer')),
    }
    world.start()
    world.submit(['good'])

    await world.turn()

    expect(world.results().get('good')).toMatchObject({outcome: 'skipped', finalScore: 0})
    expect(world.results().get('good')?.reason).not.toContain('localhost')
    expect(world.book.rows()[0]?.committed).toBeNull()
  })
})

test('an exam that asks for metrics or a card that are not here is not measured otherwise', async () => {
  world.submit(['good'])
  world.params = {...world.params, quality: {metrics: 'service', version: 1}}
  world.start()
  await expect(world.turn()).rejects.toMatchObject({code: 'METRICS_UNFIT'})

  world.params = {
    ...world.params,
    quality: {metrics: 'embedded', version: 1},
    limits: {...world.params.limits, gpu: true},
  }
  world.start()
  await expect(world.turn()).rejects.toMatchObject({code: 'SANDBOX_WITHOUT_GPU'})
})
