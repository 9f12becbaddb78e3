import type {Readable} from 'node:stream'
import type {Finding} from '../domain/finding.js'
import type {Sha256} from '../domain/ids.js'

export interface StoredObject {
  readonly key: string
  readonly sizeBytes: number
}

export interface WrittenObject extends StoredObject {
  readonly sha256: Sha256
}

/**
 * A bucket. Keys are `/`-separated pieces of letters, digits, `-`, `_` and `.`, never empty, `.` or `..` (the narrowest
 * provider's rule). Absent is not failed: `get*` throw `OBJECT_MISSING` (kind `upstream`, not retryable) for an object
 * that is not there, and `OBJECTS_UNREACHABLE` (retryable) when the store did not answer.
 */
export interface Objects {
  readonly bucket: string
  /** Atomic: readers see the old object or the whole new one. */
  putFile(key: string, path: string, contentType: string, signal: AbortSignal): Promise<WrittenObject>
  putBytes(key: string, bytes: Uint8Array, contentType: string, signal: AbortSignal): Promise<WrittenObject>
  /** Streams to `path`; stops and throws `OBJECT_TOO_LARGE` past `maxBytes`, leaving no file behind. */
  getFile(key: string, path: string, maxBytes: number, signal: AbortSignal): Promise<WrittenObject>
  getBytes(key: string, maxBytes: number, signal: AbortSignal): Promise<Uint8Array>
  has(key: string, signal: AbortSignal): Promise<boolean>
  /** In key order. */
  list(prefix: string, signal: AbortSignal): AsyncIterable<StoredObject>
}

/** An object that is open for reading. Whoever opened it streams it once or closes it. */
export interface OpenObject {
  readonly sizeBytes: number
  /** From the first to the last byte, both included; closes the object at its end, and when it is destroyed. */
  stream(from: number, to: number): Readable
  close(): Promise<void>
}

/** A bucket on this machine, of which parts of objects can be read; elsewhere a reader is sent to the store itself. */
export interface OpenObjects {
  /** Throws as `getBytes` does. */
  open(key: string, signal: AbortSignal): Promise<OpenObject>
}

/** Tries out what one pair of credentials can do with a bucket, and what it must not be able to do. */
export interface BucketProbe {
  /** `samples, for reading`. */
  readonly name: string
  /** `knownKey` is an object that should be there; undefined when none is known. */
  run(knownKey: string | undefined, signal: AbortSignal): Promise<Finding>
}
