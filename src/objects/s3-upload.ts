import {createHash} from 'node:crypto'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import {Sha256} from '../domain/ids.js'
import {LeomaError} from '../errors.js'
import {withDeadline} from '../runtime/deadline.js'
import {withStop} from '../runtime/stop.js'
import type {Received} from './receive.js'
import type {S3Access} from './s3-access.js'

/** Where the bytes come from; read from the beginning, more than once if need be. */
export interface Source {
  readonly sizeBytes: number
  /** Fills `into` from `offset` on; fewer bytes only at the end. */
  read(into: Uint8Array, offset: number): Promise<number>
}

export interface Upload {
  readonly key: string
  readonly contentType: string
  readonly source: Source
  readonly partBytes: number
  /** Parts that are under way at once; each has a buffer of `partBytes`, so that is all the memory an upload needs. */
  readonly concurrency: number
}

/** S3 takes no more. */
const maxParts = 10_000
const mebibyte = 1024 * 1024
/** To take back what a failed upload left, when nobody waits for it any more. */
const abortMs = 5_000

interface Part {
  readonly number: number
  readonly etag: string
}

interface StoredPart extends Part {
  readonly sizeBytes: number
}

interface Session {
  readonly uploadId: string
  /** What an earlier process has sent. */
  readonly parts: ReadonlyMap<number, StoredPart>
}

/**
 * A large object in parts: a part that fails is sent again alone, and an upload whose process was killed is continued by
 * the next one of the same key, as far as its parts are the same. An upload that fails is taken back. One process at a
 * time may write a key.
 */
export async function uploadInParts(access: S3Access, upload: Upload, signal: AbortSignal): Promise<Received> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await uploadOnce(access, sized(upload), signal)
    } catch (error) {
      // Somebody took the upload back, or finished it: begin anew, once.
      const isLost = error instanceof LeomaError && error.code === 'UPLOAD_LOST'
      if (attempt > 1 || !isLost || signal.aborted) throw error
    }
  }
}

/** All parts but the last have one size (R2 demands it), and there are at most 10,000. */
function sized(upload: Upload): Upload {
  const least = Math.ceil(upload.source.sizeBytes / maxParts / mebibyte) * mebibyte
  return {...upload, partBytes: Math.max(upload.partBytes, least)}
}

async function uploadOnce(access: S3Access, upload: Upload, signal: AbortSignal): Promise<Received> {
  const {uploadId, parts} = (await unfinished(access, upload, signal)) ?? (await begin(access, upload, signal))
  try {
    const sent = await sendParts(access, upload, {uploadId, parts}, signal)
    await complete(access, upload, uploadId, sent, signal)
    return sent.received
  } catch (error) {
    await takeBack(access, upload.key, uploadId, new AbortController().signal)
    throw error
  }
}

async function begin(access: S3Access, {key, contentType}: Upload, signal: AbortSignal): Promise<Session> {
  const {UploadId: uploadId} = await access.send(
    {purpose: 'write', what: `beginning ${key}`, key},
    signal,
    (client, inner) =>
      client.send(new CreateMultipartUploadCommand({Bucket: access.bucket, Key: key, ContentType: contentType}), {
        abortSignal: inner,
      }),
  )
  if (!uploadId) throw new LeomaError('upstream', 'OBJECTS_REFUSED', `${access.endpoint} began no upload of ${key}`)
  return {uploadId, parts: new Map()}
}

/** The newest upload of this key that can be continued; the others are taken back. Not knowing is no obstacle. */
async function unfinished(access: S3Access, upload: Upload, signal: AbortSignal): Promise<Session | undefined> {
  const {key} = upload
  const found = await ask(() =>
    access.send({purpose: 'write', what: `looking for parts of ${key}`}, signal, (client, inner) =>
      client.send(new ListMultipartUploadsCommand({Bucket: access.bucket, Prefix: key}), {abortSignal: inner}),
    ),
  )
  signal.throwIfAborted()
  const uploads = (found?.Uploads ?? [])
    .filter(({Key, UploadId}) => Key === key && UploadId)
    .sort((a, b) => (b.Initiated?.getTime() ?? 0) - (a.Initiated?.getTime() ?? 0))
    .flatMap(({UploadId}) => UploadId ?? [])
  let session: Session | undefined
  for (const uploadId of uploads) {
    const parts = session ? undefined : await ask(() => storedParts(access, key, uploadId, signal))
    signal.throwIfAborted()
    if (parts && fits(parts, upload)) session = {uploadId, parts}
    else await takeBack(access, key, uploadId, signal)
  }
  return session
}

/** Stores that do not list uploads (or keys that may not) only cost the chance to continue one. */
async function ask<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof LeomaError && !error.retryable) return undefined
    throw error
  }
}

async function storedParts(access: S3Access, key: string, UploadId: string, signal: AbortSignal) {
  const parts = new Map<number, StoredPart>()
  let marker: string | undefined
  do {
    const page = await access.send({purpose: 'write', what: `listing parts of ${key}`, key}, signal, (client, inner) =>
      client.send(
        new ListPartsCommand({Bucket: access.bucket, Key: key, UploadId, ...(marker && {PartNumberMarker: marker})}),
        {abortSignal: inner},
      ),
    )
    for (const {PartNumber: number, ETag: etag, Size: sizeBytes} of page.Parts ?? []) {
      if (number !== undefined && etag !== undefined && sizeBytes !== undefined) {
        parts.set(number, {number, etag, sizeBytes})
      }
    }
    const next = page.IsTruncated ? page.NextPartNumberMarker : undefined
    if (next !== undefined && next === marker) break
    marker = next
  } while (marker !== undefined)
  return parts
}

function fits(parts: ReadonlyMap<number, StoredPart>, {partBytes, source}: Upload): boolean {
  const count = Math.ceil(source.sizeBytes / partBytes)
  return [...parts.values()].every(
    ({number, sizeBytes}) =>
      number >= 1 && number <= count && sizeBytes === Math.min(partBytes, source.sizeBytes - (number - 1) * partBytes),
  )
}

interface Sent {
  readonly received: Received
  readonly parts: readonly Part[]
}

/** A few workers, each with one buffer: reading and hashing go in order, sending does not. */
function sendParts(access: S3Access, upload: Upload, session: Session, signal: AbortSignal): Promise<Sent> {
  return withStop(signal, (inner, stop) => sendAll(access, upload, session, inner, stop))
}

async function sendAll(
  access: S3Access,
  upload: Upload,
  session: Session,
  inner: AbortSignal,
  stop: (reason: unknown) => void,
): Promise<Sent> {
  const {source, partBytes, concurrency} = upload
  const hash = createHash('sha256')
  const parts: Part[] = []
  let offset = 0
  let number = 0
  let reading: Promise<unknown> = Promise.resolve()
  const next = (buffer: Buffer): Promise<{number: number; bytes: Buffer} | undefined> => {
    const turn = reading.then(async () => {
      inner.throwIfAborted()
      const length = await source.read(buffer, offset)
      if (length === 0) return undefined
      const bytes = buffer.subarray(0, length)
      hash.update(bytes)
      offset += length
      number += 1
      return {number, bytes}
    })
    reading = turn.catch(() => {})
    return turn
  }
  const work = async () => {
    const buffer = Buffer.allocUnsafe(partBytes)
    for (let part = await next(buffer); part; part = await next(buffer)) {
      parts.push(await sendPart(access, upload, session, part, inner))
    }
  }
  const count = Math.max(1, Math.min(concurrency, Math.ceil(source.sizeBytes / partBytes)))
  const workers = Array.from({length: count}, () =>
    work().catch((error: unknown) => {
      stop(error)
      throw error
    }),
  )
  // The first failure, but only when nobody uses a buffer or the upload any more.
  const results = await Promise.allSettled(workers)
  inner.throwIfAborted()
  for (const result of results) if (result.status === 'rejected') throw result.reason
  parts.sort((a, b) => a.number - b.number)
  return {received: {sha256: Sha256.parse(hash.digest('hex')), sizeBytes: offset}, parts}
}

async function sendPart(
  access: S3Access,
  {key}: Upload,
  {uploadId, parts}: Session,
  {number, bytes}: {readonly number: number; readonly bytes: Buffer},
  signal: AbortSignal,
): Promise<Part> {
  const stored = parts.get(number)
  if (stored && stored.sizeBytes === bytes.length && unquoted(stored.etag) === md5(bytes)) return stored
  const request = {purpose: 'write' as const, what: `writing part ${number} of ${key}`, key, bytes: bytes.length}
  const {ETag: etag} = await access.send(request, signal, (client, inner) => {
    const command = new UploadPartCommand({
      ...{Bucket: access.bucket, Key: key, UploadId: uploadId, PartNumber: number},
      ...{Body: bytes, ContentLength: bytes.length},
    })
    // The SDK would hash every part a second time; TLS keeps it whole on the way, and readers go by the object's SHA-256.
    command.middlewareStack.add(
      (next) => (args) => {
        if (hasHeaders(args.request)) args.request.headers['x-amz-content-sha256'] = 'UNSIGNED-PAYLOAD'
        return next(args)
      },
      {step: 'build', name: 'unsignedPayload'},
    )
    return client.send(command, {abortSignal: inner})
  })
  if (!etag)
    throw new LeomaError('upstream', 'OBJECTS_REFUSED', `${access.endpoint} gave part ${number} of ${key} no ETag`)
  return {number, etag}
}

function hasHeaders(request: unknown): request is {headers: Record<string, string>} {
  return typeof request === 'object' && request !== null && 'headers' in request
}

async function complete(
  access: S3Access,
  {key}: Upload,
  UploadId: string,
  {parts, received}: Sent,
  signal: AbortSignal,
): Promise<void> {
  let tries = 0
  try {
    await access.send({purpose: 'write', what: `finishing ${key}`, key}, signal, (client, inner) => {
      tries += 1
      const Parts = parts.map(({number, etag}) => ({PartNumber: number, ETag: etag}))
      return client.send(
        new CompleteMultipartUploadCommand({Bucket: access.bucket, Key: key, UploadId, MultipartUpload: {Parts}}),
        {abortSignal: inner},
      )
    })
  } catch (error) {
    // A try whose answer was lost has finished the upload, and the next one finds none: look whether it is there.
    const isLost = error instanceof LeomaError && error.code === 'UPLOAD_LOST'
    if (!isLost || tries < 2 || !(await isStored(access, key, parts, received.sizeBytes, signal))) throw error
  }
}

async function isStored(
  access: S3Access,
  key: string,
  parts: readonly Part[],
  sizeBytes: number,
  signal: AbortSignal,
): Promise<boolean> {
  const head = await ask(() =>
    access.send({purpose: 'read', what: `looking for ${key}`, key}, signal, (client, inner) =>
      client.send(new HeadObjectCommand({Bucket: access.bucket, Key: key}), {abortSignal: inner}),
    ),
  )
  return head?.ContentLength === sizeBytes && unquoted(head.ETag ?? '') === combined(parts)
}

/** The ETag of an object in parts, at every store that was looked at: the MD5 of the parts' MD5s, and their number. */
function combined(parts: readonly Part[]): string {
  const hash = createHash('md5')
  for (const {etag} of parts) hash.update(Buffer.from(unquoted(etag), 'hex'))
  return `${hash.digest('hex')}-${parts.length}`
}

async function takeBack(access: S3Access, key: string, UploadId: string, signal: AbortSignal): Promise<void> {
  try {
    await withDeadline(`taking back ${key}`, abortMs, signal, (bounded) =>
      access.send({purpose: 'write', what: `taking back ${key}`, key}, bounded, (client, inner) =>
        client.send(new AbortMultipartUploadCommand({Bucket: access.bucket, Key: key, UploadId}), {abortSignal: inner}),
      ),
    )
  } catch (error) {
    // The upload's own failure is what matters, and the next upload of this key takes back what is left.
    access.log.debug({err: error, key}, 'an upload could not be taken back')
  }
}

function md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex')
}

function unquoted(etag: string): string {
  return etag.replace(/^"|"$/g, '')
}
