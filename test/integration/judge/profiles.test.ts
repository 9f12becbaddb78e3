import {mkdtempSync, rmSync} from 'node:fs'
import {mkdir, writeFile} from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import pLimit from 'p-limit'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'
import type {AspectScores} from '../../../src/judge/port.js'
import {ReferenceJudge} from '../../../src/judge/reference.js'
import {checkGates} from '../../../src/mechanisms/video/gates.js'
import {defaults} from '../../../src/mechanisms/video/params.js'
import {overallOf, passes} from '../../../src/mechanisms/video/scoring.js'
import {FfmpegMedia} from '../../../src/media/ffmpeg.js'
import {lazyFfmpeg} from '../../../src/media/resolve.js'
import {createRunner} from '../../../src/media/run.js'
import {renderProfile, type VideoProfile} from '../../../src/services/localnet/recipes.js'
import {generatedClips} from '../../helpers/generated-clips.js'
import {knownClips} from '../../helpers/real-clips.js'

const dir = mkdtempSync(path.join(os.tmpdir(), 'leoma-profiles-'))
const run = createRunner({ffmpeg: lazyFfmpeg({})})
const media = new FfmpegMedia({run})
const {signal} = new AbortController()
/** What the judge says is asked of footage, too, that is softer than the given frame and that a gate would keep from it. */
const params = {...defaults, gates: {...defaults.gates, minDetail: 0}}
const {width, height, frames, fps} = params.request

afterAll(() => rmSync(dir, {recursive: true, force: true}))

interface Window {
  readonly source: string
  readonly startS: number
  /** Footage for `wrong-frame`. */
  readonly other: string
}

interface Result {
  /** The gate that rejected it, or `judged`. */
  readonly end: string
  readonly passed: boolean
  readonly overall: number
  readonly aspects: Partial<AspectScores>
}

/** Each profile's answer to one window, gated and judged as a validator does it. */
async function resultsOf({source, startS, other}: Window): Promise<Record<string, Result>> {
  const folder = path.join(dir, `${path.parse(source).name}-${startS}`)
  await mkdir(folder, {recursive: true})
  const clip = path.join(folder, 'clip.mp4')
  const firstFrame = path.join(folder, 'first.png')
  await media.cut(source, clip, {startS, durationS: params.clip.durationS}, signal)
  await writeFile(firstFrame, await media.firstFrame(clip, {width, height}, signal))
  const judge = new ReferenceJudge({media})
  const limit = pLimit(2)
  const answers: readonly (readonly [string, VideoProfile, number])[] = [
    ['oracle', 'oracle', 0],
    ['drift', 'drift', 0],
    ['heavy drift', 'drift', 2],
    ['zoom', 'zoom', 0],
    ['noise', 'noise', 0],
    ['wrong-frame', 'wrong-frame', 0],
    ['frozen', 'frozen', 0],
    ['short', 'short', 0],
  ]
  const results = await Promise.all(
    answers.map(([label, profile, answerIndex]) =>
      limit(async (): Promise<[string, Result]> => {
        const to = path.join(folder, `${label}.mp4`)
        const recipe = {clip, firstFrame, otherClip: other, answerIndex, width, height, frames, fps, to}
        await renderProfile(
          profile,
          {...recipe, run: (args, inner) => run(args, {signal: inner, what: profile, blame: 'program'})},
          signal,
        )
        const size = {frames, fps, width, height}
        const gated = await checkGates(to, {media, params, kind: 'ti2v', firstFrame, views: judge.views(size)}, signal)
        if (!gated.ok) return [label, {end: gated.gate, passed: false, overall: 0, aspects: {}}]
        const request = {output: to, clip, firstFrame, prompt: 'whatever moves', ...size, seen: gated.seen}
        const {aspects} = await judge.score(request, signal)
        const overall = overallOf(aspects, params.judge.weights)
        return [label, {end: 'judged', passed: passes(aspects, overall, params.judge), overall, aspects}]
      }),
    ),
  )
  rmSync(folder, {recursive: true, force: true})
  return Object.fromEntries(results)
}

/** How far a failing answer is below what it would have needed: the larger margin counts. */
function expectClearFailure({end, passed, overall, aspects}: Result, label: string): void {
  const critical = Math.min(...params.judge.critical.map((aspect) => aspects[aspect] ?? 0))
  expect({label, end, passed}).toEqual({label, end: 'judged', passed: false})
  expect(
    overall <= params.judge.passThreshold - 5 || critical <= params.judge.criticalThreshold - 5,
    `${label}: overall ${overall}, worst critical aspect ${critical}`,
  ).toBe(true)
}

function expectTable(results: Record<string, Result>): void {
  const of = (label: string) => results[label]!
  expect(of('oracle')).toMatchObject({end: 'judged', passed: true})
  expect(of('oracle').overall).toBeGreaterThanOrEqual(95)
  expect(of('drift')).toMatchObject({end: 'judged', passed: true})
  expect(of('drift').overall).toBeGreaterThanOrEqual(85)
  expect(of('drift').overall).toBeLessThan(of('oracle').overall)
  expect(Math.min(...Object.values(of('drift').aspects))).toBeGreaterThanOrEqual(55)
  for (const label of ['heavy drift', 'zoom', 'noise', 'wrong-frame']) expectClearFailure(of(label), label)
  expect(of('wrong-frame').aspects.first_frame_fidelity).toBeLessThanOrEqual(45)
  expect(of('frozen').end).toBe('motion')
  expect(of('short').end).toBe('frames')
}

describe('every local miner gets the verdict that it is meant to get', () => {
  let clips: string[] = []

  beforeAll(async () => {
    clips = await generatedClips()
  })

  it.each([
    [0, 2],
    [1, 3],
    [3, 5],
    [5, 4],
  ])('on generated clip %i from second %d', async (index, startS) => {
    const results = await resultsOf({source: clips[index]!, startS, other: clips[(index + 3) % clips.length]!})

    expectTable(results)
  })
})

const real = [
  {name: 'box.mp4', startS: 0, otherName: 'cup.mp4'},
  {name: 'box.mp4', startS: 4.3, otherName: 'cup.mp4'},
  {name: 'cup.mp4', startS: 2, otherName: 'box.mp4'},
]
const filmed = knownClips()
const clip = (name: string) => filmed.find((file) => path.basename(file) === name) ?? name

describe.skipIf(filmed.length < 2)(
  filmed.length < 2
    ? 'the same table on real clips (skipped: LEOMA_TEST_CLIPS names no folder with box.mp4 and cup.mp4)'
    : 'the same table on real clips',
  () => {
    it.each(real)('on $name from second $startS', async ({name, startS, otherName}) => {
      const results = await resultsOf({
        source: clip(name),
        startS,
        other: clip(otherName),
      })

      expectTable(results)
    })
  },
)
