import {readdir} from 'node:fs/promises'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import {hashOf} from '../../../src/domain/canonical.js'
import {signValue, verdictFault} from '../../../src/domain/signed.js'
import {LeomaError} from '../../../src/errors.js'
import type {Ports} from '../../../src/mechanisms/types.js'
import {Evaluator} from '../../../src/mechanisms/video/evaluator.js'
import {Sampler} from '../../../src/mechanisms/video/sampler.js'
import {createSigner, verify} from '../../../src/wallet/keypair.js'
import {miners, netuid, owner, params, VideoWorld} from '../../helpers/video-world.js'

const signal = new AbortController().signal
const tick = {at: 0, signal}
const validators = ['ValidatorA', 'ValidatorB'].map((name) => createSigner({uri: `//${name}`}))
let world: VideoWorld

beforeEach(async () => {
  world = new VideoWorld()
  for (const [uid, {hotkey}] of validators.entries()) {
    world.chain.registerNeuron({netuid, hotkey, coldkey: hotkey, stakeRao: 1000n})
    world.api.votersInForce.push({hotkey, uid, stakeRao: '1000'})
  }
  await world.addSource('a.mp4', 0)
  world.nextRound()
  // Each miner's bytes differ, or one verdict would serve all.
  world.answering = async ({chuteId}, request, limits) =>
    world.deliver({...request, frames: request.frames + Number(chuteId.at(-1))}, limits)
  await new Sampler(await world.ports('sampler')).turn(tick)
})
afterEach(() => world.close())

const portsOf = (index = 0): Promise<Ports & {close(): void}> => world.ports(`validator-${index}`, validators[index])

function submitted() {
  return world.api.submitted.map(({verdicts}) => verdicts.map(({verdict}) => verdict))
}

/** The first task is of an exam that only a later leoma can run; the one in force is another. */
function anotherVersion(): void {
  const [task] = world.api.tasks
  const known = world.api.examInForce!
  const exam = {...known.exam, mechanismVersion: 99}
  const examHash = hashOf(exam)
  world.api.earlierExams = [{...known, exam, examHash, signature: signValue('exam', exam, owner)}]
  const manifest = {...task!.manifest, examHash}
  world.api.tasks[0] = {manifest, signer: owner.hotkey, signature: signValue('task', manifest, owner)}
}

describe('the evaluator', () => {
  it('judges every delivered output once and submits signed verdicts', async () => {
    const ports = await portsOf()
    const evaluator = new Evaluator(ports)
    await evaluator.turn(tick)
    await evaluator.turn(tick)

    expect(world.judge.asked).toHaveLength(3)
    expect(world.api.submitted).toHaveLength(1)
    const [batch] = world.api.submitted
    expect(batch?.verdicts.map((signed) => verdictFault(signed, verify))).toEqual([undefined, undefined, undefined])
    expect(
      submitted()[0]
        ?.map(({miner, passed, overall}) => [miner, passed, overall])
        .sort(),
    ).toEqual(miners.map(({hotkey}) => [hotkey, true, 80]).sort())
  })

  it('agrees with another validator on everything but the name', async () => {
    for (const index of [0, 1]) await new Evaluator(await portsOf(index)).turn(tick)

    const [one, other] = submitted().map((verdicts) =>
      verdicts.map((verdict) => ({...verdict, validator: ''})).sort((a, b) => (a.miner < b.miner ? -1 : 1)),
    )
    expect(one).toEqual(other)
  })

  it.each([1, 2])(
    'killed after %d verdicts, it ends with the same verdicts and pays for none twice',
    async (survived) => {
      const stop = new AbortController()
      const first = await portsOf()
      const dying = new Evaluator({
        ...first,
        settings: {...first.settings, maxConcurrentJudgements: 1},
        report: (progress) => {
          if (progress.event === 'output-judged' && progress.done === survived) stop.abort(new Error('killed'))
        },
      })
      await expect(dying.turn({at: 0, signal: stop.signal})).rejects.toThrow()
      first.close()
      expect(world.api.submitted).toEqual([])

      await new Evaluator(await portsOf()).turn(tick)
      await new Evaluator(await portsOf(1)).turn(tick)

      const [restarted, straight] = submitted().map((verdicts) =>
        verdicts.map(({miner, passed, overall}) => [miner, passed, overall]).sort(),
      )
      expect(restarted).toEqual(straight)
      expect(world.judge.asked.length).toBe(6)
    },
  )

  it('keeps verdicts that could not be sent, and sends them later without judging again', async () => {
    world.api.before = (call) => {
      if (call === 'submitVerdicts') throw new LeomaError('upstream', 'API_UNREACHABLE', 'down')
    }
    const ports = await portsOf()
    await expect(new Evaluator(ports).turn(tick)).rejects.toMatchObject({code: 'API_UNREACHABLE'})
    ports.close()

    world.api.before = () => {}
    await new Evaluator(await portsOf()).turn(tick)

    expect(submitted()[0]).toHaveLength(3)
    expect(world.judge.asked).toHaveLength(3)
  })

  it('does not send again what the owner refuses for good', async () => {
    let tries = 0
    world.api.before = (call) => {
      if (call !== 'submitVerdicts') return
      tries++
      throw new LeomaError('upstream', 'VERDICTS_REFUSED', 'the task has settled', {retryable: false})
    }
    const evaluator = new Evaluator(await portsOf())
    await evaluator.turn(tick)
    await evaluator.turn(tick)

    expect(tries).toBe(1)
  })

  it('gives no verdict when the judge fails, keeps the others, and judges only what is missing next time', async () => {
    let broken = true
    world.judge.before = ({output}) => {
      if (broken && output.includes(miners[1]!.hotkey)) throw new LeomaError('upstream', 'JUDGE_TIMEOUT', 'no answer')
    }
    const evaluator = new Evaluator(await portsOf())
    await expect(evaluator.turn(tick)).rejects.toMatchObject({code: 'JUDGE_TIMEOUT'})
    expect(world.api.submitted).toEqual([])

    broken = false
    await evaluator.turn(tick)

    expect(submitted()[0]).toHaveLength(3)
    expect(world.judge.asked).toHaveLength(3)
  })

  it('goes on with later tasks when one cannot be judged', async () => {
    world.nextRound()
    await new Sampler(await world.ports('sampler')).turn(tick)
    world.judge.before = ({output}) => {
      if (output.includes('judge-1/')) throw new LeomaError('upstream', 'JUDGE_TIMEOUT', 'no answer')
    }
    await expect(new Evaluator(await portsOf()).turn(tick)).rejects.toMatchObject({code: 'JUDGE_TIMEOUT'})

    expect(
      submitted()
        .flat()
        .map(({taskId}) => taskId),
    ).toEqual([2, 2, 2])
  })

  it('gives no verdict on bytes that are not those of the manifest', async () => {
    const {output} = world.api.tasks[0]!.manifest.answers[0]!
    await world.samples.putBytes(output!.key, new Uint8Array(output!.sizeBytes), 'video/mp4', signal)

    await expect(new Evaluator(await portsOf()).turn(tick)).rejects.toMatchObject({code: 'DIGEST_MISMATCH'})
    expect(
      world.judge.asked.every((request) => !request.output.includes(world.api.tasks[0]!.manifest.answers[0]!.hotkey)),
    ).toBe(true)
  })

  it('fails an output that the manifest calls ok and a gate does not, and names the gate', async () => {
    const ports = await portsOf()
    world.setExam({...params, gates: {...params.gates, minMotion: 255}})
    const task = world.api.tasks[0]!
    const manifest = {...task.manifest, examHash: world.api.examInForce!.examHash}
    world.api.tasks[0] = {manifest, signer: owner.hotkey, signature: signValue('task', manifest, owner)}
    await new Evaluator(ports).turn(tick)

    expect(submitted()[0]?.every(({gate, passed, overall}) => gate === 'motion' && !passed && overall === 0)).toBe(true)
    expect(world.judge.asked).toEqual([])
  })

  it('asks the judge once for two miners that returned the same bytes', async () => {
    world.answering = async () => undefined
    world.nextRound()
    await new Sampler(await world.ports('sampler')).turn(tick)
    const ports = await portsOf()
    await new Evaluator({...ports, settings: {...ports.settings, maxConcurrentJudgements: 1}}).turn(tick)

    expect(world.judge.asked).toHaveLength(3 + 1)
    expect(submitted()[1]).toHaveLength(3)
  })

  it.each([
    ['a task of an exam that nobody shows', () => world.setExam({...params, everyBlocks: 11}), /does not show/],
    [
      'a task of an exam of a version that this program has not',
      anotherVersion,
      /another exam.* for version 99 of video/,
    ],
    ['a task that it may not vote on', () => undefined, /not a voter/],
    ['a task that has settled before it came', () => world.time.advance(1000 * params.ranking.settleBlocks), /settled/],
  ])('closes %s without judging it', async (name, change, note) => {
    change()
    const notes: string[] = []
    const ports = await (name.includes('vote') ? world.ports('stranger', createSigner({uri: '//Stranger'})) : portsOf())
    await new Evaluator({
      ...ports,
      journal: new Proxy(ports.journal, {
        get: (target, key) => {
          if (key === 'closeTask')
            return (taskId: number, text: string) => {
              notes.push(text)
              target.closeTask(taskId, text)
            }
          const value: unknown = Reflect.get(target, key, target)
          return typeof value === 'function' ? value.bind(target) : value
        },
      }),
    }).turn(tick)

    expect(world.judge.asked).toEqual([])
    expect(notes).toEqual([expect.stringMatching(note)])
    expect(ports.journal.isEvaluated(1)).toBe(true)
  })

  it('judges a task that was set under an earlier exam by that one', async () => {
    const before = world.api.examInForce!
    world.api.earlierExams = [before]
    world.setExam({...params, everyBlocks: 11})
    await new Evaluator(await portsOf()).turn(tick)

    expect(submitted()[0]?.map(({examHash}) => examHash)).toEqual([before.examHash, before.examHash, before.examHash])
  })

  it('judges nothing that the owner has not signed', async () => {
    const task = world.api.tasks[0]!
    world.api.tasks[0] = {...task, manifest: {...task.manifest, createdAt: '2026-01-01T00:00:00.000Z'}}

    await expect(new Evaluator(await portsOf()).turn(tick)).rejects.toMatchObject({code: 'MANIFEST_UNTRUSTED'})
    expect(world.judge.asked).toEqual([])
  })

  it('leaves no file behind', async () => {
    const ports = await portsOf()
    await new Evaluator(ports).turn(tick)

    expect(await readdir(ports.workDir)).toEqual([])
  })
})
