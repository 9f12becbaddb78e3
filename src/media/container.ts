import {open} from 'node:fs/promises'
import {basename} from 'node:path'
import {LeomaError} from '../errors.js'

/** What the first bytes say. `demuxer` is ffmpeg's name of the one reader that may open the file. */
export interface Container {
  readonly name: 'mp4' | 'mov' | 'matroska' | 'webm' | 'avi'
  readonly demuxer: 'mov' | 'matroska' | 'avi'
}

const HEAD_BYTES = 4096
const movBoxes = new Set(['ftyp', 'moov', 'mdat', 'wide', 'free', 'skip', 'pnot'])

/**
 * Decides by magic bytes which demuxer may read a file, before ffmpeg sees it. Left to guess, ffmpeg would also follow
 * playlists and concatenation scripts, and those name other files on this disk. Throws `VIDEO_UNREADABLE`
 * for anything else, saying what it looks like.
 */
export async function sniffContainer(file: string): Promise<Container> {
  const head = await readHead(file)
  const found = identify(head)
  if (found) return found
  throw new LeomaError('data', 'VIDEO_UNREADABLE', `${displayName(file)} is not a video: ${looksLike(head)}`)
}

function identify(head: Uint8Array): Container | undefined {
  const text = latin1(head)
  if (movBoxes.has(text.slice(4, 8))) {
    const quicktime = text.slice(4, 8) !== 'ftyp' || text.slice(8, 12) === 'qt  '
    return {name: quicktime ? 'mov' : 'mp4', demuxer: 'mov'}
  }
  if (text.startsWith('\x1aE\xdf\xa3')) {
    // DocType element: id 0x4282, one length byte with its high bit set, then the name.
    const type = /\x42\x82[\x80-\xff]([a-z]+)/.exec(text.slice(0, 256))?.[1]
    return {name: type === 'webm' ? 'webm' : 'matroska', demuxer: 'matroska'}
  }
  if (text.startsWith('RIFF') && text.slice(8, 12) === 'AVI ') return {name: 'avi', demuxer: 'avi'}
  return undefined
}

function looksLike(head: Uint8Array): string {
  const text = latin1(head)
  if (head.length === 0) return 'it is empty'
  if (/^\s*(?:\ufeff|\xef\xbb\xbf)?\s*<(?:!doctype|html|head|body|\?xml)/i.test(text))
    return 'it is an HTML or XML page'
  if (/^\s*[[{"]/.test(text)) return 'it is JSON or other text'
  if (text.startsWith('\x89PNG') || text.startsWith('\xff\xd8\xff') || text.startsWith('GIF8')) return 'it is a picture'
  if (/^[\t\r\n\x20-\x7e]+$/.test(text.slice(0, 64))) return 'it is text'
  return 'no mp4, mov, mkv, webm or avi begins like this'
}

async function readHead(file: string): Promise<Uint8Array> {
  try {
    const handle = await open(file, 'r')
    try {
      const {bytesRead, buffer} = await handle.read(new Uint8Array(HEAD_BYTES), 0, HEAD_BYTES, 0)
      return buffer.subarray(0, bytesRead)
    } finally {
      await handle.close()
    }
  } catch (cause) {
    throw new LeomaError('upstream', 'MEDIA_FAILED', `${displayName(file)} cannot be opened`, {cause})
  }
}

/** A file's name for messages: no folder, bounded, printable. */
export function displayName(file: string): string {
  return basename(file)
    .replace(/[^\x20-\x7e]/g, '?')
    .slice(0, 80)
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}
