import {mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {beforeAll, expect, test} from 'vitest'
import {FfmpegMedia} from '../../../src/media/ffmpeg.js'
import {lazyFfmpeg} from '../../../src/media/resolve.js'
import {createRunner, fileArgument} from '../../../src/media/run.js'
import {localnetParams} from '../../../src/services/localnet/exam.js'
import {importSources} from '../../../src/services/localnet/sources.js'
import {tempFolder} from '../../helpers/temp-folder.js'

const {signal} = new AbortController()
const run = createRunner({ffmpeg: lazyFfmpeg({searchPath: process.env.PATH})})
const {clip} = localnetParams(1000)
let long: Buffer
let short: Buffer

async function aVideo(name: string, input: readonly string[]): Promise<Buffer> {
  const file = path.join(tempFolder(), name)
  await run([...input, '-y', fileArgument(file)], {signal, what: 'a test video'})
  return readFileSync(file)
}

const pattern = (seconds: number) => ['-f', 'lavfi', '-i', `testsrc2=size=320x180:rate=15:duration=${seconds}`]

beforeAll(async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'leoma-sources-'))
  for (const [name, seconds] of [
    ['long.mp4', 8],
    ['short.mp4', 6],
  ] as const)
    await run([...pattern(seconds), '-y', fileArgument(path.join(folder, name))], {signal, what: 'a test video'})
  long = readFileSync(path.join(folder, 'long.mp4'))
  short = readFileSync(path.join(folder, 'short.mp4'))
  rmSync(folder, {recursive: true})
})

interface Imported {
  readonly keys: string[]
  readonly skipped: Record<string, string>
  readonly progress: string[]
  readonly to: string
}

async function importFrom(
  files: Record<string, Buffer | string>,
  limits: Partial<typeof clip> = {},
): Promise<Imported> {
  const from = tempFolder()
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(from, name)), {recursive: true})
    writeFileSync(path.join(from, name), content)
  }
  const to = path.join(tempFolder(), 'source')
  const skipped: Record<string, string> = {}
  const progress: string[] = []
  const keys = await importSources({
    ...{from, to, signal, concurrency: 2, media: new FfmpegMedia({run})},
    clip: {...clip, ...limits},
    onSkip: (file, reason) => {
      skipped[file] = reason
    },
    onProgress: (done, total) => progress.push(`${done}/${total}`),
  })
  return {keys, skipped, progress, to}
}

test('usable videos are copied under names that are object keys, with the text beside them', async () => {
  const {keys, skipped, progress, to} = await importFrom({
    'My clip (1).MP4': long,
    'My clip (1).txt': 'a bar moves',
    'sub folder/ünï.mp4': long,
    'notes.txt': 'no video',
    '.hidden.mp4': long,
  })

  expect(keys).toEqual(['My-clip-1.mp4', 'sub-folder-u-ni.mp4'])
  expect(readdirSync(to).sort()).toEqual(['My-clip-1.mp4', 'My-clip-1.txt', 'sub-folder-u-ni.mp4'])
  expect(readFileSync(path.join(to, 'My-clip-1.txt'), 'utf8')).toBe('a bar moves')
  expect(skipped).toEqual({})
  expect(progress.at(-1)).toBe('2/2')
})

test('two names that fall together both get in', async () => {
  expect((await importFrom({'a b.mp4': long, 'a-b.mp4': long})).keys).toEqual(['a-b.mp4', 'a-b-2.mp4'])
})

test('whatever cannot be used is passed over with a reason of its own', async () => {
  const sound = await aVideo('sound.mp4', ['-f', 'lavfi', '-i', 'sine=duration=8'])
  const {keys, skipped} = await importFrom(
    {
      'good.mp4': long,
      'short.mp4': short,
      'text.avi': 'x'.repeat(20_000),
      'sound.mp4': sound,
      'tiny.mov': 'x',
      'big.mkv': 'x'.repeat(2_000_000),
    },
    {maxSourceBytes: 1_900_000},
  )

  expect(keys).toEqual(['good.mp4'])
  expect(skipped).toEqual({
    'short.mp4': 'no uncut stretch of 7 s',
    'text.avi': expect.stringMatching(/^unreadable: /),
    'sound.mp4': 'no video in it',
    'tiny.mov': 'smaller than 10000 bytes',
    'big.mkv': 'larger than 1900000 bytes',
  })
})

test('a folder without a usable video is an error that says what is needed', async () => {
  await expect(importFrom({'short.mp4': short})).rejects.toMatchObject({
    ...{kind: 'usage', code: 'SOURCE_UNUSABLE'},
    hints: [expect.stringContaining('7 s'), expect.stringContaining('--source')],
  })
  await expect(importFrom({'readme.txt': 'x'})).rejects.toMatchObject({
    message: expect.stringContaining('no mp4, mov, mkv, webm or avi file'),
  })
})

test('a second import copies nothing that is there already', async () => {
  const {to} = await importFrom({'good.mp4': long})
  const from = tempFolder()
  writeFileSync(path.join(from, 'good.mp4'), long)
  const before = statSync(path.join(to, 'good.mp4')).ino

  await importSources({
    ...{from, to, signal, clip, concurrency: 1, media: new FfmpegMedia({run}), onSkip: () => {}, onProgress: () => {}},
  })

  expect(statSync(path.join(to, 'good.mp4')).ino).toBe(before)
})
