import type {FastifyInstance} from 'fastify'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import {z} from 'zod'
import {hashOf} from '../../../src/domain/canonical.js'
import type {Exam, SignedExam} from '../../../src/domain/exam.js'
import type {Hotkey} from '../../../src/domain/ids.js'
import {ReferenceJudge} from '../../../src/judge/reference.js'
import {judgeFault, signExam, takeExam} from '../../../src/services/exam.js'
import {currentExam, examOfTask} from '../../../src/store/exams.js'
import {verify} from '../../../src/wallet/keypair.js'
import {
  miners,
  netuid,
  never,
  OwnerWorld,
  owner,
  params,
  stranger,
  validators,
  video,
} from '../../helpers/owner-world.js'

let world: OwnerWorld
let app: FastifyInstance
beforeEach(async () => {
  world = await new OwnerWorld().ready()
  app = world.server()
})
afterEach(() => world.close())

/** Nothing is judged here. */
const fakeMedia = {decode: () => Promise.reject(), decodeViews: () => Promise.reject()}

const dave = miners[0]!.hotkey as Hotkey
const next = (changes: Partial<Exam>, paramChanges: Partial<typeof params> = {}): SignedExam => {
  const {exam} = currentExam(world.store)!
  return signExam({...exam, params: {...exam.params, ...paramChanges}, ...changes}, owner)
}
const publish = (exam: SignedExam, signer = owner) => world.send(app, signer, 'POST', '/exams', exam)
const lines = async (url: string) => (await world.send(app, undefined, 'GET', url)).body.trimEnd().split('\n')

describe('an exam published by hand', () => {
  it('waits until its first task, and is shown to everybody before', async () => {
    await world.judgedTask(app, 1, () => true)
    const first = world.exam()
    const later = next({fromTask: 3}, {everyBlocks: 7})

    const answer = await publish(later)

    expect([answer.statusCode, answer.json()]).toEqual([
      200,
      {exam_hash: later.examHash, from_task: 3, in_force: false},
    ])
    expect(examOfTask(world.store, 2)?.examHash).toBe(first.examHash)
    expect(examOfTask(world.store, 3)?.examHash).toBe(later.examHash)
    expect((await world.send(app, undefined, 'GET', '/exam')).json().examHash).toBe(first.examHash)
    expect((await lines('/exams')).map((line) => JSON.parse(line))).toEqual([first, later])
    expect((await world.send(app, undefined, 'GET', `/exams/${later.examHash}`)).json()).toEqual(later)

    await world.judgedTask(app, 2, () => true)
    expect((await world.send(app, undefined, 'GET', '/exam')).json().examHash).toBe(later.examHash)
  })

  it('stays when the owner starts again with the configuration of before, and yields to one that was changed', async () => {
    await world.judgedTask(app, 1, () => true)
    const byHand = next({fromTask: 2}, {everyBlocks: 7})
    await publish(byHand)

    world.reopen()
    expect(world.exam().examHash).toBe(byHand.examHash)

    const configured = world.exam({everyBlocks: 9})
    expect(configured.exam).toMatchObject({fromTask: 2, params: {everyBlocks: 9}})
    expect(currentExam(world.store)?.examHash).toBe(configured.examHash)
  })

  it('is one publication when it is sent twice', async () => {
    const exam = next({fromTask: 5}, {everyBlocks: 7})

    expect((await publish(exam)).statusCode).toBe(200)
    expect((await publish(exam)).statusCode).toBe(200)
    expect(await lines('/exams')).toHaveLength(2)
  })

  it('takes the place of an earlier plan for the same task, which may be restored', async () => {
    const one = next({fromTask: 5}, {everyBlocks: 7})
    const two = next({fromTask: 5}, {everyBlocks: 8})
    for (const exam of [one, two, one]) await publish(exam)

    expect(examOfTask(world.store, 5)?.examHash).toBe(one.examHash)
  })

  it.each([
    [
      'that would rewrite the past',
      () => next({fromTask: 1}, {everyBlocks: 7}),
      409,
      /cannot rewrite the past: task 1/,
    ],
    [
      'of a version that this program has not',
      () => next({fromTask: 5, mechanismVersion: 2}),
      422,
      /version 2 of video/,
    ],
    ['of another mechanism', () => next({fromTask: 5, mechanism: 'image'}), 422, /it is for mechanism image/],
    ['with parameters that are none', () => next({fromTask: 5}, {everyBlocks: -1}), 422, /everyBlocks/],
    ['of another subnet', () => next({fromTask: 5, netuid: 3}), 422, /subnet 3/],
    ['that somebody else signed', () => signExam(next({fromTask: 5}).exam, stranger), 422, /signed by/],
    ['that was changed afterwards', () => altered(next({fromTask: 5})), 422, /its hash/],
    ['whose signature is of another one', () => rehashed(next({fromTask: 5})), 422, /signature does not verify/],
  ])('is refused when it is one %s', async (_, make, status, detail) => {
    await world.judgedTask(app, 1, () => true)
    const before = currentExam(world.store)

    const answer = await publish(make())

    expect([answer.statusCode, answer.json().detail]).toEqual([status, expect.stringMatching(detail)])
    expect(currentExam(world.store)).toEqual(before)
    expect(await lines('/exams')).toHaveLength(1)
  })

  it('is refused when nobody could judge under it, by name, version or options', async () => {
    const judges = [new ReferenceJudge({media: fakeMedia})]
    const strict = world.server({judgeFault: async (exam) => judgeFault(exam, judges)})
    const judgedBy = (judge: Partial<typeof params.judge>) =>
      world.send(strict, owner, 'POST', '/exams', next({fromTask: 5}, {judge: {...params.judge, ...judge}}))

    for (const [judge, why] of [
      [{name: 'oracle'}, /there is no judge oracle 2/],
      [{version: 9}, /there is no judge reference 9; this program has reference 2/],
      [{options: {votes: 3}}, /the options of judge reference: .*votes/s],
    ] as const) {
      const answer = await judgedBy(judge)
      expect([answer.statusCode, answer.json().detail]).toEqual([422, expect.stringMatching(why)])
    }
    expect((await judgedBy({passThreshold: 80})).statusCode).toBe(200)
  })

  it('is taken from nobody but an admin', async () => {
    expect((await publish(next({fromTask: 5}), validators[0]!)).statusCode).toBe(403)
  })

  it('never mixes with the one before in a window: its ranking begins with nothing', async () => {
    const scorer = world.scorer()
    for (let id = 1; id <= 3; id++) await world.judgedTask(app, id, (miner) => miner === dave)
    world.settle()
    const old = (await scorer.turn(never))!.ranking
    expect(old).toMatchObject({decision: 'pay', window: [1, 2, 3]})

    takeExam(next({fromTask: 5}, {everyBlocks: 7}), {
      ...{store: world.store, mechanism: video, netuid, verify},
      ...{ownerHotkey: owner.hotkey, at: world.nowMs},
    })
    await world.judgedTask(app, 4, (miner) => miner === dave)
    world.settle()
    const between = (await scorer.turn(never))!.ranking
    expect(between).toMatchObject({decision: 'wait', window: [], examHash: examOfTask(world.store, 5)?.examHash})

    for (let id = 5; id <= 6; id++) await world.judgedTask(app, id, (miner) => miner === dave)
    world.settle()
    const after = (await scorer.turn(never))!.ranking
    expect(after).toMatchObject({decision: 'pay', window: [5, 6], examHash: between.examHash})
    expect(after.rows[0]).toMatchObject({hotkey: dave, numbers: {passed: 2, evaluated: 2}})
  })
})

describe('the evidence that auditors read', () => {
  it('is hidden until a task has settled, and afterwards the same for ever', async () => {
    const task = world.manifest(1)
    await world.judgedTask(app, 1, () => true)
    const before = await world.send(app, undefined, 'GET', '/tasks/1/evidence')
    const manifest = await world.send(app, undefined, 'GET', '/tasks/1/manifest')
    world.chain.block += 1000
    world.settle()
    const after = await world.send(app, undefined, 'GET', '/tasks/1/evidence')

    expect(before.statusCode).toBe(404)
    expect(hashOf(manifest.json().manifest)).toBe(hashOf(task.manifest))
    expect(after.headers['cache-control']).toBe('public, max-age=31536000, immutable')
    const pieces = after.body
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(pieces).toHaveLength(1 + 12 + 1)
    expect(pieces[0]).toEqual(manifest.json())
    const keys = pieces.slice(1, 13).map(({verdict}) => `${verdict.validator} ${verdict.miner}`)
    expect(keys).toEqual([...new Set(keys)].sort())
    expect(pieces[13]).toEqual({settledAtBlock: world.chain.block, verdicts: 12})
  })
})

function altered(signed: SignedExam): SignedExam {
  return {...signed, exam: {...signed.exam, fromTask: signed.exam.fromTask + 1}}
}

function rehashed(signed: SignedExam): SignedExam {
  const changed = altered(signed)
  return {...changed, examHash: hashOf(changed.exam)}
}

it('an exam is judged by a judge that is there, at its version and with options that it takes', () => {
  const judges = [
    new ReferenceJudge({media: fakeMedia}),
    new ReferenceJudge({media: fakeMedia, version: 1}),
    {name: 'model', version: 3, options: z.strictObject({votes: z.number().int().max(9)})},
  ]
  const fault = (judge: object) => judgeFault({params: {judge}}, judges)

  expect(fault({name: 'reference', version: 2, options: {}})).toBeUndefined()
  expect(fault({name: 'reference', version: 1, options: {}})).toBeUndefined()
  expect(fault({name: 'model', version: 3, options: {votes: 9}})).toBeUndefined()
  expect(fault({name: 'reference', version: 9, options: {}})).toBe(
    'there is no judge reference 9; this program has reference 2, reference 1, model 3',
  )
  expect(fault({name: 'oracle', version: 1, options: {}})).toMatch(/^there is no judge oracle 1/)
  expect(fault({name: 'model', version: 3, options: {votes: 11}})).toMatch(/^the options of judge model: .*votes/s)
  expect(fault({name: 'model', version: 3})).toMatch(/^the options of judge model/)
  expect(judgeFault({params: {pool: 'a mechanism that measures'}}, judges)).toBeUndefined()
})
