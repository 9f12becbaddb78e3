import type {FastifyInstance, LightMyRequestResponse} from 'fastify'
import {afterAll, beforeAll, beforeEach, describe, expect, it} from 'vitest'
import {signRequest, signRequest2} from '../../../src/api/signature.js'
import type {Hotkey} from '../../../src/domain/ids.js'
import type {SignedManifest} from '../../../src/domain/task.js'
import {addToBlacklist, removeFromBlacklist} from '../../../src/store/blacklist.js'
import {miners, netuid, never, OwnerWorld, owner, stranger, validators} from '../../helpers/owner-world.js'
import {mismatches, type PublishedRoute, publishedRoutes} from '../../helpers/published-api.js'

let world: OwnerWorld
let app: FastifyInstance
let open: SignedManifest
beforeAll(async () => {
  world = await new OwnerWorld().ready()
  const scorer = world.scorer()
  app = world.server({scorer})
  for (const id of [1, 2, 3]) await world.judgedTask(app, id, (miner) => miner === dave)
  world.settle()
  await scorer.turn(never)
  open = world.manifest(4)
  await world.expectOk(world.send(app, owner, 'POST', '/tasks', open))
})
// One world for all: what a test writes is taken back before the next one.
beforeEach(() => {
  world.store.sql.prepare<[]>('DELETE FROM samples WHERE task_id = 4').run()
  removeFromBlacklist(world.store, ferdie)
  addToBlacklist(world.store, {hotkey: banned, reason: 'spam', addedBy: owner.hotkey}, world.nowMs)
  world.nowMs += 1000
})
afterAll(() => world.close())

const alice = validators[0]!
const banned = stranger.hotkey
const [dave, , ferdie] = miners.map(({hotkey}) => hotkey) as [Hotkey, Hotkey, Hotkey]

/** A request that succeeds. */
function urlOf({path, needs = []}: PublishedRoute, changes: Record<string, string> = {}): string {
  const values: Record<string, string> = {
    uid: '10',
    task_id: '1',
    miner_hotkey: dave,
    validator_hotkey: alice.hotkey,
    hotkey: banned,
    ...changes,
  }
  const query = needs.map((name) => `${name}=${values[name]}`).join('&')
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => values[name] ?? '')
  return query === '' ? filled : `${filled}?${query}`
}

const theSample = () => {
  const {verdict: _, ...published} = world.sample(open, alice, dave, true)
  return published
}
const bodyOf = ({method, path}: PublishedRoute): unknown => {
  if (method !== 'POST') return undefined
  if (path === '/samples') return theSample()
  return path === '/samples/batch' ? {samples: [theSample()]} : {hotkey: ferdie, reason: 'spam'}
}
const callerOf = ({auth}: PublishedRoute) => (auth === 'pub' ? undefined : auth === 'val' ? alice : owner)
const call = (route: PublishedRoute, url = urlOf(route), body = bodyOf(route)) =>
  world.send(app, callerOf(route), route.method, url, body)
const detail = (answer: LightMyRequestResponse) => answer.json().detail

const named = (routes: readonly PublishedRoute[]) =>
  routes.map((route) => [`${route.method} ${route.path}`, route] as const)

describe.each(named(publishedRoutes))('%s', (_, route) => {
  it('answers 200 with the published fields and types', async () => {
    const answer = await call(route)

    expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'application/json; charset=utf-8'])
    expect(mismatches(answer.json(), route.answer)).toEqual([])
    expect(answer.json()).not.toEqual([])
  })

  it('is there without its last slash only, for its own methods only', async () => {
    const [path, query] = urlOf(route).split('?')
    const slash = await call(route, query === undefined ? `${path}/` : `${path}/?${query}`)
    const head = await app.inject({method: 'HEAD', url: urlOf(route)})
    const put = await app.inject({method: 'PUT', url: urlOf(route)})

    expect([slash.statusCode, slash.headers.location]).toEqual([307, urlOf(route)])
    expect([head.statusCode, put.statusCode, detail(put)]).toEqual([405, 405, 'Method Not Allowed'])
  })
})

describe.each(named(publishedRoutes.filter(({auth}) => auth !== 'pub')))('%s, which is signed', (_, route) => {
  const payload = () => {
    const body = bodyOf(route)
    return body === undefined ? '' : JSON.stringify(body)
  }
  const send = (headers: Record<string, string>) =>
    app.inject({
      method: route.method,
      url: urlOf(route),
      headers: {...headers, ...(route.method === 'POST' ? {'content-type': 'application/json'} : {})},
      ...(route.method === 'POST' ? {payload: payload()} : {}),
    })
  const sign = (signer: typeof owner) =>
    signRequest2(
      signer,
      {netuid, method: route.method, target: urlOf(route), body: Buffer.from(payload())},
      world.nowMs,
    )

  it('is 422 without the headers of a signature, each named', async () => {
    const answer = await send({})

    expect(answer.statusCode).toBe(422)
    expect(detail(answer).slice(0, 3)).toEqual([
      {type: 'missing', loc: ['header', 'x-validator-hotkey'], msg: 'Field required', input: null},
      {type: 'missing', loc: ['header', 'x-signature'], msg: 'Field required', input: null},
      {type: 'missing', loc: ['header', 'x-timestamp'], msg: 'Field required', input: null},
    ])
  })

  it('is 401 with a signature that does not hold, each way in its own words', async () => {
    const good = sign(callerOf(route) ?? owner)

    for (const [changes, words] of [
      [{'X-Timestamp': 'yesterday'}, 'Invalid timestamp format'],
      [{'X-Timestamp': '1700000000'}, 'Timestamp expired (max 300s)'],
      [{'X-Signature': '0x00'}, 'Signature verification failed'],
      [{'X-Validator-Hotkey': banned}, 'Hotkey is blacklisted'],
      [{'X-Validator-Hotkey': dave}, 'Invalid signature'],
    ] as const) {
      const answer = await send({...good, ...changes})
      expect([answer.statusCode, detail(answer)]).toEqual([401, words])
    }
  })

  it('is 401 for strangers and for validators only what is for them', async () => {
    const unknown = await send(sign(miners[1]!))
    const validator = await send(sign(alice))

    expect([unknown.statusCode, detail(unknown)]).toEqual([401, expect.stringMatching(/^Validator not registered\./)])
    if (route.auth === 'adm') expect([validator.statusCode, detail(validator)]).toEqual([403, 'Admin access required'])
    else expect(validator.statusCode).toBe(200)
  })

  it('takes a signature of version 1 where that says enough', async () => {
    const answer = await send(signRequest(callerOf(route) ?? owner, Buffer.from(payload()), world.nowMs))

    expect(answer.statusCode).toBe(route.method === 'DELETE' ? 401 : 200)
  })
})

describe.each(named(publishedRoutes.filter(({hotkeyIn}) => hotkeyIn)))('%s, about an address', (_, route) => {
  it.each(['short', `${dave}0`, dave.replace('5', '0'), `${dave.slice(0, 46)}`, '%00', '..%2F..%2Fetc'])(
    'is 400 for %s',
    async (hotkey) => {
      const answer = await call(route, urlOf(route, {miner_hotkey: hotkey, validator_hotkey: hotkey, hotkey}))

      expect([answer.statusCode, detail(answer)]).toEqual([400, 'Invalid SS58 address format'])
    },
  )
})

describe.each(named(publishedRoutes.filter(({needs}) => needs)))('%s, with what must be asked', (_, route) => {
  it('is 422 for each parameter that is missing', async () => {
    const answer = await call(route, route.path)

    expect(answer.statusCode).toBe(422)
    expect(detail(answer)).toEqual(
      route.needs?.map((name) => expect.objectContaining({type: 'missing', loc: ['query', name]})),
    )
  })
})

describe.each(named(publishedRoutes.filter(({limit}) => limit)))('%s, in pieces', (_, route) => {
  it.each([
    ['0', 422, 'greater_than_equal'],
    ['501', 422, 'less_than_equal'],
    ['x', 422, 'int_parsing'],
    ['1', 200, undefined],
    ['500', 200, undefined],
  ])('?limit=%s is %i', async (limit, status, type) => {
    const answer = await call(route, `${urlOf(route)}?limit=${limit}`)

    expect(answer.statusCode).toBe(status)
    if (type) expect(detail(answer)).toMatchObject([{type, loc: ['query', 'limit']}])
    else expect(answer.json().length).toBeLessThanOrEqual(Number(limit))
  })

  it('begins with the newest', async () => {
    const ids = (await call(route)).json().map(({id}: {id: number}) => id)

    expect(ids).toEqual([...ids].sort((a, b) => b - a))
  })
})

describe('numbers in paths', () => {
  it.each([
    ['/miners/uid/abc', 422],
    ['/miners/uid/-1', 404],
    ['/miners/uid/99', 404],
    ['/tasks/abc', 404],
    ['/tasks/-5', 404],
    ['/tasks/99', 404],
    ['/tasks/4', 404],
    [`/tasks/4/miner/${dave}`, 404],
  ])('GET %s is %i', async (url, status) => {
    expect((await app.inject({url})).statusCode).toBe(status)
  })
})

describe('the words of refusals', () => {
  it.each([
    [`/miners/info/${validators[1]?.hotkey}`, 'Miner not found'],
    [`/blacklist/${dave}`, 'Miner not blacklisted'],
    ['/tasks/99', 'Task not found'],
    [`/tasks/1/miner/${validators[1]?.hotkey}`, 'No evaluations for this task/miner'],
    ['/nowhere', 'Not Found'],
  ])('GET %s: %s', async (url, words) => {
    expect((await app.inject({url})).json()).toEqual({detail: words})
  })
})

describe('a sample', () => {
  const post = (changes: Record<string, unknown>) =>
    world.send(app, alice, 'POST', '/samples', {...theSample(), ...changes})

  it.each([
    ['prompt', 4096],
    ['s3_bucket', 255],
    ['s3_prefix', 512],
    ['reasoning', 4096],
    ['original_artifacts', 8192],
    ['generated_artifacts', 8192],
    ['presentation_order', 64],
    ['evaluation_signature', 256],
  ])('may have a %s of %i characters, however many bytes, and not one more', async (field, max) => {
    const fits = await post({[field]: '😀'.repeat(max)})
    const over = await post({[field]: '😀'.repeat(max + 1)})

    // What fits may still be refused for what it says; never for its length.
    if (fits.statusCode !== 200) expect(typeof detail(fits)).toBe('string')
    expect(over.statusCode).toBe(422)
    expect(detail(over)).toMatchObject([{type: 'string_too_long', loc: ['body', field], ctx: {max_length: max}}])
  })

  it.each([
    ['confidence', 101, 'less_than_equal'],
    ['confidence', -1, 'greater_than_equal'],
    ['confidence', 1.5, 'int_from_float'],
    ['latency_ms', -1, 'greater_than_equal'],
    ['task_id', 1.5, 'int_from_float'],
    ['task_id', 'one', 'int_parsing'],
    ['task_id', null, 'int_type'],
    ['passed', 'perhaps', 'bool_parsing'],
    ['passed', null, 'bool_type'],
    ['prompt', 5, 'string_type'],
    ['prompt', null, 'string_type'],
    ['miner_hotkey', 'short', 'value_error'],
    ['miner_hotkey', 'x'.repeat(49), 'string_too_long'],
  ])('whose %s is %j is 422 with %s', async (field, value, type) => {
    const answer = await post({[field]: value})

    expect(answer.statusCode).toBe(422)
    expect(detail(answer)).toMatchObject([{type, loc: ['body', field]}])
  })

  it.each(['task_id', 'miner_hotkey', 'prompt', 's3_bucket', 's3_prefix', 'passed'])('needs %s', async (field) => {
    const answer = await post({[field]: undefined})

    expect(detail(answer)).toMatchObject([{type: 'missing', loc: ['body', field], msg: 'Field required'}])
  })

  it.each([
    {task_id: '4', confidence: '80', latency_ms: '1000'},
    {task_id: 4.0, passed: 1},
    {passed: 'yes'},
    {passed: 'T'},
    {passed: 'on'},
    {passed: '1'},
    {confidence: null, reasoning: null, latency_ms: null},
    {unknown: {field: [1]}},
  ])('may say it as loosely as %j', async (changes) => {
    const answer = await post(changes)

    expect(answer.statusCode).toBe(200)
    expect(answer.json()).toMatchObject({task_id: 4, passed: true, miner_hotkey: dave})
  })

  it('needs none of the optional fields', async () => {
    const {task_id, miner_hotkey, prompt, s3_bucket, s3_prefix, passed} = theSample()

    const answer = await world.send(app, alice, 'POST', '/samples', {
      ...{task_id, miner_hotkey, prompt, s3_bucket, s3_prefix, passed},
    })

    expect(answer.json()).toMatchObject({confidence: null, reasoning: null, latency_ms: null})
  })

  it.each([
    ['text/plain', 422],
    ['application/json', 200],
    ['application/json; charset=utf-8', 200],
    ['application/vnd.leoma+json', 200],
  ])('as %s is %i', async (type, status) => {
    const payload = JSON.stringify(theSample())
    const headers = {...signRequest(alice, Buffer.from(payload), world.nowMs), 'content-type': type}

    expect((await app.inject({method: 'POST', url: '/samples', headers, payload})).statusCode).toBe(status)
  })
})

describe('a batch', () => {
  const post = (body: unknown) => world.send(app, alice, 'POST', '/samples/batch', body)

  it('may be empty, and is no bare list', async () => {
    expect([(await post({samples: []})).json(), (await post([])).statusCode]).toEqual([[], 422])
  })

  it('holds at most 100', async () => {
    const answer = await post({samples: Array(101).fill(theSample())})

    expect([answer.statusCode, detail(answer)]).toEqual([400, 'Batch size exceeds limit of 100 samples'])
  })

  it('that is signed is about one task', async () => {
    const answer = await post({signature: '0xab', samples: [theSample(), {...theSample(), task_id: 3, s3_prefix: '3'}]})

    expect([answer.statusCode, detail(answer)]).toEqual([
      400,
      'When signature is provided, all samples must have the same task_id',
    ])
  })

  it('names the row and the field at fault', async () => {
    const answer = await post({samples: [theSample(), {...theSample(), confidence: 101}]})

    expect(detail(answer)).toMatchObject([{type: 'less_than_equal', loc: ['body', 'samples', 1, 'confidence']}])
  })
})

describe('the size of a body', () => {
  it.each([
    [0, 200],
    [1, 413],
  ])('is %i over the limit: %i', async (over, status) => {
    const body = JSON.stringify({hotkey: ferdie, reason: 'spam'})
    const payload = body.padEnd(4096 + over)
    const small = world.server({maxBodyBytes: 4096})
    const headers = {...signRequest(owner, Buffer.from(payload), world.nowMs), 'content-type': 'application/json'}

    const answer = await small.inject({method: 'POST', url: '/blacklist', headers, payload})

    expect(answer.statusCode).toBe(status)
    if (status === 413) expect(detail(answer)).toBe('Request body too large')
  })
})

describe('orders', () => {
  it('of miners are by uid, of a task those that passed first and then by hotkey', async () => {
    const uids = (await app.inject({url: '/miners/list'})).json().miners.map(({uid}: {uid: number}) => uid)
    const {miners: judged} = (await app.inject({url: '/tasks/1'})).json()

    expect(uids).toEqual([...uids].sort((a, b) => a - b))
    expect(judged.map(({passed}: {passed: boolean}) => passed)).toEqual([true, false, false, false])
    const rest = judged.slice(1).map(({miner_hotkey: hotkey}: {miner_hotkey: string}) => hotkey)
    expect(rest).toEqual([...rest].sort())
  })

  it('of tasks are from the newest, of samples of a task by miner, of verdicts from the oldest', async () => {
    const ids = (await app.inject({url: `/tasks?miner_hotkey=${dave}`}))
      .json()
      .map(({task_id: id}: {task_id: number}) => id)
    const samples = (await app.inject({url: `/samples/task?validator_hotkey=${alice.hotkey}&task_id=1`})).json()
    const hotkeys = samples.map(({miner_hotkey: hotkey}: {miner_hotkey: string}) => hotkey)

    expect(ids).toEqual([3, 2, 1])
    expect(hotkeys).toEqual([...hotkeys].sort())
  })
})
