import {mkdtempSync, rmSync} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import type {EvidenceApi} from '../../../src/api/port.js'
import {hashOf} from '../../../src/domain/canonical.js'
import {signWeights} from '../../../src/domain/weights-statement.js'
import {LeomaError} from '../../../src/errors.js'
import {systemTime} from '../../../src/runtime/clock.js'
import {silentLogger} from '../../../src/runtime/logger.js'
import {Follower} from '../../../src/services/audit/follow.js'
import {evidenceService, VerifiedWeights} from '../../../src/services/verified-weights.js'
import {openStore, type Store} from '../../../src/store/open.js'
import {findState} from '../../../src/store/rankings.js'
import {verify} from '../../../src/wallet/keypair.js'
import {AuditWorld, owner, video} from '../../helpers/audit-world.js'

const signal = new AbortController().signal
let dir: string
let world: AuditWorld
let store: Store
/** What the owner answers instead of the truth; what is asked for stands in `asked`. */
let lies: Partial<EvidenceApi>
let asked: number[]

beforeEach(async () => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'leoma-follow-'))
  world = new AuditWorld(dir, {miners: 3, validators: 2, tasks: 2})
  await world.run(2)
  store = openStore(path.join(dir, 'validator.db'))
  lies = {}
  asked = []
})
afterEach(async () => {
  store.close()
  await world.close()
  rmSync(dir, {recursive: true, force: true})
})

const winner = () => world.miners[0]!.hotkey
const loser = () => world.miners[1]!.hotkey

async function weights(): Promise<VerifiedWeights> {
  const api = await world.api()
  const answers: EvidenceApi = {
    url: api.url,
    examTexts: (inner) => (lies.examTexts ?? api.examTexts.bind(api))(inner),
    manifestText: (id, inner) => (lies.manifestText ?? api.manifestText.bind(api))(id, inner),
    evidenceTexts: (id, inner) => {
      asked.push(id)
      return (lies.evidenceTexts ?? api.evidenceTexts.bind(api))(id, inner)
    },
    rankingText: (inner) => (lies.rankingText ?? api.rankingText.bind(api))(inner),
    weightsText: (inner) => (lies.weightsText ?? api.weightsText.bind(api))(inner),
  }
  const time = {...systemTime(), sleep: async () => {}}
  const follower = new Follower({
    ...{api: answers, chain: world.chain, mechanism: video, netuid: 99, store, verify, time},
    ...{hotkey: world.validators[0]!.hotkey, log: silentLogger()},
  })
  return new VerifiedWeights({
    follower,
    store,
    mecid: 0,
    mechanism: 'video',
    maxWinnerAgeBlocks: 7200,
    log: silentLogger(),
  })
}

const choose = async (by?: VerifiedWeights) => (by ?? (await weights())).choose(await world.chain.metagraph(), signal)
const check = async () => (await weights()).check(await world.chain.metagraph(), signal)

/** The owner's answers with somebody else as the winner, signed by the owner over the lie. */
async function payLoser(): Promise<void> {
  const api = await world.api()
  const truth = JSON.parse((await api.weightsText(signal)) ?? '')
  const ranking = JSON.parse((await api.rankingText(signal)) ?? '')
  const rows = ranking.ranking.rows.map((row: {hotkey: string}) => ({
    ...row,
    ...(row.hotkey === loser() ? {rank: 1, weight: 1} : row.hotkey === winner() ? {rank: 2, weight: 0} : {}),
  }))
  ranking.ranking.rows = rows
  const uid = rows.find((row: {hotkey: string}) => row.hotkey === loser()).uid
  const paid = {hotkey: loser(), uid}
  const statement = {
    ...truth.signed.statement,
    rankingHash: hashOf(ranking.ranking),
    winner: paid,
    weights: [{...paid, weight: 1}],
  }
  lies = {
    rankingText: async () => JSON.stringify(ranking),
    weightsText: async () => JSON.stringify({...truth, winner_uid: uid, signed: signWeights(statement, owner)}),
  }
}

describe('a validator that verifies', () => {
  it('sets what follows from the evidence, and agrees with an honest owner', async () => {
    expect(await choose()).toMatchObject({
      source: 'recomputed',
      winner: {hotkey: winner(), uid: 3},
      uids: [3],
      values: [1],
    })
    expect(await check()).toMatchObject({kind: 'ranked', differences: []})
  })

  it('takes weights and ranking of one moment for one another, though each answer is followed by another block', async () => {
    const api = await world.api()
    const moments: {readonly weights: string | undefined; readonly ranking: string | undefined}[] = []
    for (let block = 0; block < 12; block++) {
      world.block++
      await world.rank()
      moments.push({weights: await api.weightsText(signal), ranking: await api.rankingText(signal)})
    }
    let at = 0
    const answer = (what: 'weights' | 'ranking') => async () => {
      const text = moments[at]?.[what]
      await Promise.resolve()
      at++
      return text
    }
    lies = {weightsText: answer('weights'), rankingText: answer('ranking')}

    expect(await check()).toMatchObject({kind: 'ranked', differences: []})
  })

  it('goes on from where it stopped, also in another process', async () => {
    await choose()
    expect(asked).toEqual([1, 2, 3])
    const exam = world.publishExam().examHash
    expect(findState(store, exam)).toMatchObject({lastTask: 2})

    asked = []
    await world.run(1)
    expect(await choose()).toMatchObject({winner: {hotkey: winner()}})
    expect(asked).toEqual([3, 4])
    expect(findState(store, exam)).toMatchObject({lastTask: 3, hash: world.scorer.current()?.ranking.stateHash})
  })

  it('pays whom the evidence pays when the owner signs something else, and raises the alarm', async () => {
    await payLoser()
    const verified = await weights()

    expect(await choose(verified)).toMatchObject({source: 'recomputed', winner: {hotkey: winner()}})
    const followed = await verified.check(await world.chain.metagraph(), signal)
    expect(followed).toMatchObject({kind: 'ranked'})
    expect('differences' in followed && followed.differences.map(({code}) => code)).toContain('RANKING_DIFFERS')

    let turn: ((tick: {at: number; signal: AbortSignal}) => Promise<void>) | undefined
    const {start} = evidenceService(verified, {mechanism: 'video', metagraph: () => world.chain.metagraph()})
    await start({
      ...{now: () => 0, sleep: async () => {}, start: async () => {}},
      every: (_name, _interval, run) => {
        turn = run
      },
    })
    await expect(turn?.({at: 0, signal})).rejects.toMatchObject({code: 'WEIGHTS_DISAGREE'})
  })

  it('leaves out a verdict that its validator did not sign, and says so', async () => {
    const api = await world.api()
    lies.evidenceTexts = async (id, inner) =>
      (await api.evidenceTexts(id, inner))?.map((line, index) =>
        index === 1 ? line.replace('"passed":true', '"passed":false') : line,
      )

    const followed = await check()

    expect(followed).toMatchObject({kind: 'ranked', ranking: {rows: expect.any(Array)}})
    expect('differences' in followed && followed.differences.map(({code}) => code)).toEqual(
      expect.arrayContaining(['VERDICT_UNTRUSTED', 'RANKING_DIFFERS']),
    )
  })

  it.each([
    [
      'hides a task that its ranking counts',
      async () => {
        lies.evidenceTexts = async () => undefined
      },
      /evidence of task 1.*not shown/,
    ],
    [
      'shows a manifest that no sampler signed',
      async () => {
        const api = await world.api()
        lies.evidenceTexts = async (id, inner) =>
          (await api.evidenceTexts(id, inner))?.map((line, index) =>
            index === 0 ? line.replace('turns left', 'turns over') : line,
          )
      },
      /task 1 cannot be trusted/,
    ],
    [
      'names an exam that only a later version can run',
      async () => {
        const [text = ''] = (await (await world.api()).examTexts(signal)) ?? []
        const signed = JSON.parse(text)
        const exam = {...signed.exam, mechanismVersion: 9}
        const {signExam} = await import('../../../src/services/exam.js')
        const ranking = JSON.parse((await (await world.api()).rankingText(signal)) ?? '')
        const next = signExam(exam, owner)
        ranking.ranking.examHash = next.examHash
        lies = {examTexts: async () => [text, JSON.stringify(next)], rankingText: async () => JSON.stringify(ranking)}
      },
      /version 9 of video, this program has 1/,
    ],
    [
      'shows an exam that the owner did not sign',
      async () => {
        const [text = ''] = (await (await world.api()).examTexts(signal)) ?? []
        lies.examTexts = async () => [text.replace('"netuid":99', '"netuid":98')]
      },
      /exam 1 of 1/,
    ],
  ])('sets nothing new when the owner %s', async (_, lie, reason) => {
    await lie()

    expect(await choose()).toEqual({hold: expect.stringMatching(reason)})
    const {start} = evidenceService(await weights(), {mechanism: 'video', metagraph: () => world.chain.metagraph()})
    let turn: ((tick: {at: number; signal: AbortSignal}) => Promise<void>) | undefined
    await start({
      ...{now: () => 0, sleep: async () => {}, start: async () => {}},
      every: (_name, _interval, run) => {
        turn = run
      },
    })
    await expect(turn?.({at: 0, signal})).rejects.toBeInstanceOf(LeomaError)
  })

  it('counts on when the owner stops counting what has settled', async () => {
    const api = await world.api()
    const [ranking, published] = [await api.rankingText(signal), await api.weightsText(signal)]
    await world.run(1)
    const late = JSON.parse(ranking ?? '')
    late.ranking.block = late.view.block = world.block + 100
    lies = {rankingText: async () => JSON.stringify(late), weightsText: async () => published}
    world.block += 100

    const followed = await check()

    expect(followed).toMatchObject({kind: 'ranked', ranking: {window: [1, 2, 3]}})
    expect('differences' in followed && followed.differences.map(({code}) => code)).toContain('RANKING_BEHIND')
  })

  it('believes an API without evidence only as long as it has never seen any', async () => {
    const without = {examTexts: async () => undefined}
    lies = without
    expect(await choose()).toBe('published')

    lies = {}
    await choose()
    lies = without
    expect(await choose()).toEqual({hold: 'the owner shows no evidence any more'})
  })

  it('holds what the chain says of a commitment against what the owner says', async () => {
    const api = await world.api()
    const ranking = JSON.parse((await api.rankingText(signal)) ?? '')
    const miner = ranking.view.miners.find(({hotkey}: {hotkey: string}) => hotkey === loser())
    miner.block = 1
    lies.rankingText = async () => JSON.stringify(ranking)

    const followed = await check()

    expect('differences' in followed && followed.differences).toContainEqual(
      expect.objectContaining({code: 'VIEW_COMMITMENT', object: `view of miner ${loser()}`}),
    )
    expect(followed).toMatchObject({
      ranking: {rows: expect.arrayContaining([expect.objectContaining({hotkey: loser(), block: 11})])},
    })
  })
})
