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
