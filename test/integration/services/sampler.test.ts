import {readdir} from 'node:fs/promises'
import path from 'node:path'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import {manifestFault} from '../../../src/domain/signed.js'
import type {SignedManifest} from '../../../src/domain/task.js'
import {LeomaError} from '../../../src/errors.js'
import {Corpus, chooseClip} from '../../../src/mechanisms/video/choose.js'
import {Sampler} from '../../../src/mechanisms/video/sampler.js'
import {verify} from '../../../src/wallet/keypair.js'
import {miners, params, VideoWorld} from '../../helpers/video-world.js'

const signal = new AbortController().signal
const tick = {at: 0, signal}
let world: VideoWorld

beforeEach(async () => {
  world = new VideoWorld()
  await world.addSource('a.mp4', 0)
  world.nextRound()
})
afterEach(() => world.close())

async function sampler(name = 'sampler') {
  return new Sampler(await world.ports(name))
}

function published(): SignedManifest {
  const task = world.api.tasks.at(-1)
  if (!task) throw new Error('nothing was published')
  return task
}

async function objectsOf(taskId: number): Promise<string[]> {
  const keys: string[] = []
  for await (const {key} of world.samples.list(`${taskId}/`, signal)) keys.push(key)
  return keys
}

describe('the sampler', () => {
  it('publishes a signed manifest of artefacts that are all there', async () => {
    await (await sampler()).turn(tick)

    const task = published()
    expect(manifestFault(task, world.api.examInForce!, verify)).toBeUndefined()
    expect(task.manifest).toMatchObject({taskId: 1, kind: 'ti2v', prompt: {text: 'a bar moves to the right'}})
    expect(task.manifest.answers.map(({hotkey, outcome}) => [hotkey, outcome])).toEqual(
      miners.map(({hotkey}) => [hotkey, 'ok']).sort(),
    )
    const artefacts = [
      task.manifest.clip,
      task.manifest.firstFrame!,
      ...task.manifest.answers.map(({output}) => output!),
    ]
    for (const {key, sha256} of artefacts) {
      const got = await world.samples.getFile(key, path.join(world.dir, 'check'), 5_000_000, signal)
      expect(got.sha256).toBe(sha256)
    }
    expect(await objectsOf(1)).toContain('1/metadata.json')
  })

  it('lets anyone repeat the choice of the clip from what is public', async () => {
    await world.addSource('b.mp4', 120)
    await world.addSource('c.mp4', 240)
    await (await sampler()).turn(tick)

    const {manifest} = published()
    const bytes = await world.samples.getBytes(`corpus/${manifest.source.corpusSha256}.json`, 1_000_000, signal)
    const corpus = Corpus.parse(JSON.parse(new TextDecoder().decode(bytes)))
    const again = chooseClip({blockHash: manifest.block.hash, taskId: 1, corpus, recent: []}, params.clip)
    expect(again).toMatchObject({
      entry: {key: manifest.source.key},
      index: manifest.source.index,
      corpusSha256: manifest.source.corpusSha256,
      window: {clipStartS: manifest.source.clipStartS},
    })
    expect(manifest.block.number % params.everyBlocks).toBe(0)
  })

  it('makes one task per choosing block, even when it is started again', async () => {
    await (await sampler()).turn(tick)
    await (await sampler()).turn(tick)
    expect(world.api.tasks).toHaveLength(1)

    world.nextRound()
    await (await sampler()).turn(tick)
    expect(world.api.tasks.map(({manifest}) => manifest.taskId)).toEqual([1, 2])
  })

  it('reuses the id of a round that failed, and leaves nothing published and nothing behind', async () => {
    world.api.before = (call) => {
      if (call === 'publishTask') throw new LeomaError('upstream', 'API_UNREACHABLE', 'down')
    }
    const first = await sampler()
    await expect(first.turn(tick)).rejects.toMatchObject({code: 'API_UNREACHABLE'})
    expect(world.api.tasks).toEqual([])
    expect(world.progress.at(-1)).toMatchObject({event: 'round-skipped', reason: expect.any(String)})
    expect(await readdir(path.join(world.dir, 'work-sampler'))).toEqual([])

    world.api.before = () => {}
    await first.turn(tick)
    expect(published().manifest.taskId).toBe(1)
  })

  it('books an outcome and a reason on each miner, and gates what it gets', async () => {
    world.answering = async ({chuteId}, request, limits) => {
      if (chuteId === 'chute-0')
        return {outcome: 'busy', reason: 'status 429', latencyMs: null, attempts: 3, file: null}
      if (chuteId === 'chute-1') return world.deliver({...request, frames: 5}, limits)
      return undefined
    }
    await (await sampler()).turn(tick)

    const by = new Map(published().manifest.answers.map((answer) => [answer.hotkey, answer]))
    expect(by.get(miners[0]!.hotkey)).toMatchObject({outcome: 'busy', reason: 'status 429', output: null, attempts: 3})
    expect(by.get(miners[1]!.hotkey)).toMatchObject({
      outcome: 'rejected:frames',
      reason: expect.stringContaining('5 frames'),
    })
    expect(by.get(miners[1]!.hotkey)?.output).not.toBeNull()
    expect(by.get(miners[2]!.hotkey)).toMatchObject({outcome: 'ok', reason: null})
  })

  it('publishes nothing when nobody delivered, which is more likely its own fault', async () => {
    world.answering = async () => ({outcome: 'transient', reason: 'no route', latencyMs: null, attempts: 1, file: null})
    await (await sampler()).turn(tick)

    expect(world.api.tasks).toEqual([])
    expect(world.progress.at(-1)).toMatchObject({event: 'round-skipped'})
  })

  it('tells a bucket that does not answer from a bucket without a usable source', async () => {
    const ports = await world.ports('broken')
    const down = new LeomaError('upstream', 'OBJECTS_UNREACHABLE', 'no answer')
    const broken = new Sampler({
      ...ports,
      source: new Proxy(ports.source, {
        get: (target, name) => {
          if (name === 'list') throw down
          return Reflect.get(target, name, target)
        },
      }),
    })

    await expect(broken.turn(tick)).rejects.toBe(down)
    expect(world.progress).toEqual([])
  })

  it('skips what it cannot use and goes on with the rest', async () => {
    await world.samples.putBytes('x', new Uint8Array(1), 'text/plain', signal)
    await world.source.putBytes(
      'junk.mp4',
      new TextEncoder().encode('no video at all'.repeat(100)),
      'video/mp4',
      signal,
    )
    await world.addSource('short.mp4', 0, 3)
    await (await sampler()).turn(tick)

    expect(published().manifest.source).toMatchObject({key: 'a.mp4', corpusSize: 1})
  })

  it('sends no picture in a text task and no text in a picture task', async () => {
    world.setExam({...params, kinds: ['i2v', 't2v']})
    const one = await sampler()
    await one.turn(tick)
    world.nextRound()
    await one.turn(tick)

    const [text, picture] = world.api.tasks.map(({manifest}) => manifest)
    expect([text?.kind, text?.firstFrame]).toEqual(['t2v', null])
    expect(picture?.kind).toBe('i2v')
    expect(picture?.firstFrame).not.toBeNull()
    expect(world.requests.slice(0, 3).every(({image, prompt}) => image === undefined && prompt !== '')).toBe(true)
    expect(world.requests.slice(3).every(({image, prompt}) => image !== undefined && prompt === '')).toBe(true)
  })

  it('gives every miner the same picture, text and seed', async () => {
    await (await sampler()).turn(tick)

    const [first, ...others] = world.requests
    expect(world.requests).toHaveLength(3)
    for (const other of others) expect(other).toEqual(first)
  })

  it('refuses an exam that the owner of the subnet has not signed', async () => {
    world.api.examInForce = {...world.api.examInForce!, signer: miners[0]!.hotkey}

    await expect((await sampler()).turn(tick)).rejects.toMatchObject({code: 'EXAM_UNTRUSTED'})
  })
})
