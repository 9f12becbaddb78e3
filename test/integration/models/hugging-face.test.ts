import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import {sha256} from '../../../src/domain/canonical.js'
import {HuggingFace, type HuggingFaceOptions} from '../../../src/models/hugging-face.js'
import {HuggingFaceServer} from '../../fakes/hugging-face-server.js'
import {flood, halfBody, html, json, redirect, silence, status} from '../../fakes/provider-server.js'

const {signal} = new AbortController()
const sha = 'a1'.repeat(20)
const name = 'alice/leoma-5Hotkey'
const weights = [
  {path: 'transformer/model-00002.safetensors', size: 20, sha256: sha256('two')},
  {path: 'transformer/model-00001.safetensors', size: 10, sha256: sha256('one')},
]
const others = [
  {path: 'README.md', size: 3},
  {path: 'tokenizer.model', size: 5, sha256: sha256('tokenizer')},
]
const found = {
  sha,
  isPublic: true,
  weights: [
    {path: 'transformer/model-00001.safetensors', sha256: sha256('one'), sizeBytes: 10},
    {path: 'transformer/model-00002.safetensors', sha256: sha256('two'), sizeBytes: 20},
  ],
}

let hub: HuggingFaceServer
let now: number
let slept: number[]
const time = {
  now: () => now,
  sleep: async (ms: number) => {
    slept.push(ms)
    now += ms
  },
}
const client = (options: Partial<HuggingFaceOptions> = {}) =>
  new HuggingFace({url: hub.url, time, timeoutMs: 2_000, firstPauseMs: 1, ...options})
const ask = (revision = sha, options: Partial<HuggingFaceOptions> = {}) => client(options).model(name, revision, signal)

beforeEach(async () => {
  now = 1_800_000_000_000
  slept = []
  hub = await HuggingFaceServer.start()
  hub.repositories.set(name, {sha, refs: ['main', 'refs/pr/1'], files: [...weights, ...others]})
})
afterEach(() => hub.close())

describe('a public model', () => {
  it('is its commit and its weight files, in one request', async () => {
    expect(await ask()).toEqual(found)
    expect(hub.paths()).toEqual([`GET /api/models/${name}/revision/${sha}?blobs=true`])
  })

  it('says which commit a branch is at; a slash in it stays one piece of the path', async () => {
    expect(await ask('main')).toEqual(found)
    expect(await ask('refs/pr/1')).toEqual(found)
    expect(hub.paths().at(-1)).toBe(`GET /api/models/${name}/revision/refs%2Fpr%2F1?blobs=true`)
  })

  it('has no weights when its files are none, or no LFS objects', async () => {
    hub.repositories.set(name, {sha, files: [{path: 'pytorch_model.bin', size: 9}, ...others]})

    expect(await ask()).toEqual({...found, weights: []})
  })

  it('is read from its tree, page after page, where the hub lists names without hashes', async () => {
    const many = Array.from({length: 7}, (_, i) => ({path: `part-${i}.safetensors`, size: i, sha256: sha256(`${i}`)}))
    hub.repositories.set(name, {sha, files: [...many, ...others], hidesBlobs: true})
    hub.pageSize = 3

    const model = await ask()

    expect(model?.weights.map(({path}) => path)).toEqual(many.map(({path}) => path))
    expect(hub.paths().filter((path) => path.includes('/tree/'))).toHaveLength(3)
  })

  it('sends the token to the hub', async () => {
    hub.tokens.add('hf_secret')

    await ask(sha, {token: 'hf_secret'})

    expect(hub.asked[0]?.headers.authorization).toBe('Bearer hf_secret')
  })
})

describe('what is not to be had', () => {
  it.each([
    ['missing, without a token', () => hub.repositories.delete(name), {}],
    ['missing, with a token', () => hub.repositories.delete(name), {token: 'hf_t'}],
    ['private, without a token', () => change({private: true}), {}],
    ['not at that revision', () => change({sha: 'b2'.repeat(20)}), {}],
    ['renamed since', () => hub.fault('/api', (r) => json(r, 200, {id: 'bob/leoma-5Other', sha, siblings: []})), {}],
  ])('is absent: %s', async (_, prepare, options) => {
    hub.tokens.add('hf_t')
    prepare()

    expect(await ask(sha, options)).toBeUndefined()
  })

  it.each([
    ['private', {private: true}, {token: 'hf_t'}],
    ['gated', {gated: 'auto'}, {}],
    ['gated', {gated: 'manual'}, {}],
    ['gated', {refusesMetadata: 'GatedRepo'}, {}],
    ['disabled', {disabled: true}, {}],
  ] as const)('is not public: %s', async (restriction, changes, options) => {
    hub.tokens.add('hf_t')
    change(changes)

    expect(await ask(sha, options)).toEqual({sha, isPublic: false, restriction, weights: []})
  })

  it('is not asked for under a name or revision that cannot exist', async () => {
    const names = ['', 'alice', 'a/b/c', '../x', 'a/..', 'a/.', 'a/b?c', 'a/b#', 'a/b%2f', 'a\\b/c', 'a/-b', 'a/b--c']
    for (const bad of [...names, 'a/b.git', 'é/b', `${'a'.repeat(97)}/b`, 'a/b\r\nx: y'])
      expect(await client().model(bad, sha, signal)).toBeUndefined()
    for (const bad of ['', '.', '..', 'x'.repeat(256), '\ud800'])
      expect(await client().model(name, bad, signal)).toBeUndefined()

    expect(hub.asked).toEqual([])
  })
})

const change = (changes: object) => {
  const before = hub.repositories.get(name)
  if (before) hub.repositories.set(name, {...before, ...changes})
}

describe('a hub that does not answer as it should', () => {
  it.each([
    ['HF_FAILED', status(500)],
    ['HF_FAILED', status(503)],
    ['HF_BUSY', status(429)],
    ['HF_UNREACHABLE', halfBody],
    ['HF_ANSWER_INVALID', html],
    ['HF_ANSWER_INVALID', status(200)],
    ['HF_ANSWER_TOO_LARGE', flood],
    ['HF_REFUSED', status(418)],
    ['HF_REDIRECTED', redirect('http://169.254.169.254/latest')],
    ['HF_REDIRECTED', redirect('http://localhost:1/')],
    ['HF_REDIRECTED', redirect('file:///etc/passwd')],
  ])('throws %s and is asked anew', async (code, fault) => {
    const models = client()
    hub.fault('/', fault)
    await expect(models.model(name, sha, signal)).rejects.toMatchObject({kind: 'upstream', code})

    hub.mend()
    now += 1_000_000

    expect(await models.model(name, sha, signal)).toEqual(found)
  })

  it('throws when it never answers', async () => {
    hub.fault('/', silence)

    await expect(ask(sha, {timeoutMs: 100, attempts: 1})).rejects.toMatchObject({code: 'HF_TIMEOUT'})
  })

  it('throws when nobody listens', async () => {
    await hub.close()

    await expect(ask()).rejects.toMatchObject({code: 'HF_UNREACHABLE', kind: 'upstream'})
  })

  it('gets another try after a failure', async () => {
    hub.fault('/', status(502), 2)

    expect(await ask()).toEqual(found)
  })

  it('follows a redirect within the host, at most three', async () => {
    hub.fault('/', redirect(`/api/models/${name}/revision/main?blobs=true`), 1)
    expect(await ask()).toEqual(found)

    hub.fault('/', redirect('/api/again'))
    await expect(ask()).rejects.toMatchObject({code: 'HF_REDIRECTED'})
  })

  it('does not follow a page of a tree to another host, token or not', async () => {
    change({hidesBlobs: true})
    hub.fault(`/api/models/${name}/tree`, (response) =>
      json(response, 200, [], {link: '<http://169.254.169.254/x>; rel="next"'}),
    )

    await expect(ask()).rejects.toMatchObject({code: 'HF_REDIRECTED'})
  })

  it('says that the token is at fault when it is', async () => {
    await expect(ask(sha, {token: 'hf_wrong'})).rejects.toMatchObject({kind: 'config', code: 'HF_TOKEN_REFUSED'})
  })
})

describe('the rate limit', () => {
  it('is waited for as long as the hub says', async () => {
    hub.fault('/', status(429, 'slow down', {ratelimit: '"api";r=0;t=55'}), 1)

    expect(await ask()).toEqual(found)
    expect(slept).toEqual([expect.closeTo(56_000, -2)])
  })

  it('is kept before it is hit, for all questions', async () => {
    const models = client()
    hub.repositories.set('bob/leoma-5Other', {sha, files: weights})
    hub.fault('/', (r) => json(r, 200, {id: name, sha, siblings: []}, {ratelimit: '"api";r=0;t=9'}), 1)
    await models.model(name, sha, signal)
    expect(slept).toEqual([])

    expect(await models.model('bob/leoma-5Other', sha, signal)).toMatchObject({sha})

    expect(slept).toEqual([expect.closeTo(10_000, -2)])
  })
})

describe('what is remembered', () => {
  it('is a public model, for an hour; then only its being public is asked', async () => {
    const models = client()
    for (let i = 0; i < 3; i++) expect(await models.model(name, sha, signal)).toEqual(found)
    expect(hub.asked).toHaveLength(1)

    now += 3_600_001
    expect(await models.model(name, sha, signal)).toEqual(found)
    expect(hub.paths()[1]).toBe(`GET /api/models/${name}/revision/${sha}`)

    now += 3_600_001
    change({gated: 'auto'})
    expect(await models.model(name, sha, signal)).toMatchObject({isPublic: false, restriction: 'gated'})
  })

  it('is neither absence nor failure nor a branch', async () => {
    const models = client()
    const repository = hub.repositories.get(name)
    hub.repositories.delete(name)
    expect(await models.model(name, sha, signal)).toBeUndefined()
    if (repository) hub.repositories.set(name, repository)
    expect(await models.model(name, sha, signal)).toEqual(found)

    await models.model(name, 'main', signal)
    await models.model(name, 'main', signal)

    expect(hub.paths().filter((path) => path.includes('/main'))).toHaveLength(2)
  })

  it('is asked once by many at the same time, and one that gives up takes nothing from the others', async () => {
    const models = client()
    const impatient = new AbortController()
    const first = models.model(name, sha, impatient.signal)
    const rest = [1, 2, 3].map(() => models.model(name, sha, signal))
    impatient.abort(new Error('no time'))

    await expect(first).rejects.toThrow('no time')
    expect(await Promise.all(rest)).toEqual([found, found, found])
    expect(hub.asked).toHaveLength(1)
  })
})
