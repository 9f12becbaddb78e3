import type {FastifyInstance} from 'fastify'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import type {SampleSubmission} from '../../../src/api/schemas.js'
import {evaluationEntry, signEvaluation} from '../../../src/api/signature.js'
import {sha256} from '../../../src/domain/canonical.js'
import type {Hotkey} from '../../../src/domain/ids.js'
import {signValue} from '../../../src/domain/signed.js'
import type {SignedManifest} from '../../../src/domain/task.js'
import {countVerdicts} from '../../../src/store/verdicts.js'
import {miners, OwnerWorld, owner, stranger, validators} from '../../helpers/owner-world.js'

let world: OwnerWorld
let app: FastifyInstance
beforeEach(async () => {
  world = await new OwnerWorld().ready()
  app = world.server()
})
afterEach(() => world.close())

const [alice, bob, charlie] = validators as [typeof owner, typeof owner, typeof owner]
const [dave, eve] = miners.map(({hotkey}) => hotkey) as [Hotkey, Hotkey]
const publish = (task: SignedManifest, signer = owner) => world.send(app, signer, 'POST', '/tasks', task)
const post = (samples: readonly SampleSubmission[], signer = alice, signature: string | null = null) =>
  world.send(app, signer, 'POST', '/samples/batch', {signature, samples})

describe('POST /tasks', () => {
  it('publishes the next task, and the same one again', async () => {
    const task = world.manifest(1)

    const answers = [await publish(task), await publish(task)]

    expect(answers.map(({statusCode, body}) => [statusCode, body])).toEqual([
      [200, '{"task_id":1}'],
      [200, '{"task_id":1}'],
    ])
    expect((await world.send(app, undefined, 'GET', '/tasks/log')).json()).toEqual({tasks: [task]})
  })

  it('takes the same manifest with another signature of a sampler: signatures are random', async () => {
    await publish(world.manifest(1))

    expect((await publish(world.manifest(1))).statusCode).toBe(200)
  })

  it.each([
    [409, 'an id that is not the next', () => world.manifest(2)],
    [422, 'another exam', () => world.manifest(1, {examHash: sha256('another')})],
    [422, 'another subnet', () => world.manifest(1, {netuid: 1})],
    [422, 'a signer who is no sampler', () => world.signed(world.manifest(1).manifest, stranger)],
    [
      422,
      'a signature of something else',
      () => ({...world.manifest(1), signature: world.manifest(1, {createdAt: '2020-01-01T00:00:00.000Z'}).signature}),
    ],
    [422, 'voters out of order', () => world.manifest(1, {voters: world.manifest(1).manifest.voters.toReversed()})],
    [
      422,
      'a voter twice',
      () => world.manifest(1, {voters: world.manifest(1).manifest.voters.flatMap((voter) => [voter, voter])}),
    ],
    [422, 'answers out of order', () => world.manifest(1, {answers: world.manifest(1).manifest.answers.toReversed()})],
    [
      422,
      'an ok answer without its output',
      () => world.manifest(1, {answers: [{...world.manifest(1).manifest.answers[0]!, output: null}]}),
    ],
  ])('refuses with %i %s, and publishes nothing', async (status, _, task) => {
    expect((await publish(task())).statusCode).toBe(status)

    expect((await world.send(app, undefined, 'GET', '/tasks/latest')).json()).toEqual({detail: 'No task sampled yet'})
  })

  it('refuses another manifest under a published id, and a block before the last one', async () => {
    await publish(world.manifest(1))

    expect((await publish(world.manifest(1, {createdAt: '2020-01-01T00:00:00.000Z'}))).statusCode).toBe(409)
    expect((await publish(world.manifest(2, {block: {number: 5, hash: `0x${'ab'.repeat(32)}`}}))).statusCode).toBe(422)
  })

  it('is for admins', async () => {
    expect((await publish(world.manifest(1), alice)).json()).toEqual({detail: 'Admin access required'})
    expect((await publish(world.manifest(1), stranger)).statusCode).toBe(401)
  })
})

describe('POST /samples/batch', () => {
  let task: SignedManifest
  beforeEach(async () => {
    task = world.manifest(1)
    await publish(task)
  })

  it('takes in a whole batch and answers with the published rows', async () => {
    const answer = await world.send(
      app,
      alice,
      'POST',
      '/samples/batch',
      world.batch(task, alice, (miner) => miner === dave),
    )

    expect(answer.statusCode).toBe(200)
    expect(answer.json()).toHaveLength(4)
    expect(answer.json().find((row: {miner_hotkey: string}) => row.miner_hotkey === dave)).toEqual({
      id: expect.any(Number),
      task_id: 1,
      validator_hotkey: alice.hotkey,
      miner_hotkey: dave,
      prompt: 'a boat turns left',
      s3_bucket: 'samples',
      s3_prefix: '1',
      passed: true,
      confidence: 80,
      reasoning: 'moves like the original | overall_score=90 | aspect_scores={"motion_quality":90}',
      evaluated_at: '2026-01-01T00:00:00.000Z',
      latency_ms: 1000,
    })
    expect(countVerdicts(world.store)).toBe(4)
  })

  it('answers an identical repeat with the same rows, before and after the task has settled', async () => {
    const batches = validators.map((validator) => [validator, world.batch(task, validator, () => true)] as const)
    const first = []
    for (const [validator, batch] of batches)
      first.push(await world.send(app, validator, 'POST', '/samples/batch', batch))

    world.nowMs += 1000
    const again = await world.send(app, alice, 'POST', '/samples/batch', batches[0]![1])
    expect(world.settle()).toEqual([1])
    world.nowMs += 1000
    const late = await world.send(app, alice, 'POST', '/samples/batch', batches[0]![1])

    expect(again.json()).toEqual(first[0]?.json())
    expect(late.json()).toEqual(first[0]?.json())
    expect(countVerdicts(world.store)).toBe(12)
  })

  it('refuses a second, different verdict, and then takes nothing of the batch', async () => {
    await post([world.sample(task, alice, dave, true)])

    const answer = await post([world.sample(task, alice, eve, true), world.sample(task, alice, dave, false)])

    expect(answer.statusCode).toBe(409)
    expect(answer.json().detail).toMatch(/^Sample 1: /)
    expect(countVerdicts(world.store)).toBe(1)
  })

  it('takes no verdict once the task has settled, even by a validator who was late', async () => {
    await post([world.sample(task, alice, dave, true)])
    world.chain.block = 121
    expect(world.settle()).toEqual([1])

    const answer = await post([world.sample(task, bob, dave, true)], bob)

    expect(answer.statusCode).toBe(409)
    expect(answer.json().detail).toContain('has settled')
  })

  const artefacts = (changes: object) => {
    const signed = world.verdict(task, alice, dave, true)
    return {...signed.verdict.artefacts, ...changes}
  }
  const withVerdict = (changes: Parameters<OwnerWorld['verdict']>[4]): SampleSubmission => ({
    ...world.sample(task, alice, dave, true),
    verdict: world.verdict(task, alice, dave, true, changes),
  })
  it.each<[string, () => SampleSubmission]>([
    [
      'a task that was not published',
      () => ({...world.sample(task, alice, dave, true), task_id: 2_147_483_647, s3_prefix: '2147483647'}),
    ],
    ['a miner that was not asked', () => ({...world.sample(task, alice, dave, true), miner_hotkey: stranger.hotkey})],
    ['another prefix', () => ({...world.sample(task, alice, dave, true), s3_prefix: '2'})],
    ['another prompt', () => ({...world.sample(task, alice, dave, true), prompt: 'ignore all that'})],
    ['another result than the signed one', () => ({...world.sample(task, alice, dave, true), passed: false})],
    [
      'a verdict of another validator',
      () => ({...world.sample(task, alice, dave, true), verdict: world.verdict(task, bob, dave, true)}),
    ],
    [
      'a verdict on another miner',
      () => ({...world.sample(task, alice, dave, true), verdict: world.verdict(task, alice, eve, true)}),
    ],
    ['another task in the verdict', () => withVerdict({taskId: 2})],
    ['another exam', () => withVerdict({examHash: sha256('easier')})],
    ['another subnet', () => withVerdict({netuid: 1})],
    ['another output', () => withVerdict({artefacts: artefacts({output: sha256('better')})})],
    ['another clip', () => withVerdict({artefacts: artefacts({clip: sha256('easier')})})],
    ['another first frame', () => withVerdict({artefacts: artefacts({firstFrame: null})})],
    [
      'a signature of another verdict',
      () => ({
        ...world.sample(task, alice, dave, true),
        verdict: {...world.verdict(task, alice, dave, true), signature: signValue('verdict', {}, alice)},
      }),
    ],
    [
      'an evaluation signature that is none',
      () => ({...world.sample(task, alice, dave, true), evaluation_signature: 'trust me'}),
    ],
  ])('refuses the whole batch for %s', async (_, bad) => {
    const answer = await post([world.sample(task, alice, eve, true), bad()])

    expect(answer.statusCode).toBe(422)
    expect(countVerdicts(world.store)).toBe(0)
  })

  it('names the row that is at fault', async () => {
    const bad = {...world.sample(task, alice, dave, true), prompt: 'other'}

    expect((await post([world.sample(task, alice, eve, true), bad])).json()).toEqual({
      detail: 'Sample 1: this is not the prompt of task 1',
    })
  })

  it('refuses one output twice in one batch', async () => {
    const sample = world.sample(task, alice, dave, true)

    expect((await post([sample, sample])).statusCode).toBe(422)
  })

  it('takes no vote on an output that the gates rejected', async () => {
    const answers = world
      .manifest(2)
      .manifest.answers.map((answer) =>
        answer.hotkey === dave ? {...answer, outcome: 'rejected:no_motion' as const} : answer,
      )
    const second = world.manifest(2, {answers})
    await publish(second)

    const answer = await post([world.sample(second, alice, dave, true)])

    expect(answer.json().detail).toContain('rejected:no_motion')
    expect(answer.statusCode).toBe(422)
  })

  it('lets only voters of the task vote, whoever else is registered', async () => {
    const voters = world.manifest(2).manifest.voters.filter(({hotkey}) => hotkey !== charlie.hotkey)
    const second = world.manifest(2, {voters})
    await publish(second)

    expect((await post([world.sample(second, charlie, dave, true)], charlie)).json().detail).toContain('is not a voter')
    expect((await post([world.sample(second, owner, dave, true)], owner)).json().detail).toContain('is not a voter')
  })

  it('checks the batch signature over the samples in the order sent', async () => {
    const samples = [dave, eve].map((miner) => world.sample(task, alice, miner, true))
    const signature = signEvaluation(alice, samples.map(evaluationEntry))

    expect((await post(samples.toReversed(), alice, signature)).statusCode).toBe(422)
    expect((await post(samples, alice, signEvaluation(bob, samples.map(evaluationEntry)))).statusCode).toBe(422)
    expect((await post(samples, alice, signature)).statusCode).toBe(200)
  })

  it('keeps the published limits of a batch', async () => {
    await publish(world.manifest(2))
    const sample = world.sample(task, alice, dave, true)
    const other = world.sample(world.manifest(2), alice, dave, true)

    expect((await post([])).json()).toEqual([])
    expect((await post(Array(101).fill(sample))).json()).toEqual({detail: 'Batch size exceeds limit of 100 samples'})
    const mixed = await post([sample, other], alice, '0x00')
    expect([mixed.statusCode, mixed.json()]).toEqual([
      400,
      {detail: 'When signature is provided, all samples must have the same task_id'},
    ])
  })

  it('keeps a sample without a signed verdict for display, but it never votes', async () => {
    const {verdict: _, ...plain} = world.sample(task, alice, dave, false)
    expect((await post([plain])).statusCode).toBe(200)
    expect((await post([plain])).statusCode).toBe(200)
    expect((await post([{...plain, passed: true}])).statusCode).toBe(409)
    expect(countVerdicts(world.store)).toBe(0)

    for (const validator of [bob, charlie]) await post([world.sample(task, validator, dave, true)], validator)
    world.chain.block = 200
    world.settle()

    const detail = (await world.send(app, undefined, 'GET', `/tasks/1/miner/${dave}`)).json()
    expect(detail.validators).toHaveLength(3)
    expect(detail.final_passed).toBe(true)
  })

  it('lets the signed verdict take the place of a sample that could not vote', async () => {
    const sample = world.sample(task, alice, dave, true)
    const {verdict: _, ...plain} = sample
    await post([{...plain, reasoning: 'early words'}])

    const answer = await post([sample])

    expect(answer.json()).toMatchObject([{reasoning: sample.reasoning}])
    expect(countVerdicts(world.store)).toBe(1)
  })
})

describe('POST /samples', () => {
  it('takes one sample, with an evaluation signature over it alone', async () => {
    const task = world.manifest(1)
    await publish(task)
    const sample = world.sample(task, alice, dave, true)
    const evaluation_signature = signEvaluation(alice, [evaluationEntry(sample)])

    const answer = await world.send(app, alice, 'POST', '/samples', {...sample, evaluation_signature})

    expect(answer.json()).toMatchObject({task_id: 1, miner_hotkey: dave, passed: true})
    expect(countVerdicts(world.store)).toBe(1)
  })

  it('reads the lenient scalars of published clients', async () => {
    const task = world.manifest(1)
    await publish(task)
    const {verdict: _, ...sample} = world.sample(task, alice, dave, true)

    const answer = await world.send(app, alice, 'POST', '/samples', {
      ...sample,
      task_id: '1',
      passed: 'yes',
      confidence: 80.0,
      latency_ms: true,
    })

    expect(answer.json()).toMatchObject({task_id: 1, passed: true, confidence: 80, latency_ms: 1})
  })
})
