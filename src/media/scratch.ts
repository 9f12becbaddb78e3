import {randomUUID} from 'node:crypto'
import {type FileHandle, open, unlink} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {LeomaError} from '../errors.js'
import {borrowed} from '../runtime/memory.js'

/**
 * Files without a name, gone when they are closed or the process ends. Frames come through them because a pipe's thousand
 * small pieces keep the garbage collector busier than the frames' arithmetic keeps the processor.
 */
export async function withScratchFiles<T>(
  count: number,
  use: (files: readonly FileHandle[]) => Promise<T>,
): Promise<T> {
  const files: FileHandle[] = []
  try {
    while (files.length < count) files.push(await scratchFile())
    return await use(files)
  } finally {
    await Promise.all(files.map((file) => file.close()))
  }
}

async function scratchFile(): Promise<FileHandle> {
  const path = join(tmpdir(), `leoma-${randomUUID()}`)
  try {
    const file = await open(path, 'wx+', 0o600)
    await unlink(path)
    return file
  } catch (cause) {
    throw new LeomaError('upstream', 'MEDIA_FAILED', `no file for decoded frames can be made in ${tmpdir()}`, {
      ...{cause, hints: ['free some space there, or point TMPDIR to another folder']},
    })
  }
}

/** Everything that was written to each, up to its limit in bytes. Each array has memory of its own, which `giveBack` takes. */
export function contentsOf(files: readonly FileHandle[], maxBytes: readonly number[]): Promise<Uint8Array[]> {
  return Promise.all(files.map((file, i) => contentOf(file, maxBytes[i] ?? 0)))
}

async function contentOf(file: FileHandle, maxBytes: number): Promise<Uint8Array> {
  const {size} = await file.stat()
  const bytes = borrowed(Math.min(size, maxBytes))
  let at = 0
  while (at < bytes.length) {
    const {bytesRead} = await file.read(bytes, at, bytes.length - at, at)
    if (bytesRead === 0) break
    at += bytesRead
  }
  return bytes.subarray(0, at)
}
