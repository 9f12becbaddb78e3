import {createHash, randomUUID} from 'node:crypto'
import {constants, type Dirent} from 'node:fs'
import {type FileHandle, lstat, mkdir, open, readdir, realpath, rename, rm} from 'node:fs/promises'
import path from 'node:path'
import {Readable} from 'node:stream'
import {compareText, Sha256} from '../domain/ids.js'
import {LeomaError} from '../errors.js'
import {borrowed, giveBack} from '../runtime/memory.js'
import {isKey, objectMissing, objectTooLarge, requireKey, requirePrefix} from './key.js'
import type {Objects, OpenObject, OpenObjects, StoredObject, WrittenObject} from './port.js'

export interface FolderObjectsOptions {
  /** Holds one folder per bucket; made when it is not there. */
  readonly root: string
  readonly bucket: string
}

/** Half-written objects lie here until they are renamed; `~` is in no key, so no key can name one. */
const incoming = '~incoming'
const absent = new Set(['ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP'])

/**
 * Each piece costs two turns of the event loop, which on a machine that is short of processors are far apart: a video in
 * pieces of 64 KiB then takes minutes to copy, and a round never ends within its deadlines.
 */
const pieceBytes = 1024 * 1024

/**
 * A bucket in a folder. Keys are paths below it; symbolic links below it are never followed, so that nothing in the
 * bucket can lead out of it.
 */
export class FolderObjects implements Objects, OpenObjects {
  readonly bucket: string
  readonly #folder: string

  constructor({root, bucket}: FolderObjectsOptions) {
    if (!isKey(bucket) || bucket.includes('/')) throw new TypeError(`${JSON.stringify(bucket)} is no bucket name`)
    this.bucket = bucket
    this.#folder = path.join(path.resolve(root), bucket)
  }

  /** The content type is not kept: a folder has no place for it, and readers go by the key's ending. */
  async putFile(key: string, file: string, _contentType: string, signal: AbortSignal): Promise<WrittenObject> {
    // Opened here: a source that cannot be read is the caller's fault, not the bucket's.
    const handle = await open(file, 'r')
    try {
      return await this.#put(key, piecesOf(handle), signal)
    } finally {
      await handle.close()
    }
  }

  async putBytes(key: string, bytes: Uint8Array, _contentType: string, signal: AbortSignal): Promise<WrittenObject> {
    return this.#put(key, [bytes], signal)
  }

  async getFile(key: string, to: string, maxBytes: number, signal: AbortSignal): Promise<WrittenObject> {
    return this.#get(key, maxBytes, signal, async (source) => {
      // Beside the target, so that the rename stays on one file system and a half file never bears the name.
      const part = `${to}.${randomUUID()}.part`
      try {
        const written = await copy(source, part, signal, () => objectTooLarge(this.bucket, key, maxBytes), maxBytes)
        await rename(part, to)
        return {key, ...written}
      } finally {
        await rm(part, {force: true})
      }
    })
  }

  async getBytes(key: string, maxBytes: number, signal: AbortSignal): Promise<Uint8Array> {
    return this.#get(key, maxBytes, signal, async (source) => {
      const chunks: Uint8Array[] = []
      let sizeBytes = 0
      for await (const piece of source) {
        signal.throwIfAborted()
        sizeBytes += piece.length
        if (sizeBytes > maxBytes) throw objectTooLarge(this.bucket, key, maxBytes)
        chunks.push(Uint8Array.from(piece))
      }
      return new Uint8Array(Buffer.concat(chunks))
    })
  }

  async open(key: string, signal: AbortSignal): Promise<OpenObject> {
    const handle = await this.#open(key, signal)
    try {
      const stat = await handle.stat()
      if (!stat.isFile()) throw objectMissing(this.bucket, key)
      return {
        sizeBytes: stat.size,
        // Nothing at all cannot be said with a last byte.
        stream: (from, to) => (to < from ? emptied(handle) : handle.createReadStream({start: from, end: to})),
        close: () => handle.close(),
      }
    } catch (error) {
      await handle.close()
      throw error instanceof LeomaError ? error : this.#failure(error)
    }
  }

  async has(key: string, signal: AbortSignal): Promise<boolean> {
    requireKey(key)
    signal.throwIfAborted()
    const file = await this.#existing(key)
    return file !== undefined && (await this.#ask(() => lstat(file)))?.isFile() === true
  }

  async *list(prefix: string, signal: AbortSignal): AsyncGenerator<StoredObject, void, void> {
    requirePrefix(prefix)
    signal.throwIfAborted()
    const parent = prefix.slice(0, prefix.lastIndexOf('/') + 1)
    if (parent !== '' && !isKey(parent.slice(0, -1))) return
    const folder = parent === '' ? this.#folder : await this.#existing(parent.slice(0, -1))
    if (folder !== undefined) yield* this.#walk(folder, parent, prefix, signal)
  }

  async *#walk(folder: string, parent: string, prefix: string, signal: AbortSignal): AsyncGenerator<StoredObject> {
    const entries = (await this.#ask(() => readdir(folder, {withFileTypes: true}))) ?? []
    const wanted = entries
      .filter((entry) => isKey(entry.name) && (entry.isFile() || entry.isDirectory()))
      .map((entry) => ({entry, key: `${parent}${entry.name}${entry.isDirectory() ? '/' : ''}`}))
      .filter(({key}) => key.startsWith(prefix) || prefix.startsWith(key))
      // With the slash, as it stands in the keys: `a-b` comes before `a/b`.
      .sort((a, b) => compareText(a.key, b.key))
    for (const {entry, key} of wanted) {
      signal.throwIfAborted()
      if (entry.isDirectory()) yield* this.#walk(path.join(folder, entry.name), key, prefix, signal)
      else yield* this.#stored(folder, entry, key)
    }
  }

  async *#stored(folder: string, entry: Dirent, key: string): AsyncGenerator<StoredObject> {
    const stat = await this.#ask(() => lstat(path.join(folder, entry.name)))
    if (stat) yield {key, sizeBytes: stat.size}
  }

  async #put(key: string, source: Pieces, signal: AbortSignal): Promise<WrittenObject> {
    requireKey(key)
    signal.throwIfAborted()
    const target = await this.#makeParents(key)
    const part = path.join(this.#folder, incoming, randomUUID())
    try {
      await mkdir(path.dirname(part), {recursive: true})
      const written = await copy(source, part, signal)
      await rename(part, target)
      return {key, ...written}
    } catch (error) {
      if (isCode(error, 'EISDIR', 'ENOTEMPTY')) throw this.#conflict(key)
      signal.throwIfAborted()
      throw this.#failure(error)
    } finally {
      await rm(part, {force: true})
    }
  }

  async #get<T>(key: string, maxBytes: number, signal: AbortSignal, read: (source: Pieces) => Promise<T>): Promise<T> {
    const handle = await this.#open(key, signal)
    try {
      const stat = await handle.stat()
      if (!stat.isFile()) throw objectMissing(this.bucket, key)
      if (stat.size > maxBytes) throw objectTooLarge(this.bucket, key, maxBytes)
      return await read(piecesOf(handle))
    } catch (error) {
      signal.throwIfAborted()
      throw this.#failure(error)
    } finally {
      await handle.close()
    }
  }

  async #open(key: string, signal: AbortSignal): Promise<FileHandle> {
    requireKey(key)
    signal.throwIfAborted()
    const file = await this.#existing(key)
    // Without O_NONBLOCK, opening a named pipe would wait for a writer that never comes.
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
    const handle = file === undefined ? undefined : await this.#ask(() => open(file, flags))
    if (!handle) throw objectMissing(this.bucket, key)
    return handle
  }

  /** Where a key's object would lie, if its folder is there without the help of a link. */
  async #existing(key: string): Promise<string | undefined> {
    const root = await this.#ask(() => realpath(this.#folder))
    if (root === undefined) return undefined
    const file = path.join(root, key)
    const parent = path.dirname(file)
    return (await this.#ask(() => realpath(parent))) === parent ? file : undefined
  }

  async #makeParents(key: string): Promise<string> {
    let folder = this.#folder
    await this.#try(() => mkdir(folder, {recursive: true}))
    for (const part of key.split('/').slice(0, -1)) {
      folder = path.join(folder, part)
      await this.#try(() => mkdir(folder).catch((error: unknown) => ignore(error, 'EEXIST')))
      if (!(await this.#try(() => lstat(folder))).isDirectory()) throw this.#conflict(key)
    }
    return path.join(this.#folder, key)
  }

  /** Undefined when there is nothing by that name. */
  async #ask<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      if (isCode(error, ...absent)) return undefined
      throw this.#failure(error)
    }
  }

  async #try<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw this.#failure(error)
    }
  }

  #conflict(key: string): LeomaError {
    return new LeomaError('data', 'OBJECT_KEY_INVALID', `${key} cannot be stored: another object's key is a part of it`)
  }

  /** The system's errors in our words; our own, and anything else, as they are. */
  #failure(error: unknown): unknown {
    if (!(error instanceof Error) || error instanceof LeomaError || !('syscall' in error)) return error
    return new LeomaError('upstream', 'OBJECTS_UNREACHABLE', `bucket ${this.bucket} did not answer: ${error.message}`, {
      hints: [`check that ${this.#folder} can be read and written, and that the disk is not full`],
      cause: error,
    })
  }
}

/** Copies to a new file, hashing on the way; on disk when it returns. The file may be left half when it throws. */
async function copy(
  source: Pieces,
  to: string,
  signal: AbortSignal,
  tooLarge?: () => Error,
  maxBytes = Number.POSITIVE_INFINITY,
): Promise<{sha256: Sha256; sizeBytes: number}> {
  const hash = createHash('sha256')
  let sizeBytes = 0
  const handle: FileHandle = await open(to, 'wx')
  try {
    for await (const piece of source) {
      signal.throwIfAborted()
      sizeBytes += piece.length
      if (sizeBytes > maxBytes && tooLarge) throw tooLarge()
      hash.update(piece)
      await handle.writeFile(piece)
    }
    signal.throwIfAborted()
    await handle.datasync()
  } finally {
    await handle.close()
  }
  return {sha256: Sha256.parse(hash.digest('hex')), sizeBytes}
}

function emptied(handle: FileHandle): Readable {
  const empty = Readable.from([])
  empty.once('close', () => void handle.close())
  return empty
}

/** Each is good until the next one is asked for. */
type Pieces = AsyncIterable<Uint8Array> | Iterable<Uint8Array>

/** The whole of a file, from its beginning, through one piece of memory. */
async function* piecesOf(handle: FileHandle): AsyncGenerator<Uint8Array, void, void> {
  const memory = borrowed(pieceBytes)
  try {
    for (let at = 0; ; ) {
      const {bytesRead} = await handle.read(memory, 0, pieceBytes, at)
      if (bytesRead === 0) return
      at += bytesRead
      yield memory.subarray(0, bytesRead)
    }
  } finally {
    giveBack(memory)
  }
}

function ignore(error: unknown, code: string): void {
  if (!isCode(error, code)) throw error
}

function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code))
}
