import {createHash} from 'node:crypto'
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {request} from 'undici'
import {afterAll, afterEach, beforeAll, expect, test} from 'vitest'
import {systemTime} from '../../../src/runtime/clock.js'
import {silentLogger} from '../../../src/runtime/logger.js'
import {type LocalMiner, type Render, startMiner} from '../../../src/services/localnet/miners.js'
import type {HiddenClip} from '../../../src/services/localnet/peek.js'

const png = Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]), Buffer.from('picture')])
const video = Buffer.from('the video of a profile, sixty-four bytes long, more or less …')
const hidden: HiddenClip = {clip: 'clip.mp4', firstFrame: 'first.png', source: 'x' as HiddenClip['source'], ordinal: 1}
const open: LocalMiner[] = []
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'leoma-miners-'))
  await writeFile(path.join(folder, 'video.mp4'), video)
})
afterEach(async () => {
  for (const miner of open.splice(0)) await miner.close()
})
afterAll(() => rm(folder, {recursive: true, force: true}))

const rendered: string[] = []
const render: Render = async (profile, {frames, width, height, fps}) => {
  rendered.push(`${profile} ${frames} ${fps} ${width}x${height}`)
  return path.join(folder, 'video.mp4')
}

async function miner(profile: string, overrides: {deadlineMs?: number} = {}): Promise<LocalMiner> {
  rendered.length = 0
  const known = {
    findByImage: (image: Uint8Array) => (Buffer.compare(image, png) === 0 ? hidden : undefined),
    findByPrompt: (prompt: string) => (prompt === 'a red box turns' ? hidden : undefined),
  }
  const started = await startMiner({
    ...{profile, hidden: known, render, time: systemTime(), log: silentLogger(), deadlineMs: 1_000},
    ...overrides,
  })
  open.push(started)
  return started
}

function ask(
  {endpoint}: LocalMiner,
  body: unknown = {prompt: 'p', image: png.toString('base64')},
  signal?: AbortSignal,
) {
  return request(`${endpoint}/generate`, {
    method: 'POST',
    headers: {'content-type': 'application/json'},
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...(signal && {signal}),
  })
}

test('a miner answers the documented request with the video of its profile', async () => {
  const {statusCode, headers, body} = await ask(await miner('oracle'), {
    ...{prompt: 'p', image: png.toString('base64'), fps: 16, frames: 81, num_frames: 81, width: 832, height: 480},
    ...{resolution: '480p', fast: true, seed: 7},
  })

  expect(statusCode).toBe(200)
  expect(headers['content-type']).toBe('video/mp4')
  expect(Buffer.from(await body.bytes())).toEqual(video)
  expect(rendered).toEqual(['oracle 81 16 832x480'])
})

test('a miner that is sent text alone finds the task by its prompt', async () => {
  const {statusCode} = await ask(await miner('drift'), {prompt: 'a red box turns'})

  expect(statusCode).toBe(200)
})

test.each([
  ['an image that is no PNG', {prompt: 'p', image: Buffer.from('GIF89a').toString('base64')}],
  ['an image of no task', {prompt: 'p', image: Buffer.concat([png, png]).toString('base64')}],
  ['a body that is no JSON', '{"prompt":'],
  ['a number of frames that is no number', {prompt: 'p', num_frames: 'many'}],
])('%s is answered with 400', async (_, body) => {
  expect((await ask(await miner('oracle'), body)).statusCode).toBe(400)
})

test('a request past the limit is refused without being kept', async () => {
  const {statusCode} = await ask(await miner('oracle'), JSON.stringify({prompt: 'p', image: 'A'.repeat(33_000_000)}))

  expect(statusCode).toBe(413)
})

test('the busy miner refuses twice per task and then delivers a video of its own', async () => {
  const busy = await miner('busy')

  const first = await ask(busy)
  const second = await ask(busy)
  const third = await ask(busy)

  expect([first.statusCode, second.statusCode, third.statusCode]).toEqual([429, 503, 200])
  expect(first.headers['retry-after']).toBe('1')
  expect(rendered).toEqual(['busy 81 16 832x480'])
})

test('the slow miner keeps the connection past the deadline and stops when the asker hangs up', async () => {
  const slow = await miner('slow', {deadlineMs: 60_000})
  const patience = new AbortController()
  const asking = ask(slow, undefined, patience.signal)

  setImmediate(() => patience.abort())

  await expect(asking).rejects.toThrow(/aborted/i)
  expect(rendered).toEqual([])
})

test.each([
  ['broken', 'video/mp4', 200_000],
  ['broken-empty', 'video/mp4', 0],
  ['broken-huge', 'video/mp4', 300_000_000],
])('%s sends %s with %i bytes that are no video', async (profile, type, size) => {
  const {statusCode, headers, body} = await ask(await miner(profile))
  let received = 0
  for await (const chunk of body) received += chunk.length

  expect(statusCode).toBe(200)
  expect(headers['content-type']).toBe(type)
  expect(received).toBe(size)
})

test('the truncated video is the first half of the good one', async () => {
  const {body} = await ask(await miner('broken-truncated'))
  const half = Buffer.from(await body.bytes())

  expect(half).toEqual(video.subarray(0, Math.floor(video.length / 2)))
  expect(createHash('sha256').update(half).digest('hex')).not.toBe(
    createHash('sha256')
      .update(await readFile(path.join(folder, 'video.mp4')))
      .digest('hex'),
  )
})

test('an HTML page comes with status 200, as from a proxy', async () => {
  const {statusCode, headers, body} = await ask(await miner('broken-html'))

  expect(statusCode).toBe(200)
  expect(headers['content-type']).toBe('text/html')
  expect(await body.text()).toContain('<title>')
})
