import {mkdtemp, readdir, readFile, rm, stat, utimes, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import {sha256} from '../../../src/domain/canonical.js'
import {LocalModels} from '../../../src/models/local.js'

const {signal} = new AbortController()
const sha = 'a'.repeat(40)
const aChute = (overrides = {}) => ({
  chuteId: 'chute-1',
  slug: 'user-model',
  hot: true,
  revision: sha,
  endpoint: 'http://127.0.0.1:9999',
  ...overrides,
})
const aModel = (overrides = {}) => ({
  name: 'user/leoma',
  sha,
  isPublic: true,
  weights: [
    {path: 'b.safetensors', sha256: sha256('b'), sizeBytes: 2},
    {path: 'a.safetensors', sha256: sha256('a'), sizeBytes: 1},
  ],
  ...overrides,
})

let folder: string
let file: string
let models: LocalModels
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'leoma-models-'))
  file = path.join(folder, 'data', 'models.json')
  models = new LocalModels({path: file})
})
afterEach(() => rm(folder, {recursive: true, force: true}))

describe('LocalModels', () => {
  it('knows nothing before anybody registered', async () => {
    expect(await models.chute('chute-1', signal)).toBeUndefined()
    expect(await models.model('user/leoma', sha, signal)).toBeUndefined()
  })

  it('finds what was registered, weights sorted by path', async () => {
    LocalModels.register(file, {chutes: [aChute()], models: [aModel({refs: ['main']})]})

    expect(await models.chute('chute-1', signal)).toEqual(aChute())
    const model = await models.model('user/leoma', sha, signal)
    expect(model).toMatchObject({sha, isPublic: true})
    expect(model!.weights.map(({path}) => path)).toEqual(['a.safetensors', 'b.safetensors'])
    expect(await models.model('user/leoma', 'main', signal)).toEqual(model)
    expect(await models.model('user/leoma', 'b'.repeat(40), signal)).toBeUndefined()
    expect(await models.model('user/other', sha, signal)).toBeUndefined()
  })

  it('sees at once what another process registers, however fast', async () => {
    for (let port = 1; port <= 20; port++) {
      LocalModels.register(file, {chutes: [aChute({endpoint: `http://127.0.0.1:${port}`})]})
      expect((await models.chute('chute-1', signal))?.endpoint).toBe(`http://127.0.0.1:${port}`)
    }
    const {chutes} = JSON.parse(await readFile(file, 'utf8'))
    expect(chutes).toHaveLength(1)
  })

  it('reads the file only when it has changed', async () => {
    LocalModels.register(file, {chutes: [aChute()]})
    await utimes(file, 1_700_000_000, 1_700_000_000)
    await models.chute('chute-1', signal)
    await writeFile(file, 'x'.repeat((await stat(file)).size))
    await utimes(file, 1_700_000_000, 1_700_000_000)

    expect(await models.chute('chute-1', signal)).toEqual(aChute())
  })

  it('adds to what is there and keeps the same content the same file', async () => {
    LocalModels.register(file, {chutes: [aChute()], models: [aModel()]})
    LocalModels.register(file, {chutes: [aChute({chuteId: 'chute-0'})], models: [aModel({isPublic: false})]})
    const first = await readFile(file, 'utf8')
    LocalModels.register(file, {chutes: [aChute({chuteId: 'chute-0'})], models: [aModel({isPublic: false})]})

    expect(await models.chute('chute-1', signal)).toBeDefined()
    expect(await models.chute('chute-0', signal)).toBeDefined()
    expect(await models.model('user/leoma', sha, signal)).toMatchObject({isPublic: false})
    expect(await readFile(file, 'utf8')).toBe(first)
    expect(await readdir(path.dirname(file))).toEqual(['models.json'])
  })

  it.each([
    ['no JSON', '{'],
    ['another version', '{"version": 2, "chutes": [], "models": []}'],
    [
      'an endpoint that is no web address',
      JSON.stringify({version: 1, chutes: [aChute({endpoint: 'file:///etc'})], models: []}),
    ],
  ])('takes a file with %s for an outage, not for an answer', async (_, content) => {
    LocalModels.register(file, {})
    await writeFile(file, content)

    await expect(models.chute('chute-1', signal)).rejects.toMatchObject({
      kind: 'upstream',
      code: 'MODELS_UNREACHABLE',
      retryable: true,
    })
    expect(() => LocalModels.register(file, {chutes: [aChute()]})).toThrow(/cannot be read/)
    expect(await readFile(file, 'utf8')).toBe(content)
  })
})
