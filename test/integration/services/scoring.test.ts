import type {FastifyInstance} from 'fastify'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import {hashOf} from '../../../src/domain/canonical.js'
import type {Hotkey} from '../../../src/domain/ids.js'
import {winnerOf} from '../../../src/domain/ranking.js'
import {examFault} from '../../../src/domain/signed.js'
import {fold, type Scorer} from '../../../src/services/scorer.js'
import {settleInTurns} from '../../../src/services/settlement.js'
import {currentVoters} from '../../../src/services/validator-sync.js'
import {currentExam, listExams} from '../../../src/store/exams.js'
import {findState, lastRanking} from '../../../src/store/rankings.js'
import {listScores} from '../../../src/store/scores.js'
import {settledOfExam} from '../../../src/store/settled.js'
import {resultsOfTask} from '../../../src/store/tasks.js'
import {listValidators, pinValidator} from '../../../src/store/validators.js'
import {verify} from '../../../src/wallet/keypair.js'
import {miners, never, OwnerWorld, oneAlpha, owner, params, validators, video} from '../../helpers/owner-world.js'

let world: OwnerWorld
let app: FastifyInstance
let scorer: Scorer
beforeEach(async () => {
  world = await new OwnerWorld().ready()
  scorer = world.scorer()
  app = world.server({scorer})
})
afterEach(() => world.close())

const [dave, eve, ferdie] = miners.map(({hotkey}) => hotkey) as [Hotkey, Hotkey, Hotkey]
const alice = validators[0]!
const json = async (url: string) => (await world.send(app, undefined, 'GET', url)).json()

describe('the exam', () => {
  it('is published once, signed by the owner, and stays while nothing differs', () => {
    const exam = world.exam()
    world.nowMs += 1000

    expect(world.exam()).toEqual(exam)
    expect(examFault(exam, owner.hotkey, verify)).toBeUndefined()
    expect(exam.exam).toMatchObject({fromTask: 1, samplers: [owner.hotkey], netuid: 99})
    world.reopen()
    expect(currentExam(world.store)).toEqual(exam)
  })

  it('begins anew at the next task when a parameter changes, and may return to an earlier one', async () => {
    const first = world.exam()
    await world.judgedTask(app, 1, () => true)

    const second = world.exam({everyBlocks: 7})

    expect(second.exam.fromTask).toBe(2)
    expect(second.examHash).not.toBe(first.examHash)
    expect(world.exam().exam.fromTask).toBe(2)
    expect(listExams(world.store)).toHaveLength(3)
  })

  it('is not published when the mechanism refuses its parameters', () => {
    expect(() => world.exam({everyBlocks: 0})).toThrow(expect.objectContaining({code: 'EXAM_UNSUPPORTED'}))
    expect(currentExam(world.store)?.exam.params.everyBlocks).toBe(params.everyBlocks)
  })
})

describe('settlement', () => {
  const judge = async (taskId: number, by = validators) => {
    const task = world.manifest(taskId)
    await world.expectOk(world.send(app, owner, 'POST', '/tasks', task))
    for (const validator of by)
      await world.expectOk(
        world.send(
          app,
          validator,
          'POST',
          '/samples/batch',
          world.batch(task, validator, () => true),
        ),
      )
  }

  it('waits for every voter, or for the blocks of the exam', async () => {
    await judge(1, validators.slice(1))
    world.chain.block = 120
    expect(world.settle()).toEqual([])

    world.chain.block = 121
    expect(world.settle()).toEqual([1])
    expect(settledOfExam(world.store, 0, 10, world.exam().examHash)[0]).toMatchObject({settledAtBlock: 121})
  })

  it('settles at once when nothing more can come, and only once', async () => {
    await judge(1)

    expect([world.settle(), world.settle()]).toEqual([[1], []])
    expect(listScores(world.store)).toHaveLength(12)
    expect(listScores(world.store).every(({total}) => total === 1)).toBe(true)
  })

  it('keeps the order of tasks: a later one waits for an earlier one that is open', async () => {
    await judge(1, validators.slice(1))
    await judge(2)
    expect(world.settle()).toEqual([])

    world.chain.block = 121

    expect(world.settle()).toEqual([1, 2])
  })

  it('counts a verdict that comes in while a task is being closed', async () => {
    await judge(1, validators.slice(1))
    world.chain.block = 121
    const {store, log, chain} = world
    let turns = 0
    const sleep = async () => {
      if (turns++ > 0) return
      const body = world.batch(world.manifest(1), alice, () => true)
      await world.expectOk(world.send(app, alice, 'POST', '/samples/batch', body))
    }

    const settled = await settleInTurns({store, mechanism: video, block: chain.block, at: 0, log}, {sleep}, never)

    expect(settled).toEqual([1])
    expect(settledOfExam(store, 0, 1, world.exam().examHash)[0]?.verdicts).toHaveLength(12)
    expect(listScores(store)).toHaveLength(12)
    expect(resultsOfTask(store, 1).map(({votes}) => votes)).toEqual(miners.map(() => validators.length))
  })

  it('settles a task without any output or voter', async () => {
    await world.expectOk(world.send(app, owner, 'POST', '/tasks', world.manifest(1, {voters: []})))

    expect(world.settle()).toEqual([1])
  })

  it('finds everything again after a restart between settlement and ranking', async () => {
    await judge(1)
    world.settle()
    await app.close()
    world.reopen()

    const made = await world.scorer().turn(never)

    expect(made?.ranking.window).toEqual([1])
  })
})

describe('the ranking', () => {
  it('ranks by what has settled, and gives the emission to the winner', async () => {
    for (let id = 1; id <= 4; id++)
      await world.judgedTask(app, id, (miner) => miner === dave || (miner === eve && id < 3))
    world.settle()

    await scorer.turn(never)

    const {ranks} = await json('/scores/rank')
    expect(ranks.map(({miner_hotkey, rank}: {miner_hotkey: string; rank: number}) => [miner_hotkey, rank])).toEqual([
      [dave, 1],
      [eve, 2],
    ])
    expect(ranks[0]).toMatchObject({
      uid: 10,
      passed_count: 4,
      pass_rate: 1,
      block: 10,
      eligible: true,
      is_valid: true,
      invalid_reason: null,
    })
    expect(ranks[1].explain).toMatch(/needs|behind/)
    const ranking = scorer.current()?.ranking
    expect(await json('/weights')).toMatchObject({
      winner_uid: 10,
      miners: [
        {miner_hotkey: dave, uid: 10, pass_rate: 1, weight: 1},
        {miner_hotkey: eve, uid: 11, pass_rate: 0.5, weight: 0},
      ],
      burn: false,
      exam_hash: world.exam().examHash,
      state_hash: ranking?.stateHash,
      block: world.chain.block,
      summary: ranking?.summary,
    })
  })

  it('neither pays nor burns before enough has settled to say either', async () => {
    expect(await json('/weights')).toEqual({winner_uid: 0, miners: [], burn: false, summary: 'there is no ranking yet'})

    await scorer.turn(never)

    expect(await json('/weights')).toMatchObject({winner_uid: 0, miners: [], burn: false})
    expect(scorer.current()?.ranking.decision).toBe('wait')
  })

  it('burns openly when nobody passed anything', async () => {
    for (let id = 1; id <= 2; id++) await world.judgedTask(app, id, () => false)
    world.settle()
    await scorer.turn(never)

    expect(await json('/weights')).toMatchObject({winner_uid: 0, miners: [], burn: true})
  })

  it('puts the next valid miner in the place of a winner that is no longer valid', async () => {
    for (let id = 1; id <= 4; id++)
      await world.judgedTask(app, id, (miner) => miner === dave || (miner === eve && id < 3))
    world.settle()
    await scorer.turn(never)
    world.chain.neurons = world.chain.neurons.filter(({hotkey}) => hotkey !== dave)
    await world.validate()

    expect(await json('/weights')).toMatchObject({
      winner_uid: 11,
      burn: false,
      miners: [
        {miner_hotkey: dave, uid: 0, weight: 0},
        {miner_hotkey: eve, uid: 11, weight: 1},
      ],
    })
    await scorer.turn(never)
    expect(winnerOf(scorer.current()!.ranking)?.hotkey).toBe(eve)
  })

  it('does not lose its winner over one failed probe', async () => {
    for (let id = 1; id <= 2; id++) await world.judgedTask(app, id, (miner) => miner === dave)
    world.settle()
    world.models.chutes.set(`chute-${dave}`, new Error('503'))
    await world.validate()

    await scorer.turn(never)

    expect(await json('/weights')).toMatchObject({winner_uid: 10, burn: false})
  })

  it('has the same hash turn by turn, after a restart, and folded from nothing', async () => {
    for (let id = 1; id <= 5; id++) {
      await world.judgedTask(app, id, (miner) => miner === dave || id === 3)
      world.settle()
      await scorer.turn(never)
      if (id === 3) {
        await app.close()
        world.reopen()
        scorer = world.scorer()
        app = world.server({scorer})
        expect(scorer.current()).toEqual(lastRanking(world.store))
      }
    }
    const exam = world.exam()

    const again = await fold(world.store, exam, video.rule(exam.exam), {time: world.time, signal: never})

    expect(again.hash).toBe(scorer.current()?.ranking.stateHash)
    expect(again.hash).toBe(hashOf(again.state))
    expect(again.lastTask).toBe(5)
  })

  it('folds from nothing when the stored state is of another version', async () => {
    await world.judgedTask(app, 1, () => true)
    world.settle()
    const before = await scorer.turn(never)
    const {sql} = world.store
    sql.run(sql.q.updateTable('rule_states').set({state: '{"rule":"older"}'}))

    const after = await scorer.turn(never)

    expect(after?.ranking.stateHash).toBe(before?.ranking.stateHash)
  })

  it('never mixes two exams', async () => {
    for (let id = 1; id <= 2; id++) await world.judgedTask(app, id, () => true)
    world.settle()
    await scorer.turn(never)
    const second = world.exam({everyBlocks: 7})

    const made = await scorer.turn(never)

    expect(made?.ranking).toMatchObject({examHash: second.examHash, window: []})
  })

  it('does one turn at a time', async () => {
    await world.judgedTask(app, 1, () => true)
    world.settle()

    const turns = await Promise.all([scorer.turn(never), scorer.turn(never), scorer.turn(never)])

    expect(new Set(turns.map((made) => made?.ranking.stateHash)).size).toBe(1)
    expect(findState(world.store, world.exam().examHash)?.lastTask).toBe(1)
  })

  it('keeps the last ranking when the chain does not answer, and goes on afterwards', async () => {
    for (let id = 1; id <= 2; id++) await world.judgedTask(app, id, () => true)
    world.settle()
    await scorer.turn(never)
    const before = await json('/weights')
    world.chain.fails = true

    await expect(scorer.turn(never)).rejects.toThrow()
    expect(await json('/weights')).toEqual(before)

    world.chain.fails = false
    expect(await scorer.turn(never)).toBeDefined()
  })

  it('shows dashboards the figures of the same window', async () => {
    for (let id = 1; id <= 2; id++) await world.judgedTask(app, id, (miner) => miner === dave)
    world.settle()
    await scorer.turn(never)

    expect(await json(`/scores/miner/${dave}`)).toMatchObject({
      by_validator: [{score: 1, total_samples: 2, total_passed: 2}, {}, {}],
      aggregated: {total_samples: 2, total_passed: 2, pass_rate: 1, avg_score: 1, validator_count: 3},
    })
    expect((await json('/scores')).scores[ferdie]).toMatchObject({total_samples: 2, total_passed: 0, pass_rate: 0})
    expect(await json('/scores/stats')).toEqual({
      total_validators: 3,
      total_miners: 4,
      total_samples: 24,
      total_score_entries: 12,
      overall_pass_rate: 0.25,
    })
    expect((await json('/scores/validators'))[0].last_updated).toMatch(/\+00:00$/)
    expect(await json(`/scores/validator/${alice.hotkey}`)).toMatchObject({total_miners: 4})
  })
})

describe('voters', () => {
  it('need stake and permit, or to be pinned', async () => {
    const [a, b, c] = validators.map(({hotkey}) => hotkey) as [Hotkey, Hotkey, Hotkey]
    world.chain.neurons = world.chain.neurons.map((neuron) =>
      neuron.hotkey === a
        ? {...neuron, stakeRao: 999n * oneAlpha}
        : neuron.hotkey === b
          ? {...neuron, validatorPermit: false}
          : neuron,
    )
    pinValidator(world.store, {hotkey: dave, uid: 10, stakeRao: undefined}, 0)
    pinValidator(world.store, {hotkey: b, uid: 2, stakeRao: 5n}, 0)

    await world.sync()

    const voters = currentVoters(world.store, () => false)
    expect(Object.fromEntries(voters.map(({hotkey, stakeRao}) => [hotkey, stakeRao]))).toEqual({
      [b]: '5',
      [c]: String(3000n * oneAlpha),
    })
  })

  it('do not judge a race that they run in', async () => {
    pinValidator(world.store, {hotkey: dave, uid: 10, stakeRao: 9n * oneAlpha}, 0)

    expect(currentVoters(world.store, () => false).map(({hotkey}) => hotkey)).not.toContain(dave)
  })

  it('stay as they were when the metagraph is empty or the chain fails', async () => {
    const before = listValidators(world.store)
    world.chain.neurons = []
    await world.sync()
    world.chain.fails = true
    await expect(world.sync()).rejects.toThrow()

    expect(listValidators(world.store)).toEqual(before)
  })
})
