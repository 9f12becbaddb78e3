import {randomBytes} from 'node:crypto'
import path from 'node:path'
import type {FastifyInstance} from 'fastify'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {callMessage, signCall} from '../../../src/domain/signed-call.js'
import {buildExecutorServer} from '../../../src/http/executor.js'
import {silentLogger} from '../../../src/runtime/logger.js'
import {openStore, type Store} from '../../../src/store/open.js'
import {verify} from '../../../src/wallet/keypair.js'
import type {Signer} from '../../../src/wallet/port.js'
import {validators} from '../../helpers/owner-world.js'
import {tempFolder} from '../../helpers/temp-folder.js'

const [alice, bob] = validators as [Signer, Signer]
const nowMs = 1_800_000_000_000
let store: Store
let app: FastifyInstance
let updates: unknown[]

function build(): FastifyInstance {
  return buildExecutorServer(
    [
      {
        method: 'POST',
        path: '/update',
        handle: ({body}) => {
          updates.push(body)
          return {status: 200, body: {count: 1}}
        },
      },
      {
        method: 'GET',
        path: '/metrics',
        handle: ({ifNoneMatch}) =>
          ifNoneMatch === 'W/"metrics-1"'
            ? {status: 304, headers: {etag: 'W/"metrics-1"'}}
            : {status: 200, headers: {etag: 'W/"metrics-1"'}, body: []},
      },
    ],
    {
      ...{store, verify, time: {now: () => nowMs}, hotkey: alice.hotkey, skewS: 120},
      ...{health: {report: () => []}, log: silentLogger()},
    },
  )
}

beforeEach(() => {
  store = openStore(path.join(tempFolder(), 'executor.db'))
  updates = []
  app = build()
})
afterEach(async () => {
  await app.close()
  store.close()
})

const nonce = () => randomBytes(16).toString('base64url')
const signed = (signer: Signer, method: string, url: string, body = '', at = nowMs) =>
  signCall(signer, {method, target: url, body: Buffer.from(body)}, at, nonce())

describe('who may call an executor', () => {
  test('its own validator is served, by our form of signature and by the published one', async () => {
    const body = '[]'
    const ours = await app.inject({
      method: 'POST',
      url: '/update',
      body,
      headers: signed(alice, 'POST', '/update', body),
    })
    const timestamp = String(nowMs / 1000)
    const signature = Buffer.from(alice.sign(callMessage('/metrics', timestamp, alice.hotkey))).toString('hex')
    const headers = {'x-hotkey': alice.hotkey, 'x-timestamp': timestamp, 'x-signature': signature}
    const published = await app.inject({method: 'GET', url: '/metrics', headers})

    expect([ours.statusCode, ours.json()]).toEqual([200, {count: 1}])
    expect([published.statusCode, published.headers.etag, published.json()]).toEqual([200, 'W/"metrics-1"', []])
  })

  test('each failed check has its published status', async () => {
    const good = signed(alice, 'GET', '/metrics')
    const status = async (headers: Record<string, string>) =>
      (await app.inject({method: 'GET', url: '/metrics', headers})).statusCode
    const {'X-Signature': _, ...unsigned} = good

    expect(await status(unsigned)).toBe(422)
    expect(await status({...good, 'X-Timestamp': 'now'})).toBe(400)
    expect(await status(signed(alice, 'GET', '/metrics', '', nowMs - 121_000))).toBe(401)
    expect(await status({...good, 'X-Hotkey': 'nobody'})).toBe(400)
    expect(await status(signed(bob, 'GET', '/metrics'))).toBe(403)
    expect(await status({...good, 'X-Signature': 'xyz'})).toBe(400)
    expect(await status({...good, 'X-Signature': 'ab'.repeat(64)})).toBe(401)
    expect(await status(good)).toBe(200)
  })

  test('fault 4, a signature covers only the path: with another body or a second time it is refused, also after a restart', async () => {
    const headers = signed(alice, 'POST', '/update', '[]')
    const send = (body: string) => app.inject({method: 'POST', url: '/update', body, headers})

    expect((await send('[1]')).statusCode).toBe(401)
    expect((await send('[]')).statusCode).toBe(200)
    expect((await send('[]')).statusCode).toBe(401)
    await app.close()
    app = build()
    expect((await send('[]')).statusCode).toBe(401)
    expect(updates).toEqual([[]])
  })

  test('a published signature for an update is good once, whatever body it comes with', async () => {
    const timestamp = String(nowMs / 1000)
    const signature = Buffer.from(alice.sign(callMessage('/update', timestamp, alice.hotkey))).toString('hex')
    const headers = {'x-hotkey': alice.hotkey, 'x-timestamp': timestamp, 'x-signature': signature}

    const first = await app.inject({method: 'POST', url: '/update', body: '[]', headers})
    const replayed = await app.inject({method: 'POST', url: '/update', body: '[{"evil":1}]', headers})

    expect([first.statusCode, replayed.statusCode]).toEqual([200, 401])
    expect(updates).toEqual([[]])
  })
})

test('who knows the version is answered with nothing but it', async () => {
  const headers = {...signed(alice, 'GET', '/metrics'), 'if-none-match': 'W/"metrics-1"'}

  const answer = await app.inject({method: 'GET', url: '/metrics', headers})

  expect([answer.statusCode, answer.headers.etag, answer.body]).toEqual([304, 'W/"metrics-1"', ''])
})

test('health is for everybody, other paths are for nobody, and a body that is no JSON is told so', async () => {
  const body = 'no json'
  const headers = signed(alice, 'POST', '/update', body)

  expect((await app.inject({method: 'GET', url: '/health'})).json()).toMatchObject({status: 'healthy'})
  expect((await app.inject({method: 'GET', url: '/docs'})).statusCode).toBe(404)
  expect((await app.inject({method: 'POST', url: '/update', body, headers})).statusCode).toBe(422)
})
