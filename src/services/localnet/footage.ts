import {readdir, stat} from 'node:fs/promises'
import path from 'node:path'
import pLimit from 'p-limit'
import type {Objects} from '../../objects/port.js'
import {isVideo} from './sources.js'

/** A store answers several at once sooner than one after the other; a home connection has no room for more. */
const uploads = 4

export interface UploadOptions {
  readonly folder: string
  readonly signal: AbortSignal
  readonly onProgress: (done: number, total: number) => void
}

/** Puts a folder's videos and the prompts beside them into a bucket; a video that is there in the same size stays. */
export async function uploadFootage(objects: Objects, {folder, signal, onProgress}: UploadOptions): Promise<void> {
  const there = new Map<string, number>()
  for await (const {key, sizeBytes} of objects.list('', signal)) there.set(key, sizeBytes)
  const files = (await readdir(folder)).filter((name) => isVideo(name) || name.endsWith('.txt'))
  const limit = pLimit(uploads)
  let done = 0
  await Promise.all(
    files.map((name) =>
      limit(async () => {
        const file = path.join(folder, name)
        const isThere = isVideo(name) && there.get(name) === (await stat(file)).size
        if (!isThere) await objects.putFile(name, file, contentType(name), signal)
        onProgress(++done, files.length)
      }),
    ),
  )
}

const types: Readonly<Record<string, string>> = {
  '.avi': 'video/x-msvideo',
  '.mkv': 'video/x-matroska',
  '.mov': 'video/quicktime',
  '.mp4': 'video/mp4',
  '.txt': 'text/plain; charset=utf-8',
  '.webm': 'video/webm',
}

function contentType(name: string): string {
  return types[path.extname(name).toLowerCase()] ?? 'application/octet-stream'
}
