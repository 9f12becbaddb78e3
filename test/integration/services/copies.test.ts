import path from 'node:path'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import {signValue} from '../../../src/domain/signed.js'
import type {Answer, TaskManifest} from '../../../src/domain/task.js'
import {Evaluator} from '../../../src/mechanisms/video/evaluator.js'
import {defaults} from '../../../src/mechanisms/video/params.js'
import {Sampler} from '../../../src/mechanisms/video/sampler.js'
import {fileArgument} from '../../../src/media/run.js'
import type {GenerationLimits, GenerationRequest} from '../../../src/models/port.js'
import {createSigner} from '../../../src/wallet/keypair.js'
import {miners, netuid, owner, params, run, VideoWorld} from '../../helpers/video-world.js'

const signal = new AbortController().signal
const tick = {at: 0, signal}
const validator = createSigner({uri: '//ValidatorA'})
const gates = {...defaults.gates, sizeTolerance: 2}
const request = {...params.request, frames: 41}
let world: VideoWorld

/** Another continuation than the hidden one: what a model makes that is good and not perfect. */
const strays = "crop=iw-40:ih-24:x='20+16*sin(1.1*t)':y='12+9*sin(1.7*t)'"

beforeEach(async () => {
  world = new VideoWorld({request, gates})
  world.chain.registerNeuron({netuid, hotkey: validator.hotkey, coldkey: validator.hotkey, stakeRao: 1000n})
  world.api.votersInForce.push({hotkey: validator.hotkey, uid: 0, stakeRao: '1000'})
  await world.addSource('a.mp4', 0)
  world.nextRound()
  world.answering = async ({chuteId}, wanted, limits) => {
    if (chuteId === 'chute-0') return render(strays, wanted, limits)
    // The third returns what the second does, in a mirror, a little brighter and encoded anew.
    if (chuteId === 'chute-1') return undefined
    return render(`${strays},hflip,eq=brightness=0.05`, wanted, limits, 30)
  }
})
afterEach(() => world.close())

async function render(filter: string, wanted: GenerationRequest, {to}: GenerationLimits, crf = 20) {
  const {width, height, frames, fps} = wanted
  const clip = fileArgument(path.join(path.dirname(to), 'original_clip.mp4'))
  const graph = `fps=${fps},${filter},scale=${width}:${height}`
  const encode = ['-frames:v', `${frames}`, '-c:v', 'libx264', '-preset', 'ultrafast', '-crf', `${crf}`]
  await run(['-i', clip, '-vf', graph, ...encode, '-y', fileArgument(to)], {signal, what: 'a test output'})
  const {sha256, sizeBytes} = await world.samples.putFile(`scratch/${path.basename(to)}`, to, 'video/mp4', signal)
  return {outcome: 'ok' as const, reason: null, latencyMs: 5, attempts: 1, file: {sha256, sizeBytes}}
}

const outcomes = (answers: readonly Answer[]) =>
  miners.map(({hotkey}) => answers.find((answer) => answer.hotkey === hotkey)?.outcome)

async function sample(): Promise<TaskManifest> {
  await new Sampler(await world.ports('sampler')).turn(tick)
  const task = world.api.tasks.at(-1)
  if (!task) throw new Error('nothing was published')
  return task.manifest
}

/** The task as a sampler would sign it that does not keep to the exam. */
function publishAgain(manifest: TaskManifest): void {
  world.api.tasks[0] = {manifest, signer: owner.hotkey, signature: signValue('task', manifest, owner)}
}

async function verdicts() {
  const ports = await world.ports('validator', validator)
  await new Evaluator(ports).turn(tick)
  return new Map(
    world.api.submitted.flat().flatMap(({verdicts: all}) => all.map(({verdict}) => [verdict.miner, verdict])),
  )
}

describe('an output that repeats an earlier-committed one', () => {
  it('is rejected by the sampler, with its original named; the original and the right answer are not', async () => {
    const {answers, clip} = await sample()

    expect(outcomes(answers)).toEqual(['ok', 'ok', 'rejected:duplicate'])
    const copy = answers.find(({outcome}) => outcome === 'rejected:duplicate')
    expect(copy?.reason).toContain(`it repeats the output of ${miners[0]?.hotkey}, who committed earlier, mirrored`)
    expect(clip.perceptualHash).toMatch(/^[A-Za-z0-9+/=]{100,}$/)
    expect(answers.every(({output}) => (output?.perceptualHash?.length ?? 0) > 100)).toBe(true)
  })

  it('is failed by a validator when the sampler let it through', async () => {
    const manifest = await sample()
    const answers = manifest.answers.map((answer) => ({...answer, outcome: 'ok' as const, reason: null}))
    publishAgain({...manifest, answers})

    const found = await verdicts()

    expect(miners.map(({hotkey}) => found.get(hotkey)?.gate)).toEqual([null, null, 'duplicate'])
    expect(found.get(miners[2]?.hotkey as never)).toMatchObject({passed: false, overall: 0})
    expect(world.judge.asked).toHaveLength(2)
  })

  it('cannot be hidden by a false hash: then a validator gives no verdict on it, and says why', async () => {
    const manifest = await sample()
    const other = manifest.answers.find(({hotkey}) => hotkey === miners[1]?.hotkey)?.output?.perceptualHash
    const answers = manifest.answers.map((answer) => {
      if (answer.hotkey !== miners[2]?.hotkey || !answer.output || other === undefined) return answer
      return {...answer, outcome: 'ok' as const, reason: null, output: {...answer.output, perceptualHash: other}}
    })
    publishAgain({...manifest, answers})

    await expect(verdicts()).rejects.toMatchObject({code: 'HASH_MISMATCH'})
    expect(world.api.submitted).toEqual([])
  })

  it('is accepted under an exam without the rule', async () => {
    const {duplicateOutputs: _, ...without} = gates
    world.setExam({...params, request, gates: without})

    expect(outcomes((await sample()).answers)).toEqual(['ok', 'ok', 'ok'])
  })
})
