import {readFile} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, beforeAll, expect, it} from 'vitest'
import {ReferenceJudge} from '../../../src/judge/reference.js'
import {defaults} from '../../../src/mechanisms/video/params.js'
import {Chutes} from '../../../src/models/chutes.js'
import {HttpGenerator} from '../../../src/models/generator.js'
import {systemTime} from '../../../src/runtime/clock.js'
import {examParams, type Rehearsal, rehearse} from '../../../src/services/miner-check-generation.js'
import {ChutesServer, type FakeChute} from '../../fakes/chutes-server.js'
import {status} from '../../fakes/provider-server.js'
import {tempFolder} from '../../helpers/temp-folder.js'
import {card, h264, make, media, never, useFolder} from '../media/videos.js'

const file = useFolder()
const params = {...defaults, request: {...defaults.request, width: 208, height: 120, frames: 33, deadlineMs: 20_000}}
let server: ChutesServer
let chute: FakeChute
const generator = new HttpGenerator({time: systemTime(), apiKey: 'cpk_alice', attempts: 2, firstPauseMs: 1})

beforeAll(async () => {
  server = await ChutesServer.start()
  server.addUser('alice', 'cpk_alice')
  chute = server.addChute('alice', 'alice/model')
  await make(file('clip.mp4'), [...card({size: '208x120', seconds: 33 / 16}), ...h264])
  await make(file('short.mp4'), [...card({size: '208x120', seconds: 1}), ...h264])
  await make(file('frame.png'), [...card({size: '208x120', seconds: 1}), '-frames:v', '1'])
  await make(file('poor.mp4'), [...card({size: '208x120', seconds: 33 / 16}), '-vf', 'hflip', ...h264])
})
afterAll(async () => {
  await generator.close()
  await server.close()
})

async function run(answer: string | FakeChute['generate'], changes: Partial<Rehearsal> = {}) {
  const video = typeof answer === 'string' ? await readFile(file(answer)) : undefined
  chute.generate = typeof answer === 'string' ? (response) => response.writeHead(200).end(video) : answer
  const chutes = new Chutes({url: server.url, invokeUrl: server.invokeUrl, apiKey: 'cpk_alice', time: systemTime()})
  const found = await chutes.chute(chute.chute_id, never)
  if (!found) throw new Error('no chute')
  const workDir = tempFolder()
  const rehearsal = {
    ...{chute: found, firstFrame: file('frame.png'), prompt: 'it moves', clip: file('clip.mp4')},
    ...{to: path.join(workDir, 'out.mp4'), workDir},
    ...changes,
  }
  const judges = [new ReferenceJudge({media})]
  const shown: string[] = []
  const lines = await rehearse(
    rehearsal,
    {generator, media, judges, params, time: systemTime()},
    ({check}) => shown.push(check),
    never,
  )
  expect(shown).toEqual(lines.map(({check}) => check))
  return lines.map(({check, status: outcome, reason, note}) => ({check, status: outcome, reason, note}))
}

it('a good video passes the gates and the judge, with its scores', async () => {
  expect(await run('clip.mp4')).toEqual([
    {check: 'generation', status: 'ok', reason: null, note: expect.stringMatching(/MB after [\d.]+ s, 1 requests/)},
    {check: 'gates', status: 'ok', reason: null, note: expect.stringContaining('motion_luma')},
    {check: 'judge', status: 'ok', reason: null, note: expect.stringMatching(/^\d+ of 100 \(75 passes\): first_frame/)},
  ])
  const sent = JSON.parse(server.asked.at(-1)?.body ?? '')
  expect(sent).toMatchObject({prompt: 'it moves', width: 208, height: 120, frames: 33, num_frames: 33, fps: 16})
  expect(Buffer.from(sent.image, 'base64').subarray(1, 4).toString()).toBe('PNG')
})

it('a video that passes the gates alone fails at the judge', async () => {
  expect((await run('poor.mp4')).at(-1)).toMatchObject({check: 'judge', status: 'fails'})
})

it('a video that the gates refuse is not judged, and the reason is that of a round', async () => {
  expect(await run('short.mp4')).toEqual([
    expect.objectContaining({check: 'generation', status: 'ok'}),
    {check: 'gates', status: 'fails', reason: 'rejected:frames', note: '16 frames instead of 33'},
  ])
})

it('a chute that does not deliver ends it', async () => {
  expect(await run(status(422, 'field required'))).toEqual([
    expect.objectContaining({check: 'generation', status: 'fails', reason: 'permanent'}),
  ])
})

it('without the original the reference judge is left out', async () => {
  expect((await run('clip.mp4', {clip: undefined})).at(-1)).toMatchObject({check: 'judge', status: 'skipped'})
})

it('takes the first frame from the clip, and refuses a picture that is none of the task', async () => {
  expect((await run('clip.mp4', {firstFrame: undefined}))[1]).toMatchObject({check: 'gates', status: 'ok'})

  await make(file('large.png'), [...card({size: '416x240', seconds: 1}), '-frames:v', '1'])
  for (const name of ['large.png', 'clip.mp4'])
    await expect(run('clip.mp4', {firstFrame: file(name)})).rejects.toMatchObject({
      code: 'FIRST_FRAME_UNUSABLE',
      message: `${name} is not a PNG of 208×120`,
    })
  await expect(run('clip.mp4', {firstFrame: undefined, clip: undefined})).rejects.toMatchObject({
    code: 'FIRST_FRAME_NEEDED',
  })
})

it('goes by the published exam, else by the one that is built in', () => {
  expect(examParams({...defaults, everyBlocks: 7})).toMatchObject({isPublished: true, params: {everyBlocks: 7}})
  expect(examParams(undefined)).toEqual({isPublished: false, params: defaults})
  expect(examParams({of: 'another mechanism'})).toEqual({isPublished: false, params: defaults})
})
