import {mkdtemp, readFile, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import {sha256} from '../../../src/domain/canonical.js'
import {buildChute} from '../../../src/models/chute-template.js'
import {Chutes, type ChutesOptions} from '../../../src/models/chutes.js'
import {HttpGenerator} from '../../../src/models/generator.js'
import type {Chute} from '../../../src/models/port.js'
import {systemTime} from '../../../src/runtime/clock.js'
import {ChutesServer, type FakeChute} from '../../fakes/chutes-server.js'
import {flood, halfBody, html, json, redirect, silence, status} from '../../fakes/provider-server.js'

const {signal} = new AbortController()
const revision = 'a1'.repeat(20)

let server: ChutesServer
let chute: FakeChute
let now: number
let slept: number[]
const time = {
  now: () => now,
  sleep: async (ms: number) => {
    slept.push(ms)
    now += ms
  },
}
const client = (options: Partial<ChutesOptions> = {}) =>
  new Chutes({
    url: server.url,
    invokeUrl: server.invokeUrl,
    apiKey: 'cpk_owner',
    time,
    timeoutMs: 2_000,
    firstPauseMs: 1,
    ...options,
  })
const ask = (id = chute.chute_id, options: Partial<ChutesOptions> = {}) => client(options).chute(id, signal)

beforeEach(async () => {
  now = 1_800_000_000_000
  slept = []
  server = await ChutesServer.start()
  server.addUser('subnet', 'cpk_owner')
  server.addUser('alice', 'cpk_alice')
  chute = server.addChute('alice', 'alice/leoma-5Hotkey', {revision, sharedWith: new Set(['subnet'])})
})
afterEach(() => server.close())

describe('a chute', () => {
  it('is called at an address made of the configured one and its slug', async () => {
    expect(await ask()).toEqual({
      chuteId: chute.chute_id,
      slug: 'alice-alice-leoma-5hotkey',
      hot: true,
      revision,
      endpoint: `${server.url}/chute/alice-alice-leoma-5hotkey`,
    })
    expect(server.paths()).toEqual([`GET /chutes/${chute.chute_id}`])
    expect(server.asked[0]?.headers.authorization).toBe('Bearer cpk_owner')
  })

  it('is cold without an instance that is both active and verified, or when it is switched off', async () => {
    chute.hot = false
    expect(await ask()).toMatchObject({hot: false})
    chute.hot = true
    chute.disabled = true
    expect(await ask()).toMatchObject({hot: false})
    const instances = [{active: true, verified: false}]
    server.fault('/', (r) => json(r, 200, {chute_id: chute.chute_id, slug: 's', instances}))
    expect(await ask()).toMatchObject({hot: false, revision: null})
  })

  it('says nothing about its revision when it has none', async () => {
    chute.revision = null
    expect(await ask()).toMatchObject({revision: null})
    chute.revision = ''
    expect(await ask()).toMatchObject({revision: null})
  })

  it('is absent when it is missing or not shared', async () => {
    expect(await ask('11111111-1111-5111-8111-111111111111')).toBeUndefined()
    chute.sharedWith.clear()
    expect(await ask()).toBeUndefined()
  })

  it('is not asked for under an id that is no UUID', async () => {
    for (const id of ['', 'alice/leoma', '..', '../users/me', `${chute.chute_id}/../x`, `${chute.chute_id}\r\nx: y`])
      expect(await ask(id)).toBeUndefined()

    expect(server.asked).toEqual([])
  })
})

describe('an API that does not answer as it should', () => {
  const unlike = (changes: object) => (response: Parameters<typeof json>[0]) =>
    json(response, 200, {chute_id: chute.chute_id, slug: 's', hot: true, ...changes})
  it.each([
    ['CHUTES_FAILED', () => status(500)],
    ['CHUTES_FAILED', () => status(503)],
    ['CHUTES_BUSY', () => status(429, 'infra_overload')],
    ['CHUTES_UNPAID', () => status(402, 'no balance')],
    ['CHUTES_UNREACHABLE', () => halfBody],
    ['CHUTES_ANSWER_INVALID', () => html],
    ['CHUTES_ANSWER_INVALID', () => unlike({slug: 'a.b'})],
    ['CHUTES_ANSWER_INVALID', () => unlike({slug: 'evil.example/x?'})],
    ['CHUTES_ANSWER_INVALID', () => unlike({slug: null})],
    ['CHUTES_ANSWER_INVALID', () => unlike({chute_id: '11111111-1111-5111-8111-111111111111'})],
    ['CHUTES_ANSWER_INVALID', () => unlike({hot: 'yes'})],
    ['CHUTES_ANSWER_TOO_LARGE', () => flood],
    ['CHUTES_REDIRECTED', () => redirect('http://10.0.0.1/')],
    ['CHUTES_REFUSED', () => status(409)],
  ])('throws %s and keeps nothing of it', async (code, fault) => {
    const chutes = client()
    server.fault('/', fault())
    await expect(chutes.chute(chute.chute_id, signal)).rejects.toMatchObject({kind: 'upstream', code})

    server.mend()

    expect(await chutes.chute(chute.chute_id, signal)).toMatchObject({hot: true})
  })

  it('is given up on when it never answers', async () => {
    server.fault('/', silence)

    await expect(ask(chute.chute_id, {timeoutMs: 100, attempts: 1})).rejects.toMatchObject({code: 'CHUTES_TIMEOUT'})
  })

  it.each([
    [{apiKey: 'cpk_wrong'}, 'CHUTES_KEY_REFUSED', 'refuses the key'],
    [{apiKey: undefined}, 'CHUTES_KEY_REFUSED', 'wants a key'],
  ])('says that the key is at fault when it is', async (options, code, words) => {
    const asking = ask(chute.chute_id, options)

    await expect(asking).rejects.toMatchObject({kind: 'config', code})
    await expect(asking).rejects.toThrow(words)
    await expect(asking).rejects.not.toThrow('cpk_wrong')
  })
})

describe('what is remembered', () => {
  it('is a hot chute, for a minute', async () => {
    const chutes = client()
    for (let i = 0; i < 3; i++) await chutes.chute(chute.chute_id, signal)
    expect(server.asked).toHaveLength(1)

    now += 60_001
    chute.hot = false
    expect(await chutes.chute(chute.chute_id, signal)).toMatchObject({hot: false})
    chute.hot = true
    expect(await chutes.chute(chute.chute_id, signal)).toMatchObject({hot: true})
  })

  it('is asked once by many at the same time', async () => {
    const chutes = client()

    await Promise.all([1, 2, 3, 4].map(() => chutes.chute(chute.chute_id, signal)))

    expect(server.asked).toHaveLength(1)
  })
})

describe('evidence', () => {
  const settings = {
    username: 'alice',
    modelName: 'alice/leoma-5Hotkey',
    modelRevision: revision,
    image: 'leoma/video-gen:1.0',
    gpuCount: 1,
    minVramGb: 80,
    gpus: [],
    concurrency: 4,
    maxInstances: 1,
    shutdownAfterS: 3600,
  }
  const evidence = async () => (await ask(chute.chute_id, {withEvidence: true}))?.evidence

  it('knows the published template by its text, and what it was filled with', async () => {
    chute.code = buildChute(settings).code

    expect(await evidence()).toMatchObject({
      image: 'leoma/video-gen:1.0',
      code: {
        sha256: sha256(chute.code),
        template: {modelName: settings.modelName, modelRevision: revision, image: settings.image},
        repositories: expect.arrayContaining([settings.modelName]),
        revisions: [revision],
      },
    })
  })

  it('does not take a changed template for the template', async () => {
    chute.code = buildChute(settings).code.replace(
      'SETTINGS["model_name"],\n        revision',
      '"eve/other",\n        revision',
    )

    expect((await evidence())?.code).toMatchObject({
      template: null,
      repositories: expect.arrayContaining(['eve/other']),
    })
  })

  it('is missing, not wrong, where the code may not be read', async () => {
    server.fault('/chutes/code', status(404))

    expect(await evidence()).toEqual({image: 'leoma/video-gen:1.0', code: null})
  })

  it('is read once per version of the code', async () => {
    const chutes = client({withEvidence: true, keepMs: 0})
    const codes = () => server.paths().filter((path) => path.includes('/code/')).length
    await chutes.chute(chute.chute_id, signal)
    await chutes.chute(chute.chute_id, signal)
    expect(codes()).toBe(1)

    chute.version = '22222222-2222-5222-8222-222222222222'
    await chutes.chute(chute.chute_id, signal)

    expect(codes()).toBe(2)
  })
})

describe('waking', () => {
  it('asks again every half minute until the chute is hot', async () => {
    Object.assign(chute, {hot: false, coldFor: 3})

    await client().warm([chute.chute_id], now + 600_000, signal)

    expect(chute.hot).toBe(true)
    expect(slept).toEqual([30_000, 30_000])
    expect(server.paths()).toContain(`GET /chutes/warmup/${chute.chute_id}?quick=true`)
  })

  it('lets a hot chute alone', async () => {
    await client().warm([chute.chute_id], now + 600_000, signal)

    expect(server.paths()).toEqual([`GET /chutes/${chute.chute_id}`])
  })

  it('ends in time', async () => {
    Object.assign(chute, {hot: false, coldFor: 1000})
    const started = now

    await client().warm([chute.chute_id], started + 100_000, signal)

    expect(now).toBe(started + 100_000)
  })

  it('is not kept up by one that is gone, switched off or unpaid, and gets over an outage', async () => {
    const cold = (name: string) =>
      server.addChute('alice', name, {hot: false, coldFor: 2, sharedWith: chute.sharedWith})
    const [off, slow] = [cold('off'), cold('slow')]
    off.disabled = true
    server.fault(`/chutes/warmup/${slow.chute_id}`, status(500), 3)

    await client().warm([off.chute_id, 'nonsense', slow.chute_id], now + 600_000, signal)

    expect(slow.hot).toBe(true)
  })

  it('says why it cannot be', async () => {
    const chutes = client()
    chute.hot = false
    server.fault('/chutes/warmup', status(402, 'Account balance is $0.0'), 1)
    await expect(chutes.warmOnce(chute.chute_id, signal)).rejects.toMatchObject({code: 'CHUTES_UNPAID'})
    chute.disabled = true
    await expect(chutes.warmOnce(chute.chute_id, signal)).rejects.toMatchObject({code: 'CHUTE_DISABLED'})
    chute.sharedWith.clear()
    await expect(chutes.warmOnce(chute.chute_id, signal)).rejects.toMatchObject({code: 'CHUTE_NOT_FOUND'})
  })

  it('stops at once when it is told to', async () => {
    const stop = new AbortController()
    Object.assign(chute, {hot: false, coldFor: 1000})
    server.fault('/chutes/warmup', () => stop.abort(new Error('shutdown')))

    await expect(client().warm([chute.chute_id], now + 600_000, stop.signal)).rejects.toThrow('shutdown')
  })
})

describe('a generation', () => {
  let folder: string
  let generator: HttpGenerator
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'leoma-chutes-'))
    generator = new HttpGenerator({time: systemTime(), apiKey: 'cpk_owner', attempts: 2, firstPauseMs: 1})
  })
  afterEach(async () => {
    await generator.close()
    await rm(folder, {recursive: true, force: true})
  })
  const generate = async (changes: Partial<Chute> = {}, by = generator) => {
    const found = await ask()
    if (!found) throw new Error('no chute')
    return by.generate(
      {...found, ...changes},
      {prompt: 'p', image: undefined, fps: 16, frames: 81, width: 832, height: 480, seed: 1},
      {deadlineAt: Date.now() + 20_000, maxBytes: 1000, to: path.join(folder, 'out.mp4')},
      signal,
    )
  }

  it('goes to the slug with the key, and gives the bytes', async () => {
    expect(await generate()).toMatchObject({outcome: 'ok', attempts: 1})
    expect(await readFile(path.join(folder, 'out.mp4'), 'utf8')).toBe('video')
  })

  it.each([
    ['busy', status(503, 'No instances available (yet) for this chute'), /No instances available/],
    ['busy', status(429, {message: 'infra_overload'}), /infra_overload/],
    ['transient', status(402, {message: 'Quota exceeded and account balance is $0.0'}), /Quota exceeded/],
    ['permanent', status(402, 'Chute unavailable because the creator of this chute has zero balance.'), /creator/],
    ['transient', status(500), /500/],
    ['permanent', status(422, [{msg: 'field required'}]), /field required/],
    ['permanent', redirect('http://169.254.169.254/'), /307/],
  ])('is %s for what the provider says', async (outcome, handler, reason) => {
    chute.generate = handler

    expect(await generate()).toMatchObject({outcome, reason: expect.stringMatching(reason)})
  })

  it('names the invocation, so that the provider can find it', async () => {
    chute.generate = status(500, 'CUDA out of memory')

    expect((await generate()).reason).toMatch(/CUDA out of memory \(invocation [0-9a-f-]{36}\)/)
  })

  it('reaches public hosts over TLS alone where it is told so', async () => {
    const careful = new HttpGenerator({time: systemTime(), publicOnly: true, attempts: 1})
    for (const endpoint of ['http://example.com', 'https://127.0.0.1:1', 'https://[::1]:1', 'https://169.254.169.254'])
      expect(await generate({endpoint}, careful)).toMatchObject({
        outcome: 'permanent',
        reason: expect.stringMatching('public https'),
      })
    expect(await generate({endpoint: 'https://localhost.:1'}, careful)).toMatchObject({outcome: 'permanent'})
    await careful.close()
  })
})
