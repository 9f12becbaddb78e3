import {existsSync, readdirSync} from 'node:fs'
import {createServer} from 'node:http'
import type {AddressInfo} from 'node:net'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {expect, onTestFinished, test} from 'vitest'
import Localnet from '../../src/commands/localnet.js'
import {cast} from '../../src/mechanisms/video/cast.js'
import {runCommand} from '../helpers/run-command.js'

const localnet = (...argv: string[]) => runCommand(Localnet, 'localnet', argv)
const localnetWith = (env: Readonly<Record<string, string>>, ...argv: string[]) =>
  runCommand(Localnet, 'localnet', [...argv, '--port', '0'], env)

const leftovers = () => readdirSync(tmpdir()).filter((name) => name.startsWith('leoma-localnet-'))

test('an unknown profile is a usage error that lists the profiles', async () => {
  const before = leftovers()

  const {code, stdout, stderr} = await localnet('--miners', 'oracle,forger', '--port', '0')

  expect(code).toBe(2)
  expect(stdout).toBe('')
  expect(stderr).toContain('there is no miner profile forger')
  for (const {name} of cast) expect(stderr).toContain(name)
  expect(leftovers()).toEqual(before)
})

test('with --json a failure is one object with its code', async () => {
  const {code, stdout} = await localnet('--miners', 'forger', '--port', '0', '--json')

  expect(code).toBe(2)
  expect(JSON.parse(stdout)).toMatchObject({error: {kind: 'usage', code: 'PROFILE_UNKNOWN'}})
})

test('the attacks that can be watched are listed without anything being started', async () => {
  const before = leftovers()

  const {code, stdout} = await localnet('--attack', 'list', '--json')

  expect(code).toBe(0)
  const {attacks} = JSON.parse(stdout)
  expect(attacks.map(({name}: {name: string}) => name)).toEqual(
    expect.arrayContaining(['frozen-noise', 'copy-shifted', 'favouring-validator']),
  )
  expect(attacks.length).toBeGreaterThanOrEqual(25)
  expect(leftovers()).toEqual(before)
})

test('an unknown attack is a usage error that says how to see the known ones', async () => {
  const {code, stderr} = await localnet('--attack', 'looped,hypnosis', '--port', '0')

  expect(code).toBe(2)
  expect(stderr).toContain('there is no attack hypnosis')
  expect(stderr).toContain('--attack list')
})

test.each([
  ['--rounds', '0'],
  ['--validators', '0'],
  ['--block-time', '1'],
  ['--port', '70000'],
])('%s %s is out of range', async (flag, value) => {
  expect((await localnet(flag, value)).code).toBe(2)
})

test('a source folder that is not there is named, and nothing is left behind', async () => {
  const before = leftovers()
  const missing = path.join(tmpdir(), 'no-such-folder-of-videos')

  const {code, stderr} = await localnet('--source', missing, '--port', '0')

  expect(existsSync(missing)).toBe(false)
  expect(code).toBe(2)
  expect(stderr).toContain(missing)
  expect(leftovers()).toEqual(before)
})

test('a port that is taken is an error when it was asked for', async () => {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  onTestFinished(() => new Promise<void>((done) => server.close(() => done())))
  const {port} = server.address() as AddressInfo

  const {code, stderr} = await localnet('--port', String(port))

  expect(code).toBe(3)
  expect(stderr).toContain(`port ${port} of this machine is taken`)
})

const keys = (name: string) => ({[`${name}_ACCESS_KEY`]: 'key', [`${name}_SECRET_KEY`]: 'secret'})
const closed = 's3://127.0.0.1:9'

test.each([
  ['an address that is none', {}, ['--objects', 'ftp://host'], 2, '"ftp://host" is not the address of an S3 store'],
  [
    'no keys for the footage',
    {},
    ['--objects', closed],
    3,
    'S3_VIDEOS_WRITE_ACCESS_KEY and S3_VIDEOS_WRITE_SECRET_KEY',
  ],
  [
    'no keys for the tasks, at the store that the environment names',
    {OBJECT_STORAGE_BACKEND: 'hippius', ...keys('HIPPIUS_VIDEOS_WRITE')},
    ['--objects', closed],
    3,
    'HIPPIUS_SAMPLES_WRITE_ACCESS_KEY',
  ],
  [
    'keys that the validators do not have, though the sampler has',
    {...keys('S3_VIDEOS_WRITE'), ...keys('S3_SAMPLES_WRITE')},
    ['--objects', closed],
    3,
    'S3_SAMPLES_READ_ACCESS_KEY and S3_SAMPLES_READ_SECRET_KEY',
  ],
  ['a vision judge without a key', {}, ['--judge', 'openai'], 3, 'set OPENAI_API_KEY'],
  ['a judge that there is not', {}, ['--judge', 'dice'], 2, 'there is no judge dice'],
  ['a model for a judge that has none', {}, ['--judge-model', 'gpt-6-luna'], 2, 'only judge openai has a model'],
  [
    'a model whose name moves',
    {OPENAI_API_KEY: 'k'},
    ['--judge', 'openai', '--judge-model', 'x-latest'],
    2,
    'moves on',
  ],
  ['models at no address', {}, ['--models', '127.0.0.1:80'], 2, 'is not an http:// or https:// address'],
  ['models elsewhere without TLS', {}, ['--models', 'http://models.example'], 3, 'an address without TLS'],
])('%s is said before anything is made', async (_, env, argv, code, message) => {
  const before = leftovers()

  const ran = await localnetWith(env, ...argv)

  expect(ran.stderr).toContain(message)
  expect(ran.code).toBe(code)
  expect(leftovers()).toEqual(before)
})
