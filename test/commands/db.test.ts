import {expect, test} from 'vitest'
import AddValidator from '../../src/commands/db/add-validator.js'
import ListValidators from '../../src/commands/db/list-validators.js'
import RemoveValidator from '../../src/commands/db/remove-validator.js'
import {runCommand} from '../helpers/run-command.js'
import {tempFolder} from '../helpers/temp-folder.js'

const alice = '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY'
const bob = '5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty'

function db() {
  const env = {LEOMA_DATA: tempFolder()}
  return {
    add: (...argv: string[]) => runCommand(AddValidator, 'db:add-validator', argv, env),
    list: (...argv: string[]) => runCommand(ListValidators, 'db:list-validators', argv, env),
    remove: (...argv: string[]) => runCommand(RemoveValidator, 'db:remove-validator', argv, env),
  }
}

test('a validator that was added is listed with its stake, exactly', async () => {
  const {add, list} = db()

  const added = await add('--uid', '7', '--hotkey', alice, '--stake', '1000.000000001')
  const listed = await list('--json')

  expect(added).toMatchObject({code: 0, stdout: `validator 7 (${alice}) may vote with 1000.000000001 alpha\n`})
  expect(JSON.parse(listed.stdout).validators).toEqual([
    {
      uid: 7,
      hotkey: alice,
      stakeRao: '1000000000001',
      stake: '1000.000000001',
      isPinned: true,
      qualifies: false,
      lastActiveAt: null,
    },
  ])
})

test('adding again changes the entry', async () => {
  const {add, list} = db()
  await add('--uid', '7', '--hotkey', alice, '--stake', '5')

  await add('--uid', '8', '--hotkey', alice, '--stake', '6')

  expect((await list()).stdout).toBe(`uid\thotkey\tstake\twhy\tlast seen\n8\t${alice}\t6\tadded by hand\tnever\n`)
})

test('without a stake it says that the vote counts nothing yet', async () => {
  expect(await db().add('--uid', '7', '--hotkey', alice)).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('--stake'),
  })
})

test('two validators by hand cannot have one uid', async () => {
  const {add} = db()
  await add('--uid', '7', '--hotkey', alice)

  expect(await add('--uid', '7', '--hotkey', bob)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('[UID_TAKEN]'),
  })
})

test('a removed validator is gone; removing it again exits 2', async () => {
  const {add, list, remove} = db()
  await add('--uid', '7', '--hotkey', alice)

  const removed = await remove('--hotkey', alice)
  const again = await remove('--hotkey', alice)

  expect(removed).toMatchObject({code: 0, stdout: `${alice} may no longer vote\n`})
  expect(again).toMatchObject({code: 2, stderr: expect.stringContaining('[VALIDATOR_NOT_PINNED]')})
  expect(JSON.parse((await list('--json')).stdout)).toEqual({validators: []})
})

test.each([
  ['a letter that is no base58', alice.replace('5G', '5O')],
  ['one wrong letter', `${alice.slice(0, -1)}Z`],
  ['an address of another network', '15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5'],
  ['a public key', `0x${'d4'.repeat(32)}`],
])('refuses as hotkey %s', async (_, hotkey) => {
  expect(await db().add('--uid', '7', '--hotkey', hotkey)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('[HOTKEY_INVALID]'),
  })
})

test.each([
  ['--uid', '65536'],
  ['--uid', '-1'],
  ['--uid', '1.5'],
  ['--stake', '-1'],
  ['--stake', '1e3'],
  ['--stake', '0.0000000001'],
])('refuses %s %s', async (flag, value) => {
  const others = {'--uid': '7', '--stake': '1', '--hotkey': alice, [flag]: value}

  const {code} = await db().add(...Object.entries(others).map(([name, text]) => `${name}=${text}`))

  expect(code).toBe(2)
})

test('says what to do when there is none', async () => {
  expect(await db().list()).toMatchObject({code: 0, stdout: '', stderr: expect.stringContaining('db add-validator')})
})
