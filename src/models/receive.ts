import {createHash} from 'node:crypto'
import {type FileHandle, open, rename, rm} from 'node:fs/promises'
import {Sha256} from '../domain/ids.js'
import type {Generation} from './port.js'

/** The body broke off; `cause` says how. Anything else that is thrown is about the local file. */
export class BodyError extends Error {}

/**
 * Streams a body to a file, a piece at a time whatever its size, and stops at the first byte over the limit. Nothing lies
 * at `to` unless the whole body does.
 */
export async function receive(
  body: AsyncIterable<Uint8Array>,
  to: string,
  maxBytes: number,
  signal: AbortSignal,
): Promise<NonNullable<Generation['file']> | 'empty' | 'too_large'> {
  const part = `${to}.part`
  const handle = await open(part, 'w')
  try {
    const file = await write(body, handle, maxBytes, signal).finally(() => handle.close())
    if (typeof file !== 'string') await rename(part, to)
    return file
  } finally {
    await rm(part, {force: true})
  }
}

async function write(
  body: AsyncIterable<Uint8Array>,
  handle: FileHandle,
  maxBytes: number,
  signal: AbortSignal,
): Promise<NonNullable<Generation['file']> | 'empty' | 'too_large'> {
  const hash = createHash('sha256')
  let sizeBytes = 0
  for await (const chunk of marked(body)) {
    signal.throwIfAborted()
    sizeBytes += chunk.length
    if (sizeBytes > maxBytes) return 'too_large'
    hash.update(chunk)
    await handle.writeFile(chunk)
  }
  return sizeBytes === 0 ? 'empty' : {sha256: Sha256.parse(hash.digest('hex')), sizeBytes}
}

/** Tells the body's failures from the file's. */
async function* marked(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const iterator = body[Symbol.asyncIterator]()
  try {
    while (true) {
      const next = await iterator.next().catch((cause: unknown) => {
        throw new BodyError('the body broke off', {cause})
      })
      if (next.done) return
      yield next.value
    }
  } finally {
    await iterator.return?.()
  }
}
