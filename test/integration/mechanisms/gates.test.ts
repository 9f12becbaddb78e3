import {mkdtempSync, rmSync} from 'node:fs'
import {readFile, writeFile} from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'
import {checkGates} from '../../../src/mechanisms/video/gates.js'
import {defaults} from '../../../src/mechanisms/video/params.js'
import {FfmpegMedia} from '../../../src/media/ffmpeg.js'
import {lazyFfmpeg} from '../../../src/media/resolve.js'
import {createRunner} from '../../../src/media/run.js'

const dir = mkdtempSync(path.join(os.tmpdir(), 'leoma-gates-'))
const at = (name: string) => path.join(dir, name)
const run = createRunner({ffmpeg: lazyFfmpeg({})})
const media = new FfmpegMedia({run})
const {signal} = new AbortController()
const params = {...defaults, request: {...defaults.request, width: 320, height: 180, frames: 33, maxBytes: 2_000_000}}

const card = ['-f', 'lavfi', '-i', 'testsrc2=s=320x180:r=16', '-frames:v', '33']
const h264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p']
const still = ['-loop', '1', '-framerate', '16', '-i', at('first.png'), '-frames:v', '33']

/** Name of the file, then how ffmpeg makes it. */
const videos: readonly (readonly [string, readonly string[]])[] = [
  ['good.mp4', [...card, ...h264]],
  ['matroska.mkv', [...card, ...h264]],
  ['mpeg4.mp4', [...card, '-c:v', 'mpeg4']],
  ['two.mp4', [...card, '-filter_complex', '[0:v]split[a][b]', '-map', '[a]', '-map', '[b]', ...h264]],
  ['wide.mp4', [...card, '-vf', 'scale=640:180', ...h264]],
  ['fast.mp4', ['-f', 'lavfi', '-i', 'testsrc2=s=320x180:r=30', '-frames:v', '33', ...h264]],
  ['short.mp4', [...card, '-frames:v', '16', ...h264]],
  ['long.mp4', ['-f', 'lavfi', '-i', 'testsrc2=s=320x180:r=16', '-frames:v', '60', ...h264]],
  ['frozen.mp4', [...still, ...h264]],
  ['grain.mp4', [...still, '-vf', 'noise=alls=4:allf=t', ...h264, '-crf', '18']],
  ['slow.mp4', [...still, '-vf', "scale=384:216,crop=320:180:x='10+4*t':y='10'", ...h264]],
]

beforeAll(async () => {
  const options = {signal, what: 'a test video', blame: 'program'} as const
  await run([...card, '-frames:v', '1', at('first.png')], options)
  for (const [name, args] of videos) await run([...args, at(name)], options)
  await writeFile(at('empty.mp4'), '')
  await writeFile(at('huge.mp4'), Buffer.alloc(2_000_001))
  await writeFile(at('junk.mp4'), Buffer.alloc(200_000, 'this is no video. '))
  await writeFile(at('page.mp4'), '<!doctype html><title>502 Bad Gateway</title>')
  await writeFile(at('picture.mp4'), await readFile(at('first.png')))
  const whole = await readFile(at('good.mp4'))
  await writeFile(at('half.mp4'), whole.subarray(0, whole.length / 2))
  const fastStart = ['-i', at('good.mp4'), '-c', 'copy', '-movflags', '+faststart', at('faststart.mp4')]
  await run(fastStart, options)
  const tables = await readFile(at('faststart.mp4'))
  await writeFile(at('half-with-tables.mp4'), tables.subarray(0, (tables.length * 2) / 3))
})

afterAll(() => rmSync(dir, {recursive: true, force: true}))

describe('gates on real files', () => {
  it.each([
    ['good.mp4', 'ok'],
    ['slow.mp4', 'ok'],
    ['empty.mp4', 'empty'],
    ['huge.mp4', 'too_large'],
    ['junk.mp4', 'unreadable'],
    ['page.mp4', 'unreadable'],
    ['picture.mp4', 'unreadable'],
    ['half.mp4', 'unreadable'],
    ['half-with-tables.mp4', 'unreadable'],
    ['matroska.mkv', 'container'],
    ['mpeg4.mp4', 'codec'],
    ['two.mp4', 'streams'],
    ['wide.mp4', 'resolution'],
    ['fast.mp4', 'fps'],
    ['short.mp4', 'frames'],
    ['long.mp4', 'frames'],
    ['frozen.mp4', 'motion'],
    ['grain.mp4', 'motion'],
  ])('%s: %s', async (name, expected) => {
    const result = await checkGates(at(name), {media, params, kind: 'ti2v', firstFrame: at('first.png')}, signal)

    expect(result.ok ? 'ok' : result.gate, result.ok ? name : result.reason).toBe(expected)
    if (!result.ok) expect(result.reason.length).toBeLessThanOrEqual(300)
  })

  it('stops with the reason of the signal', async () => {
    const stop = new AbortController()
    stop.abort(new Error('shutting down'))

    const gated = checkGates(at('good.mp4'), {media, params, kind: 't2v'}, stop.signal)

    await expect(gated).rejects.toThrow('shutting down')
  })
})
