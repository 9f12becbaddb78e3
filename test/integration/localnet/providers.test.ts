import {writeFile} from 'node:fs/promises'
import path from 'node:path'
import {afterEach, beforeEach, expect, test} from 'vitest'
import {openProviders} from '../../../src/app/localnet-providers.js'
import {silentLogger} from '../../../src/runtime/logger.js'
import {Shutdown} from '../../../src/runtime/shutdown.js'
import {uploadFootage} from '../../../src/services/localnet/footage.js'
import {type Providers, startProviders} from '../../helpers/providers.js'
import {never, owner} from '../../helpers/s3.js'
import {tempFolder} from '../../helpers/temp-folder.js'

let providers: Providers
let shutdown: Shutdown

beforeEach(async () => {
  shutdown = new Shutdown()
  providers = await startProviders(tempFolder())
})
afterEach(async () => {
  await shutdown.close()
  await providers.close()
})

const open = (changes: Readonly<Record<string, string>> = {}) =>
  openProviders(
    {objects: providers.s3.url},
    {
      env: {...providers.env, ...changes},
      passed: {},
      log: silentLogger(),
      time: {now: () => 0, sleep: async () => {}},
    },
    shutdown,
    never,
  )

test('what the sampler writes and the validators read is tried out with the keys of each', async () => {
  const {source} = await open()

  expect(source?.bucket).toBe('footage')
  const trial = providers.s3.requests.filter(({key}) => key === 'localnet/trial.json')
  expect(trial.map(({operation, accessKey}) => [operation, accessKey === owner.accessKey])).toEqual([
    ['PutObject', true],
    ['GetObject', false],
  ])
})

test.each([
  ['a bucket that is not there', {S3_SAMPLES_BUCKET: 'nowhere'}, /nowhere/],
  ['a secret that is wrong', {S3_SAMPLES_READ_SECRET_KEY: 'another'}, /SAMPLES_READ/],
  ['keys that may not write', {S3_SAMPLES_WRITE_ACCESS_KEY: 'hip_reader'}, /SAMPLES_WRITE/],
])('%s is found before the first round', async (_, changes, naming) => {
  const failure = await open(changes).catch((error: unknown) => error)

  expect(failure).toMatchObject({name: 'LeomaError'})
  const {message, hints} = failure as {message: string; hints: readonly string[]}
  expect([message, ...hints].join('\n')).toMatch(naming)
})

test('footage is uploaded once, prompts whenever they may have changed, and nothing else', async () => {
  const folder = tempFolder()
  await writeFile(path.join(folder, 'a.mp4'), 'video a')
  await writeFile(path.join(folder, 'b.mov'), 'video b')
  await writeFile(path.join(folder, 'a.txt'), 'a cup turns')
  await writeFile(path.join(folder, 'c.mp4.tmp'), 'half of a vid')
  const {source} = await open()
  if (!source) throw new Error('there is a store')
  const steps: string[] = []
  const onProgress = (done: number, total: number) => steps.push(`${done}/${total}`)
  const {s3} = providers
  const uploads = () =>
    s3.requests.flatMap(({operation, bucket, key}) => (operation === 'PutObject' && bucket === 'footage' ? [key] : []))

  await uploadFootage(source, {folder, signal: never, onProgress})

  expect([...uploads()].sort()).toEqual(['a.mp4', 'a.txt', 'b.mov'])
  expect(String(s3.object('a.mp4', 'footage'))).toBe('video a')
  expect(steps).toEqual(['1/3', '2/3', '3/3'])

  await writeFile(path.join(folder, 'a.txt'), 'a cup falls')
  await writeFile(path.join(folder, 'b.mov'), 'video b, but longer')
  await uploadFootage(source, {folder, signal: never, onProgress})

  expect(uploads().slice(3).sort()).toEqual(['a.txt', 'b.mov'])
  expect(String(s3.object('a.txt', 'footage'))).toBe('a cup falls')
})
