import {randomBytes} from 'node:crypto'
import {readdirSync, readFileSync} from 'node:fs'
import {createServer} from 'node:http'
import type {AddressInfo} from 'node:net'
import path from 'node:path'
import {expect, onTestFinished, test} from 'vitest'
import type {LeomaError} from '../../../src/errors.js'
import {openBucket} from '../../../src/objects/open.js'
import {PublicObjects} from '../../../src/objects/public.js'
import {S3Objects} from '../../../src/objects/s3.js'
import {silentLogger} from '../../../src/runtime/logger.js'
import type {Fault} from '../../fakes/s3-server.js'
import {never, owner, s3World, sha256} from '../../helpers/s3.js'
import {tempFolder} from '../../helpers/temp-folder.js'

const time = {now: () => 0, sleep: async () => {}}

async function publicWorld(changes: {timeoutMs?: number; attempts?: number} = {}) {
  const world = await s3World({}, {public: ['samples']})
  const objects = new PublicObjects({bucket: 'samples', url: `${world.server.url}/samples`, time, ...changes})
  return {...world, owner: world.objects, objects}
}

/** A server that answers every request as it is told. */
async function aServer(answer: (path: string) => {status: number; headers?: Record<string, string>; body?: string}) {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    const {status, headers, body} = answer(request.url ?? '')
    response.writeHead(status, {connection: 'close', ...headers}).end(body)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  onTestFinished(() => new Promise<void>((done) => server.close(() => done())))
  return {asked, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`}
}

test('reads what its owner has written, without a key', async () => {
  const {server, owner: writer, objects} = await publicWorld()
  const folder = tempFolder()
  const bytes = randomBytes(3_000_000)
  await writer.putBytes('7/clip.mp4', bytes, 'video/mp4', never)

  const file = await objects.getFile('7/clip.mp4', path.join(folder, 'to'), bytes.length, never)

  expect(file).toEqual({key: '7/clip.mp4', sizeBytes: bytes.length, sha256: sha256(bytes)})
  expect(readFileSync(path.join(folder, 'to')).equals(bytes)).toBe(true)
  expect(Buffer.from(await objects.getBytes('7/clip.mp4', bytes.length, never)).equals(bytes)).toBe(true)
  expect([await objects.has('7/clip.mp4', never), await objects.has('7/none', never)]).toEqual([true, false])
  const [write, ...reads] = server.requests
  expect(write?.accessKey).toBe(owner.accessKey)
  expect(reads.map(({accessKey}) => accessKey)).toEqual([undefined, undefined, undefined, undefined])
})

test('refuses to write and to list, and says what would be needed', async () => {
  const {server, objects} = await publicWorld()
  const readOnly = {kind: 'config', code: 'OBJECTS_READ_ONLY'}

  await expect(objects.putBytes('k')).rejects.toMatchObject(readOnly)
  await expect(objects.putFile('k')).rejects.toMatchObject(readOnly)
  await expect(objects.list().next()).rejects.toMatchObject(readOnly)

  expect(server.requests).toEqual([])
})

test('absent, too large, forbidden and unreachable are different things', async () => {
  const {server, objects} = await publicWorld({attempts: 2})
  const closed = await s3World({}, {public: []})
  const shut = new PublicObjects({bucket: 'samples', url: `${closed.server.url}/samples`, time})
  const folder = tempFolder()
  const to = path.join(folder, 'to')
  server.put('k', randomBytes(200_000))

  await expect(objects.getFile('none', to, 1, never)).rejects.toMatchObject({code: 'OBJECT_MISSING', retryable: false})
  await expect(objects.getFile('k', to, 199_999, never)).rejects.toMatchObject({code: 'OBJECT_TOO_LARGE'})
  await expect(shut.getFile('k', to, 1, never)).rejects.toMatchObject({code: 'OBJECTS_FORBIDDEN', kind: 'config'})
  await expect(objects.getBytes('../secret', 1, never)).rejects.toMatchObject({code: 'OBJECT_KEY_INVALID'})
  await server.close()
  await expect(objects.getFile('k', to, 200_000, never)).rejects.toMatchObject({code: 'OBJECTS_UNREACHABLE'})

  expect(readdirSync(folder)).toEqual([])
})

test.each<Fault>([
  'drop',
  'drop-mid-body',
  'truncate',
  'stall',
  {status: 503, code: 'SlowDown'},
  {status: 502, body: 'x'},
])('what passes is tried again: %j', async (fault) => {
  const {server, objects} = await publicWorld({timeoutMs: 100})
  const folder = tempFolder()
  const bytes = randomBytes(200_000)
  server.put('k', bytes)
  server.fault = ({nth}) => (nth <= 2 ? fault : undefined)

  const read = await objects.getFile('k', path.join(folder, 'to'), bytes.length, never)

  expect(read.sha256).toBe(sha256(bytes))
  expect(server.count('GetObject')).toBe(3)
  expect(readdirSync(folder)).toEqual(['to'])
})

test('a stop ends a read in the middle and leaves no file', async () => {
  const {server, objects} = await publicWorld()
  const folder = tempFolder()
  server.put('k', randomBytes(200_000))
  const stop = new AbortController()
  server.fault = () => {
    queueMicrotask(() => stop.abort(new Error('stop')))
    return 'stall'
  }

  await expect(objects.getFile('k', path.join(folder, 'to'), 200_000, stop.signal)).rejects.toThrow('stop')

  expect(readdirSync(folder)).toEqual([])
})

test('follows an owner who hands out presigned addresses', async () => {
  const {server, objects: writer} = await s3World()
  server.put('1/a.mp4', 'video')
  const address = await writer.presign('1/a.mp4', 60)
  const {url, asked} = await aServer(() => ({status: 307, headers: {location: address}}))
  const objects = new PublicObjects({bucket: 'samples', url: `${url}/objects`, time})

  expect(Buffer.from(await objects.getBytes('1/a.mp4', 5, never)).toString()).toBe('video')
  expect(asked).toEqual(['/objects/1/a.mp4'])
})

test.each([
  ['to a server without TLS', 'http://example.com/x'],
  ['to another protocol', 'file:///etc/passwd'],
  ['with a password in it', 'https://user:password@example.com/x'],
  ['to nowhere', 'https://'],
  ['in a ring', '/again'],
])('does not follow a redirect %s', async (_, location) => {
  const {url, asked} = await aServer(() => ({status: 302, headers: {location}}))
  const objects = new PublicObjects({bucket: 'samples', url, time, attempts: 2})

  const failure = await objects.getBytes('k', 1, never).catch((error: LeomaError) => error)

  expect(failure).toMatchObject({code: 'OBJECTS_ASTRAY', retryable: false})
  expect((failure as LeomaError).message).not.toContain('password')
  expect(asked.length).toBeLessThanOrEqual(4)
})

test('an address without TLS is taken only on this machine', () => {
  const open = (url: string) => () => new PublicObjects({bucket: 'samples', url, time})

  expect(open('http://samples.example.com')).toThrow(expect.objectContaining({code: 'PUBLIC_URL_INVALID'}))
  expect(open('https://user:password@samples.example.com')).toThrow(
    expect.objectContaining({code: 'PUBLIC_URL_INVALID'}),
  )
  expect(open('https://samples.example.com/base')).not.toThrow()
  expect(open('http://127.0.0.1:9000')).not.toThrow()
})

test('the public address is for those who have no keys and only read', async () => {
  const options = {
    ...{
      backend: 'hippius' as const,
      folder: '/nowhere',
      endpoint: 'http://127.0.0.1:1',
      region: 'x',
      bucket: 'samples',
    },
    ...{variables: {read: 'R', write: 'W'}, publicUrl: 'https://samples.example.com', time, log: silentLogger()},
  }

  const without = await openBucket({...options, keys: {}, needs: ['read']})
  const withKeys = await openBucket({...options, keys: {read: owner}, needs: ['read']})

  expect(without.objects).toBeInstanceOf(PublicObjects)
  expect(withKeys.objects).toBeInstanceOf(S3Objects)
  await expect(openBucket({...options, keys: {}, needs: ['read', 'write']})).rejects.toMatchObject({
    code: 'OBJECTS_KEYS_MISSING',
  })
  withKeys.close()
})
