import {createHash, randomBytes} from 'node:crypto'
import {
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  ListMultipartUploadsCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import {describe, expect, it} from 'vitest'
import {S3Objects} from '../../src/objects/s3.js'
import {systemTime} from '../../src/runtime/clock.js'
import {silentLogger} from '../../src/runtime/logger.js'
import {type Provider, S3Server} from '../fakes/s3-server.js'
import {objectsContract} from './objects.js'

const keys = {accessKey: 'hip_test', secretKey: 'not-a-secret'}

for (const provider of ['aws', 'hippius', 'r2', 'minio'] satisfies Provider[]) {
  objectsContract(`S3 as ${provider} speaks it`, async () => {
    const server = await S3Server.start({
      accounts: [{...keys, rights: ['get', 'list', 'put', 'delete']}],
      provider,
      // Several pages even of a few keys.
      pageSize: 3,
    })
    const objects = new S3Objects({
      ...{endpoint: server.url, region: server.region, bucket: 'samples'},
      keys: {write: keys},
      variables: {read: 'READ', write: 'WRITE'},
      ...{time: systemTime(), log: silentLogger()},
    })
    return {
      objects,
      close: async () => {
        objects.close()
        await server.close()
      },
    }
  })
}

/**
 * Against a server that nobody here wrote, such as moto or MinIO: `LEOMA_TEST_S3` is its address, with keys in
 * `LEOMA_TEST_S3_ACCESS_KEY` and `LEOMA_TEST_S3_SECRET_KEY` unless it takes any.
 */
const foreign = process.env.LEOMA_TEST_S3
if (foreign === undefined) {
  describe('objects contract: a foreign S3 server', () => it.skip('needs its address in LEOMA_TEST_S3', () => {}))
} else {
  const foreignKeys = {
    accessKey: process.env.LEOMA_TEST_S3_ACCESS_KEY ?? 'test',
    secretKey: process.env.LEOMA_TEST_S3_SECRET_KEY ?? 'test',
  }
  const place = {endpoint: foreign, region: process.env.LEOMA_TEST_S3_REGION ?? 'us-east-1'}
  const foreignBucket = async () => {
    const bucket = `leoma-test-${process.pid}-${Math.random().toString(36).slice(2)}`
    const client = new S3Client({
      ...place,
      credentials: {accessKeyId: foreignKeys.accessKey, secretAccessKey: foreignKeys.secretKey},
      forcePathStyle: true,
    })
    await client.send(new CreateBucketCommand({Bucket: bucket}))
    const objects = new S3Objects({
      ...{...place, bucket},
      keys: {write: foreignKeys},
      variables: {read: 'READ', write: 'WRITE'},
      ...{time: systemTime(), log: silentLogger()},
    })
    return {
      ...{objects, bucket, client},
      close: async () => {
        for await (const {key} of objects.list('', new AbortController().signal)) {
          await client.send(new DeleteObjectCommand({Bucket: bucket, Key: key}))
        }
        await client.send(new DeleteBucketCommand({Bucket: bucket}))
        objects.close()
        client.destroy()
      },
    }
  }
  objectsContract('a foreign S3 server', foreignBucket)

  it('a foreign S3 server takes a large object in parts, and the rest of one that was begun', async () => {
    const {objects, bucket, client, close} = await foreignBucket()
    const {signal} = new AbortController()
    const bytes = randomBytes(20 * 1024 * 1024)
    const digest = createHash('sha256').update(bytes).digest('hex')
    const at = {Bucket: bucket, Key: 'large'}
    try {
      const {UploadId} = await client.send(new CreateMultipartUploadCommand(at))
      const part = {...at, UploadId, PartNumber: 2, Body: bytes.subarray(8 * 1024 * 1024, 16 * 1024 * 1024)}
      await client.send(new UploadPartCommand(part))

      expect((await objects.putBytes('large', bytes, 'video/mp4', signal)).sha256).toBe(digest)

      const read = await objects.getBytes('large', bytes.length, signal)
      expect(createHash('sha256').update(read).digest('hex')).toBe(digest)
      const {Uploads = []} = await client.send(new ListMultipartUploadsCommand({Bucket: bucket}))
      expect(Uploads).toEqual([])
      const presigned = await fetch(await objects.presign('large', 60))
      expect((await presigned.arrayBuffer()).byteLength).toBe(bytes.length)
      const head = await fetch(await objects.presign('large', 60, 'HEAD'), {method: 'HEAD'})
      expect(head.headers.get('content-length')).toBe(String(bytes.length))
    } finally {
      await close()
    }
  })
}
