import {spawn} from 'node:child_process'
import {createReadStream, createWriteStream} from 'node:fs'
import {mkdtemp, open, rm, stat} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import type {Readable} from 'node:stream'
import {pipeline} from 'node:stream/promises'
import {CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client} from '@aws-sdk/client-s3'
import {S3Objects} from '../../src/objects/s3.js'
import {systemTime} from '../../src/runtime/clock.js'
import {silentLogger} from '../../src/runtime/logger.js'
import type {Measured} from './run.js'

const mebibyte = 1024 * 1024
const largeBytes = 192 * mebibyte
/** What the rates are measured with: often and not long, since the machine is busy with other things, too. */
const smallBytes = 48 * mebibyte
const rounds = 15
const bucket = 'samples'
const {signal} = new AbortController()

interface Server {
  readonly url: string
  readonly keys: {readonly accessKey: string; readonly secretKey: string}
  stop(): void
}

/** A real one, at `LEOMA_TEST_S3` with the keys beside it, or the one of the tests. */
async function aServer(): Promise<Server> {
  const {LEOMA_TEST_S3: url, LEOMA_TEST_S3_ACCESS_KEY = 'test', LEOMA_TEST_S3_SECRET_KEY = 'test'} = process.env
  if (url) {
    return {url, keys: {accessKey: LEOMA_TEST_S3_ACCESS_KEY, secretKey: LEOMA_TEST_S3_SECRET_KEY}, stop: () => {}}
  }
  const args = ['--import', 'tsx', new URL('./objects-server.ts', import.meta.url).pathname]
  const child = spawn(process.execPath, args, {stdio: ['pipe', 'pipe', 'inherit']})
  const keys = {accessKey: 'bench', secretKey: 'bench-secret'}
  for await (const chunk of child.stdout) return {url: String(chunk).trim(), keys, stop: () => child.stdin.end()}
  throw new Error('the store did not start')
}

async function aFile(file: string, bytes: number): Promise<string> {
  const handle = await open(file, 'w')
  const piece = Buffer.alloc(mebibyte, 'leoma')
  for (let at = 0; at < bytes; at += mebibyte) {
    piece.writeDoubleLE(at)
    await handle.write(piece)
  }
  await handle.close()
  return file
}

/** The best of some runs of each, in turns: what the machine can do when nobody else wants it. */
async function bestMs(works: readonly (() => Promise<unknown>)[]): Promise<number[]> {
  const best = works.map(() => Number.POSITIVE_INFINITY)
  for (let round = 0; round < rounds; round++) {
    for (const [index, work] of works.entries()) {
      const startedAt = performance.now()
      await work()
      best[index] = Math.min(best[index] ?? 0, performance.now() - startedAt)
    }
  }
  return best
}

async function peakMemory(work: () => Promise<unknown>): Promise<number> {
  const before = process.memoryUsage.rss()
  let peak = before
  const timer = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss())
  }, 5)
  await work()
  clearInterval(timer)
  return Math.max(peak, process.memoryUsage.rss())
}

/** Moving one large object, against the same SDK called without hashing, parts, limits or retries. */
export async function bench(): Promise<Measured[]> {
  const folder = await mkdtemp(path.join(tmpdir(), 'leoma-bench-objects-'))
  const server = await aServer()
  const place = {endpoint: server.url, region: 'us-east-1'}
  const {keys} = server
  const bare = new S3Client({
    ...place,
    credentials: {accessKeyId: keys.accessKey, secretAccessKey: keys.secretKey},
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  })
  const ours = new S3Objects({
    ...{...place, bucket, keys: {write: keys}, variables: {read: '', write: ''}},
    ...{time: systemTime(), log: silentLogger()},
  })
  try {
    await bare.send(new CreateBucketCommand({Bucket: bucket})).catch(() => {}) // the one of the tests has it
    const large = await aFile(path.join(folder, 'large'), largeBytes)
    const small = await aFile(path.join(folder, 'small'), smallBytes)
    const to = path.join(folder, 'to')
    const {size} = await stat(small)

    const smallPeak = await peakMemory(async () => {
      await ours.putFile('small', small, 'video/mp4', signal)
      await ours.getFile('small', to, size, signal)
    })
    const largePeak = await peakMemory(async () => {
      await ours.putFile('large', large, 'video/mp4', signal)
      await ours.getFile('large', to, largeBytes, signal)
    })
    const putBare = () =>
      bare.send(new PutObjectCommand({Bucket: bucket, Key: 'bare', Body: createReadStream(small), ContentLength: size}))
    const getBare = async () => {
      const {Body} = await bare.send(new GetObjectCommand({Bucket: bucket, Key: 'bare'}))
      await pipeline(Body as Readable, createWriteStream(to))
    }
    const [bareUpMs = 0, oursUpMs = 0] = await bestMs([
      putBare,
      () => ours.putFile('small', small, 'video/mp4', signal),
    ])
    const [bareDownMs = 0, oursDownMs = 0] = await bestMs([getBare, () => ours.getFile('small', to, size, signal)])

    const rate = (ms: number) => `${Math.round(size / mebibyte / (ms / 1000))} MiB/s`
    return [
      {
        name: 'objects: upload, of what the bare SDK reaches',
        ratio: bareUpMs / oursUpMs,
        limit: 0.8,
        bad: 'under',
        note: `${rate(oursUpMs)} against ${rate(bareUpMs)}`,
      },
      {
        name: 'objects: download, of what the bare SDK reaches',
        ratio: bareDownMs / oursDownMs,
        limit: 0.8,
        bad: 'under',
        note: `${rate(oursDownMs)} against ${rate(bareDownMs)}`,
      },
      {
        name: 'objects: memory for four times the bytes',
        ratio: largePeak / smallPeak,
        limit: 1.3,
        note: `${Math.round(largePeak / mebibyte)} MiB against ${Math.round(smallPeak / mebibyte)} MiB at the most`,
      },
    ]
  } finally {
    ours.close()
    bare.destroy()
    server.stop()
    await rm(folder, {recursive: true, force: true})
  }
}
