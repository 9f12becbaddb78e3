import {mkdirSync, writeFileSync} from 'node:fs'
import path from 'node:path'
import {gunzipSync} from 'node:zlib'
import type {FastifyInstance} from 'fastify'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import type {Hotkey} from '../../../src/domain/ids.js'
import {parseRange} from '../../../src/http/byte-range.js'
import {FolderObjects} from '../../../src/objects/folder.js'
import {systemTime} from '../../../src/runtime/clock.js'
import {compare} from '../../../src/services/validators-view.js'
import {listReigns} from '../../../src/store/reigns.js'
import {miners, never, OwnerWorld, owner, validators} from '../../helpers/owner-world.js'

let world: OwnerWorld
let app: FastifyInstance
beforeEach(async () => {
  world = await new OwnerWorld().ready()
})
afterEach(() => world.close())

const dave = miners[0]!.hotkey
const publish = (id: number) => world.expectOk(world.send(app, owner, 'POST', '/tasks', world.manifest(id)))
const get = async (url: string) => (await app.inject(url)).json()

describe('what the dashboard asks for', () => {
  beforeEach(async () => {
    const scorer = world.scorer()
    app = world.server({scorer})
    for (const id of [1, 2, 3]) await world.judgedTask(app, id, (miner) => miner === dave)
    world.settle()
    await scorer.turn(never)
  })

  it('is one answer about who is ahead, and since when', async () => {
    expect(await get('/overview')).toMatchObject({
      netuid: 99,
      mechanisms: [{name: 'video', mecid: 0}],
      tasks: {latest: 3, open: [], settled: 3},
      miners: {total: 4, valid: 4, ranked: 1},
      validators: 3,
      decision: 'pay',
      winner: {hotkey: dave, uid: 10, pass_rate: 1, since: {hotkey: dave, task_id: 3}},
    })
  })

  it('counts a task once, when it settles', async () => {
    const {tasks, reigns} = await get('/history')
    expect(tasks.map(({task_id}: {task_id: number}) => task_id)).toEqual([1, 2, 3])
    expect(tasks[0]).toMatchObject({
      asked: 4,
      delivered: 4,
      judged: 4,
      passed: 1,
      verdicts: 12,
      bytes: 40,
      latency_ms: 4006,
      agreement: 1,
    })
    expect(reigns).toHaveLength(1)
    expect((await get('/history/tasks?limit=2')).tasks.map(({task_id}: {task_id: number}) => task_id)).toEqual([3, 2])
    expect((await get('/history/tasks?limit=2&before=2')).tasks).toMatchObject([
      {task_id: 1, prompt: 'a boat turns left'},
    ])
    expect((await get('/history/outcomes')).outcomes[dave]).toBe('ppp')
  })

  it('shows a miner everything it was asked for, its aspects and its offers', async () => {
    expect((await get(`/miners/${dave}/history`)).tasks[0]).toMatchObject({
      task_id: 3,
      outcome: 'ok',
      passed: true,
      votes: 3,
    })
    const record = await get(`/miners/${dave}/record`)
    expect(record.verdicts).toBe(9)
    for (const mean of Object.values(record.aspects)) expect(mean).toBeGreaterThan(0)
    expect(Object.keys(record.aspects)).not.toEqual([])
    expect(record.submissions).toMatchObject([{block: 10, is_valid: true}])
  })

  it('shows how validators voted, and hands out what they signed', async () => {
    const results = await get('/tasks/2/results')
    expect(results).toMatchObject({settled: true, validators: validators.map(({hotkey}) => hotkey).sort()})
    expect(results.results.find((row: {miner_hotkey: string}) => row.miner_hotkey === dave)).toMatchObject({
      passed: true,
    })
    const {verdicts} = await get(`/tasks/2/verdicts/${dave}`)
    expect(verdicts).toHaveLength(3)
    expect(verdicts[0].signature).toMatch(/^0x[0-9a-f]{128}$/)
    expect((await get('/validators')).validators[0]).toMatchObject({tasks: 3, verdicts: 12, agreement: 1, deviation: 0})
  })

  it('hides everything about a task that is still being judged', async () => {
    const alice = validators[0]!
    await publish(4)
    await world.send(app, alice, 'POST', '/samples/batch', {
      signature: null,
      samples: miners.map(({hotkey}) => world.sample(world.manifest(4), alice, hotkey, true)),
    })

    expect((await get('/overview')).tasks).toMatchObject({latest: 4, open: [4], settled: 3})
    expect(await get('/tasks/4/results')).toMatchObject({settled: false, validators: [], results: []})
    expect((await get(`/tasks/4/verdicts/${dave}`)).verdicts).toEqual([])
    expect((await get(`/miners/${dave}/history`)).tasks).toHaveLength(3)
    expect((await get('/history')).tasks).toHaveLength(3)
  })

  it('writes a reign when somebody else is ahead, and not with every ranking', async () => {
    const scorer = world.scorer()
    await scorer.turn(never)
    await scorer.turn(never)
    expect(listReigns(world.store, 'video', 10)).toHaveLength(1)
  })
})

describe('compressed answers', () => {
  it('say the same, for those who take them', async () => {
    app = world.server()
    const plain = await app.inject('/miners/list')
    const packed = await app.inject({url: '/miners/list', headers: {'accept-encoding': 'br;q=1, gzip'}})
    expect(packed.headers).toMatchObject({
      'content-encoding': 'gzip',
      vary: 'Accept-Encoding',
      etag: `W/${plain.headers.etag}`,
    })
    expect(gunzipSync(packed.rawPayload).toString()).toBe(plain.body)
    const refused = await app.inject({url: '/miners/list', headers: {'accept-encoding': 'gzip;q=0'}})
    expect(refused.headers['content-encoding']).toBeUndefined()
    const again = await app.inject({url: '/miners/list', headers: {'if-none-match': String(packed.headers.etag)}})
    expect(again.statusCode).toBe(304)
  })
})

describe('the page', () => {
  it('comes with a policy that lets in nothing from elsewhere, and files that hold for ever', async () => {
    const folder = path.join(world.dir, 'page')
    mkdirSync(folder)
    for (const [name, text] of [
      ['index.html', '<p>'],
      ['app-X.js', 'plain'],
      ['app-X.js.br', 'packed'],
      ['secret.key', 'no'],
    ] as const)
      writeFileSync(path.join(folder, name), text)
    app = world.server({pageFolder: folder})

    const page = await app.inject('/')
    expect(page.headers['content-security-policy']).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self'/)
    expect(page.headers['content-security-policy']).not.toMatch(/unsafe|\*|https?:/)
    expect(page.headers['cache-control']).toBe('no-cache')
    const head = await app.inject({method: 'HEAD', url: '/'})
    expect([head.statusCode, head.body, head.headers['content-length']]).toEqual([200, '', '3'])
    const script = await app.inject({url: '/web/app-X.js', headers: {'accept-encoding': 'gzip, br'}})
    expect([script.body, script.headers['content-encoding']]).toEqual(['packed', 'br'])
    expect(script.headers['cache-control']).toContain('immutable')
    expect((await app.inject('/web/app-X.js')).body).toBe('plain')
    for (const name of ['secret.key', 'app-X.js.br', 'index.html', '..%2Fowner.db'])
      expect((await app.inject(`/web/${name}`)).statusCode).toBe(404)
  })

  it('says what to do when it was not built', async () => {
    app = world.server({pageFolder: path.join(world.dir, 'nothing')})
    const answer = await app.inject('/')
    expect([answer.statusCode, answer.body]).toEqual([503, expect.stringContaining('npm run build')])
  })
})

describe('artefacts', () => {
  const clip = 'x'.repeat(5_000)
  beforeEach(async () => {
    const objects = new FolderObjects({root: world.dir, bucket: 'samples'})
    app = world.server({artefacts: objects})
    await publish(1)
    await objects.putBytes('1/original_clip.mp4', Buffer.from(clip), 'video/mp4', never)
    await objects.putBytes('1/secret.txt', Buffer.from('not named'), 'text/plain', never)
  })
  const ask = (url: string, headers = {}) => app.inject({url, headers})

  it('are served in the ranges that a player asks for, and as nothing but what they are', async () => {
    const whole = await ask('/media/1/clip.mp4')
    expect([whole.statusCode, whole.body.length]).toEqual([200, 5_000])
    expect(whole.headers).toMatchObject({
      'content-type': 'video/mp4',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; sandbox",
      'accept-ranges': 'bytes',
    })
    const part = await ask('/media/1/clip.mp4', {range: 'bytes=4990-'})
    expect([part.statusCode, part.body.length, part.headers['content-range']]).toEqual([
      206,
      10,
      'bytes 4990-4999/5000',
    ])
    const beyond = await ask('/media/1/clip.mp4', {range: 'bytes=5000-'})
    expect([beyond.statusCode, beyond.headers['content-range']]).toEqual([416, 'bytes */5000'])
    expect((await ask('/media/1/clip.mp4?download')).headers['content-disposition']).toBe(
      'attachment; filename="1-original_clip.mp4"',
    )
  })

  it('are only those that a published manifest names', async () => {
    for (const url of [
      '/media/1/secret.txt',
      '/media/2/clip.mp4',
      '/media/1/outputs/x.mp4',
      '/media/99999999999/clip.mp4',
      '/media/1/frame.png',
    ])
      expect((await ask(url)).statusCode).toBe(404)
  })

  it('are elsewhere when the bucket is', async () => {
    app = world.server({
      mediaUrl: async (key) => `https://bucket.example/${key}`,
      mediaOrigins: ['https://bucket.example'],
    })
    const answer = await ask('/media/1/clip.mp4')
    expect([answer.statusCode, answer.headers.location]).toEqual([307, 'https://bucket.example/1/original_clip.mp4'])
    expect((await ask('/')).headers['content-security-policy']).toContain("media-src 'self' https://bucket.example")
  })

  it.each([
    ['bytes=0-0', {from: 0, to: 0}],
    ['bytes=-3', {from: 7, to: 9}],
    ['bytes=5-99', {from: 5, to: 9}],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=10-', 'unsatisfiable'],
    ['bytes=3-2', undefined],
    ['bytes=0-1,4-5', undefined],
    ['lines=0-1', undefined],
    ['bytes=-', undefined],
    [undefined, undefined],
  ])('read the range %s as RFC 9110 does', (header, range) => {
    expect(parseRange(header, 10)).toEqual(range)
  })
})

describe('weights on the chain', () => {
  const [now, before] = miners.map(({hotkey}) => hotkey) as [Hotkey, Hotkey]
  const hotkeys = new Map([
    [3, now],
    [4, before],
  ])
  const reign = (hotkey: Hotkey | null, block: number) => ({hotkey, block, decision: 'pay' as const, taskId: 1, at: 0})
  const reigns = [reign(now, 100), reign(before, 50)]
  const set = (uids: number[], lastUpdate: number) =>
    compare({uids, values: uids.map(() => 65_535), lastUpdate}, hotkeys, reigns).verdict

  it('agree, were right when they were set, or differ', () => {
    expect(set([3], 120)).toBe('agrees')
    expect(set([4], 80)).toBe('earlier')
    expect(set([4], 120)).toBe('differs')
    expect(set([3, 4], 120)).toBe('differs')
    expect(set([], 120)).toBe('unknown')
  })
})

describe('events', () => {
  const listen = async (limits: object) => {
    const {now, sleep} = systemTime()
    const started = now()
    // The world's day, at the speed of ours.
    app = world.server({
      time: {now: () => world.nowMs + now() - started, sleep},
      eventsLimits: {lookMs: 20, heartbeatMs: 60, ...limits},
    })
    const url = await app.listen({port: 0, host: '127.0.0.1'})
    return (signal?: AbortSignal) => fetch(`${url}/events`, signal ? {signal} : {})
  }
  const until = async (reader: ReadableStreamDefaultReader<Uint8Array>, wanted: RegExp) => {
    let text = ''
    while (!wanted.test(text)) {
      const {value, done} = await reader.read()
      if (done) throw new Error(`the stream ended after ${text}`)
      text += Buffer.from(value).toString()
    }
    return text
  }

  it('tell what has changed, that the connection lives, and end with the server', async () => {
    const open = await listen({})
    const response = await open()
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    const reader = response.body!.getReader()
    await until(reader, /event: hello/)
    await until(reader, /event: beat/)

    await publish(1)
    expect(await until(reader, /event: change/)).toMatch(/"topics":\["tasks"\]/)
    const closing = app.close()
    await until(reader, /nothing more/).catch((error: Error) => expect(error.message).toContain('the stream ended'))
    await closing
  })

  it('are for so many clients and no more', async () => {
    const open = await listen({perAddress: 1})
    const stop = new AbortController()
    const first = await open(stop.signal)
    const second = await open()
    expect([first.status, second.status, second.headers.get('retry-after')]).toEqual([200, 503, '60'])

    stop.abort()
    let again = await open()
    for (let tries = 0; again.status === 503 && tries < 50; tries++) {
      await systemTime().sleep(20, never)
      again = await open()
    }
    expect(again.status).toBe(200)
  })
})
