import {createReadStream} from 'node:fs'

export type TarEntry =
  | {readonly path: string; readonly mode: number; readonly content: Uint8Array}
  | {readonly path: string; readonly mode: number; readonly file: string; readonly sizeBytes: number}
  | {readonly path: string; readonly mode: number}

const block = 512

/** An archive in the ustar format (POSIX.1-1988): files from memory or from disk, and folders. Times and owners are 0. */
export async function* tar(entries: Iterable<TarEntry>): AsyncGenerator<Uint8Array> {
  for (const entry of entries) {
    const sizeBytes = 'content' in entry ? entry.content.length : 'file' in entry ? entry.sizeBytes : 0
    const isFolder = !('content' in entry || 'file' in entry)
    yield header(isFolder ? `${entry.path}/` : entry.path, entry.mode, sizeBytes, isFolder)
    if ('content' in entry) yield entry.content
    if ('file' in entry) yield* exactly(entry.file, sizeBytes)
    yield new Uint8Array((block - (sizeBytes % block)) % block)
  }
  yield new Uint8Array(2 * block)
}

function header(path: string, mode: number, sizeBytes: number, isFolder: boolean): Uint8Array {
  if (Buffer.byteLength(path) > 100) throw new Error(`${path} is too long for the archive`)
  const bytes = Buffer.alloc(block)
  const octal = (value: number, at: number, length: number) =>
    bytes.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1')
  bytes.write(path, 0, 'utf8')
  octal(mode, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  octal(sizeBytes, 124, 12)
  octal(0, 136, 12)
  bytes.fill(' ', 148, 156)
  bytes.write(isFolder ? '5' : '0', 156, 'latin1')
  bytes.write('ustar\x0000', 257, 'latin1')
  const sum = bytes.reduce((total, byte) => total + byte, 0)
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return bytes
}

async function* exactly(file: string, sizeBytes: number): AsyncGenerator<Uint8Array> {
  let sent = 0
  for await (const chunk of createReadStream(file, {highWaterMark: 1024 * 1024})) {
    const bytes: Uint8Array = chunk
    sent += bytes.length
    yield bytes
  }
  if (sent !== sizeBytes) throw new Error(`${file} changed while it was packed`)
}
