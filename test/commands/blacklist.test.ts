import {mkdirSync, writeFileSync} from 'node:fs'
import path from 'node:path'
import type {FastifyInstance} from 'fastify'
import {afterEach, beforeEach, expect, test} from 'vitest'
import BlacklistAdd from '../../src/commands/blacklist/add.js'
import BlacklistList from '../../src/commands/blacklist/list.js'
import BlacklistRemove from '../../src/commands/blacklist/remove.js'
import {createSigner} from '../../src/wallet/keypair.js'
import {miners, OwnerWorld} from '../helpers/owner-world.js'
import {runCommand} from '../helpers/run-command.js'

const seed = `0x${'07'.repeat(32)}`
const admin = createSigner({secretSeed: seed})
const dave = miners[0]!.hotkey

let world: OwnerWorld
let app: FastifyInstance
let url: string
beforeEach(async () => {
  world = await new OwnerWorld().ready()
  world.nowMs = Date.now()
  app = world.server({admins: [admin.hotkey]})
  url = await app.listen({port: 0, host: '127.0.0.1'})
  const folder = path.join(world.dir, 'wallets', 'default', 'hotkeys')
  mkdirSync(folder, {recursive: true})
  writeFileSync(path.join(folder, 'default'), JSON.stringify({secretSeed: seed, ss58Address: admin.hotkey}), {
    mode: 0o600,
  })
})
afterEach(() => world.close())

const run = (command: unknown, name: string, ...argv: string[]) =>
  runCommand(command, `blacklist:${name}`, argv, {
    API_URL: url,
    LEOMA_DATA: world.dir,
    BT_WALLET_PATH: path.join(world.dir, 'wallets'),
  })

test('a hotkey is banned, listed with reason and author, and taken off again', async () => {
  const added = await run(BlacklistAdd, 'add', dave, '-r', 'serves another model')
  const listed = await run(BlacklistList, 'list')
  const json = await run(BlacklistList, 'list', '--json')
  const removed = await run(BlacklistRemove, 'remove', dave)
  const again = await run(BlacklistRemove, 'remove', dave, '--json')
  const empty = await run(BlacklistList, 'list')

  expect(added).toMatchObject({code: 0, stdout: `${dave} is banned\n`})
  expect(listed.stdout).toContain('serves another model')
  expect(listed.stderr).toContain('1 in all')
  expect(JSON.parse(json.stdout).blacklist).toMatchObject([
    {hotkey: dave, reason: 'serves another model', added_by: admin.hotkey},
  ])
  expect(removed).toMatchObject({code: 0, stdout: `${dave} is not banned any more\n`})
  expect(JSON.parse(again.stdout)).toEqual({hotkey: dave, removed: false})
  expect(empty).toMatchObject({code: 0, stdout: '', stderr: expect.stringContaining('empty')})
})

test('only administrators may write it', async () => {
  await app.close()
  url = await world.server().listen({port: 0, host: '127.0.0.1'})

  expect(await run(BlacklistAdd, 'add', dave)).toMatchObject({
    code: 4,
    stderr: expect.stringContaining('[API_FORBIDDEN]'),
  })
  expect(await run(BlacklistList, 'list')).toMatchObject({code: 0})
})

test('a mistyped address goes nowhere', async () => {
  expect(await run(BlacklistAdd, 'add', `${dave.slice(0, -1)}1`)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('[HOTKEY_INVALID]'),
  })
})
