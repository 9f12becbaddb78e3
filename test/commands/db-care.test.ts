import {readdirSync, writeFileSync} from 'node:fs'
import path from 'node:path'
import Database from 'better-sqlite3'
import {expect, test} from 'vitest'
import AddValidator from '../../src/commands/db/add-validator.js'
import Backup from '../../src/commands/db/backup.js'
import Check from '../../src/commands/db/check.js'
import ListValidators from '../../src/commands/db/list-validators.js'
import Migrate from '../../src/commands/db/migrate.js'
import Prune from '../../src/commands/db/prune.js'
import Restore from '../../src/commands/db/restore.js'
import {migrations} from '../../src/store/migrations/index.js'
import {runCommand} from '../helpers/run-command.js'
import {tempFolder} from '../helpers/temp-folder.js'

const alice = '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY'
const newest = migrations.length

function db(more: Record<string, string> = {}) {
  const data = tempFolder()
  const env = {LEOMA_DATA: data, ...more}
  const run =
    (command: unknown, name: string) =>
    (...argv: string[]) =>
      runCommand(command, `db:${name}`, argv, env)
  return {
    data,
    file: path.join(data, 'owner.db'),
    add: run(AddValidator, 'add-validator'),
    list: run(ListValidators, 'list-validators'),
    migrate: run(Migrate, 'migrate'),
    backup: run(Backup, 'backup'),
    restore: run(Restore, 'restore'),
    check: run(Check, 'check'),
    prune: run(Prune, 'prune'),
  }
}

test('migrate makes the store, and says when there is nothing to do', async () => {
  const {migrate, file} = db()

  const made = await migrate()
  const again = await migrate('--json')

  expect(made).toMatchObject({code: 0, stdout: `${file} was made, at version ${newest}\n`})
  expect(JSON.parse(again.stdout)).toEqual({path: file, from: newest, to: newest})
})

test('migrate brings an older store to the version of this program', async () => {
  const {migrate, file} = db()
  const old = new Database(file)
  old.exec(migrations[0] ?? '')
  old.pragma('user_version = 1')
  old.close()

  expect(await migrate()).toMatchObject({code: 0, stdout: `${file} is at version ${newest} now, it was at 1\n`})
})

test('migrate looks after a validator’s store too', async () => {
  const {migrate, data} = db({HOTKEY_NAME: 'hk'})

  await migrate('--of', 'validator')

  expect(readdirSync(data)).toEqual(['validator-hk.db'])
})

test('a backup goes where it is told, and into the data folder otherwise', async () => {
  const {migrate, backup, data} = db()
  await migrate()

  const plain = await backup('--json')
  const named = await backup('--to', path.join(data, 'copy.db'))
  const taken = await backup('--to', path.join(data, 'copy.db'))

  expect(JSON.parse(plain.stdout)).toMatchObject({
    version: newest,
    path: expect.stringMatching(/\/backups\/owner-\d{4}-[\dTZ-]+\.db$/),
  })
  expect(named.stdout).toMatch(/copy\.db \([\d.]+ kB, version \d+\)\n$/)
  expect(taken).toMatchObject({code: 2, stderr: expect.stringContaining('[FILE_EXISTS]')})
})

test('a backup of a store that is not there exits 2', async () => {
  expect(await db().backup()).toMatchObject({code: 2, stderr: expect.stringContaining('[STORE_MISSING]')})
})

test('what was backed up comes back, and what was there is kept', async () => {
  const {add, list, backup, restore, data, file} = db()
  await add('--uid', '7', '--hotkey', alice)
  await backup('--to', path.join(data, 'copy.db'))
  await add('--uid', '8', '--hotkey', alice)

  const restored = await restore('--from', path.join(data, 'copy.db'), '--yes', '--json')

  expect(JSON.parse(restored.stdout)).toMatchObject({
    path: file,
    version: newest,
    putAside: expect.stringContaining('owner.db.before-restore-'),
  })
  expect(JSON.parse((await list('--json')).stdout).validators).toMatchObject([{uid: 7}])
})

test('a restore asks first, and where nobody can answer it names the flag', async () => {
  const {migrate, backup, restore, data} = db()
  await migrate()
  await backup('--to', path.join(data, 'copy.db'))

  expect(await restore('--from', path.join(data, 'copy.db'))).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--yes'),
  })
})

test('a restore refuses what a newer program has made, and what is no store', async () => {
  const {migrate, backup, restore, data} = db()
  await migrate()
  const copy = path.join(data, 'copy.db')
  await backup('--to', copy)
  const newer = new Database(copy)
  newer.pragma(`user_version = ${newest + 1}`)
  newer.close()
  writeFileSync(path.join(data, 'letter.db'), 'to somebody')

  expect(await restore('--from', copy, '--yes')).toMatchObject({
    code: 7,
    stderr: expect.stringContaining('[STORE_TOO_NEW]'),
  })
  expect(await restore('--from', path.join(data, 'letter.db'), '--yes')).toMatchObject({
    code: 7,
    stderr: expect.stringContaining('[STORE_UNREADABLE]'),
  })
})

test('a check of a whole store exits 0, of a damaged one 8', async () => {
  const {migrate, check, file} = db()
  await migrate()

  const whole = await check('--json')
  const spoiled = new Database(file)
  spoiled.exec("INSERT INTO exams VALUES (1, 'hash', 1, '{', 0)")
  spoiled.close()
  const damaged = await check()

  expect(whole.code).toBe(0)
  expect(JSON.parse(whole.stdout).checks.map(({name}: {name: string}) => name)).toEqual([
    'file',
    'exams',
    'task numbers',
    'tasks',
    'verdicts',
    'totals',
    'ranking',
  ])
  expect(damaged).toMatchObject({code: 8, stderr: expect.stringContaining('[STORE_DAMAGED]')})
})

test('pruning says when there is nothing to remove', async () => {
  const {migrate, prune} = db()
  await migrate()

  const {code, stdout} = await prune('--json')

  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({done: false, beforeTask: 0, removed: {tasks: 0, verdicts: 0}})
})
