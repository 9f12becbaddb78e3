import {connect} from 'node:net'
import {text} from 'node:stream/consumers'
import type {FastifyInstance} from 'fastify'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import {signRequest, signRequest2} from '../../../src/api/signature.js'
import {sourceOf} from '../../../src/http/rate-limit.js'
import {netuid, OwnerWorld, owner, validators} from '../../helpers/owner-world.js'

let world: OwnerWorld
beforeEach(async () => {
  world = await new OwnerWorld().ready()
})
afterEach(() => world.close())

const [alice, bob] = validators as [typeof owner, typeof owner]
const from = (app: FastifyInstance, remoteAddress: string, headers: Record<string, string> = {}, url = '/health') =>
  app.inject({url, headers, remoteAddress})

describe('requests of one address', () => {
  it('are refused beyond the limit, with the time to wait, and taken again after it', async () => {
    const app = world.server({rates: {perAddress: 3, perHotkey: 0}})
    for (let i = 0; i < 3; i++) expect((await from(app, '192.0.2.1')).statusCode).toBe(200)

    const refused = await from(app, '192.0.2.1')
    const other = await from(app, '192.0.2.2')
    world.nowMs += 20_000
    const later = await from(app, '192.0.2.1')

    expect([refused.statusCode, refused.json(), refused.headers['retry-after']]).toEqual([
      429,
      {detail: 'Too many requests'},
      '20',
    ])
    expect([other.statusCode, later.statusCode]).toEqual([200, 200])
  })

  it('are not told apart by what the caller says about itself', async () => {
    const app = world.server({rates: {perAddress: 1, perHotkey: 0}})
    await from(app, '192.0.2.1', {'x-forwarded-for': '198.51.100.1'})

    expect((await from(app, '192.0.2.1', {'x-forwarded-for': '198.51.100.2'})).statusCode).toBe(429)
  })

  it('are told apart by a proxy that is trusted', async () => {
    const app = world.server({rates: {perAddress: 1, perHotkey: 0}, trustedProxies: ['10.0.0.0/8']})
    await from(app, '10.0.0.1', {'x-forwarded-for': '198.51.100.1'})

    expect((await from(app, '10.0.0.1', {'x-forwarded-for': '198.51.100.2'})).statusCode).toBe(200)
    expect((await from(app, '10.0.0.1', {'x-forwarded-for': '198.51.100.1'})).statusCode).toBe(429)
  })

  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8:1:2::6', '2001:db8:1:2'],
    ['2001:db8::6', '2001:db8:0:0'],
    ['::1', '0:0:0:0'],
  ])('count by network where one caller has many: %s is %s', (address, source) => {
    expect(sourceOf(address)).toBe(source)
  })
})

describe('requests of one hotkey', () => {
  const get = (app: FastifyInstance, signer: typeof owner, remoteAddress: string) => {
    const line = {netuid, method: 'GET', target: '/miners/valid', body: new Uint8Array()}
    return from(app, remoteAddress, signRequest2(signer, line, world.nowMs), '/miners/valid')
  }

  it('are refused beyond the limit, wherever they come from', async () => {
    const app = world.server({rates: {perAddress: 0, perHotkey: 2}})
    await get(app, alice, '192.0.2.1')
    await get(app, alice, '192.0.2.2')

    expect((await get(app, alice, '192.0.2.3')).statusCode).toBe(429)
    expect((await get(app, bob, '192.0.2.1')).statusCode).toBe(200)
  })

  it('are not used up by somebody who only uses its name', async () => {
    const app = world.server({rates: {perAddress: 0, perHotkey: 2}})
    const {'X-Signature': _, ...rest} = signRequest(alice, new Uint8Array(), world.nowMs)
    const forged = signRequest(bob, new Uint8Array(), world.nowMs)['X-Signature'] ?? ''
    for (let i = 0; i < 5; i++) await from(app, '192.0.2.9', {...rest, 'X-Signature': forged}, '/miners/valid')

    expect((await get(app, alice, '192.0.2.1')).statusCode).toBe(200)
  })
})

describe('every answer', () => {
  it('has an id, the caller’s own where it has one', async () => {
    const app = world.server()
    const ids = [await from(app, '192.0.2.1'), await from(app, '192.0.2.1')].map(({headers}) => headers['x-request-id'])
    const named = await from(app, '192.0.2.1', {'x-request-id': 'mine-1.2_3'})
    const hostile = await from(app, '192.0.2.1', {'x-request-id': 'a b"<script>'})

    expect(new Set(ids).size).toBe(2)
    expect(named.headers['x-request-id']).toBe('mine-1.2_3')
    expect(hostile.headers['x-request-id']).toMatch(/^[\w-]+$/)
  })

  it('says which signatures the server takes', async () => {
    const app = world.server()

    for (const url of ['/health', '/nowhere', '/miners/valid'])
      expect((await from(app, '192.0.2.1', {}, url)).headers['x-signature-versions']).toBe('1, 2')
  })
})

describe('what is no HTTP', () => {
  it.each([
    ['a broken request line', 'THIS IS NO HTTP\r\n\r\n', 400],
    ['headers without end', `GET /health HTTP/1.1\r\nHost: a\r\nX-A: ${'a'.repeat(40_000)}\r\n\r\n`, 431],
  ])('is refused in the published form: %s', async (_, request, status) => {
    const app = world.server()
    await app.listen({port: 0, host: '127.0.0.1'})
    const {port} = app.server.address() as {port: number}
    const socket = connect(port, '127.0.0.1')
    socket.write(request)

    const answer = await text(socket)

    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toEqual({detail: expect.any(String)})
  })
})

describe('metrics', () => {
  it('are for Prometheus: seconds and bytes, by route and never by caller', async () => {
    const app = world.server({
      chainState: () => ({block: 100, movedAt: world.nowMs, answeredAt: world.nowMs, error: null}),
    })
    world.health.succeeded('ranking', world.nowMs)
    world.health.outcome('ranking', 'nobody')
    await from(app, '192.0.2.1', {}, `/miners/${owner.hotkey}`)
    await from(app, '192.0.2.1', {}, '/wp-login.php')

    const answer = await from(app, '192.0.2.1', {}, '/metrics')

    expect(answer.headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/)
    expect(answer.body).toContain(
      'leoma_http_request_duration_seconds_count{method="GET",route="/miners/{hotkey}",status="404"} 1',
    )
    expect(answer.body).toContain('leoma_http_request_duration_seconds_count{method="GET",route="none",status="404"} 1')
    expect(answer.body).not.toContain('wp-login')
    expect(answer.body).not.toContain(owner.hotkey)
    expect(answer.body).toContain('leoma_chain_block 100')
    expect(answer.body).toContain('leoma_chain_ok 1')
    expect(answer.body).toContain('leoma_job_last_success_timestamp_seconds{job="ranking"} 1767225600')
    expect(answer.body).toContain('leoma_job_outcomes_total{job="ranking",outcome="nobody"} 1')
    expect(answer.body).toMatch(/leoma_store_bytes [1-9]\d+/)
    expect(answer.body).toMatch(/leoma_http_requests_in_flight 1\n/)
  })

  it('still tell what they can when the store is gone', async () => {
    const app = world.server()
    world.store.close()

    const answer = await from(app, '192.0.2.1', {}, '/metrics')
    world.reopen()

    expect(answer.statusCode).toBe(200)
    expect(answer.body).toMatch(/process_resident_memory_bytes \d+/)
  })
})

describe('health', () => {
  it('says since when the chain stands still', async () => {
    const movedAt = world.nowMs
    const app = world.server({chainState: () => ({block: 100, movedAt, answeredAt: world.nowMs, error: null})})
    const chain = async () =>
      (await from(app, '192.0.2.1')).json().parts.find(({part}: {part: string}) => part === 'chain')
    expect(await chain()).toMatchObject({ok: true})

    world.nowMs += 6 * 60_000

    expect(await chain()).toEqual({part: 'chain', ok: false, since: '2026-01-01T00:00:00.000Z', error: null})
    expect((await from(app, '192.0.2.1')).json()).toMatchObject({status: 'degraded', metagraph_synced: false})
  })

  it('says what went wrong, but in production only that something did', async () => {
    const jobs = [{job: 'ranking', staleAfterMs: 1000, part: 'scorer'}] as const
    world.health.failed('ranking', new Error('no answer from wss://node.example/?key=abc'), world.time.now())
    const open = world.server({jobs})
    const closed = world.server({jobs, production: true})

    expect((await from(open, '192.0.2.1')).body).toContain('wss://node.example')
    const {body} = await from(closed, '192.0.2.1')
    expect(body).not.toContain('node.example')
    expect(body).toContain('see the log')
  })

  it('is not ready any more when it is told to stop', async () => {
    const answer = await from(world.server({isStopping: () => true}), '192.0.2.1', {}, '/ready')

    expect([answer.statusCode, answer.json()]).toEqual([503, {ready: false, reasons: ['the server is stopping']}])
  })
})
