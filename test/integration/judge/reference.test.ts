import {mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {copyFile, writeFile} from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'
import type {JudgeRequest} from '../../../src/judge/port.js'
import {ReferenceJudge} from '../../../src/judge/reference.js'
import {FfmpegMedia} from '../../../src/media/ffmpeg.js'
import type {Media} from '../../../src/media/port.js'
import {lazyFfmpeg} from '../../../src/media/resolve.js'
import {createRunner} from '../../../src/media/run.js'

const dir = mkdtempSync(path.join(os.tmpdir(), 'leoma-reference-'))
const at = (name: string) => path.join(dir, name)
const run = createRunner({ffmpeg: lazyFfmpeg({})})
const media = new FfmpegMedia({run})
const {signal} = new AbortController()
const request: JudgeRequest = {
  output: at('output.mp4'),
  clip: at('clip.mp4'),
  firstFrame: at('first.png'),
  prompt: 'a test card',
  frames: 33,
  fps: 16,
  width: 320,
  height: 180,
}

beforeAll(async () => {
  const make = (name: string, args: readonly string[]) =>
    run([...args, '-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', at(name)], {
      signal,
      what: name,
      blame: 'program',
    })
  await make('clip.mp4', ['-f', 'lavfi', '-i', 'testsrc2=s=320x180:r=25:d=2'])
  await make('output.mp4', ['-i', at('clip.mp4'), '-vf', 'fps=16,tpad=stop=8:stop_mode=clone', '-frames:v', '33'])
  await make('other.mp4', ['-f', 'lavfi', '-i', 'mandelbrot=s=320x180:r=16', '-frames:v', '33'])
  await writeFile(at('first.png'), await media.firstFrame(at('clip.mp4'), {width: 320, height: 180}, signal))
})

afterAll(() => rmSync(dir, {recursive: true, force: true}))

/** The real decoder, and a list of what it was asked for. */
function watched(): {media: Pick<Media, 'decode' | 'decodeViews'>; decoded: string[]} {
  const decoded: string[] = []
  return {
    decoded,
    media: {
      decode: (file, options, inner) => {
        decoded.push(path.basename(file))
        return media.decode(file, options, inner)
      },
      decodeViews: (file, views, options, inner) => {
        decoded.push(path.basename(file))
        return media.decodeViews(file, views, options, inner)
      },
    },
  }
}

describe('the reference judge', () => {
  it('says the same to the last digit of the same bytes, whoever judges and wherever they lie', async () => {
    await copyFile(at('output.mp4'), at('elsewhere.mp4'))
    await copyFile(at('clip.mp4'), at('original.mp4'))

    const here = await new ReferenceJudge({media}).score(request, signal)
    const there = await new ReferenceJudge({media}).score(
      {...request, output: at('elsewhere.mp4'), clip: at('original.mp4')},
      signal,
    )

    expect(there).toEqual(here)
    expect(Math.min(...Object.values(here.aspects))).toBeGreaterThanOrEqual(90)
  })

  it('tells the continuation from another video', async () => {
    const {aspects} = await new ReferenceJudge({media}).score({...request, output: at('other.mp4')}, signal)

    expect(aspects.first_frame_fidelity).toBeLessThan(45)
    expect(aspects.prompt_adherence).toBeLessThan(45)
  })

  it('compares with the first frame of the original when the task gave none', async () => {
    const {aspects} = await new ReferenceJudge({media}).score({...request, firstFrame: undefined}, signal)

    expect(aspects.first_frame_fidelity).toBeGreaterThanOrEqual(90)
  })

  it('reads the original once for all outputs of a task, and again when it is another one', async () => {
    const {media: eye, decoded} = watched()
    const judge = new ReferenceJudge({media: eye})
    await copyFile(at('clip.mp4'), at('same-name.mp4'))
    const same = {...request, clip: at('same-name.mp4')}

    await Promise.all([judge.score(same, signal), judge.score({...same, output: at('other.mp4')}, signal)])
    const once = decoded.filter((name) => name === 'same-name.mp4').length
    await copyFile(at('other.mp4'), at('same-name.mp4'))
    await judge.score(same, signal)

    expect(once).toBe(1)
    expect(decoded.filter((name) => name === 'same-name.mp4').length).toBe(2)
    expect(decoded.filter((name) => name === 'output.mp4').length).toBe(2)
  })

  it('finishes one output although the judging of another was stopped while both waited for the original', async () => {
    const judge = new ReferenceJudge({media})
    const stop = new AbortController()

    const stopped = judge.score(request, stop.signal)
    const going = judge.score(request, signal)
    stop.abort(new Error('shutting down'))

    await expect(stopped).rejects.toThrow('shutting down')
    expect((await going).aspects.first_frame_fidelity).toBeGreaterThanOrEqual(90)
  })

  it('gives no verdict when the original cannot be read, and says so when the output cannot', async () => {
    const judge = new ReferenceJudge({media})
    writeFileSync(at('page.mp4'), '<!doctype html><title>not here</title>')

    await expect(judge.score({...request, clip: at('page.mp4')}, signal)).rejects.toMatchObject({
      kind: 'upstream',
      code: 'JUDGE_FAILED',
    })
    await expect(judge.score({...request, output: at('page.mp4')}, signal)).rejects.toMatchObject({
      code: 'VIDEO_UNREADABLE',
    })
  })

  it('scores frames that others decoded for it like its own', async () => {
    const {media: eye, decoded} = watched()
    const judge = new ReferenceJudge({media: eye})
    const seen = await media.decodeViews(request.output, judge.views(request), {maxFrames: 60, threads: 1}, signal)

    expect(await judge.score({...request, seen}, signal)).toEqual(await judge.score(request, signal))
    expect(decoded.filter((name) => name === 'output.mp4')).toHaveLength(1)
  })

  it('knows no options', () => {
    const {options} = new ReferenceJudge({media})

    expect(options.safeParse({}).success).toBe(true)
    expect(options.safeParse({strict: true}).success).toBe(false)
  })
})
