import {writeFileSync} from 'node:fs'
import type {AddressInfo} from 'node:net'
import path from 'node:path'
import {type FastifyInstance, fastify} from 'fastify'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {httpMetricServices} from '../../../src/quality/services.js'
import {systemTime} from '../../../src/runtime/clock.js'
import {tempFolder} from '../../helpers/temp-folder.js'

const never = new AbortController().signal
let app: FastifyInstance
let url: string
let video: string
let asked: {path: string; authorization: string | undefined; body: string}[]
let answer: (path: string) => {status?: number; body: string}

beforeEach(async () => {
  asked = []
  app = fastify()
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', {parseAs: 'buffer'}, (_request, body, done) => done(null, body))
  app.post('/*', (request, reply) => {
    const {authorization} = request.headers
    asked.push({path: request.url, authorization, body: String(request.body)})
    const {status = 200, body} = answer(request.url)
    return reply.code(status).type('application/json').send(body)
  })
  await app.listen({host: '127.0.0.1', port: 0})
  url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
  video = path.join(tempFolder(), 'video.mp4')
  writeFileSync(video, 'the bytes of a video')
})
afterEach(() => app.close())

const services = (timeoutMs = 2_000) =>
  httpMetricServices({
    urls: {face: url, speech: url, lipsync: url},
    ...{token: 'secret token', time: systemTime(), timeoutMs, attempts: 2},
  })
const request = () => ({
  ...{video, face: video, audio: video, text: null},
  expected: {resolution: 96, fps: 25, durationS: 1, toleranceS: 0.3},
})

describe('metric services', () => {
  test('are sent the files and the token, and their answers are read', async () => {
    answer = (at) => ({
      body: JSON.stringify(
        at.endsWith('/face')
          ? {faces: [{box: [0.1, 0.1, 0.6, 0.6], likeness: 0.8}, null]}
          : at.endsWith('/transcribe')
            ? {text: 'hello'}
            : {sync_c: 0.7, sync_d: 0.1},
      ),
    })
    const {face, speech, lipsync} = services()

    const seen = await face?.look(request(), [0, 3], never)
    const heard = await speech?.transcribe(video, never)
    const sync = await lipsync?.sync(video, never)

    expect(seen).toEqual([{box: [0.1, 0.1, 0.6, 0.6], likeness: 0.8}, undefined])
    expect([heard, sync]).toEqual(['hello', {syncC: 0.7, syncD: 0.1}])
    expect(asked.map(({path}) => path)).toEqual(['/v1/face', '/v1/transcribe', '/v1/lipsync'])
    expect(asked.every(({authorization}) => authorization === 'Bearer secret token')).toBe(true)
    expect(asked[0]?.body).toContain('the bytes of a video')
    expect(asked[0]?.body).toContain('[0,3]')
  })

  test('that are busy are asked again, those that say no are not', async () => {
    let count = 0
    answer = () => (++count === 1 ? {status: 503, body: '{}'} : {body: '{"text":"now"}'})
    await expect(services().speech?.transcribe(video, never)).resolves.toBe('now')

    answer = () => ({status: 400, body: '{}'})
    const before = asked.length
    await expect(services().speech?.transcribe(video, never)).rejects.toMatchObject({code: 'METRICS_REFUSED'})
    expect(asked.length - before).toBe(1)
  })

  test.each([
    ['is no JSON', '<html>'],
    ['has a number that is none', '{"sync_c": 7, "sync_d": 0}'],
    ['lacks a field', '{"sync_c": 0.5}'],
    ['is endless', `{"sync_c": 0.5, "sync_d": 0, "x": "${'x'.repeat(5 * 1024 * 1024)}"}`],
  ])('are not believed when the answer %s', async (_, body) => {
    answer = () => ({body})

    await expect(services().lipsync?.sync(video, never)).rejects.toMatchObject({
      code: 'METRICS_UNREADABLE',
      kind: 'upstream',
    })
  })

  test('fault 16, reference and video reach the face model in other colours: both go out as the files they are', async () => {
    const face = path.join(tempFolder(), 'face.png')
    writeFileSync(face, 'the bytes of a face')
    answer = () => ({body: '{"faces": [null]}'})

    await services().face?.look({...request(), face}, [0], never)

    expect(asked[0]?.body).toContain('the bytes of a video')
    expect(asked[0]?.body).toContain('the bytes of a face')
  })

  test.each([
    ['leaves the picture', [0.5, 0.5, 1.2, 0.9]],
    ['is in pixels', [10, 10, 200, 200]],
    ['is turned around', [0.6, 0.1, 0.2, 0.9]],
    ['has no area', [0.5, 0.5, 0.5, 0.9]],
  ])('fault 16, boxes are those of another picture: one that %s is not believed', async (_, box) => {
    answer = () => ({body: JSON.stringify({faces: [{box, likeness: 0.9}]})})

    await expect(services().face?.look(request(), [0], never)).rejects.toMatchObject({code: 'METRICS_UNREADABLE'})
  })

  test('must speak of as many frames as were asked for', async () => {
    answer = () => ({body: '{"faces": []}'})

    await expect(services().face?.look(request(), [0, 1], never)).rejects.toMatchObject({code: 'METRICS_UNREADABLE'})
  })

  test('that are not there are no score', async () => {
    await app.close()

    await expect(services().speech?.transcribe(video, never)).rejects.toMatchObject({
      ...{code: 'METRICS_UNREACHABLE', kind: 'upstream'},
    })
  })
})
