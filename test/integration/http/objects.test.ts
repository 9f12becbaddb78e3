import type {AddressInfo} from 'node:net'
import {expect, onTestFinished, test} from 'vitest'
import {openPresigner} from '../../../src/objects/open.js'
import {PublicObjects} from '../../../src/objects/public.js'
import {silentLogger} from '../../../src/runtime/logger.js'
import {miners, never, OwnerWorld, owner} from '../../helpers/owner-world.js'
import {owner as keys, s3World, sha256} from '../../helpers/s3.js'

const time = {now: () => 0, sleep: async () => {}}

/** An owner's API that listens, with a bucket behind it and one published task. */
async function handingOut() {
  const {server: store, objects} = await s3World()
  const world = new OwnerWorld()
  onTestFinished(() => world.close())
  await world.ready()
  const addresses = {
    ...{bucket: 'samples', seconds: 60},
    presign: (key: string, seconds: number, method: 'GET' | 'HEAD') => objects.presign(key, seconds, method),
  }
  const app = world.server({addresses})
  const task = world.manifest(1)
  expect((await world.send(app, owner, 'POST', '/tasks', task)).statusCode).toBe(200)
  await app.listen({host: '127.0.0.1', port: 0})
  const {port} = app.server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}/objects/samples`
  return {world, app, store, url, manifest: task.manifest, reader: new PublicObjects({bucket: 'samples', url, time})}
}

test('a validator without a key reads what a published task names, and its bytes come from the store', async () => {
  const {store, manifest, reader} = await handingOut()
  const output = manifest.answers[0]?.output?.key ?? ''
  store.put(output, 'a generated video')

  const bytes = await reader.getBytes(output, 100, never)

  expect(sha256(bytes)).toBe(sha256(Buffer.from('a generated video')))
  expect(await reader.has(output, never)).toBe(true)
  expect(await reader.has(manifest.clip.key, never)).toBe(false)
  await expect(reader.getBytes(manifest.clip.key, 100, never)).rejects.toMatchObject({code: 'OBJECT_MISSING'})
})

test('the address holds for one object and a short while, and carries no secret', async () => {
  const {app, manifest} = await handingOut()

  const answer = await app.inject(`/objects/samples/${manifest.clip.key}`)

  expect(answer.statusCode).toBe(307)
  const location = new URL(String(answer.headers.location))
  expect(location.pathname).toBe(`/samples/${manifest.clip.key}`)
  expect(location.searchParams.get('X-Amz-Expires')).toBe('60')
  expect(location.href).not.toContain(keys.secretKey)
  expect(answer.headers['cache-control']).toBe('private, max-age=30')
  expect(answer.body).toBe('')
})

test.each([
  ['of a task that is not published', '2/original_clip.mp4'],
  ['that no task names', '1/secret.mp4'],
  ['of a miner who was not asked', `1/generated_videos/${owner.hotkey}.mp4`],
  ['of the corpus', 'corpus/x.json'],
  ['above the bucket', '1/../../source/a.mp4'],
  ['above the bucket, in disguise', '1/%2e%2e/%2e%2e/source/a.mp4'],
  ['of a task with a number beyond all tasks', '99999999999999/original_clip.mp4'],
  ['of nothing', ''],
])('gives no address of an object %s', async (_, key) => {
  const {app} = await handingOut()

  const answer = await app.inject(`/objects/samples/${key}`)

  expect([answer.statusCode, answer.headers.location]).toEqual([404, undefined])
})

test('gives no address of another bucket, and none at all where the owner allows none', async () => {
  const {app, world, manifest} = await handingOut()
  const closed = world.server()

  expect((await app.inject(`/objects/source/${manifest.clip.key}`)).statusCode).toBe(404)
  expect((await closed.inject(`/objects/samples/${manifest.clip.key}`)).statusCode).toBe(404)
})

test('counts against the limit of requests like everything else', async () => {
  const {world, manifest} = await handingOut()
  const addresses = {bucket: 'samples', seconds: 60, presign: async () => 'http://127.0.0.1:1/x'}
  const app = world.server({addresses, rates: {perAddress: 2, perHotkey: 0}})

  const answers = []
  for (const _ of [1, 2, 3]) answers.push(await app.inject(`/objects/samples/${manifest.clip.key}`))

  expect(answers.map(({statusCode}) => statusCode)).toEqual([307, 307, 429])
})

test('signs with the pair for reading, and says what is missing before it serves anybody', async () => {
  const common = {
    ...{endpoint: 'http://127.0.0.1:1', region: 'us-east-1', bucket: 'samples', time, log: silentLogger()},
    variables: {read: 'READ_ACCESS_KEY and READ_SECRET_KEY', write: 'WRITE'},
  }

  await expect(openPresigner({...common, backend: 's3', keys: {}})).rejects.toMatchObject({
    code: 'OBJECTS_KEYS_MISSING',
    hints: expect.arrayContaining([expect.stringContaining('READ_ACCESS_KEY')]),
  })
  await expect(openPresigner({...common, backend: 'folder', keys: {}})).rejects.toMatchObject({
    code: 'PRESIGN_UNSUPPORTED',
  })
  const signer = await openPresigner({
    ...{...common, backend: 's3'},
    keys: {read: {accessKey: 'for-reading', secretKey: 's'}, write: {accessKey: 'for-writing', secretKey: 's'}},
  })
  const address = await signer.presign(`1/generated_videos/${miners[0]?.hotkey}.mp4`, 60)
  signer.close()
  expect(address).toContain('X-Amz-Credential=for-reading')
})
