import {expect, test} from 'vitest'
import {loadConfig} from '../../../src/config/load.js'
import {providerEnv} from '../../../src/services/localnet/providers.js'

const credentials = {
  ...{S3_VIDEOS_WRITE_ACCESS_KEY: 'v', S3_VIDEOS_WRITE_SECRET_KEY: 'vs'},
  ...{S3_SAMPLES_WRITE_ACCESS_KEY: 'w', S3_SAMPLES_WRITE_SECRET_KEY: 'ws'},
  ...{S3_SAMPLES_READ_ACCESS_KEY: 'r', S3_SAMPLES_READ_SECRET_KEY: 'rs'},
  ...{OPENAI_API_KEY: 'sk', CHUTES_API_KEY: 'cpk', HF_TOKEN: 'hf'},
}
const all = {objects: 's3://127.0.0.1:9000', judge: 'openai', models: 'http://127.0.0.1:8800/'}

test('without options nothing of the environment reaches a localnet', () => {
  expect(providerEnv({}, {...credentials, CHUTES_API_URL: 'https://x', OBJECT_STORAGE_BACKEND: 's3'})).toEqual({
    ...{api: {}, sampler: {}, evaluator: {}},
  })
  expect(providerEnv({judge: 'reference'}, credentials).evaluator).toEqual({})
})

test('nobody gets a key that its role does not use', () => {
  const {api, sampler, evaluator} = providerEnv(all, {...credentials, CAPTION_MODEL: 'gpt-6-luna'})
  const secrets = (given: Readonly<Record<string, string>>) =>
    Object.keys(given).filter((name) => /KEY|TOKEN/.test(name))

  expect(secrets(api).sort()).toEqual(['CHUTES_API_KEY', 'HF_TOKEN'])
  expect(secrets(evaluator).sort()).toEqual([
    'OPENAI_API_KEY',
    'S3_SAMPLES_READ_ACCESS_KEY',
    'S3_SAMPLES_READ_SECRET_KEY',
  ])
  expect(secrets(sampler)).toContain('S3_SAMPLES_WRITE_SECRET_KEY')
  expect(sampler).not.toHaveProperty('CAPTION_MODEL')
})

test('only OpenAI itself must be asked with a key', () => {
  const OPENAI_BASE_URL = 'http://127.0.0.1:11434/v1'

  expect(providerEnv({judge: 'openai'}, {OPENAI_BASE_URL}).evaluator).toEqual({OPENAI_BASE_URL})
  expect(() => providerEnv({judge: 'openai'}, {OPENAI_API_KEY: ' '})).toThrow('needs a key')
})

test('every part reads the addresses as it would in a process of its own', () => {
  const {api, sampler, evaluator} = providerEnv(all, credentials)
  const {chutes, huggingFace} = loadConfig(['api'], {NETWORK: 'localnet', ...api})

  expect(chutes).toMatchObject({isUsed: true, apiUrl: 'http://127.0.0.1:8800', apiKey: 'cpk'})
  expect(chutes.invokeUrl).toBe('http://127.0.0.1:8800/chute/{slug}')
  expect(huggingFace).toEqual({url: 'http://127.0.0.1:8800', token: 'hf'})
  expect(loadConfig(['sampler'], {NETWORK: 'localnet', ...sampler}).objects.store).toMatchObject({
    ...{endpoint: 'http://127.0.0.1:9000', source: {bucket: 'videos'}},
    samples: {bucket: 'samples', keys: {read: {accessKey: 'r'}, write: {accessKey: 'w'}}},
  })
  expect(loadConfig(['evaluator'], {NETWORK: 'localnet', ...evaluator}).objects.store.samples.keys).toEqual({
    read: {accessKey: 'r', secretKey: 'rs'},
  })
})

test.each([
  ['s3://localhost:9000', 'http://localhost:9000', 'videos'],
  ['s3://store.example', 'https://store.example', 'videos'],
  ['http://10.0.0.7:9000/', 'http://10.0.0.7:9000', 'videos'],
  ['s3://127.0.0.1:9000/try-1', 'http://127.0.0.1:9000', 'try-1-videos'],
])('%s is the store at %s, its footage in bucket %s', (objects, endpoint, bucket) => {
  expect(providerEnv({objects}, {}).sampler).toMatchObject({
    ...{OBJECT_STORAGE_BACKEND: 's3', S3_ENDPOINT: endpoint, S3_SOURCE_BUCKET: bucket},
  })
})

test('buckets are named as configured, at the kind of store that the environment names', () => {
  const env = {OBJECT_STORAGE_BACKEND: 'R2', R2_SAMPLES_BUCKET: 'mine', S3_SAMPLES_BUCKET: 'another'}

  expect(providerEnv({objects: 's3://a.r2.cloudflarestorage.com/x'}, env).evaluator).toEqual({
    ...{OBJECT_STORAGE_BACKEND: 'r2', R2_ENDPOINT: 'https://a.r2.cloudflarestorage.com', R2_SAMPLES_BUCKET: 'x-mine'},
  })
})

test.each(['', '127.0.0.1:9000', 's3://user:key@host', 's3://host/a/b', 's3://host/Big'])(
  '%j is no address of a store',
  (objects) => {
    expect(() => providerEnv({objects}, {})).toThrow('is not the address of an S3 store')
  },
)
