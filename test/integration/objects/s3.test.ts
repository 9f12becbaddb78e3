import {randomBytes} from 'node:crypto'
import {readdirSync, readFileSync, writeFileSync} from 'node:fs'
import path from 'node:path'
import {inspect} from 'node:util'
import {expect, test} from 'vitest'
import type {LeomaError} from '../../../src/errors.js'
import {createLogger} from '../../../src/runtime/logger.js'
import type {Fault} from '../../fakes/s3-server.js'
import {never, owner, reader, s3World, sha256} from '../../helpers/s3.js'
import {tempFolder} from '../../helpers/temp-folder.js'

const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => expect.fail('nothing was thrown'),
    (error: LeomaError) => error,
  )

test.each<[name: string, fault: Fault]>([
  ['503 SlowDown', {status: 503, code: 'SlowDown'}],
  ['429', {status: 429, code: 'TooManyRequests'}],
  ['409 of a conflict', {status: 409, code: 'ConditionalRequestConflict'}],
  ['409 OperationAborted', {status: 409, code: 'OperationAborted'}],
  ['500', {status: 500, code: 'InternalError'}],
  ['502 with a page of HTML', {status: 502, body: '<html>Bad Gateway</html>'}],
  ['400 RequestTimeout', {status: 400, code: 'RequestTimeout'}],
  ['a connection that ends before an answer', 'drop'],
  ['a connection that ends in the middle of the body', 'drop-mid-body'],
  ['a body that ends early', 'truncate'],
  ['an answer that is lost', 'drop-after'],
])('what passes is tried again: %s', async (_, fault) => {
  const {server, objects, pauses} = await s3World()
  const bytes = randomBytes(300_000)
  server.fault = ({nth}) => (nth <= 2 ? fault : undefined)

  const written = await objects.putBytes('k', bytes, 'video/mp4', never)
  const read = await objects.getBytes('k', bytes.length, never)

  expect(written).toEqual({key: 'k', sizeBytes: bytes.length, sha256: sha256(bytes)})
  expect(Buffer.from(read).equals(bytes)).toBe(true)
  expect(server.count('GetObject')).toBe(3)
  expect(pauses.length).toBe(server.operations().length - 2)
})

test('tries are bounded, and each pause is longer than the one before', async () => {
  const {server, objects, pauses} = await s3World({attempts: 4})
  server.fault = () => ({status: 500, code: 'InternalError'})

  const failure = await failureOf(objects.has('k', never))

  expect(failure).toMatchObject({kind: 'upstream', code: 'OBJECTS_UNREACHABLE', retryable: true})
  expect(server.requests).toHaveLength(4)
  expect(pauses).toHaveLength(3)
  expect(pauses[2]).toBeGreaterThan((pauses[0] ?? 0) * 2)
})

test('a store that says how long to wait is left alone for so long, one that only asks for as long as its kind wants', async () => {
  const told = await s3World({attempts: 2})
  told.server.fault = () => ({status: 503, code: 'SlowDown', headers: {'retry-after': '7'}})
  const untold = await s3World({attempts: 2, busyPauseMs: 15_000})
  untold.server.fault = () => ({status: 503, code: 'SlowDown'})

  expect(await failureOf(told.objects.has('k', never))).toMatchObject({code: 'OBJECTS_BUSY', retryable: true})
  expect(await failureOf(untold.objects.getBytes('k', 1, never))).toMatchObject({code: 'OBJECTS_BUSY'})

  expect(told.pauses).toEqual([7_000])
  expect(untold.pauses).toEqual([15_000])
})

test('a store that nobody listens at is unreachable, not empty', async () => {
  const {server, objects} = await s3World({attempts: 2})
  await server.close()

  const asking = [
    () => objects.has('k', never),
    () => objects.getBytes('k', 1, never),
    () => objects.list('', never).next(),
  ]
  for (const ask of asking) {
    expect(await failureOf(ask())).toMatchObject({code: 'OBJECTS_UNREACHABLE', retryable: true})
  }
})

test.each<[what: string, fault: Fault, expected: object]>([
  ['forbidden', {status: 403, code: 'AccessDenied'}, {kind: 'config', code: 'OBJECTS_FORBIDDEN'}],
  ['forbidden without a word', {status: 403, body: ''}, {kind: 'config', code: 'OBJECTS_FORBIDDEN'}],
  ['a key that nobody knows', {status: 403, code: 'InvalidAccessKeyId'}, {kind: 'config', code: 'OBJECTS_FORBIDDEN'}],
  ['no credit', {status: 402, code: 'InsufficientCredits'}, {kind: 'config', code: 'OBJECTS_UNPAID'}],
  ['a wrong clock', {status: 403, code: 'RequestTimeTooSkewed'}, {kind: 'config', code: 'OBJECTS_CLOCK'}],
  ['another region', {status: 301, code: 'PermanentRedirect'}, {kind: 'config', code: 'OBJECTS_ELSEWHERE'}],
  ['a redirect', {status: 307, code: 'TemporaryRedirect'}, {kind: 'config', code: 'OBJECTS_ELSEWHERE'}],
  ['no such bucket', {status: 404, code: 'NoSuchBucket'}, {kind: 'config', code: 'BUCKET_MISSING'}],
  ['not implemented', {status: 405, code: 'MethodNotAllowed'}, {kind: 'upstream', code: 'OBJECTS_REFUSED'}],
])('what does not pass is not tried again, and says who must act: %s', async (_, fault, expected) => {
  const {server, objects} = await s3World()
  server.fault = () => fault

  const failure = await failureOf(objects.getBytes('k', 1, never))

  expect(failure).toMatchObject({...expected, retryable: false})
  expect(server.requests).toHaveLength(1)
})

test('a bucket that is not there is not a bucket without objects', async () => {
  const {objects} = await s3World({bucket: 'nowhere'})
  const missing = {kind: 'config', code: 'BUCKET_MISSING'}

  expect(await failureOf(objects.has('k', never))).toMatchObject(missing)
  expect(await failureOf(objects.getBytes('k', 1, never))).toMatchObject(missing)
  expect(await failureOf(objects.list('', never).next())).toMatchObject(missing)
})

test('a store that hangs is given up at the deadline', async () => {
  const {server, objects} = await s3World({timeoutMs: 50, attempts: 2})
  server.fault = () => 'hang'

  const failure = await failureOf(objects.has('k', never))

  expect(failure).toMatchObject({code: 'OBJECTS_UNREACHABLE'})
  expect(failure.message).toContain('50 ms')
})

test('a body that stops coming is given up, and begun again', async () => {
  const {server, objects} = await s3World({timeoutMs: 100, attempts: 2})
  const folder = tempFolder()
  server.put('k', randomBytes(200_000))
  server.fault = ({nth}) => (nth === 1 ? 'stall' : undefined)

  const {sha256: digest} = await objects.getFile('k', path.join(folder, 'to'), 200_000, never)

  expect(digest).toBe(sha256(readFileSync(path.join(folder, 'to'))))
  expect(server.count('GetObject')).toBe(2)
  expect(readdirSync(folder)).toEqual(['to'])
})

test.each<Fault>(['drop-mid-body', 'truncate', 'stall'])(
  'a read that fails for good leaves no file: %s',
  async (fault) => {
    const {server, objects} = await s3World({timeoutMs: 100, attempts: 3})
    const folder = tempFolder()
    server.put('k', randomBytes(500_000))
    server.fault = () => fault

    const failure = await failureOf(objects.getFile('k', path.join(folder, 'to'), 500_000, never))

    expect(failure).toMatchObject({code: 'OBJECTS_UNREACHABLE'})
    expect(server.count('GetObject')).toBe(3)
    expect(readdirSync(folder)).toEqual([])
  },
)

test('the digest is that of the bytes that came, whatever the store says they are', async () => {
  const {server, objects} = await s3World()
  const folder = tempFolder()
  const bytes = randomBytes(100_000)
  server.put('k', bytes)
  server.fault = ({nth}) => ({1: 'corrupt', 2: 'short-length'})[nth] as Fault

  const corrupt = await objects.getFile('k', path.join(folder, 'a'), 100_000, never)
  const short = await objects.getFile('k', path.join(folder, 'b'), 100_000, never)

  expect(corrupt.sha256).toBe(sha256(readFileSync(path.join(folder, 'a'))))
  expect(corrupt.sha256).not.toBe(sha256(bytes))
  expect(short).toMatchObject({sizeBytes: 50_000, sha256: sha256(bytes.subarray(0, 50_000))})
})

test('nothing of an object over the limit is read', async () => {
  const {server, objects} = await s3World()
  const folder = tempFolder()
  server.put('k', Buffer.alloc(8_000_000))

  const failure = await failureOf(objects.getFile('k', path.join(folder, 'to'), 7_999_999, never))

  expect(failure).toMatchObject({kind: 'data', code: 'OBJECT_TOO_LARGE'})
  expect(server.requests).toHaveLength(1)
  expect(readdirSync(folder)).toEqual([])
})

test('lists every page, and leaves out what no key of ours can be', async () => {
  const {server, objects} = await s3World({}, {pageSize: 10})
  const keys = Array.from({length: 35}, (_, n) => `2026/${String(n).padStart(2, '0')}.mp4`)
  for (const key of [...keys, '2026/', '2026/a b.mp4', '2026/~x']) server.put(key, 'x')

  const found = []
  for await (const {key} of objects.list('2026/', never)) found.push(key)

  expect(found).toEqual(keys)
  expect(server.count('ListObjectsV2')).toBe(4)
})

test('a listing that never ends is an error', async () => {
  const {server, objects} = await s3World()
  const body = `<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken></ListBucketResult>`
  server.fault = () => ({status: 200, headers: {'content-type': 'application/xml'}, body})

  expect(await failureOf(objects.list('', never).next())).toMatchObject({code: 'OBJECTS_REFUSED'})
})

test.each(['<html><p>It works!</html>', '{"ok": true}', '<ListBucketResult><Contents>'])(
  'an answer that is not of S3 is no empty bucket: %s',
  async (body) => {
    const {server, objects} = await s3World({attempts: 2})
    server.fault = () => ({status: 200, headers: {'content-type': 'text/html'}, body})
    const listed: string[] = []

    const end = await (async () => {
      for await (const {key} of objects.list('', never)) listed.push(key)
    })().catch((error: LeomaError) => error)

    expect(listed).toEqual([])
    expect(end).toMatchObject({code: 'OBJECTS_UNREACHABLE'})
  },
)

test('reading uses the pair for reading, writing the pair for writing', async () => {
  const {server, objects} = await s3World({keys: {read: reader, write: owner}})

  await objects.putBytes('k', Buffer.from('x'), 'text/plain', never)
  await objects.getBytes('k', 1, never)
  await objects.has('k', never)
  await objects.list('', never).next()

  const used = server.requests.map(({operation, accessKey}) => [operation, accessKey])
  expect(used).toEqual([
    ['PutObject', owner.accessKey],
    ['GetObject', reader.accessKey],
    ['HeadObject', reader.accessKey],
    ['ListObjectsV2', reader.accessKey],
  ])
})

test('a pair that is missing is named by its variables, and nothing is sent', async () => {
  const {server, objects} = await s3World({keys: {read: reader}})
  const none = await s3World({keys: {}})
  const half = await s3World({keys: {read: {accessKey: 'x', secretKey: ''}, write: owner}})

  const writing = await failureOf(objects.putBytes('k', Buffer.from('x'), 'text/plain', never))
  const reading = await failureOf(none.objects.getBytes('k', 1, never))
  const halved = await failureOf(half.objects.getBytes('k', 1, never))

  expect(writing).toMatchObject({kind: 'config', code: 'OBJECTS_KEYS_MISSING'})
  expect(writing.hints[0]).toBe('set WRITE_ACCESS_KEY and WRITE_SECRET_KEY')
  expect(reading.hints.join('\n')).toMatch(/READ_ACCESS_KEY[\s\S]*WRITE_ACCESS_KEY/)
  expect(halved).toMatchObject({code: 'OBJECTS_KEYS_MISSING'})
  expect(halved.message).toContain('half')
  expect([server, none.server, half.server].flatMap(({requests}) => requests)).toEqual([])
})

test('a wrong secret is told from a missing right, and the names of the variables from the secrets', async () => {
  const wrong = await s3World({keys: {write: {...owner, secretKey: 'not-the-secret-of-the-owner'}}})
  const limited = await s3World({keys: {write: reader}})
  const lines: string[] = []
  const log = await createLogger({
    level: 'debug',
    pretty: false,
    secretKeys: [],
    write: (line) => void lines.push(line),
  })
  const echo = await s3World({log, attempts: 2})
  // As some stores do: everything about the request in the answer.
  echo.server.fault = () => ({
    status: 500,
    headers: {'content-type': 'application/xml'},
    body: `<Error><Code>InternalError</Code><Message>bad ${owner.secretKey} of ${owner.accessKey}\n\u001b[31m</Message><StringToSign>${owner.secretKey}</StringToSign></Error>`,
  })

  const failures = await Promise.all([
    failureOf(wrong.objects.has('k', never)),
    failureOf(limited.objects.putBytes('k', Buffer.from('x'), 'text/plain', never)),
    failureOf(echo.objects.getBytes('k', 1, never)),
  ])

  expect(failures.map(({code}) => code)).toEqual(['OBJECTS_FORBIDDEN', 'OBJECTS_FORBIDDEN', 'OBJECTS_UNREACHABLE'])
  expect(failures[0]?.hints.join()).toContain('WRITE_ACCESS_KEY')
  expect(failures[2]?.message).not.toContain('\u001b')
  expect(lines.join()).toContain('asking the object store again')
  const everything = [...lines, ...failures.map((error) => inspect(error, {depth: 10, showHidden: true}))].join('\n')
  for (const secret of [
    owner.secretKey,
    reader.secretKey,
    'not-the-secret-of-the-owner',
    owner.accessKey,
    'AWS4-HMAC',
  ]) {
    expect(everything).not.toContain(secret)
  }
})

test('bodies are sent whole, of known length and signed, without headers that other stores refuse', async () => {
  const {server, objects} = await s3World({}, {decodesChunked: false})
  const folder = tempFolder()
  writeFileSync(path.join(folder, 'f'), randomBytes(3_000_000))

  await objects.putFile('k', path.join(folder, 'f'), 'video/mp4', never)
  await objects.putBytes('empty', new Uint8Array(), 'text/plain', never)

  const [file] = server.requests
  expect(file?.headers).toMatchObject({
    'content-length': '3000000',
    'content-type': 'video/mp4',
    expect: '100-continue',
  })
  for (const {headers} of server.requests) {
    expect(headers['x-amz-content-sha256']).toMatch(/^[0-9a-f]{64}$/)
    expect(Object.keys(headers).filter((name) => /checksum|sdk-checksum|trailer|transfer-encoding/.test(name))).toEqual(
      [],
    )
  }
})

test('a stop ends a transfer at once, in both directions', async () => {
  const {server, objects} = await s3World()
  const folder = tempFolder()
  server.put('k', randomBytes(200_000))
  const stop = new AbortController()
  server.fault = () => {
    queueMicrotask(() => stop.abort(new Error('stop')))
    return 'stall'
  }

  await expect(objects.getFile('k', path.join(folder, 'to'), 200_000, stop.signal)).rejects.toThrow('stop')

  expect(readdirSync(folder)).toEqual([])
  expect(server.requests).toHaveLength(1)
})

test('a presigned address is read without a key, for the one object and only while it holds', async () => {
  const {server, objects} = await s3World()
  server.put('1/a.mp4', 'video')
  server.put('1/b.mp4', 'other')
  const url = await objects.presign('1/a.mp4', 60)

  const good = await fetch(url)
  const other = await fetch(url.replace('a.mp4', 'b.mp4'))
  server.skewMs = 61_000
  const late = await fetch(url)

  expect(await good.text()).toBe('video')
  expect([other.status, late.status]).toEqual([403, 403])
  expect(url).not.toContain(owner.secretKey)
})
