import {mkdtempSync, rmSync} from 'node:fs'
import {writeFile} from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import {afterAll, afterEach, beforeAll, beforeEach, expect, test} from 'vitest'
import Judge from '../../src/commands/judge.js'
import {openAiJudgeDefaults} from '../../src/judge/openai-options.js'
import {defaults} from '../../src/mechanisms/video/params.js'
import {FfmpegMedia} from '../../src/media/ffmpeg.js'
import {OpenAiServer, vote} from '../fakes/openai-server.js'
import {runCommand} from '../helpers/run-command.js'
import {params, run} from '../helpers/video-world.js'

const dir = mkdtempSync(path.join(os.tmpdir(), 'leoma-judge-command-'))
const at = (name: string) => path.join(dir, name)
const {signal} = new AbortController()
let server: OpenAiServer
let data = 0

beforeAll(async () => {
  const make = (name: string, args: readonly string[]) =>
    run([...args, '-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', at(name)], {signal, what: name})
  await make('clip.mp4', ['-f', 'lavfi', '-i', 'testsrc2=s=208x120:r=16:d=2'])
  await make('output.mp4', ['-i', at('clip.mp4'), '-frames:v', '17'])
  await make('frozen.mp4', ['-f', 'lavfi', '-i', 'color=red:s=208x120:r=16', '-frames:v', '17'])
  const size = {width: 208, height: 120}
  await writeFile(at('first.png'), await new FfmpegMedia({run}).firstFrame(at('clip.mp4'), size, signal))
  await writeFile(at('exam.json'), JSON.stringify(params))
})
afterAll(() => rmSync(dir, {recursive: true, force: true}))
beforeEach(async () => {
  server = await new OpenAiServer().open()
  data++
})
afterEach(() => server.close())

const judge = (file: string, ...argv: string[]) => {
  const exam = argv.includes('--exam') ? [] : ['--exam', at('exam.json')]
  return runCommand(Judge, 'judge', [at(file), '--prompt', 'a card counts up', ...exam, ...argv], {
    LEOMA_DATA: at(`data-${data}`),
    OPENAI_BASE_URL: server.url,
    OPENAI_API_KEY: server.key,
  })
}
const framed = ['--first-frame', at('first.png')]

test('gates, scores, what the exam makes of them, and what it cost', async () => {
  const {stdout, stderr, code} = await judge('output.mp4', ...framed, '--judge', 'openai')

  expect(code).toBe(0)
  const lines = stdout.trimEnd().split('\n')
  expect(lines[0]).toMatch(/^gates: passed \(size_bytes \d+, width_px 208, height_px 120, fps 16, .*frames 17/)
  expect(lines[1]).toBe('judge: openai 1, overall 80 of 100, confidence 80')
  expect(lines[2]).toBe('aspect\tscore\tweight')
  expect(lines[3]).toBe('first_frame_fidelity *\t80\t0.25')
  expect(lines.at(-1)).toBe('passes: overall 80 of at least 75, and no critical aspect under 50')
  expect(stderr).toBe('$0.0026 for 3 calls; 0 answers were remembered\n')
})

test('asked again, nothing is paid again', async () => {
  await judge('output.mp4', ...framed, '--judge', 'openai')
  const {stderr} = await judge('output.mp4', ...framed, '--judge', 'openai')

  expect(stderr).toBe('$0.0000 for 0 calls; 3 answers were remembered\n')
  expect(server.asked).toHaveLength(3)
})

test('with --json everything a program may want, and nothing else', async () => {
  const {stdout, code} = await judge('output.mp4', ...framed, '--clip', at('clip.mp4'), '--json')

  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({
    kind: 'ti2v',
    judge: {name: 'reference', version: 2, options: {}},
    gates: {passed: true, failed: null, measured: {frames: 17}},
    passed: true,
    overall: expect.any(Number),
    scores: {
      aspects: expect.arrayContaining([{aspect: 'motion_quality', score: 100, weight: 0.15, isCritical: false}]),
    },
    why: expect.stringMatching(/^passes: /),
  })
  expect(server.asked).toHaveLength(0)
})

test('a video that fails a gate costs nothing', async () => {
  const {stdout, code} = await judge('frozen.mp4', ...framed, '--judge', 'openai')

  expect(code).toBe(0)
  expect(stdout).toMatch(/^gates: failed at motion/)
  expect(stdout).toMatch(/fails at gate motion, before any judging: nothing moves/)
  expect(server.asked).toHaveLength(0)
})

test.each([[[]], [['--json']]])(
  '--strict leaves with 8 when a video does not pass, and still says why: %j',
  async (argv) => {
    server.behave = () => vote(40)

    const {stdout, code} = await judge('output.mp4', ...framed, '--judge', 'openai', '--strict', ...argv)

    expect(code).toBe(8)
    expect(stdout).toContain('fails: overall 40 is under 75; first_frame_fidelity 40 is under 50, which is critical')
    if (argv.length > 0) expect(JSON.parse(stdout)).toMatchObject({passed: false, overall: 40})
  },
)

test('without a first frame it is judged as one made from text alone', async () => {
  const {stdout} = await judge('output.mp4', '--judge', 'openai', '--json')

  expect(JSON.parse(stdout)).toMatchObject({kind: 't2v', passed: true})
  expect(JSON.stringify(server.asked[0]?.body)).toContain('There is no conditioning frame.')
})

test('judge, options and model of an exam are taken, and --model replaces the last', async () => {
  server.models.push({id: 'other-1', object: 'model', created: 1, owned_by: 'me'})
  const options = {...openAiJudgeDefaults, model: 'other-1', votes: 3, recheck: null}
  const exam = {...params, judge: {...params.judge, name: 'openai', version: 1, options}}
  await writeFile(at('openai.json'), JSON.stringify({exam: {params: exam}, examHash: 'a'}))

  await judge('output.mp4', ...framed, '--exam', at('openai.json'))
  await judge('output.mp4', ...framed, '--exam', at('openai.json'), '--model', 'gpt-6-luna')

  expect(server.asked.map(({body}) => body.model)).toEqual([
    ...Array(3).fill('other-1'),
    ...Array(3).fill('gpt-6-luna'),
  ])
})

test.each([
  ['a video that is not there', 'none.mp4', [...framed, '--judge', 'openai'], 'INPUT_UNREADABLE'],
  [
    'a first frame that is no picture',
    'output.mp4',
    ['--first-frame', at('exam.json'), '--judge', 'openai'],
    'INPUT_UNREADABLE',
  ],
  ['an original that is no video', 'output.mp4', [...framed, '--clip', at('exam.json')], 'INPUT_UNREADABLE'],
  ['no original for a judge that needs one', 'output.mp4', framed, 'CLIP_NEEDED'],
  ['a judge that does not exist', 'output.mp4', [...framed, '--judge', 'oracle'], 'JUDGE_UNKNOWN'],
  ['a model for a judge without one', 'output.mp4', [...framed, '--model', 'x'], 'JUDGE_OPTIONS_INVALID'],
  [
    'a model that moves',
    'output.mp4',
    [...framed, '--judge', 'openai', '--model', 'gpt-latest'],
    'JUDGE_OPTIONS_INVALID',
  ],
  ['an exam that is none', 'output.mp4', [...framed, '--exam', at('first.png')], 'EXAM_FILE_INVALID'],
] as const)('%s is a mistake on the command line', async (_, file, argv, errorCode) => {
  const {stderr, code} = await judge(file, ...argv)

  expect({code, named: stderr.includes(`[${errorCode}]`), stderr}).toMatchObject({code: 2, named: true})
  expect(server.asked).toHaveLength(0)
})

test('without a key the remedy is named', async () => {
  const {stderr, code} = await runCommand(
    Judge,
    'judge',
    [at('output.mp4'), '--prompt', 'x', '--exam', at('exam.json'), '--judge', 'openai'],
    {LEOMA_DATA: at('keyless')},
  )

  expect(code).toBe(3)
  expect(stderr).toContain('OPENAI_API_KEY')
})

test('the built-in exam is used when none is given', async () => {
  const {stdout} = await runCommand(Judge, 'judge', [at('output.mp4'), '--prompt', 'x', '--judge', 'openai'], {
    LEOMA_DATA: at('built-in'),
  })

  expect(stdout).toContain(`208×120 is not ${defaults.request.width}×${defaults.request.height}`)
})
