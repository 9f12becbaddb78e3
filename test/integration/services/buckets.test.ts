import path from 'node:path'
import {afterEach, beforeEach, expect, test} from 'vitest'
import {Evaluator} from '../../../src/mechanisms/video/evaluator.js'
import {Sampler} from '../../../src/mechanisms/video/sampler.js'
import type {Objects} from '../../../src/objects/port.js'
import {PublicObjects} from '../../../src/objects/public.js'
import {createSigner} from '../../../src/wallet/keypair.js'
import {reader, s3World, owner as writer} from '../../helpers/s3.js'
import {netuid, VideoWorld} from '../../helpers/video-world.js'

const {signal} = new AbortController()
const tick = {at: 0, signal}
const validator = createSigner({uri: '//ValidatorA'})
let world: VideoWorld

beforeEach(async () => {
  world = new VideoWorld()
  world.chain.registerNeuron({netuid, hotkey: validator.hotkey, coldkey: validator.hotkey, stakeRao: 1000n})
  world.api.votersInForce.push({hotkey: validator.hotkey, uid: 0, stakeRao: '1000'})
  await world.addSource('a.mp4', 0)
  world.nextRound()
})
afterEach(() => world.close())

const portsWith = async (
  name: string,
  buckets: {source?: Objects; samples: Objects},
  signer?: ReturnType<typeof createSigner>,
) => ({
  ...(await world.ports(name, signer)),
  ...buckets,
})

/** The two buckets at one store: the sampler's own account, and one that may read the samples. */
async function stores() {
  const options = {
    buckets: ['samples', 'videos'],
    provider: 'hippius' as const,
    accounts: [
      {...writer, rights: ['get', 'list', 'put', 'delete'] as const},
      {...reader, rights: ['get'] as const, buckets: ['samples']},
    ],
    public: ['samples'],
  }
  const {server, objects: samples} = await s3World({}, options)
  const at = {endpoint: server.url, region: server.region}
  const {objects: source} = await s3World({...at, bucket: 'videos', keys: {read: writer, write: writer}})
  const {objects: readOnly} = await s3World({...at, keys: {read: reader}})
  await source.putFile('2026/01/a.mp4', path.join(world.dir, 'a.mp4'), 'video/mp4', signal)
  return {server, source, samples, readOnly}
}

test('a round goes through a store: one account writes it, another only reads it, a third has no keys', async () => {
  const {server, source, samples, readOnly} = await stores()
  const open = new PublicObjects({bucket: 'samples', url: `${server.url}/samples`, time: world.time})

  await new Sampler(await portsWith('sampler', {source, samples})).turn(tick)
  await new Evaluator(await portsWith('with-keys', {samples: readOnly}, validator)).turn(tick)
  await new Evaluator(await portsWith('without', {samples: open}, createSigner({uri: '//ValidatorB'}))).turn(tick)

  const [task] = world.api.tasks
  expect(task?.manifest.source.key).toBe('2026/01/a.mp4')
  expect([...server.buckets.get('samples')!.keys()].filter((key) => key.startsWith('1/')).sort()).toEqual([
    '1/first_frame.png',
    ...(task?.manifest.answers ?? []).map(({hotkey}) => `1/generated_videos/${hotkey}.mp4`).sort(),
    '1/manifest.json',
    '1/metadata.json',
    '1/original_clip.mp4',
  ])
  expect(world.api.submitted[0]?.verdicts).toHaveLength(3)
  const writes = server.requests.filter(({operation}) => operation === 'PutObject')
  expect(new Set(writes.map(({accessKey}) => accessKey))).toEqual(new Set([writer.accessKey]))
  // The manifest is what makes a task real, so it is written when everything else is there.
  expect(writes.at(-1)?.key).toBe('1/manifest.json')
})

test('a store that stumbles costs no output and no verdict, one that is down costs the round and not a miner', async () => {
  const {server, source, samples, readOnly} = await stores()
  server.fault = ({nth, operation}) =>
    nth % 2 === 1 && operation !== 'ListObjectsV2'
      ? operation === 'GetObject'
        ? 'drop-mid-body'
        : {status: 503, code: 'SlowDown'}
      : undefined

  await new Sampler(await portsWith('sampler', {source, samples})).turn(tick)
  await new Evaluator(await portsWith('validator', {samples: readOnly}, validator)).turn(tick)

  expect(world.api.tasks[0]?.manifest.answers.map(({outcome}) => outcome)).toEqual(['ok', 'ok', 'ok'])
  expect(world.api.submitted[0]?.verdicts).toHaveLength(3)
  server.fault = () => ({status: 500, code: 'InternalError'})
  world.nextRound()
  await expect(new Sampler(await portsWith('again', {source, samples})).turn(tick)).rejects.toMatchObject({
    code: 'OBJECTS_UNREACHABLE',
  })
  expect(world.api.tasks).toHaveLength(1)
})
