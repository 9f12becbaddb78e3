import type {FastifyInstance} from 'fastify'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import {hashOf} from '../../../src/domain/canonical.js'
import type {Hotkey} from '../../../src/domain/ids.js'
import {SignedWeights, weightsFault} from '../../../src/domain/weights-statement.js'
import type {Scorer} from '../../../src/services/scorer.js'
import {addValidator} from '../../../src/services/validator-list.js'
import {openStore} from '../../../src/store/open.js'
import {verify} from '../../../src/wallet/keypair.js'
import {miners, netuid, never, OwnerWorld, owner, stranger, validators} from '../../helpers/owner-world.js'

let world: OwnerWorld
let app: FastifyInstance
let scorer: Scorer
beforeEach(async () => {
  world = await new OwnerWorld().ready()
  scorer = world.scorer()
  app = world.server({scorer})
  for (const id of [1, 2]) await world.judgedTask(app, id, (miner) => miner === dave)
  world.settle()
  await scorer.turn(never)
})
afterEach(() => world.close())

const [dave, eve] = miners.map(({hotkey}) => hotkey) as [Hotkey, Hotkey]
const get = (url: string, headers: Record<string, string> = {}) => app.inject({url, headers})
const kept = ['/scores/rank', '/weights', '/tasks/latest', '/ranking', '/exam']

describe.each(kept)('GET %s', (url) => {
  it('says how long it holds and what it is called, and the same again in no bytes', async () => {
    const first = await get(url)
    const etag = String(first.headers.etag)
    const again = await get(url, {'if-none-match': etag})
    const among = await get(url, {'if-none-match': `"other", W/${etag}`})
    const other = await get(url, {'if-none-match': '"other"'})

    expect(first.headers).toMatchObject({
      etag: expect.stringMatching(/^"[\w-]{22}"$/),
      'cache-control': expect.stringMatching(/^public, max-age=\d+$/),
      'content-type': 'application/json; charset=utf-8',
    })
    expect([again.statusCode, again.body, again.headers.etag]).toEqual([304, '', etag])
    expect(among.statusCode).toBe(304)
    expect([other.statusCode, other.body]).toEqual([200, first.body])
  })

  it('is the same answer until something changes', async () => {
    const [first, second] = [await get(url), await get(url)]

    expect(second.headers.etag).toBe(first.headers.etag)
    expect(second.body).toBe(first.body)
  })
})

describe('an answer in memory', () => {
  const etag = async (url: string) => (await get(url)).headers.etag

  it('is made anew when a task is published', async () => {
    const before = await etag('/tasks/latest')

    await world.expectOk(world.send(app, owner, 'POST', '/tasks', world.manifest(3)))

    expect(await etag('/tasks/latest')).not.toBe(before)
    expect((await get('/tasks/latest')).json()).toEqual({task_id: 3})
  })

  it('is made anew when the ranking is', async () => {
    const before = await Promise.all(['/scores/rank', '/weights', '/ranking'].map(etag))

    await world.judgedTask(app, 3, (miner) => miner === eve)
    world.settle()
    await scorer.turn(never)

    const after = await Promise.all(['/scores/rank', '/weights', '/ranking'].map(etag))
    for (const [index, tag] of after.entries()) expect(tag).not.toBe(before[index])
  })

  it('is made anew when a miner loses its validity, before the ranking follows', async () => {
    expect((await get('/weights')).json()).toMatchObject({winner_uid: 10, burn: false})
    world.chain.offers = world.chain.offers.filter(({hotkey}) => hotkey !== dave)
    await world.validate()

    expect((await get('/weights')).json()).toMatchObject({
      winner_uid: 0,
      burn: true,
      signed: {statement: {winner: null}},
    })
    expect((await get('/scores/rank')).json().ranks[0]).toMatchObject({miner_hotkey: dave, is_valid: false})
  })

  it('is made anew when the exam is', async () => {
    const before = await etag('/exam')

    world.exam({everyBlocks: 7})

    expect(await etag('/exam')).not.toBe(before)
  })

  it('is not kept when it was a refusal', async () => {
    const fresh = new OwnerWorld()
    await fresh.ready()
    const server = fresh.server()
    expect((await server.inject({url: '/tasks/latest'})).statusCode).toBe(404)

    await fresh.expectOk(fresh.send(server, owner, 'POST', '/tasks', fresh.manifest(1)))

    expect((await server.inject({url: '/tasks/latest'})).json()).toEqual({task_id: 1})
    await fresh.close()
  })

  it('does not stand in for what somebody may or may not see', async () => {
    const signed = await world.send(app, validators[0], 'GET', '/miners/valid')
    const open = await get('/health')

    expect(signed.headers['cache-control']).toBe('private, no-store')
    expect(open.headers['cache-control']).toBe('no-cache')
  })
})

it('knows at once whom another process has registered', async () => {
  expect((await world.send(app, stranger, 'GET', '/miners/valid')).statusCode).toBe(401)
  const other = openStore(world.storePath, {durability: 'none'})
  addValidator(other, {uid: 77, hotkey: stranger.hotkey, stakeRao: 1n}, 0)
  other.close()

  world.nowMs += 1000
  expect((await world.send(app, stranger, 'GET', '/miners/valid')).statusCode).toBe(200)
})

describe('the weights', () => {
  const expected = {ownerHotkey: owner.hotkey, netuid, mechanism: 'video'}

  it('are signed by the owner, over exam, window, state, block, winner and shares', async () => {
    const body = (await get('/weights')).json()
    const {ranking} = (await get('/ranking')).json()

    const signed = SignedWeights.parse(body.signed)
    expect(weightsFault(signed, expected, verify)).toBeUndefined()
    expect(signed.statement).toMatchObject({
      examHash: world.exam().examHash,
      stateHash: ranking.stateHash,
      rankingHash: hashOf(ranking),
      window: [1, 2],
      block: 100,
      decision: 'pay',
      winner: {hotkey: dave, uid: 10},
      weights: [{hotkey: dave, uid: 10, weight: 1}],
    })
    expect(body).toMatchObject({winner_uid: 10, ranking_hash: hashOf(ranking), window: [1, 2]})
  })

  it('do not hold when anything in them was changed', async () => {
    const signed = SignedWeights.parse((await get('/weights')).json().signed)
    const {statement} = signed

    for (const changed of [
      {...statement, block: 101},
      {...statement, winner: {hotkey: eve, uid: 11}},
      {...statement, weights: []},
      {...statement, examHash: hashOf('another')},
    ])
      expect(weightsFault({...signed, statement: changed}, expected, verify)).toMatch(/does not verify/)
    expect(weightsFault(signed, {...expected, ownerHotkey: stranger.hotkey}, verify)).toMatch(/signed by/)
    expect(weightsFault(signed, {...expected, netuid: 1}, verify)).toMatch(/subnet/)
  })
})

describe('a rank row', () => {
  it('says in numbers how far its miner is from eligible and from winning', async () => {
    const {ranks, unranked} = (await get('/scores/rank')).json()

    expect(ranks[0]).toMatchObject({
      miner_hotkey: dave,
      evaluated_count: 2,
      completeness: 1,
      tasks_to_eligible: 0,
      pass_rate_to_win: 0,
    })
    // A later miner must beat one that always passes by a margin, which is impossible.
    expect(unranked.find(({miner_hotkey: hotkey}: {miner_hotkey: string}) => hotkey === eve)).toMatchObject({
      eligible: false,
      tasks_to_eligible: 1,
      pass_rate_to_win: null,
      explain: expect.stringContaining('none of its 2 tasks passed'),
    })
  })
})
