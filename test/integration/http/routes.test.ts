import type {FastifyInstance} from 'fastify'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import {headerNames, signRequest} from '../../../src/api/signature.js'
import type {Hotkey} from '../../../src/domain/ids.js'
import {routes} from '../../../src/http/routes/index.js'
import {addToBlacklist} from '../../../src/store/blacklist.js'
import {miners, OwnerWorld, owner, stranger, validators} from '../../helpers/owner-world.js'

let world: OwnerWorld
let app: FastifyInstance
beforeEach(async () => {
  world = await new OwnerWorld().ready()
  app = world.server()
})
afterEach(() => world.close())

const alice = validators[0]!
const [dave, eve] = miners.map(({hotkey}) => hotkey) as [Hotkey, Hotkey]
const get = (url: string, signer?: typeof owner) => world.send(app, signer, 'GET', url)
const json = async (url: string, signer?: typeof owner) => (await get(url, signer)).json()

async function settled(tasks: number): Promise<void> {
  for (let id = 1; id <= tasks; id++) await world.judgedTask(app, id, (miner) => miner === dave)
  world.settle()
}

describe('the published table of routes', () => {
  it('is there as published', () => {
    const deps = {...world, verify: () => false, scorer: world.scorer(), version: '', admins: [], maxBodyBytes: 1}
    const table = routes(deps).map(({method, path, access}) => `${method} ${path} ${access}`)

    expect(table).toEqual(
      expect.arrayContaining([
        'GET /health public',
        'GET /miners/uid/{uid} public',
        'GET /miners/list public',
        'GET /miners/valid validator',
        'GET /miners/all validator',
        'GET /miners/{miner_hotkey}/tasks public',
        'GET /miners/info/{miner_hotkey} public',
        // Published as signed; the same project's README promises it to miners without a signature.
        'GET /miners/{hotkey} public',
        'POST /samples validator',
        'POST /samples/batch validator',
        'GET /samples/list public',
        'GET /samples/task public',
        'GET /samples/validator/{validator_hotkey} validator',
        'GET /samples/miner/{miner_hotkey} validator',
        'GET /scores public',
        'GET /scores/validators public',
        'GET /scores/miner/{miner_hotkey} public',
        'GET /scores/validator/{validator_hotkey} public',
        'GET /scores/rank public',
        'GET /scores/stats public',
        'GET /blacklist public',
        'GET /blacklist/miners public',
        'GET /blacklist/{hotkey} public',
        'POST /blacklist admin',
        'DELETE /blacklist/{hotkey} admin',
        'GET /tasks/latest public',
        'GET /tasks public',
        'GET /tasks/{task_id} public',
        'GET /tasks/{task_id}/miner/{miner_hotkey} public',
        'GET /weights public',
      ]),
    )
  })

  it('answers every public read in the shape that it declares', async () => {
    await settled(3)
    const scorer = world.scorer()
    await scorer.turn(new AbortController().signal)
    app = world.server({scorer})
    addToBlacklist(world.store, {hotkey: stranger.hotkey, reason: 'spam', addedBy: null}, 0)
    const deps = {...world, verify: () => false, scorer, version: '', admins: [], maxBodyBytes: 1}
    const values: Record<string, string> = {
      uid: '10',
      miner_hotkey: dave,
      validator_hotkey: alice.hotkey,
      task_id: '1',
      hotkey: dave,
      exam_hash: world.exam().examHash,
    }
    // Those of a named mechanism, and what the owner's jobs find, have tests of their own, with something in them.
    const elsewhere = /^\/(audit|integrity|mechanisms\/\{name\}\/.*)$/
    const reads = routes(deps).filter(({method, path}) => method === 'GET' && !elsewhere.test(path))
    for (const route of reads) {
      const hotkey = route.path.startsWith('/blacklist') ? stranger.hotkey : values.hotkey
      const path = route.path.replaceAll(/\{(\w+)\}/g, (_, name) => (name === 'hotkey' ? hotkey : values[name]) ?? '')
      const answer = await get(`${path}?miner_hotkey=${dave}&validator_hotkey=${alice.hotkey}&task_id=1`, alice)

      expect([route.path, answer.statusCode]).toEqual([route.path, 200])
      const body: unknown = route.contentType === undefined ? answer.json() : answer.body
      expect([route.path, route.answer.safeParse(body).error]).toEqual([route.path, undefined])
    }
  })
})

describe('error bodies', () => {
  it.each([
    ['/nowhere', 404, 'Not Found'],
    ['/tasks/-5', 404, 'Not Found'],
    ['/tasks/abc', 404, 'Not Found'],
    ['/tasks/latest', 404, 'No task sampled yet'],
    ['/tasks/99', 404, 'Task not found'],
    ['/tasks/99999999999', 404, 'Task not found'],
    ['/miners/uid/77', 404, 'Miner not found'],
    ['/miners/uid/-1', 404, 'Miner not found'],
    [`/miners/info/${stranger.hotkey}`, 404, 'Miner not found'],
    [`/blacklist/${dave}`, 404, 'Miner not blacklisted'],
    ['/miners/info/short', 400, 'Invalid SS58 address format'],
    [`/miners/info/${dave}0`, 400, 'Invalid SS58 address format'],
    [`/miners/info/${dave.slice(1)}%0A`, 400, 'Invalid SS58 address format'],
    ['/tasks?miner_hotkey=O0Il', 400, 'Invalid SS58 address format'],
    ['/scores/miner/%00', 400, 'Invalid SS58 address format'],
  ])('GET %s is %i', async (url, status, detail) => {
    const answer = await get(url)

    expect([answer.statusCode, answer.json()]).toEqual([status, {detail}])
  })

  it.each([
    ['/miners/uid/abc', 'int_parsing', ['path', 'uid']],
    ['/miners/uid/1.5', 'int_parsing', ['path', 'uid']],
    ['/samples/list?limit=0', 'greater_than_equal', ['query', 'limit']],
    ['/samples/list?limit=501', 'less_than_equal', ['query', 'limit']],
    ['/samples/list?limit=x', 'int_parsing', ['query', 'limit']],
    ['/tasks', 'missing', ['query', 'miner_hotkey']],
    ['/tasks/log?after=-1', 'greater_than_equal', ['query', 'after']],
  ])('GET %s is 422 with %s', async (url, type, loc) => {
    const answer = await get(url)

    expect(answer.statusCode).toBe(422)
    expect(answer.json().detail).toMatchObject([{type, loc}])
  })

  it('refuses other methods and takes away a last slash, as published', async () => {
    const other = await app.inject({method: 'PUT', url: '/miners/list'})
    const head = await app.inject({method: 'HEAD', url: '/health'})
    const slash = await get('/samples/list/?limit=5')

    expect([other.statusCode, other.json(), other.headers.allow]).toEqual([405, {detail: 'Method Not Allowed'}, 'GET'])
    expect(head.statusCode).toBe(405)
    expect([slash.statusCode, slash.headers.location]).toEqual([307, '/samples/list?limit=5'])
  })

  it('never shows what went wrong inside', async () => {
    world.store.close()

    const answer = await get('/miners/list')

    expect([answer.statusCode, answer.json()]).toEqual([500, {detail: 'An internal error occurred'}])
    world.reopen()
  })
})

describe('the order of checks on a signed route', () => {
  const post = (headers: Record<string, string>, payload: string) =>
    app.inject({method: 'POST', url: '/blacklist', headers, payload})
  const signed = (payload: string, signer = owner) => signRequest(signer, Buffer.from(payload), world.nowMs)
  const good = JSON.stringify({hotkey: dave, reason: 'spam'})

  it('looks at the size first, whatever Content-Length says', async () => {
    const small = world.server({maxBodyBytes: 1024})
    const payload = JSON.stringify({hotkey: dave, reason: 'x'.repeat(2000)})
    const whole = await small.inject({method: 'POST', url: '/blacklist', payload})
    const url = await small.listen({port: 0, host: '127.0.0.1'})
    const chunked = await fetch(`${url}/blacklist`, {
      method: 'POST',
      body: new ReadableStream({
        start(controller) {
          for (let i = 0; i < 20; i++)
            controller.enqueue(new TextEncoder().encode(payload.slice(i * 100, i * 100 + 100)))
          controller.close()
        },
      }),
      duplex: 'half',
    } as RequestInit)

    expect([whole.statusCode, whole.json()]).toEqual([413, {detail: 'Request body too large'}])
    expect([chunked.status, await chunked.json()]).toEqual([413, {detail: 'Request body too large'}])
  })

  it('then at the JSON, before anybody has signed', async () => {
    const answer = await post({'content-type': 'application/json'}, '{"hotkey":')

    expect(answer.statusCode).toBe(422)
    expect(answer.json().detail).toMatchObject([{type: 'json_invalid', msg: 'JSON decode error'}])
  })

  it('lists missing headers and faulty fields together when a header is missing', async () => {
    const {'X-Timestamp': _, ...two} = signed('{}')

    const answer = await post({...two, 'content-type': 'application/json'}, '{}')

    expect(answer.statusCode).toBe(422)
    expect(answer.json().detail.map(({type, loc}: {type: string; loc: string[]}) => [type, ...loc])).toEqual([
      ['missing', 'header', headerNames.timestamp],
      ['missing', 'body', 'hotkey'],
    ])
  })

  it('checks the signature and the role before the fields', async () => {
    expect((await post({...signed('{}'), 'content-type': 'application/json'}, '{ }')).statusCode).toBe(401)
    expect((await post({...signed('{}', alice), 'content-type': 'application/json'}, '{}')).statusCode).toBe(403)
    expect((await post({...signed('{}'), 'content-type': 'application/json'}, '{}')).statusCode).toBe(422)
  })

  it.each([
    ['hotkey', {hotkey: 'bad', reason: null}, 'value_error'],
    ['hotkey', {hotkey: 'x'.repeat(49)}, 'string_too_long'],
    ['reason', {hotkey: dave, reason: 'x'.repeat(256)}, 'string_too_long'],
    ['reason', {hotkey: dave, reason: 5}, 'string_type'],
  ])('names the field %s at fault', async (field, body, type) => {
    const payload = JSON.stringify(body)

    const answer = await post({...signed(payload), 'content-type': 'application/json'}, payload)

    expect(answer.json().detail).toMatchObject([{type, loc: ['body', field]}])
  })

  it('counts characters, not bytes or UTF-16 units', async () => {
    const payload = JSON.stringify({hotkey: dave, reason: '😀'.repeat(255)})

    expect((await post({...signed(payload), 'content-type': 'application/json'}, payload)).statusCode).toBe(200)
  })

  it('takes JSON without a media type, but not another one', async () => {
    expect((await post({...signed(good), 'content-type': 'text/plain'}, good)).json().detail).toMatchObject([
      {type: 'model_attributes_type', loc: ['body']},
    ])
    const bare = await world.send(app, owner, 'POST', '/blacklist', {hotkey: dave})
    expect(bare.statusCode).toBe(200)
  })

  it('knows the bytes that were signed, not what they mean', async () => {
    const loose = `{ "reason" : "spam",\n "hotkey":"${dave}", "more": [1] }`

    expect((await post({...signed(loose), 'content-type': 'application/json'}, loose)).json()).toEqual({
      hotkey: dave,
      reason: 'spam',
      added_by: owner.hotkey,
      created_at: '2026-01-01T00:00:00.000Z',
    })
  })
})

describe('signatures', () => {
  it('are good once for what changes state, even after a restart', async () => {
    const payload = JSON.stringify({hotkey: dave})
    const request = {
      method: 'POST',
      url: '/blacklist',
      payload,
      headers: {...signRequest(owner, Buffer.from(payload), world.nowMs), 'content-type': 'application/json'},
    } as const

    expect((await app.inject(request)).statusCode).toBe(200)
    expect((await app.inject(request)).statusCode).toBe(401)
    await app.close()
    world.reopen()
    app = world.server()
    world.nowMs += 200_000

    expect((await app.inject(request)).statusCode).toBe(401)
  })

  it('of a read cannot be shown as a removal, though both sign the same empty body', async () => {
    addToBlacklist(world.store, {hotkey: dave, reason: null, addedBy: null}, 0)
    const headers = signRequest(owner, new Uint8Array(), world.nowMs)

    expect((await app.inject({method: 'GET', url: '/miners/valid', headers})).statusCode).toBe(200)
    expect((await app.inject({method: 'GET', url: '/miners/valid', headers})).statusCode).toBe(200)
    const replayed = await app.inject({method: 'DELETE', url: `/blacklist/${dave}`, headers})

    expect(replayed.statusCode).toBe(401)
    expect(await json('/blacklist/miners')).toEqual([dave])
  })

  it('keep strangers and blacklisted validators out', async () => {
    expect((await get('/miners/valid', stranger)).json().detail).toMatch(/^Validator not registered\./)
    addToBlacklist(world.store, {hotkey: alice.hotkey, reason: null, addedBy: null}, 0)
    expect((await get('/miners/valid', alice)).json()).toEqual({detail: 'Hotkey is blacklisted'})
  })
})

describe('the blacklist', () => {
  it('adds, replaces, shows and removes', async () => {
    await world.send(app, owner, 'POST', '/blacklist', {hotkey: dave, reason: 'spam'})
    world.nowMs += 5000
    const again = await world.send(app, owner, 'POST', '/blacklist', {hotkey: dave})
    expect(again.json()).toMatchObject({reason: null, created_at: '2026-01-01T00:00:00.000Z'})
    expect(await json('/blacklist')).toHaveLength(1)

    const removed = await world.send(app, owner, 'DELETE', `/blacklist/${dave}`)

    expect(removed.json()).toEqual({
      success: true,
      message: `Removed miner ${dave.slice(0, 8)}... from blacklist`,
      removed_by: owner.hotkey,
    })
    world.nowMs += 1000
    expect((await world.send(app, owner, 'DELETE', `/blacklist/${dave}`)).statusCode).toBe(404)
    expect(await json('/blacklist/miners')).toEqual([])
  })
})

describe('miners', () => {
  it('are listed by uid with their validity, to everybody', async () => {
    addToBlacklist(world.store, {hotkey: eve, reason: null, addedBy: null}, 0)
    await world.validate()

    const list = await json('/miners/list')

    expect(list).toMatchObject({total: 4, valid_count: 3})
    expect(list.miners.map(({uid}: {uid: number}) => uid)).toEqual([10, 11, 12, 13])
    expect((await json('/miners/valid', alice)).miners).toHaveLength(3)
    expect(await json('/miners/valid', alice)).toMatchObject({total: 4, valid_count: 3})
    expect(await json(`/miners/${eve}`)).toMatchObject({is_valid: false, invalid_reason: 'blacklisted', block: null})
    expect(await json(`/miners/info/${dave}`)).toEqual(await json('/miners/uid/10'))
  })
})

describe('results', () => {
  it('stay hidden until the task has settled, for everybody but their author', async () => {
    const task = world.manifest(1)
    await world.send(app, owner, 'POST', '/tasks', task)
    await world.send(
      app,
      alice,
      'POST',
      '/samples/batch',
      world.batch(task, alice, () => true),
    )

    for (const url of [
      '/samples/list',
      `/samples/task?validator_hotkey=${alice.hotkey}&task_id=1`,
      `/tasks?miner_hotkey=${dave}`,
      `/miners/${dave}/tasks`,
    ])
      expect(await json(url)).toEqual([])
    for (const url of ['/tasks/1', `/tasks/1/miner/${dave}`]) expect((await get(url)).statusCode).toBe(404)
    expect(await json(`/samples/miner/${dave}`, validators[1])).toEqual([])
    expect(await json(`/samples/validator/${alice.hotkey}`, validators[1])).toEqual([])
    expect(await json('/tasks/settled')).toEqual({settled: []})
    expect(await json('/scores/stats')).toMatchObject({total_samples: 0})
    expect(await json(`/samples/validator/${alice.hotkey}`, alice)).toHaveLength(4)
  })

  it('of a settled task say who passed, by stake', async () => {
    await settled(1)

    const detail = await json('/tasks/1')
    expect(detail).toMatchObject({
      task_id: 1,
      description: 'a boat turns left',
      s3_prefix: '1',
      first_frame_path: '1/first_frame.png',
      original_clip_path: '1/original_clip.mp4',
      first_frame_url: null,
      miner_count: 4,
      validator_count: 3,
    })
    expect(detail.miners[0]).toMatchObject({miner_hotkey: dave, passed: true, validator_count: 3, latency_ms: 1000})
    const rest = detail.miners.slice(1).map(({miner_hotkey}: {miner_hotkey: string}) => miner_hotkey)
    expect(rest).toEqual([...rest].sort())

    expect(await json(`/tasks/1/miner/${dave}`)).toMatchObject({
      generated_video_path: `1/generated_videos/${dave}.mp4`,
      final_passed: true,
      validators: [
        {
          validator_hotkey: alice.hotkey,
          passed: true,
          stake: 1000,
          confidence: 80,
          aspect_scores: {motion_quality: 90},
          overall_score: 90,
        },
        {stake: 2000},
        {stake: 3000},
      ],
    })
    expect(await json(`/miners/${dave}/tasks`)).toMatchObject([{task_id: 1, passed: true, outcome: 'ok'}])
  })

  it('count what gates rejected as failed, with the reason for the miner', async () => {
    const answers = world
      .manifest(1)
      .manifest.answers.map((answer) =>
        answer.hotkey === dave ? {...answer, outcome: 'rejected:no_motion' as const, reason: 'nothing moves'} : answer,
      )
    await world.send(app, owner, 'POST', '/tasks', world.manifest(1, {answers}))
    world.chain.block = 500
    world.settle()

    expect(await json(`/miners/${dave}/tasks`)).toEqual([
      {
        task_id: 1,
        passed: false,
        latency_ms: 1000,
        updated: null,
        outcome: 'rejected:no_motion',
        reason: 'nothing moves',
      },
    ])
  })

  it('are served whole and verifiable, in pages', async () => {
    await settled(3)

    const {settled: page} = await json('/tasks/settled?after=1&limit=1')
    expect(page).toHaveLength(1)
    expect(page[0]).toMatchObject({task: {manifest: {taskId: 2}}, settledAtBlock: 102})
    expect(page[0].verdicts).toHaveLength(12)
    const keys = page[0].verdicts.map(
      ({verdict}: {verdict: {validator: string; miner: string}}) => `${verdict.validator} ${verdict.miner}`,
    )
    expect(keys).toEqual([...keys].sort())
  })
})

describe('health', () => {
  it('is degraded before the first sync and healthy after it, and says what is stale', async () => {
    const jobs = [{job: 'miner-validation', staleAfterMs: 1000}]
    world.health.expect('miner-validation')
    const watched = world.server({jobs})
    const body = async () => (await world.send(watched, undefined, 'GET', '/health')).json()
    expect(await body()).toMatchObject({
      status: 'degraded',
      database: true,
      stale: [{job: 'miner-validation', since: null}],
    })

    world.health.succeeded('miner-validation', world.nowMs)
    expect(await body()).toEqual({
      status: 'healthy',
      version: '0.0.0-test',
      database: true,
      metagraph_synced: true,
      last_sync: '2026-01-01T00:00:00.000Z',
      stale: [],
      parts: [
        {part: 'scorer', ok: true, since: null, error: null},
        {part: 'sync', ok: true, since: '2026-01-01T00:00:00.000Z', error: null},
        {part: 'store', ok: true, since: '2026-01-01T00:00:00.000Z', error: null},
      ],
    })

    world.nowMs += 2000
    world.health.failed('miner-validation', new Error('no answer from the chain'), world.time.now())
    expect(await body()).toMatchObject({
      status: 'degraded',
      metagraph_synced: false,
      stale: [{error: 'no answer from the chain'}],
    })
  })

  it('is 200 though the store is gone, while readiness is 503', async () => {
    expect((await get('/ready')).statusCode).toBe(200)
    world.store.close()

    const health = await get('/health')
    const ready = await get('/ready')
    world.reopen()

    expect([health.statusCode, health.json()]).toMatchObject([200, {status: 'degraded', database: false}])
    expect([ready.statusCode, ready.json()]).toEqual([503, {ready: false, reasons: ['the store cannot be read']}])
  })
})

describe('pages of other origins', () => {
  const from = (server: FastifyInstance, origin: string) => server.inject({url: '/health', headers: {origin}})

  it('cannot read anything unless they are named', async () => {
    const named = world.server({corsOrigins: ['https://dash.example']})

    expect((await from(app, 'https://dash.example')).headers['access-control-allow-origin']).toBeUndefined()
    expect((await from(named, 'https://evil.example')).headers['access-control-allow-origin']).toBeUndefined()
    expect((await from(named, 'https://dash.example')).headers).toMatchObject({
      'access-control-allow-origin': 'https://dash.example',
      vary: 'Origin',
    })
  })

  it('never get credentials together with a wildcard', async () => {
    const open = world.server({corsOrigins: ['*']})

    const {headers} = await from(open, 'https://any.example')

    expect(headers['access-control-allow-origin']).toBe('*')
    expect(headers['access-control-allow-credentials']).toBeUndefined()
  })

  it('may ask beforehand', async () => {
    const named = world.server({corsOrigins: ['https://dash.example']})
    const ask = (origin: string) =>
      named.inject({method: 'OPTIONS', url: '/samples', headers: {origin, 'access-control-request-method': 'POST'}})

    expect((await ask('https://dash.example')).statusCode).toBe(200)
    expect((await ask('https://evil.example')).statusCode).toBe(400)
  })
})
