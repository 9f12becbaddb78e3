import {createHash} from 'node:crypto'
import {constants} from 'node:fs'
import {type FileHandle, lstat, open, rm} from 'node:fs/promises'
import path from 'node:path'
import {checkedName} from './file-name.js'
import type {Taken} from './port.js'

const {O_DIRECTORY, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY} = constants
const blockBytes = 1024 * 1024

/**
 * A folder that a stranger writes. It is held open, and names are looked up in what is held: whatever happens to the way
 * that led there, and even when the sandbox around it has ended, this is the folder that was meant.
 */
export class Outbox {
  readonly #folder: FileHandle | undefined
  readonly #path: string

  /** `path` itself may be written by nobody but us; it is not followed when it is a link. */
  static async open(folder: string): Promise<Outbox> {
    return new Outbox(await open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), folder)
  }

  /** With nothing in it: for a program that ended before it could write. */
  static readonly none = new Outbox(undefined, '')

  private constructor(folder: FileHandle | undefined, name: string) {
    this.#folder = folder
    // Node has no openat; on Linux the open folder has a name that leads to itself.
    this.#path = folder && process.platform === 'linux' ? `/proc/self/fd/${folder.fd}` : name
  }

  /** For whoever measures the folder; undefined when there is none. */
  get path(): string | undefined {
    return this.#folder && this.#path
  }

  /** Writable for whoever runs inside, whatever the image made of the place. */
  async openToAll(): Promise<void> {
    await this.#folder?.chmod(0o1777)
  }

  async has(name: string): Promise<boolean> {
    if (!this.#folder) return false
    try {
      await lstat(path.join(this.#path, checkedName(name)))
      return true
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return false
      throw error
    }
  }

  async take(name: string, to: string, maxBytes: number): Promise<Taken> {
    if (!this.#folder) return {ok: false, reason: 'absent'}
    const source = await openPlain(path.join(this.#path, checkedName(name)))
    if (typeof source === 'string') return {ok: false, reason: source}
    try {
      const before = await source.stat()
      const folder = await this.#folder.stat()
      // A second name could be one under which it is still written.
      if (!before.isFile() || before.nlink > 1) return {ok: false, reason: 'not-a-file'}
      if (before.size > maxBytes) return {ok: false, reason: 'too-large'}
      const taken = await copy(source, to, maxBytes)
      const after = await source.stat()
      const isSame = taken?.bytes === before.size && after.size === before.size && after.mtimeMs === before.mtimeMs
      // The kernel's own word for when it was done, which no program can set back; not every file system notes on the file
      // that it was given its name, but every one notes it on the folder.
      if (taken && isSame) return {ok: true, ...taken, doneAtMs: Math.max(after.ctimeMs, folder.ctimeMs)}
      await rm(to, {force: true})
      return {ok: false, reason: taken ? 'changed' : 'too-large'}
    } finally {
      await source.close()
    }
  }

  async close(): Promise<void> {
    await this.#folder?.close()
  }
}

/** Without following a link, without waiting for a pipe's other end, without taking a terminal. */
async function openPlain(file: string): Promise<FileHandle | 'absent' | 'not-a-file' | 'unreadable'> {
  try {
    return await open(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT') return 'absent'
    if (code === 'EACCES' || code === 'EPERM') return 'unreadable'
    // A link; a socket, or a device that is not there.
    if (code === 'ELOOP' || code === 'EMLINK' || code === 'ENXIO' || code === 'ENODEV') return 'not-a-file'
    throw error
  }
}

/** Undefined when there was more than `maxBytes`, whatever its size said before. */
async function copy(
  source: FileHandle,
  to: string,
  maxBytes: number,
): Promise<{bytes: number; sha256: string} | undefined> {
  const hash = createHash('sha256')
  const target = await open(to, 'wx', 0o600)
  try {
    const block = Buffer.allocUnsafe(blockBytes)
    let bytes = 0
    for (;;) {
      const {bytesRead} = await source.read(block, 0, blockBytes, bytes)
      if (bytesRead === 0) return {bytes, sha256: hash.digest('hex')}
      bytes += bytesRead
      if (bytes > maxBytes) return undefined
      hash.update(block.subarray(0, bytesRead))
      await target.writeFile(block.subarray(0, bytesRead))
    }
  } finally {
    await target.close()
  }
}

export function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
