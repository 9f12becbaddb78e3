import type {FastifyInstance} from 'fastify'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {hashOf} from '../../../src/domain/canonical.js'
import type {SignedExam} from '../../../src/domain/exam.js'
import {signRecord} from '../../../src/domain/record.js'
import {callMessage, signCall} from '../../../src/domain/signed-call.js'
import {provenBy} from '../../../src/domain/submission-proof.js'
import {mechanism} from '../../../src/mechanisms/registry.js'
import {OwnMechanism} from '../../../src/services/own-mechanism.js'
import {addToBlacklist, removeFromBlacklist} from '../../../src/store/blacklist.js'
import {verify} from '../../../src/wallet/keypair.js'
import type {Signer} from '../../../src/wallet/port.js'
import {miners, netuid, never, OwnerWorld, owner, stranger, validators} from '../../helpers/owner-world.js'
import {aLog, type RecordSetup} from '../../helpers/talking-head.js'

const talkingHead = mechanism('talking-head')
const [dave, eve, ferdie] = miners as [Signer, Signer, Signer]
const [alice, bob] = validators as [Signer, Signer]
const day = 86_400_000
const imageOf = (name: string) => `registry.example/${name}@sha256:${hashOf(name)}`

let world: OwnerWorld
let own: OwnMechanism
let app: FastifyInstance
let nonces = 0

beforeEach(async () => {
  world = new OwnerWorld()
  await world.ready()
  const {store, chain, time, log} = world
  own = new OwnMechanism({
    ...{store, chain, time, log, netuid, verify, mecid: 1, signer: owner},
    mechanism: talkingHead,
    params: talkingHead.defaults,
  })
  own.prepare()
  await own.turn(never)
  app = world.server({own: [own]})
})

afterEach(() => world.close())

function call(
  signer: Signer,
  method: 'GET' | 'POST',
  url: string,
  body?: unknown,
  changed: Record<string, string> = {},
) {
  const payload = body === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(body))
  const headers = signCall(
    signer,
    {method, target: url, body: payload},
    world.nowMs,
    `nonce-${String(nonces++).padStart(12, '0')}`,
  )
  return app.inject({
    ...{method, url},
    headers: {...headers, ...changed, ...(body === undefined ? {} : {'content-type': 'application/json'})},
    ...(body === undefined ? {} : {payload}),
  })
}

const submit = (signer: Signer, imageRef: string) =>
  call(signer, 'POST', '/submit', {hotkey: signer.hotkey, image_ref: imageRef})

/** What a validator is told. */
const told = async () =>
  (await world.send(app, alice, 'GET', '/mechanisms/talking-head/submissions')).json().submissions

/** The published form: the path alone is signed. */
function oldHeaders(signer: Signer, url: string, timestamp = String(Math.floor(world.nowMs / 1000))) {
  const signature = Buffer.from(signer.sign(callMessage(url, timestamp, signer.hotkey))).toString('hex')
  return {'X-Hotkey': signer.hotkey, 'X-Timestamp': timestamp, 'X-Signature': signature}
}

describe('a submission by request', () => {
  test('is taken, and served to validators in the published form', async () => {
    expect((await submit(dave, imageOf('a'))).json()).toEqual({
      ...{status: 'accepted', hotkey: dave.hotkey, block: 100, next_in_s: 345_600},
    })
    const listed = await call(alice, 'GET', '/submissions')

    expect(listed.json()).toEqual([
      {
        hotkey: dave.hotkey,
        image_ref: imageOf('a'),
        submit_time: world.nowMs / 1000,
        submit_block: 100,
        claim_block: 100,
      },
    ])
  })

  test('is taken from clients that sign the published form', async () => {
    const payload = JSON.stringify({hotkey: dave.hotkey, image_ref: imageOf('a')})
    const headers = {...oldHeaders(dave, '/submit'), 'content-type': 'application/json'}

    expect((await app.inject({method: 'POST', url: '/submit', headers, payload})).statusCode).toBe(200)
  })

  test('in the published form is taken with a warning, for nothing proves it to others, until it is signed whole', async () => {
    const payload = JSON.stringify({hotkey: dave.hotkey, image_ref: imageOf('a')})
    const headers = {...oldHeaders(dave, '/submit'), 'content-type': 'application/json'}
    const taken = await app.inject({method: 'POST', url: '/submit', headers, payload})

    expect(taken.json()).toMatchObject({status: 'accepted', warning: expect.stringContaining('will not run it')})
    expect(await told()).toMatchObject([{hotkey: dave.hotkey, proof: null}])
    world.nowMs += 1000
    const again = (await submit(dave, imageOf('a'))).json()
    expect(again).toMatchObject({status: 'unchanged'})
    expect(again.warning).toBeUndefined()
    expect(await told()).toMatchObject([{hotkey: dave.hotkey, proof: {target: '/submit'}}])
  })

  test('is shown to validators with the request that proves who made it', async () => {
    await submit(dave, imageOf('a'))
    const [{proof}] = await told()

    expect(provenBy(proof, {hotkey: dave.hotkey, target: '/submit'}, verify)).toEqual({
      fields: {hotkey: dave.hotkey, image_ref: imageOf('a')},
      at: Math.floor(world.nowMs / 1000) * 1000,
    })
    expect(provenBy(proof, {hotkey: eve.hotkey, target: '/submit'}, verify)).toBeUndefined()
  })

  test('another one is refused for four days with 429 and the time left, and then taken', async () => {
    await submit(dave, imageOf('a'))
    world.nowMs += 3.9 * day
    const early = await submit(dave, imageOf('b'))

    expect(early.statusCode).toBe(429)
    expect(early.headers['retry-after']).toBe(String(0.1 * 86_400))
    expect(early.json().detail).toMatch(/is taken in 2 hours 24 minutes$/)
    world.nowMs += 0.1 * day
    expect((await submit(dave, imageOf('b'))).json()).toMatchObject({status: 'accepted'})
  })

  test('the same one again changes nothing and does not begin the window anew', async () => {
    await submit(dave, imageOf('a'))
    world.nowMs += day
    const again = await submit(dave, imageOf('a'))

    expect(again.json()).toMatchObject({status: 'unchanged', block: 100, next_in_s: 3 * 86_400})
  })

  test('its author sees its history, nobody else does', async () => {
    await submit(dave, imageOf('a'))
    world.nowMs += 4 * day
    await submit(dave, imageOf('b'))

    const {submissions} = (await call(dave, 'GET', '/submit/history')).json()
    expect(submissions.map(({text}: {text: string}) => text)).toEqual([
      `{"image_ref": "${imageOf('b')}"}`,
      `{"image_ref": "${imageOf('a')}"}`,
    ])
    expect((await call(eve, 'GET', '/submit/history')).json()).toEqual({submissions: []})
    expect((await call(dave, 'GET', '/submissions')).statusCode).toBe(403)
  })

  test('may be made on the chain too, and the later one is in force', async () => {
    world.chain.offers.push({hotkey: eve.hotkey, block: 90, text: `{"image_ref": "${imageOf('c')}"}`})
    await own.turn(never)
    expect((await submit(eve, imageOf('d'))).statusCode).toBe(429)
    world.nowMs += 4 * day
    world.chain.block += 40_000
    await own.turn(never)

    expect((await submit(eve, imageOf('d'))).json()).toMatchObject({status: 'accepted'})
    await own.turn(never)
    expect(own.submissions().map(({text}) => text)).toEqual([`{"image_ref": "${imageOf('d')}"}`])
  })

  test('on the chain that comes too soon is left out, as if it had not been made', async () => {
    await submit(dave, imageOf('a'))
    world.chain.block += 10
    world.chain.offers.push({hotkey: dave.hotkey, block: 105, text: `{"image_ref": "${imageOf('b')}"}`})
    await own.turn(never)

    expect(own.submissions().map(({text}) => text)).toEqual([`{"image_ref": "${imageOf('a')}"}`])
  })

  test('of a banned hotkey is taken, and shown to validators as banned until the ban ends', async () => {
    addToBlacklist(world.store, {hotkey: dave.hotkey, reason: null, addedBy: null}, world.nowMs)
    expect((await submit(dave, imageOf('a'))).statusCode).toBe(200)

    expect((await call(alice, 'GET', '/submissions')).json()[0]).toMatchObject({image_ref: 'blacklist'})
    removeFromBlacklist(world.store, dave.hotkey)
    expect((await call(alice, 'GET', '/submissions')).json()[0]).toMatchObject({image_ref: imageOf('a')})
  })

  test.each([
    ['a header that is missing', {'X-Hotkey': ''}, 400],
    ['a time that is no number', {'X-Timestamp': 'soon'}, 400],
    ['a signature that is no hex', {'X-Signature': 'zz'}, 400],
    ['a signature of something else', {'X-Signature': '00'.repeat(64)}, 401],
    ['a clock that is two minutes off', {'X-Timestamp': '1'}, 401],
  ])('with %s is refused', async (_, changed, status) => {
    const body = {hotkey: dave.hotkey, image_ref: imageOf('a')}

    expect((await call(dave, 'POST', '/submit', body, changed)).statusCode).toBe(status)
    expect(own.submissions()).toEqual([])
  })

  test('without the headers is refused with 422, of a stranger with 403, for somebody else with 403', async () => {
    const body = {hotkey: dave.hotkey, image_ref: imageOf('a')}

    expect((await app.inject({method: 'POST', url: '/submit', payload: body})).statusCode).toBe(422)
    expect((await submit(stranger, imageOf('a'))).statusCode).toBe(403)
    expect((await call(eve, 'POST', '/submit', body)).statusCode).toBe(403)
  })
})

describe('faults of the original, absent', () => {
  test('fault 4: a captured signature is good for no other body', async () => {
    const headers = {...oldHeaders(dave, '/submit'), 'content-type': 'application/json'}
    const send = (image: string) =>
      app.inject({
        ...{method: 'POST', url: '/submit', headers},
        payload: JSON.stringify({hotkey: dave.hotkey, image_ref: imageOf(image)}),
      })

    expect((await send('a')).statusCode).toBe(200)
    expect((await send('b')).statusCode).toBe(401)
    const body = {hotkey: eve.hotkey, image_ref: imageOf('c')}
    const signed = await call(eve, 'POST', '/submit', body)
    const sent = signed.raw.req.headers
    expect(signed.statusCode).toBe(200)
    const payload = JSON.stringify({...body, image_ref: imageOf('d')})
    expect((await app.inject({method: 'POST', url: '/submit', headers: {...sent}, payload})).statusCode).toBe(401)
  })

  test('fault 5: only a whole reference by digest is an image, and no option of a program', async () => {
    const digest = hashOf('a')
    for (const image of [
      'alice/head@sha256:',
      `alice/head@sha256:${digest.slice(2)}`,
      `--privileged@sha256:${digest}`,
      `-v=/:/host@sha256:${digest}`,
      `alice/head;id@sha256:${digest}`,
      `x@sha256:${digest}@sha256:${digest}`,
    ])
      expect((await submit(dave, image)).statusCode).toBe(400)
  })

  test('fault 9: the burn share stands in the signed exam', async () => {
    const exam = (await app.inject('/mechanisms/talking-head/exam')).json() as SignedExam

    expect(exam.signer).toBe(owner.hotkey)
    expect(exam.exam.params).toMatchObject({ranking: {burnShare: 0}})
    expect((await call(alice, 'GET', '/burn_ratio')).json()).toEqual({burn_ratio: 0})
  })

  test('fault 14: an image belongs to the first to submit it, also while that one offers another', async () => {
    await submit(dave, imageOf('a'))
    const copied = await submit(eve, imageOf('a'))

    expect(copied.statusCode).toBe(409)
    expect(copied.json().detail).toContain(dave.hotkey)
    world.nowMs += 4 * day
    await submit(dave, imageOf('b'))
    expect((await submit(eve, imageOf('a'))).statusCode).toBe(409)
    world.chain.block = 110
    world.chain.offers.push({hotkey: ferdie.hotkey, block: 105, text: `{"image_ref": "${imageOf('a')}"}`})
    await own.turn(never)
    // On the chain nobody can refuse: it is known as a copy, and no executor hears of it.
    expect(own.submissions().find(({hotkey}) => hotkey === ferdie.hotkey)?.copyOf).toBe(dave.hotkey)
    const listed: {hotkey: string}[] = (await call(alice, 'GET', '/submissions')).json()
    expect(listed.map(({hotkey}) => hotkey)).toEqual([dave.hotkey])
  })

  test('fault 20: a hotkey that left the subnet is not weighed, so the best of the others is paid', async () => {
    await submit(dave, imageOf('a'))
    await submit(eve, imageOf('b'))
    await publish(alice, [{results: [result(dave, 'a', 0.9), result(eve, 'b', 0.6)]}])
    expect((await weights()).weights).toMatchObject([{hotkey: dave.hotkey, weight: 1}])
    world.chain.neurons = world.chain.neurons.filter(({hotkey}) => hotkey !== dave.hotkey)
    await own.turn(never)

    expect((await weights()).weights).toMatchObject([{hotkey: eve.hotkey, weight: 1}])
  })

  test('fault 24: a hotkey has a history, and a validator’s rounds stay', async () => {
    await submit(dave, imageOf('a'))
    await publish(alice, [{results: [result(dave, 'a', 0.9)]}, {results: [result(dave, 'a', 0.8)]}])

    const rounds = (await app.inject('/mechanisms/talking-head/rounds')).json()
    expect(rounds.rounds.map(({sequence}: {sequence: number}) => sequence)).toEqual([2, 1])
  })
})

const result = (signer: Signer, name: string, finalScore: number) => ({
  ...{name, finalScore, hotkey: signer.hotkey, digest: hashOf(name), imageRef: imageOf(name)},
})

const weights = async () => (await app.inject('/mechanisms/talking-head/weights')).json()

function signedLog(signer: Signer, rounds: readonly RecordSetup[]) {
  return aLog(rounds, signer, own.exam().examHash)
}

async function publish(signer: Signer, rounds: readonly RecordSetup[]): Promise<void> {
  for (const record of signedLog(signer, rounds)) {
    const answer = await world.send(app, signer, 'POST', '/mechanisms/talking-head/records', record)
    expect(answer.json()).toEqual({success: true, sequence: record.record.sequence})
    world.nowMs += 1000
  }
}

describe('published rounds', () => {
  test('are kept as they were signed, and anyone can read and weigh them', async () => {
    await submit(dave, imageOf('a'))
    await publish(alice, [{results: [result(dave, 'a', 0.7)]}])

    const {records} = (await app.inject(`/mechanisms/talking-head/log?author=${alice.hotkey}`)).json()
    expect(records).toEqual(
      signedLog(alice, [{results: [result(dave, 'a', 0.7)]}]).map(({record}) => ({
        record,
        signature: records[0].signature,
      })),
    )
    const ranking = (await app.inject('/mechanisms/talking-head/ranking')).json()
    expect(ranking).toMatchObject({author: alice.hotkey, ranking: {decision: 'pay', mechanism: 'talking-head'}})
    expect(ranking.ranking.rows[0]).toMatchObject({hotkey: dave.hotkey, rank: 1, weight: 1})
    expect((await app.inject('/mechanisms/talking-head/logs')).json().logs).toMatchObject([
      {author: alice.hotkey, uid: 1, records: 1},
    ])
  })

  test('fault 21, results are never compared between validators: each one’s ranking can be asked for beside the others, that of the most stake first', async () => {
    await submit(dave, imageOf('a'))
    await submit(eve, imageOf('b'))
    await publish(alice, [{results: [result(dave, 'a', 0.7)]}])
    await publish(bob, [{results: [result(eve, 'b', 0.7)]}])

    expect((await weights()).author).toBe(bob.hotkey)
    const asked = await app.inject(`/mechanisms/talking-head/weights?author=${alice.hotkey}`)
    expect(asked.json().weights).toMatchObject([{hotkey: dave.hotkey}])
  })

  test('that do not follow the last one, or rewrite it, are refused', async () => {
    const [first, second, third] = signedLog(alice, [{results: []}, {results: []}, {results: []}])
    const send = (record: unknown, signer = alice) =>
      world.send(app, signer, 'POST', '/mechanisms/talking-head/records', record)
    if (!first || !second || !third) throw new Error('three were asked for')

    expect((await send(second)).statusCode).toBe(409)
    expect((await send(first)).statusCode).toBe(200)
    world.nowMs += 1000
    expect((await send(first)).statusCode).toBe(200)
    expect((await send(third)).statusCode).toBe(409)
    const other = signRecord({...first.record, createdAt: '2026-11-02T00:00:00.000Z'}, alice)
    expect((await send(other)).statusCode).toBe(409)
    const branch = signRecord({...second.record, previous: hashOf(other.record)}, alice)
    expect((await send(branch)).json().detail).toContain('does not name the record before it')
  })

  test('of somebody else, badly signed, of no evidence, or of a stranger are refused', async () => {
    const [record] = signedLog(alice, [{results: []}])
    if (!record) throw new Error('one was asked for')
    const path = '/mechanisms/talking-head/records'

    expect((await world.send(app, bob, 'POST', path, record)).statusCode).toBe(403)
    const unsigned = {...record, signature: `0x${'00'.repeat(64)}`}
    expect((await world.send(app, alice, 'POST', path, unsigned)).statusCode).toBe(422)
    const empty = signRecord({...record.record, body: {type: 'poem'}}, alice)
    expect((await world.send(app, alice, 'POST', path, empty)).json().detail).toContain('no evidence of talking-head')
    expect((await world.send(app, stranger, 'POST', path, record)).statusCode).toBe(401)
    expect((await world.send(app, alice, 'POST', '/mechanisms/none/records', record)).statusCode).toBe(404)
  })

  test('under another exam than the one in force do not count', async () => {
    await submit(dave, imageOf('a'))
    const [record] = aLog([{results: [result(dave, 'a', 0.9)]}], alice)
    await world.send(app, alice, 'POST', '/mechanisms/talking-head/records', record)

    expect(await weights()).toMatchObject({decision: 'wait', weights: []})
  })
})

test('the list of mechanisms names their index, exam and leader', async () => {
  await submit(dave, imageOf('a'))
  await publish(alice, [{results: [result(dave, 'a', 0.7)]}])

  const {mechanisms} = (await app.inject('/mechanisms')).json()
  expect(mechanisms).toMatchObject([
    {name: 'video', scope: 'shared', mecid: 0},
    {name: 'talking-head', scope: 'own', mecid: 1, exam_hash: own.exam().examHash},
  ])
  expect(mechanisms[1].summary).toMatch(/^uid 10 takes all/)
  expect((await app.inject('/mechanisms/video/ranking')).json().detail).toContain('those at the root')
})
