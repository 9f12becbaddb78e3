import {randomBytes} from 'node:crypto'
import {writeFileSync} from 'node:fs'
import path from 'node:path'
import {CreateMultipartUploadCommand, S3Client, UploadPartCommand} from '@aws-sdk/client-s3'
import {expect, test} from 'vitest'
import type {LeomaError} from '../../../src/errors.js'
import {minPartBytes} from '../../../src/objects/s3.js'
import type {Provider, S3Server} from '../../fakes/s3-server.js'
import {never, owner, s3World, sha256} from '../../helpers/s3.js'
import {tempFolder} from '../../helpers/temp-folder.js'

/** Three parts and a bit. */
const bytes = randomBytes(3 * minPartBytes + 12_345)
const partBytes = minPartBytes

function aFile(content: Buffer = bytes): string {
  const file = path.join(tempFolder(), 'large')
  writeFileSync(file, content)
  return file
}

/** What a process that was killed has left: an upload with some of its parts. */
async function leftOver(server: S3Server, parts: Record<number, Buffer>): Promise<string> {
  const client = new S3Client({
    ...{endpoint: server.url, region: server.region, forcePathStyle: true},
    credentials: {accessKeyId: owner.accessKey, secretAccessKey: owner.secretKey},
  })
  const at = {Bucket: 'samples', Key: 'k'}
  const {UploadId} = await client.send(new CreateMultipartUploadCommand(at))
  for (const [number, Body] of Object.entries(parts)) {
    await client.send(new UploadPartCommand({...at, UploadId, PartNumber: Number(number), Body}))
  }
  client.destroy()
  server.requests.length = 0
  return UploadId ?? ''
}

test.each<Provider>(['aws', 'hippius', 'r2', 'minio'])(
  'a large file goes up in parts of one size: %s',
  async (provider) => {
    const {server, objects} = await s3World({partBytes}, {provider})

    const written = await objects.putFile('k', aFile(), 'video/mp4', never)

    expect(written).toEqual({key: 'k', sizeBytes: bytes.length, sha256: sha256(bytes)})
    expect(server.object('k')?.equals(bytes)).toBe(true)
    expect(server.count('UploadPart')).toBe(4)
    expect(server.uploads.size).toBe(0)
    expect(server.buckets.get('samples')?.get('k')?.type).toBe('video/mp4')
  },
)

test('large bytes go the same way as large files', async () => {
  const {server, objects} = await s3World({partBytes})

  const written = await objects.putBytes('k', bytes, 'video/mp4', never)

  expect(written.sha256).toBe(sha256(bytes))
  expect(server.object('k')?.equals(bytes)).toBe(true)
})

test('a part that fails is sent again alone', async () => {
  const {server, objects} = await s3World({partBytes})
  const failed = new Set<string>()
  server.fault = ({operation, query}) => {
    const part = query.get('partNumber') ?? ''
    if (operation !== 'UploadPart' || !['2', '4'].includes(part) || failed.has(part)) return undefined
    failed.add(part)
    return part === '2' ? 'drop-mid-body' : {status: 503, code: 'SlowDown'}
  }

  const written = await objects.putFile('k', aFile(), 'video/mp4', never)

  expect(written.sha256).toBe(sha256(bytes))
  expect(server.object('k')?.equals(bytes)).toBe(true)
  const sent = server.requests.flatMap(({operation, query}) =>
    operation === 'UploadPart' ? query.get('partNumber') : [],
  )
  expect(sent.sort()).toEqual(['1', '2', '2', '3', '4', '4'])
})

test('an upload that fails for good is taken back, and the old object stays', async () => {
  const {server, objects} = await s3World({partBytes, attempts: 2})
  server.put('k', 'old')
  server.fault = ({operation, query}) =>
    operation === 'UploadPart' && query.get('partNumber') === '3' ? {status: 500, code: 'InternalError'} : undefined

  const failure = await objects.putFile('k', aFile(), 'video/mp4', never).catch((error: LeomaError) => error)

  expect(failure).toMatchObject({code: 'OBJECTS_UNREACHABLE', retryable: true})
  expect(server.uploads.size).toBe(0)
  expect(server.object('k')?.toString()).toBe('old')
})

test('a stop in the middle takes back what was sent', async () => {
  const {server, objects} = await s3World({partBytes})
  const stop = new AbortController()
  server.fault = ({operation, query}) => {
    if (operation === 'UploadPart' && query.get('partNumber') === '3') stop.abort(new Error('stop'))
    return undefined
  }

  await expect(objects.putFile('k', aFile(), 'video/mp4', stop.signal)).rejects.toThrow('stop')

  expect(server.uploads.size).toBe(0)
  expect(server.object('k')).toBeUndefined()
})

test('what a killed process has sent is not sent again', async () => {
  const {server, objects} = await s3World({partBytes})
  await leftOver(server, {1: bytes.subarray(0, partBytes), 3: bytes.subarray(2 * partBytes, 3 * partBytes)})

  const written = await objects.putFile('k', aFile(), 'video/mp4', never)

  expect(written.sha256).toBe(sha256(bytes))
  expect(server.object('k')?.equals(bytes)).toBe(true)
  expect(server.count('UploadPart')).toBe(2)
  expect(server.count('CreateMultipartUpload')).toBe(0)
  expect(server.uploads.size).toBe(0)
})

test('parts of another content are sent anew, and uploads that do not fit are taken back', async () => {
  const other = await s3World({partBytes})
  await leftOver(other.server, {1: randomBytes(partBytes), 2: bytes.subarray(partBytes, 2 * partBytes)})
  const larger = await s3World({partBytes})
  await leftOver(larger.server, {1: randomBytes(partBytes + 1)})

  await other.objects.putFile('k', aFile(), 'video/mp4', never)
  await larger.objects.putFile('k', aFile(), 'video/mp4', never)

  expect(other.server.object('k')?.equals(bytes)).toBe(true)
  expect(other.server.count('UploadPart')).toBe(3)
  expect(larger.server.object('k')?.equals(bytes)).toBe(true)
  expect(larger.server.operations()).toContain('AbortMultipartUpload')
  expect([other.server.uploads.size, larger.server.uploads.size]).toEqual([0, 0])
})

test('a store that does not tell of unfinished uploads is written to all the same', async () => {
  const {server, objects} = await s3World({partBytes})
  server.fault = ({operation}) =>
    operation === 'ListMultipartUploads' ? {status: 403, code: 'AccessDenied'} : undefined

  await objects.putFile('k', aFile(), 'video/mp4', never)

  expect(server.object('k')?.equals(bytes)).toBe(true)
})

test('a lost answer to the last request is not a lost upload', async () => {
  const {server, objects} = await s3World({partBytes})
  server.fault = ({operation, nth}) => (operation === 'CompleteMultipartUpload' && nth === 1 ? 'drop-after' : undefined)

  const written = await objects.putFile('k', aFile(), 'video/mp4', never)

  expect(written.sha256).toBe(sha256(bytes))
  expect(server.count('CompleteMultipartUpload')).toBe(2)
  expect(server.count('UploadPart')).toBe(4)
})

test('an upload that somebody else took back is begun anew, once', async () => {
  const {server, objects} = await s3World({partBytes})
  server.fault = ({operation, nth}) => {
    if (operation === 'CompleteMultipartUpload' && nth === 1) server.uploads.clear()
    return undefined
  }

  await objects.putFile('k', aFile(), 'video/mp4', never)

  expect(server.object('k')?.equals(bytes)).toBe(true)
  expect(server.count('CreateMultipartUpload')).toBe(2)
})

test('an error that comes with a 200 is an error', async () => {
  const {server, objects} = await s3World({partBytes})
  server.fault = ({operation, nth}) =>
    operation === 'CompleteMultipartUpload' && nth === 1
      ? {status: 200, headers: {'content-type': 'application/xml'}, body: '<Error><Code>InternalError</Code></Error>'}
      : undefined

  await objects.putFile('k', aFile(), 'video/mp4', never)

  expect(server.count('CompleteMultipartUpload')).toBe(2)
  expect(server.object('k')?.equals(bytes)).toBe(true)
})

test('a store without credit says so, and how to mend it', async () => {
  const {server, objects} = await s3World({partBytes}, {provider: 'hippius'})
  server.put('k', 'old')
  server.hasCredit = false

  const failures = await Promise.all(
    [objects.putFile('new', aFile(), 'video/mp4', never), objects.putBytes('new', Buffer.from('x'), 'x/y', never)].map(
      (work) => work.catch((error: LeomaError) => error),
    ),
  )

  for (const failure of failures) {
    expect(failure).toMatchObject({kind: 'config', code: 'OBJECTS_UNPAID', retryable: false})
    expect((failure as LeomaError).hints.join()).toContain('credit')
  }
  expect(Buffer.from(await objects.getBytes('k', 10, never)).toString()).toBe('old')
})
