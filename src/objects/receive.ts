import {createHash, randomUUID} from 'node:crypto'
import {type FileHandle, open, rename, rm} from 'node:fs/promises'
import {addAbortSignal, type Readable} from 'node:stream'
import {Sha256} from '../domain/ids.js'
import {withDeadline} from '../runtime/deadline.js'
import {withIdleDeadline} from '../runtime/idle-deadline.js'
import {objectTooLarge} from './key.js'

/** An object on its way in. */
export interface Arrival {
  readonly bucket: string
  readonly key: string
  readonly body: Readable
  /** What the other side said it would send; undefined when it did not. */
  readonly announcedBytes: number | undefined
  readonly maxBytes: number
}

export interface Patience {
  /** Longest pause between two pieces, in milliseconds. */
  readonly timeoutMs: number
  /** A transfer may take this long per byte, so that nobody can keep one going for ever. */
  readonly minBytesPerSecond: number
}

export interface Received {
  readonly sha256: Sha256
  readonly sizeBytes: number
}

/** Fewer bytes than announced; whoever reads may try again. */
export class CutShort extends Error {
  constructor(key: string, sizeBytes: number, announcedBytes: number) {
    super(`${key} ended after ${sizeBytes} of ${announcedBytes} bytes`)
  }
}

/** Small pieces are gathered, so that a file is not written 64 KiB at a time. */
const gatherBytes = 1024 * 1024

/** How long moving so many bytes may take. */
export function transferMs(bytes: number, {timeoutMs, minBytesPerSecond}: Patience): number {
  return timeoutMs + Math.ceil((bytes / minBytesPerSecond) * 1000)
}

/** To a file that bears its name only once it is whole; nothing is left of a failure. */
export async function receiveFile(
  arrival: Arrival,
  to: string,
  patience: Patience,
  signal: AbortSignal,
): Promise<Received> {
  // Beside the target, so that the rename stays on one file system.
  const part = `${to}.${randomUUID()}.part`
  try {
    const handle = await open(part, 'wx')
    let received: Received
    try {
      received = await receive(arrival, patience, signal, (chunks) => writeAll(handle, chunks))
    } finally {
      await handle.close()
    }
    await rename(part, to)
    return received
  } finally {
    arrival.body.destroy()
    await rm(part, {force: true})
  }
}

/** Without copying them together first; what the system does not take at once is written in a second go. */
async function writeAll(handle: FileHandle, chunks: readonly Uint8Array[]): Promise<void> {
  const {bytesWritten} = await handle.writev(chunks)
  const whole = chunks.reduce((sum, {length}) => sum + length, 0)
  if (bytesWritten < whole) await handle.writeFile(Buffer.concat(chunks).subarray(bytesWritten))
}

export async function receiveBytes(
  arrival: Arrival,
  patience: Patience,
  signal: AbortSignal,
): Promise<Received & {readonly bytes: Uint8Array}> {
  const chunks: Uint8Array[] = []
  try {
    const received = await receive(arrival, patience, signal, async (more) => void chunks.push(...more))
    return {...received, bytes: new Uint8Array(Buffer.concat(chunks))}
  } finally {
    arrival.body.destroy()
  }
}

async function receive(
  {bucket, key, body, announcedBytes, maxBytes}: Arrival,
  patience: Patience,
  signal: AbortSignal,
  keep: (chunks: readonly Uint8Array[]) => Promise<unknown>,
): Promise<Received> {
  // Whoever awaits the pieces is told of errors; this is for those that come before and after.
  body.on('error', () => {})
  if (announcedBytes !== undefined && announcedBytes > maxBytes) throw objectTooLarge(bucket, key, maxBytes)
  const what = `${key} of ${bucket}`
  const wholeMs = transferMs(announcedBytes ?? maxBytes, patience)
  return withDeadline(`reading ${what}`, wholeMs, signal, (whole) =>
    withIdleDeadline(what, patience.timeoutMs, whole, async (inner, beat) => {
      const hash = createHash('sha256')
      let sizeBytes = 0
      let gathered: Uint8Array[] = []
      let gatheredBytes = 0
      // One lot is kept while the next arrives.
      let keeping: Promise<unknown> = Promise.resolve()
      const flush = async () => {
        await keeping
        keeping = gathered.length > 0 ? keep(gathered) : keeping
        // Told to whoever awaits it; the loop may fail first.
        keeping.catch(() => {})
        gathered = []
        gatheredBytes = 0
      }
      try {
        addAbortSignal(inner, body)
        for await (const chunk of chunksOf(body)) {
          beat()
          sizeBytes += chunk.length
          if (sizeBytes > maxBytes) throw objectTooLarge(bucket, key, maxBytes)
          hash.update(chunk)
          gathered.push(chunk)
          gatheredBytes += chunk.length
          if (gatheredBytes >= gatherBytes) await flush()
        }
        await flush()
      } catch (error) {
        inner.throwIfAborted()
        throw error
      } finally {
        // Nobody may close the file under a write.
        await keeping
      }
      inner.throwIfAborted()
      if (announcedBytes !== undefined && sizeBytes !== announcedBytes) {
        throw new CutShort(key, sizeBytes, announcedBytes)
      }
      return {sha256: Sha256.parse(hash.digest('hex')), sizeBytes}
    }),
  )
}

/** Streams without an encoding give bytes; the library's type does not know. */
async function* chunksOf(source: Readable): AsyncGenerator<Uint8Array> {
  for await (const chunk of source as AsyncIterable<Uint8Array>) yield chunk
}
