import {chmodSync, existsSync, readFileSync, writeFileSync} from 'node:fs'
import path from 'node:path'
import Database from 'better-sqlite3'
import {expect, test} from 'vitest'
import {inspectStore} from '../../../src/store/inspect.js'
import {openStore} from '../../../src/store/open.js'
import {tempFolder} from '../../helpers/temp-folder.js'

test('a store that is not there yet is not made', async () => {
  const file = path.join(tempFolder(), 'deep', 'owner.db')

  expect(await inspectStore(file)).toMatchObject({exists: false, version: 0})
  expect(existsSync(path.dirname(file))).toBe(false)
})

test('a store in use tells its version, and stays as it is', async () => {
  const file = path.join(tempFolder(), 'owner.db')
  const store = openStore(file)
  const before = readFileSync(file)

  const {exists, version, knownVersion} = await inspectStore(file)

  expect(exists).toBe(true)
  expect(version).toBe(knownVersion)
  expect(readFileSync(file).equals(before)).toBe(true)
  store.close()
})

test('an old store is not migrated, a newer one is refused', async () => {
  const file = path.join(tempFolder(), 'owner.db')
  openStore(file).close()
  const db = new Database(file)
  db.pragma('user_version = 0')

  expect(await inspectStore(file)).toMatchObject({version: 0})
  expect(db.pragma('user_version', {simple: true})).toBe(0)
  db.pragma('user_version = 999')
  await expect(inspectStore(file)).rejects.toMatchObject({code: 'STORE_TOO_NEW'})
  db.close()
})

test('what is no store, and what another process holds, are told apart', async () => {
  const folder = tempFolder()
  writeFileSync(
    path.join(folder, 'text.db'),
    'this is certainly not a database, however long one looks at it. '.repeat(50),
  )
  openStore(path.join(folder, 'held.db')).close()
  const holder = new Database(path.join(folder, 'held.db'))
  holder.exec('BEGIN IMMEDIATE')

  await expect(inspectStore(path.join(folder, 'text.db'))).rejects.toMatchObject({code: 'STORE_UNREADABLE'})
  await expect(inspectStore(path.join(folder, 'held.db'))).rejects.toMatchObject({code: 'STORE_BUSY'})
  holder.close()
})

// The superuser may write everywhere.
test.skipIf(process.getuid?.() === 0)('a store or folder that cannot be written is said so', async () => {
  const folder = tempFolder()
  const file = path.join(folder, 'owner.db')
  openStore(file).close()
  chmodSync(file, 0o400)

  await expect(inspectStore(file)).rejects.toMatchObject({code: 'STORE_UNWRITABLE'})
  chmodSync(folder, 0o500)
  await expect(inspectStore(path.join(folder, 'new.db'))).rejects.toMatchObject({code: 'STORE_UNWRITABLE'})
  chmodSync(folder, 0o700)
})
