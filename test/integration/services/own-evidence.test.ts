import type {AddressInfo} from 'node:net'
import {type FastifyInstance, fastify} from 'fastify'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {HttpSigned} from '../../../src/api/signed-http.js'
import {hashOf} from '../../../src/domain/canonical.js'
import type {Hotkey} from '../../../src/domain/ids.js'
import type {SignedRecord} from '../../../src/domain/record.js'
import {checkCall} from '../../../src/domain/signed-call.js'
import type {SubmissionProof} from '../../../src/domain/submission-proof.js'
import {mechanism} from '../../../src/mechanisms/registry.js'
import {signExam} from '../../../src/services/exam.js'
import {OwnEvidence} from '../../../src/services/own-evidence.js'
import {OwnWeights} from '../../../src/services/own-weights.js'
import {openStore, type Store} from '../../../src/store/open.js'
import {StoreRecords} from '../../../src/store/records.js'
import {appendWeights} from '../../../src/store/weight-log.js'
import {verify} from '../../../src/wallet/keypair.js'
import type {Signer} from '../../../src/wallet/port.js'
import {FakeOwnerApi} from '../../fakes/owner-api.js'
import {miners, netuid, never, OwnerWorld, owner, validators} from '../../helpers/owner-world.js'
import {aLog, aProof, type RecordSetup} from '../../helpers/talking-head.js'

const talkingHead = mechanism('talking-head')
const [dave, eve] = miners as [Signer, Signer]
const [alice, bob] = validators as [Signer, Signer]
const imageOf = (name: string) => `registry.example/${name}@sha256:${hashOf(name)}`
const maxAge = 100

let world: OwnerWorld
let store: Store
let api: FakeOwnerApi
let executor: FastifyInstance
let records: SignedRecord[]
let updates: {hotkey: string; image_ref: string}[][]
let evidence: OwnEvidence
let weights: OwnWeights

/** An executor that serves what a test writes down; it checks who asks as a real one does. */
async function startExecutor(): Promise<FastifyInstance> {
  const app = fastify()
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', {parseAs: 'buffer'}, (_request, body, done) => done(null, body))
  app.addHook('preHandler', async (request, reply) => {
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
    const checked = checkCall(
      request.headers,
      {method: request.method, target: request.url, body},
      {nowMs: world.nowMs, verify, mayCall: (hotkey) => hotkey === alice.hotkey, claim: () => true},
    )
    if (!checked.ok) return reply.code(checked.status).send({detail: checked.detail})
  })
  app.post('/update', (request) => {
    const rows = JSON.parse(String(request.body))
    updates.push(rows)
    return {count: rows.length}
  })
  app.get<{Querystring: {after: string; limit: string}}>('/records', ({query}) => ({
    records: records.filter(({record}) => record.sequence > Number(query.after)).slice(0, Number(query.limit)),
  }))
  await app.listen({host: '127.0.0.1', port: 0})
  return app
}

function validator(signer = alice, url?: string): void {
  const {port} = executor.server.address() as AddressInfo // It listens.
  const http = new HttpSigned({
    ...{url: url ?? `http://127.0.0.1:${port}`, signer, time: world.time, timeoutMs: 5_000},
    ...{what: 'the executor', variable: 'EXECUTOR_API_URL'},
  })
  const deps = {
    ...{
      store,
      api,
      signer,
      verify,
      netuid,
      chain: world.chain,
      clock: world.time,
      log: world.log,
      mechanism: talkingHead,
    },
    instrument: talkingHead.instrument?.(http),
  }
  evidence = new OwnEvidence(deps)
  weights = new OwnWeights({
    ...deps,
    ...{evidence, mecid: 1, maxWinnerAgeBlocks: maxAge, records: new StoreRecords(store, world.time)},
  })
}

function publishExam(burnShare: number): void {
  const {defaults} = mechanismDefaults()
  api.examInForce = signExam(
    {
      ...{version: 1, mechanism: 'talking-head', mechanismVersion: talkingHead.version, netuid, fromTask: 1},
      samplers: [owner.hotkey],
      params: {...defaults, ranking: {...defaults.ranking, burnShare}},
    },
    owner,
  )
}

function mechanismDefaults() {
  return JSON.parse(JSON.stringify({defaults: talkingHead.defaults}))
}

const result = (signer: Signer, name: string, finalScore: number) => ({
  ...{name, finalScore, hotkey: signer.hotkey, digest: hashOf(name), imageRef: imageOf(name)},
})

const offer = (signer: Signer, name: string, block = 50) => ({
  ...{hotkey: signer.hotkey, text: `{"image_ref": "${imageOf(name)}"}`, block, claimBlock: block, at: world.nowMs},
  ...{isBlacklisted: false, copyOf: null, proof: aProof(signer, imageOf(name), world.nowMs)},
})

/** Dave's submission with a proof that was tampered with. */
const changed = (change: (proof: SubmissionProof) => Partial<SubmissionProof>) => {
  const proof = aProof(dave, imageOf('a'), world.nowMs)
  return {proof: {...proof, ...change(proof)}}
}

const commit = (hotkey: Hotkey, name: string, block = 50) =>
  world.chain.offers.push({hotkey, block, text: `{"image_ref": "${imageOf(name)}"}`})

const log = (rounds: readonly RecordSetup[], signer = alice) => aLog(rounds, signer, api.examInForce?.examHash)
const turn = () => evidence.turn({signal: never})
const choose = async () => weights.choose(await world.chain.metagraph(), never)

beforeEach(async () => {
  world = new OwnerWorld()
  store = openStore(':memory:', {durability: 'none'})
  api = new FakeOwnerApi()
  records = []
  updates = []
  executor = await startExecutor()
  publishExam(0)
  validator()
})

afterEach(async () => {
  await executor.close()
  store.close()
  world.close()
})

describe('a validator with an executor of its own', () => {
  test('tells it what is submitted, from the API and from the chain, without copies, the banned ones as such', async () => {
    api.offered = [offer(dave, 'a'), {...offer(eve, 'b'), isBlacklisted: true}]
    api.barred = [eve.hotkey]
    commit(bob.hotkey, 'a', 60)
    await turn()

    expect(updates.at(-1)?.map(({hotkey, image_ref}) => [hotkey, image_ref])).toEqual([
      [dave.hotkey, imageOf('a')],
      [eve.hotkey, 'blacklist'],
    ])
  })

  test.each([
    ['without a signature of its miner', () => ({proof: null})],
    ['of another miner', () => ({hotkey: eve.hotkey})],
    ['of another image', () => ({text: `{"image_ref": "${imageOf('b')}"}`})],
    ['signed by somebody else', () => ({proof: aProof(eve, imageOf('a'), world.nowMs)})],
    ['whose signature is of other bytes', () => changed(({body}) => ({body: body.replace('image_ref', 'Image_ref')}))],
    [
      'whose signature is of another time',
      () => changed(({timestamp}) => ({timestamp: String(Number(timestamp) + 1)})),
    ],
    ['that was made for another place', () => changed(() => ({target: '/submit?x'}))],
    ['whose signature is garbage', () => changed(() => ({signature: '00'.repeat(64)}))],
  ])('runs no submission %s, whatever the API says', async (_, lie) => {
    api.offered = [{...offer(dave, 'a'), ...lie()}]
    await turn()
    expect(updates.at(-1)).toEqual([])

    api.offered = [offer(dave, 'a')]
    await turn()
    expect(updates.at(-1)?.map(({hotkey}) => hotkey)).toEqual([dave.hotkey])
  })

  test('takes the time of a submission from its signature: an old one that is shown again replaces nothing', async () => {
    const old = offer(dave, 'a', 50)
    world.nowMs += 5 * 86_400_000
    api.offered = [offer(dave, 'b', 90)]
    await turn()
    api.offered = [{...old, block: 99, at: world.nowMs}]
    await turn()

    expect(updates.at(-1)?.map(({image_ref}) => image_ref)).toEqual([imageOf('b')])
  })

  test('leaves an image with the first that it heard of, though the API says later that another was first', async () => {
    api.offered = [offer(dave, 'a', 50)]
    await turn()
    api.offered = [{...offer(eve, 'a', 60), claimBlock: 10}, offer(dave, 'a', 50)]
    await turn()

    expect(updates.at(-1)?.map(({hotkey}) => hotkey)).toEqual([dave.hotkey])
  })

  test('takes the owner’s word for who was first of those that it hears of together', async () => {
    api.offered = [offer(dave, 'a', 50), {...offer(eve, 'a', 60), claimBlock: 10}]
    await turn()

    expect(updates.at(-1)?.map(({hotkey}) => hotkey)).toEqual([eve.hotkey])
  })

  test('pays whom its own rounds say, and publishes them in order', async () => {
    api.offered = [offer(dave, 'a'), offer(eve, 'b')]
    records = log([{results: [result(dave, 'a', 0.5)]}, {results: [result(dave, 'a', 0.5), result(eve, 'b', 0.6)]}])
    await turn()

    expect(await choose()).toMatchObject({uids: [11], values: [1], source: 'recomputed', winner: {hotkey: eve.hotkey}})
    expect(api.records).toEqual(records)
  })

  test('needs no API: commitments and the shipped exam are enough', async () => {
    api.before = () => {
      throw new Error('no API')
    }
    commit(dave.hotkey, 'a')
    const {examHash} = await evidence.exam(never)
    records = aLog([{results: [result(dave, 'a', 0.5)]}], alice, examHash)
    await turn()

    expect(updates.at(-1)?.map(({hotkey}) => hotkey)).toEqual([dave.hotkey])
    expect(await choose()).toMatchObject({uids: [10], values: [1]})
  })

  test('keeps the exam that the owner signed last while its API is away', async () => {
    publishExam(0.25)
    await turn()
    api.before = () => {
      throw new Error('no API')
    }

    expect((await evidence.exam(never)).examHash).toBe(api.examInForce?.examHash)
  })

  test('does not believe an exam that somebody else signed', async () => {
    const before = (await evidence.exam(never)).examHash
    const {exam} = api.examInForce ?? {}
    if (!exam) throw new Error('there is an exam')
    api.examInForce = signExam({...exam, fromTask: 7}, bob)

    expect((await evidence.exam(never)).examHash).toBe(before)
  })

  test('burns the share that the exam says', async () => {
    publishExam(0.25)
    api.offered = [offer(dave, 'a')]
    records = log([{results: [result(dave, 'a', 0.5)]}])
    await turn()

    expect(await choose()).toMatchObject({uids: [10, 0], values: [0.75, 0.25]})
  })

  test('keeps the last winner while the executor is away, up to the stated age and no longer', async () => {
    api.offered = [offer(dave, 'a')]
    records = log([{results: [result(dave, 'a', 0.5)]}])
    await turn()
    await executor.close()
    world.chain.block += maxAge
    await turn()

    expect(await choose()).toMatchObject({uids: [10], reason: expect.stringContaining(`heard of ${maxAge} blocks ago`)})
    world.chain.block += 1
    await turn()
    expect(await choose()).toEqual({none: `the executor has not been heard of for 101 blocks (limit ${maxAge})`})
  })

  test('keeps the last winner when a round says nothing, with the share of now', async () => {
    publishExam(0.1)
    api.offered = [offer(dave, 'a')]
    const block = world.chain.block
    appendWeights(store, {
      ...{at: 0, block, mecid: 1, uids: [10], values: [1], source: 'recomputed', reason: 'earlier', extrinsic: '0x'},
      ...{winner: {hotkey: dave.hotkey, uid: 10}, error: null},
    })
    records = log([{results: [{...result(dave, 'a', 0.5), isolation: 'process'}]}])
    await turn()

    expect(await choose()).toMatchObject({source: 'held', uids: [10, 0], values: [0.9, 0.1]})
  })

  test('says nothing before it has heard of its executor, and never asks another one', async () => {
    expect(await choose()).toEqual({none: 'the executor has not been heard of yet', level: 'info'})
  })

  test('goes on after a restart with what it has, and publishes what it had not', async () => {
    api.offered = [offer(dave, 'a')]
    records = log([{results: [result(dave, 'a', 0.5)]}])
    api.before = (call) => {
      if (call === 'publishRecord') throw new Error('no API')
    }
    await turn()
    expect(api.records).toEqual([])
    api.before = () => {}
    records = []
    validator()
    await turn()

    expect(api.records).toHaveLength(1)
    expect(await choose()).toMatchObject({uids: [10]})
  })

  test('refuses records of another validator, forged ones, and ones that rewrite history', async () => {
    api.offered = [offer(dave, 'a')]
    const [good] = log([{results: [result(dave, 'a', 0.5)]}])
    if (!good) throw new Error('one was asked for')
    for (const bad of [
      log([{results: [result(dave, 'a', 0.9)]}], bob),
      [{...good, signature: `0x${'00'.repeat(64)}`}],
      log([{results: []}, {results: [result(dave, 'a', 0.9)]}]).slice(1),
    ]) {
      records = bad
      await turn()
      expect(await choose()).toHaveProperty('none')
    }
    records = [good]
    await turn()
    expect(await choose()).toMatchObject({uids: [10]})
  })

  test('an executor turns away who is not its own validator', async () => {
    validator(bob)
    await turn()

    expect(updates).toEqual([])
    expect(await choose()).toHaveProperty('none')
  })
})
