import path from 'node:path'
import {setTimeout as delay} from 'node:timers/promises'
import {afterEach, beforeEach, describe, expect, it, vi} from 'vitest'
import {OpenAiJudge} from '../../../src/judge/openai.js'
import {openAiJudgeDefaults} from '../../../src/judge/openai-options.js'
import {Evaluator} from '../../../src/mechanisms/video/evaluator.js'
import {Sampler} from '../../../src/mechanisms/video/sampler.js'
import {FfmpegJpeg} from '../../../src/media/jpeg.js'
import {createSigner} from '../../../src/wallet/keypair.js'
import {completion, json, OpenAiServer, vote} from '../../fakes/openai-server.js'
import {netuid, params, run, VideoWorld} from '../../helpers/video-world.js'
import {aVision} from '../../helpers/vision.js'

const {signal} = new AbortController()
const tick = {at: 0, signal}
const validators = ['ValidatorA', 'ValidatorB'].map((name) => createSigner({uri: `//${name}`}))
const options = {...openAiJudgeDefaults, frames: {count: 4, side: 208}, votes: 3, recheck: null}
let world: VideoWorld
let server: OpenAiServer

beforeEach(async () => {
  server = await new OpenAiServer().open()
  world = new VideoWorld({judge: {...params.judge, name: 'openai', version: 1, options}})
  for (const [uid, {hotkey}] of validators.entries()) {
    world.chain.registerNeuron({netuid, hotkey, coldkey: hotkey, stakeRao: 1000n})
    world.api.votersInForce.push({hotkey, uid, stakeRao: '1000'})
  }
  await world.addSource('a.mp4', 0)
  world.nextRound()
  world.answering = async ({chuteId}, request, limits) =>
    world.deliver({...request, frames: request.frames + Number(chuteId.at(-1))}, limits)
  await new Sampler(await world.ports('sampler')).turn(tick)
})
afterEach(async () => {
  await server.close()
  await world.close()
})

/** A validator's program; started again under the same name it finds what it left on disk. */
async function portsOf(index: number) {
  const dir = path.join(world.dir, `vision-${index}`)
  const {vision} = await aVision({url: server.url, jpeg: new FfmpegJpeg(run), dir})
  const ports = await world.ports(`validator-${index}`, validators[index])
  return {...ports, judges: [new OpenAiJudge({vision, media: world.media})], vision}
}

const submitted = () => world.api.submitted.map(({verdicts}) => verdicts.map(({verdict}) => verdict))

describe('an evaluator with a vision judge', () => {
  it('gives the same verdicts as another one that hears the same answers', async () => {
    // A little different for each question, and the same for the same one.
    server.behave = ({body}) => vote(60 + (JSON.stringify(body.messages).length % 40))

    for (const index of [0, 1]) await new Evaluator(await portsOf(index)).turn(tick)

    const [one, other] = submitted().map((verdicts) => verdicts.map((verdict) => ({...verdict, validator: ''})))
    expect(one).toHaveLength(3)
    expect(one).toEqual(other)
    expect(one?.every(({overall, judge}) => overall >= 60 && judge.name === 'openai')).toBe(true)
    expect(server.asked).toHaveLength(2 * 3 * 3)
  })

  it('does not wait for one answer before it asks the next, however few processors there are', async () => {
    const waiting: (() => void)[] = []
    server.behave = () => new Promise((done) => waiting.push(() => done(undefined)))
    const ports = await portsOf(0)
    const turn = new Evaluator({...ports, settings: {...ports.settings, maxConcurrentJudgements: 1}}).turn(tick)

    while (server.asked.length < 9) await delay(5)
    for (const answer of waiting) answer()
    await turn

    expect(submitted()[0]).toHaveLength(3)
  })

  it('that died after its answers were paid for and before they were written down pays for none again', async () => {
    const ports = await portsOf(0)
    const writing = vi.spyOn(ports.journal, 'addVerdict').mockImplementation(() => {
      throw new Error('killed')
    })
    await expect(new Evaluator(ports).turn(tick)).rejects.toThrow('killed')
    expect(server.asked).toHaveLength(9)
    writing.mockRestore()
    ports.close()

    const again = await portsOf(0)
    await new Evaluator(again).turn(tick)

    expect(submitted()[0]).toHaveLength(3)
    expect(server.asked).toHaveLength(9)
    expect(again.vision.usage()).toMatchObject({calls: 0, remembered: 9})
  })

  it('keeps the verdicts it has when the model refuses one video, and submits nothing of the task yet', async () => {
    let refused: string | undefined
    server.behave = ({body}, response) => {
      refused ??= JSON.stringify(body.messages)
      if (JSON.stringify(body.messages) !== refused) return vote(80)
      json(response, 200, completion('gpt-6-luna', null, {}, {refusal: 'no'}))
      return undefined
    }
    const ports = await portsOf(0)
    const evaluator = new Evaluator(ports)

    await expect(evaluator.turn(tick)).rejects.toMatchObject({code: 'JUDGE_REFUSED'})

    expect(submitted()).toEqual([])
    expect(ports.journal.verdictsOf(1)).toHaveLength(2)
  })
})
