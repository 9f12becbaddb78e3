import {mkdtempSync, readdirSync, readFileSync, rmSync} from 'node:fs'
import {mkdir, writeFile} from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import {afterAll, beforeAll, expect, test} from 'vitest'
import {LeomaError} from '../../../src/errors.js'
import {ReferenceJudge} from '../../../src/judge/reference.js'
import {FfmpegMedia} from '../../../src/media/ffmpeg.js'
import {
  type CalibrateOptions,
  type Calibration,
  calibrate,
  writeReport,
} from '../../../src/services/calibrate/calibrate.js'
import {params as exam, FakeJudge, run} from '../../helpers/video-world.js'

const dir = mkdtempSync(path.join(os.tmpdir(), 'leoma-calibrate-'))
const source = path.join(dir, 'source')
const {signal} = new AbortController()
const media = new FfmpegMedia({run})
const params = {...exam, clip: {...exam.clip, durationS: 1.1}}
const skipped: string[] = []
const seen: number[] = []
let calibration: Calibration

const options = (part: Partial<CalibrateOptions> = {}): CalibrateOptions => ({
  ...{params, media, run, source, clips: 2, concurrency: 2, dir: path.join(dir, 'work'), rungs: ['contrast', 'ghost']},
  judges: [{judge: new ReferenceJudge({media}), params}],
  onProgress: (done, of) => seen.push(done / of),
  onSkip: (file, reason) => skipped.push(`${file}: ${reason}`),
  ...part,
})

beforeAll(async () => {
  await mkdir(source, {recursive: true})
  const make = (name: string, graph: string, seconds: number) =>
    run(
      [
        '-f',
        'lavfi',
        '-i',
        graph,
        '-t',
        String(seconds),
        '-c:v',
        'libx264',
        '-preset',
        'ultrafast',
        path.join(source, name),
      ],
      {signal, what: name},
    )
  await make('a <b>.mp4', 'testsrc2=s=208x120:r=16', 1.5)
  await make('c.mp4', 'mandelbrot=s=208x120:r=16:maxiter=60:end_pts=20', 1.5)
  await make('short.mp4', 'testsrc2=s=208x120:r=16', 0.5)
  await writeFile(path.join(source, 'broken.mp4'), 'no video')
  await writeFile(path.join(source, 'notes.txt'), 'no video either')
  const judges = [options().judges[0]!, {judge: new FakeJudge(), params}]
  calibration = await calibrate(options({judges, clips: 9}), signal)
})
afterAll(() => rmSync(dir, {recursive: true, force: true}))

test('a ladder is made from every clip that is one, and each rung is judged', () => {
  expect(calibration.clips).toEqual(['a <b>', 'c'])
  expect(skipped).toEqual([expect.stringMatching(/^broken.mp4: /), 'short.mp4: shorter than 1.1 s'])
  expect(calibration.outputs).toHaveLength(2 * (3 + 10))
  expect(seen.at(-1)).toBe(1)
  expect(calibration.judges).toEqual(['reference 2', 'reference 2'])
})

test('what is good scores above what is spoilt, and more spoilt is worse', () => {
  const {good, area, separation} = calibration.figures

  expect(good.passed).toBe(1)
  expect(area).toBeGreaterThan(0.9)
  for (const {means} of separation) {
    expect(means[4]).toBeLessThan(means[0]!)
    expect(means[4]).toBeLessThan(75)
  }
})

test('the same bytes score the same twice; a second encoding hardly matters; another judge differs', () => {
  const {twice, again, judges} = calibration.figures.noise

  expect(twice).toMatchObject({outputs: 6, most: 0, flips: 0})
  expect(again.outputs).toBe(6 + 4)
  expect(again.most).toBeGreaterThan(0)
  expect(again.mean).toBeLessThan(10)
  expect(judges[0]).toMatchObject({outputs: 26})
})

test('the report is a page, two plots and all figures, and the work is cleaned up', async () => {
  const files = await writeReport(path.join(dir, 'out'), calibration)
  const [page, ladder, roc, json] = files.map((file) => readFileSync(file, 'utf8'))

  expect(readdirSync(path.join(dir, 'out')).sort()).toEqual(['calibration.json', 'ladder.svg', 'report.md', 'roc.svg'])
  expect(page).toMatch(/\| contrast \(share of the contrast kept\) \| \d+ \d+ \d+ \d+ \d+ \|/)
  expect(page).toContain('![ROC curve](roc.svg)')
  expect(ladder).toContain('>ghost</text>')
  expect(roc).toContain('<polyline')
  expect(JSON.parse(json ?? '').outputs).toHaveLength(26)
  expect(readdirSync(path.join(dir, 'work'))).toEqual([])
})

test.each([
  ['a folder that is not there', 'nowhere', 'SOURCE_UNREADABLE'],
  ['a folder with fewer than two videos', 'empty', 'SOURCE_UNUSABLE'],
])('%s is a mistake on the command line', async (_name, folder, code) => {
  await mkdir(path.join(dir, 'empty'), {recursive: true})

  await expect(calibrate(options({source: path.join(dir, folder)}), signal)).rejects.toThrow(
    expect.objectContaining({kind: 'usage', code}),
  )
})

test('a judge that cannot judge ends it at once, with its reason', async () => {
  const judge = new FakeJudge()
  judge.before = () => {
    throw new LeomaError('config', 'KEY_MISSING', 'there is no key')
  }
  let made = 0
  const counting: CalibrateOptions['run'] = (args, request) => {
    if (request.what?.startsWith('making')) made++
    return run(args, request)
  }

  const attempt = calibrate(options({judges: [{judge, params}], run: counting}), signal)

  await expect(attempt).rejects.toMatchObject({code: 'KEY_MISSING'})
  expect(made).toBeLessThanOrEqual(4)
  expect(readdirSync(path.join(dir, 'work'))).not.toContain('c')
})
