import {createHash} from 'node:crypto'
import {open} from 'node:fs/promises'
import type {Readable} from 'node:stream'
import {
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3'
import {Sha256} from '../domain/ids.js'
import {LeomaError} from '../errors.js'
import {withDeadline} from '../runtime/deadline.js'
import {canBeginKey, isKey, objectTooLarge, requireKey, requirePrefix} from './key.js'
import type {Objects, StoredObject, WrittenObject} from './port.js'
import {type Arrival, type Received, receiveBytes, receiveFile} from './receive.js'
import {type Purpose, S3Access, type S3Place, type S3Tuning} from './s3-access.js'
import {type Source, uploadInParts} from './s3-upload.js'

export interface S3ObjectsOptions extends S3Place, S3Tuning {
  /** Objects above this go up in parts of this size; no store takes parts below 5 MiB. */
  readonly partBytes?: number
  /** Parts of one object under way at once. */
  readonly partConcurrency?: number
}

const mebibyte = 1024 * 1024
export const minPartBytes = 5 * mebibyte
const maxPresignS = 604_800

/** A bucket of an S3-compatible store: Hippius, R2, AWS, MinIO. */
export class S3Objects implements Objects {
  readonly bucket: string
  readonly #access: S3Access
  readonly #partBytes: number
  readonly #partConcurrency: number
  /** True once the store has shown that the bucket is there. */
  #isSeen = false

  constructor(options: S3ObjectsOptions) {
    const {partBytes = 8 * mebibyte, partConcurrency = 4} = options
    if (partBytes < minPartBytes) throw new RangeError(`parts of ${partBytes} bytes are too small for S3`)
    this.#access = new S3Access(options, options)
    this.bucket = options.bucket
    this.#partBytes = partBytes
    this.#partConcurrency = partConcurrency
  }

  /** Throws `OBJECTS_KEYS_MISSING`, naming what to set. */
  requireKeys(purpose: Purpose): void {
    this.#access.pair(purpose)
  }

  async putFile(key: string, file: string, contentType: string, signal: AbortSignal): Promise<WrittenObject> {
    requireKey(key)
    signal.throwIfAborted()
    const handle = await open(file, 'r')
    try {
      const {size} = await handle.stat()
      const read = async (into: Uint8Array, offset: number) => {
        let filled = 0
        while (filled < into.length) {
          const {bytesRead} = await handle.read(into, filled, into.length - filled, offset + filled)
          if (bytesRead === 0) break
          filled += bytesRead
        }
        return filled
      }
      return await this.#put(key, {sizeBytes: size, read}, contentType, signal)
    } finally {
      await handle.close()
    }
  }

  async putBytes(key: string, bytes: Uint8Array, contentType: string, signal: AbortSignal): Promise<WrittenObject> {
    requireKey(key)
    signal.throwIfAborted()
    if (bytes.length <= this.#partBytes) return this.#putWhole(key, bytes, contentType, signal)
    const read = async (into: Uint8Array, offset: number) => {
      const piece = bytes.subarray(offset, offset + into.length)
      into.set(piece)
      return piece.length
    }
    return this.#put(key, {sizeBytes: bytes.length, read}, contentType, signal)
  }

  async getFile(key: string, to: string, maxBytes: number, signal: AbortSignal): Promise<WrittenObject> {
    const {sha256, sizeBytes} = await this.#get(key, maxBytes, signal, (arrival, inner) =>
      receiveFile(arrival, to, this.#access.patience, inner),
    )
    return {key, sizeBytes, sha256}
  }

  async getBytes(key: string, maxBytes: number, signal: AbortSignal): Promise<Uint8Array> {
    const {bytes} = await this.#get(key, maxBytes, signal, (arrival, inner) =>
      receiveBytes(arrival, this.#access.patience, inner),
    )
    return bytes
  }

  async has(key: string, signal: AbortSignal): Promise<boolean> {
    requireKey(key)
    signal.throwIfAborted()
    try {
      await this.#access.send({purpose: 'read', what: `looking for ${key}`, key}, signal, (client, inner) =>
        client.send(new HeadObjectCommand({Bucket: this.bucket, Key: key}), {abortSignal: inner}),
      )
      return true
    } catch (error) {
      if (!(error instanceof LeomaError && error.code === 'OBJECT_MISSING')) throw error
      // The answer to HEAD has no body to tell an absent object from an absent bucket.
      await this.#requireBucket(signal)
      return false
    }
  }

  async *list(prefix: string, signal: AbortSignal): AsyncGenerator<StoredObject, void, void> {
    requirePrefix(prefix)
    signal.throwIfAborted()
    if (!canBeginKey(prefix)) return
    let token: string | undefined
    do {
      const page = await this.#access.send(
        {purpose: 'read', what: `listing ${prefix || 'all'}`},
        signal,
        (client, inner) =>
          client.send(
            new ListObjectsV2Command({
              ...{Bucket: this.bucket, Prefix: prefix, MaxKeys: 1000},
              ...(token === undefined ? {} : {ContinuationToken: token}),
            }),
            {abortSignal: inner},
          ),
      )
      for (const {Key, Size} of page.Contents ?? []) {
        // What other programs put there may have names that no key of ours can have.
        if (Key !== undefined && Size !== undefined && isKey(Key)) yield {key: Key, sizeBytes: Size}
      }
      signal.throwIfAborted()
      const next = page.IsTruncated ? page.NextContinuationToken : undefined
      if (page.IsTruncated && (next === undefined || next === token)) {
        throw new LeomaError(
          'upstream',
          'OBJECTS_REFUSED',
          `${this.#access.endpoint} does not go on listing ${this.bucket}`,
        )
      }
      token = next
    } while (token !== undefined)
  }

  /** An address under which anyone can read the object, or ask for it, for `seconds`, with no key; at most a week. */
  async presign(key: string, seconds: number, method: 'GET' | 'HEAD' = 'GET'): Promise<string> {
    requireKey(key)
    const {getSignedUrl} = await import('@aws-sdk/s3-request-presigner')
    const asked = {Bucket: this.bucket, Key: key}
    const options = {expiresIn: Math.min(seconds, maxPresignS)}
    const client = this.#access.client('read')
    if (method === 'HEAD') return getSignedUrl(client, new HeadObjectCommand(asked), options)
    return getSignedUrl(client, new GetObjectCommand(asked), options)
  }

  /** Ends the connections that are kept open. */
  close(): void {
    this.#access.close()
  }

  async #put(key: string, source: Source, contentType: string, signal: AbortSignal): Promise<WrittenObject> {
    if (source.sizeBytes > this.#partBytes) {
      const upload = {key, contentType, source, partBytes: this.#partBytes, concurrency: this.#partConcurrency}
      const {sha256, sizeBytes} = await uploadInParts(this.#access, upload, signal)
      return {key, sizeBytes, sha256}
    }
    const buffer = Buffer.allocUnsafe(source.sizeBytes)
    return this.#putWhole(key, buffer.subarray(0, await source.read(buffer, 0)), contentType, signal)
  }

  async #putWhole(key: string, bytes: Uint8Array, contentType: string, signal: AbortSignal): Promise<WrittenObject> {
    const sha256 = Sha256.parse(createHash('sha256').update(bytes).digest('hex'))
    const request = {purpose: 'write' as const, what: `writing ${key}`, key, bytes: bytes.length}
    await this.#access.send(request, signal, (client, inner) =>
      client.send(
        new PutObjectCommand({
          ...{Bucket: this.bucket, Key: key, Body: bytes},
          ...{ContentLength: bytes.length, ContentType: contentType},
        }),
        {abortSignal: inner},
      ),
    )
    this.#isSeen = true
    return {key, sizeBytes: bytes.length, sha256}
  }

  async #get<T extends Received>(
    key: string,
    maxBytes: number,
    signal: AbortSignal,
    receive: (arrival: Arrival, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    requireKey(key)
    signal.throwIfAborted()
    const {bucket} = this
    const what = `reading ${key}`
    return this.#access.retrying({purpose: 'read', what, key}, signal, async (client, inner) => {
      const answer = await withDeadline(what, this.#access.patience.timeoutMs, inner, (bounded) =>
        client.send(new GetObjectCommand({Bucket: bucket, Key: key}), {abortSignal: bounded}),
      )
      const body = answer.Body as Readable // under Node.js the SDK gives nothing else
      if ((answer.ContentLength ?? 0) > maxBytes) {
        body.destroy()
        throw objectTooLarge(bucket, key, maxBytes)
      }
      return receive({bucket, key, body, announcedBytes: answer.ContentLength, maxBytes}, inner)
    })
  }

  async #requireBucket(signal: AbortSignal): Promise<void> {
    if (this.#isSeen) return
    const request = {purpose: 'read' as const, what: 'looking for the bucket'}
    try {
      await this.#access.send(request, signal, (client, inner) =>
        client.send(new HeadBucketCommand({Bucket: this.bucket}), {abortSignal: inner}),
      )
    } catch (error) {
      // Forbidden tells nothing about the bucket, and the object's own answer stands.
      if (!(error instanceof LeomaError && error.code === 'OBJECTS_FORBIDDEN')) throw error
    }
    this.#isSeen = true
  }
}
