import {copyFile, mkdir, readdir, rename, stat} from 'node:fs/promises'
import path from 'node:path'
import pLimit from 'p-limit'
import {compareText} from '../../domain/ids.js'
import {LeomaError} from '../../errors.js'
import {unusableBecause} from '../../mechanisms/video/choose.js'
import type {VideoParams} from '../../mechanisms/video/params.js'
import type {Media} from '../../media/port.js'

export const isVideo = (name: string) => /\.(mp4|mov|mkv|webm|avi)$/i.test(name)

/** More than this adds nothing to a local subnet, and every source is decoded twice before the first round. */
const enough = 24
const maxDepth = 4

export interface ImportOptions {
  readonly from: string
  /** Folder that stands for the source bucket. */
  readonly to: string
  readonly clip: VideoParams['clip']
  readonly media: Pick<Media, 'probe' | 'sceneCuts'>
  readonly concurrency: number
  readonly signal: AbortSignal
  readonly onSkip: (file: string, reason: string) => void
  readonly onProgress: (done: number, total: number) => void
}

/**
 * Copies every usable video of a folder into the source bucket and says of each other one why not. Files that are no
 * videos by their name are passed over in silence. Throws `SOURCE_UNUSABLE` when nothing is left.
 */
export async function importSources(options: ImportOptions): Promise<string[]> {
  const {from, to, onSkip, onProgress} = options
  const found = await listVideos(from)
  const limit = pLimit(options.concurrency)
  const keys = assignKeys(found)
  await mkdir(to, {recursive: true})
  let done = 0
  let usable = 0
  const imported = await Promise.all(
    found.map((file) =>
      limit(async () => {
        const key = keys.get(file) ?? path.basename(file)
        const reason = usable >= enough ? `${enough} sources are enough` : await check(path.join(from, file), options)
        if (reason === undefined) {
          usable++
          await copyWithSidecar(path.join(from, file), path.join(to, key))
        } else onSkip(file, reason)
        onProgress(++done, found.length)
        return reason === undefined ? key : undefined
      }),
    ),
  )
  const used = imported.filter((key) => key !== undefined)
  if (used.length > 0) return used
  const why = found.length === 0 ? 'holds no mp4, mov, mkv, webm or avi file' : 'holds no video that can be used'
  throw new LeomaError('usage', 'SOURCE_UNUSABLE', `${from} ${why}`, {
    hints: [
      `a source needs an uncut stretch of ${options.clip.durationS + options.clip.safeStartOffsetS} s`,
      'leave --source out: leoma then makes clips of its own',
    ],
  })
}

async function check(file: string, {clip, media, signal}: ImportOptions): Promise<string | undefined> {
  const {size} = await stat(file)
  // Before anything is read of it.
  if (size > clip.maxSourceBytes) return `larger than ${clip.maxSourceBytes} bytes`
  if (size < clip.minSourceBytes) return `smaller than ${clip.minSourceBytes} bytes`
  try {
    const info = await media.probe(file, signal)
    if (info.videoStreams === 0) return 'no video in it'
    const {cuts, durationS} = await media.sceneCuts(file, clip.sceneThreshold, signal)
    return unusableBecause({sizeBytes: size, durationS, cuts}, clip)
  } catch (error) {
    signal.throwIfAborted()
    // What the bytes are at fault for is the file's; a missing ffmpeg is not, and must be seen.
    if (error instanceof LeomaError && error.kind === 'data') {
      // ffmpeg's words for a file with sound or a cover picture alone.
      return /\b0:V\b/.test(error.message) ? 'no video in it' : `unreadable: ${error.message}`
    }
    if (error instanceof LeomaError && error.code === 'DEADLINE') return `takes too long to read: ${error.message}`
    throw error
  }
}

/** Paths relative to the folder, in order; hidden files and links out of the folder are left alone. */
async function listVideos(from: string): Promise<string[]> {
  const found: string[] = []
  const visit = async (folder: string, depth: number): Promise<void> => {
    for (const entry of await readdir(path.join(from, folder), {withFileTypes: true})) {
      const name = path.join(folder, entry.name)
      if (entry.name.startsWith('.')) continue
      if (entry.isDirectory() && depth < maxDepth) await visit(name, depth + 1)
      else if ((entry.isFile() || entry.isSymbolicLink()) && isVideo(entry.name)) found.push(name)
    }
  }
  try {
    await visit('', 0)
  } catch (error) {
    throw new LeomaError('usage', 'SOURCE_UNREADABLE', `the folder ${from} cannot be read`, {cause: error})
  }
  return found.sort(compareText)
}

/** Object keys allow few characters, so two names may fall together; the later one gets a number. */
function assignKeys(files: readonly string[]): Map<string, string> {
  const keys = new Map<string, string>()
  const taken = new Set<string>()
  for (const file of files) {
    const {dir, name, ext} = path.parse(file)
    const stem = [...dir.split(path.sep), name].filter((piece) => piece !== '').map(plain)
    for (let count = 1; ; count++) {
      const key = `${stem.join('-')}${count === 1 ? '' : `-${count}`}${ext.toLowerCase()}`
      if (taken.has(key)) continue
      taken.add(key)
      keys.set(file, key)
      break
    }
  }
  return keys
}

function plain(name: string): string {
  const kept = name
    .normalize('NFKD')
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[-.]+|[-.]+$/g, '')
  return kept.slice(0, 80) || 'video'
}

/** A text beside a video is its prompt, and goes with it. A copy that is there already (a resumed run) is kept. */
async function copyWithSidecar(from: string, to: string): Promise<void> {
  const there = await stat(to).catch(() => undefined)
  if (there?.size !== (await stat(from)).size) await copyWhole(from, to)
  const [textFrom, textTo] = [from, to].map((file) => `${file.slice(0, -path.extname(file).length)}.txt`)
  if (textFrom && textTo && (await stat(textFrom).catch(() => undefined))?.isFile()) await copyWhole(textFrom, textTo)
}

/** Readers of the bucket see no half a file. */
async function copyWhole(from: string, to: string): Promise<void> {
  await copyFile(from, `${to}.tmp`)
  await rename(`${to}.tmp`, to)
}
