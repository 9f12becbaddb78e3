import {copyFileSync, existsSync, readdirSync, statSync, writeFileSync} from 'node:fs'
import path from 'node:path'
import Database from 'better-sqlite3'
import type {FastifyInstance} from 'fastify'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import type {Hotkey} from '../../../src/domain/ids.js'
import {mechanisms} from '../../../src/mechanisms/registry.js'
import {fold, type Scorer} from '../../../src/services/scorer.js'
import {checkStore, requireWhole} from '../../../src/services/store-check.js'
import {pruneStore} from '../../../src/services/store-prune.js'
import {backupStore, inspectBackup, restoreStore} from '../../../src/store/backup.js'
import {currentExam} from '../../../src/store/exams.js'
import {migrations} from '../../../src/store/migrations/index.js'
import {openStore} from '../../../src/store/open.js'
import {latestTaskId} from '../../../src/store/tasks.js'
import {countVerdicts} from '../../../src/store/verdicts.js'
import {verify} from '../../../src/wallet/keypair.js'
import {miners, never, OwnerWorld, owner, validators, video} from '../../helpers/owner-world.js'
import {tempFolder} from '../../helpers/temp-folder.js'

let world: OwnerWorld
let app: FastifyInstance
let scorer: Scorer
let folder: string
beforeEach(async () => {
  world = await new OwnerWorld().ready()
  scorer = world.scorer()
  app = world.server({scorer})
  folder = tempFolder()
})
afterEach(() => world.close())

const [dave] = miners.map(({hotkey}) => hotkey) as [Hotkey]
const file = (name: string) => path.join(folder, name)

async function settled(tasks: readonly number[]): Promise<void> {
  for (const id of tasks) await world.judgedTask(app, id, (miner) => miner === dave)
  world.settle()
  await scorer.turn(never)
}

describe('a backup', () => {
  it('is taken while the API serves, is one file, and holds one moment of the store', async () => {
    await settled([1])

    const backup = await backupStore(world.storePath, file('deep/er/copy.db'))
    await settled([2])

    expect(backup).toMatchObject({path: file('deep/er/copy.db'), version: migrations.length})
    expect(readdirSync(file('deep/er'))).toEqual(['copy.db'])
    const copy = openStore(file('deep/er/copy.db'))
    expect([latestTaskId(copy), countVerdicts(copy)]).toEqual([1, 12])
    copy.close()
    expect(latestTaskId(world.store)).toBe(2)
  })

  it('ends although somebody writes all the time', async () => {
    await settled([1])
    let writes = 0
    const writer = new Database(world.storePath)
    const write = () => {
      if (done) return
      writer.prepare("INSERT INTO meta VALUES (?, '') ON CONFLICT DO NOTHING").run(`noise ${writes++}`)
      setImmediate(write)
    }
    let done = false
    write()

    await backupStore(world.storePath, file('copy.db'))
    done = true

    expect(writes).toBeGreaterThan(1)
    expect(inspectBackup(file('copy.db')).version).toBe(migrations.length)
    writer.close()
  })

  it('of nothing is refused', async () => {
    await expect(backupStore(file('none.db'), file('copy.db'))).rejects.toMatchObject({code: 'STORE_MISSING'})
    expect(existsSync(file('copy.db'))).toBe(false)
  })
})

describe('a restore', () => {
  it('puts the backup in place and keeps what was there', async () => {
    await settled([1])
    await backupStore(world.storePath, file('copy.db'))
    await settled([2])
    world.store.close()

    const restored = restoreStore(file('copy.db'), world.storePath, 'now')

    expect(restored).toMatchObject({path: world.storePath, putAside: `${world.storePath}.before-restore-now`})
    world.reopen()
    expect(latestTaskId(world.store)).toBe(1)
    const aside = openStore(restored.putAside ?? '')
    expect(latestTaskId(aside)).toBe(2)
    aside.close()
  })

  it('is refused while a process has the store open, and then changes nothing', async () => {
    await settled([1])
    await backupStore(world.storePath, file('copy.db'))
    await settled([2])

    expect(() => restoreStore(file('copy.db'), world.storePath, 'now')).toThrow(
      expect.objectContaining({code: 'STORE_BUSY'}),
    )
    expect(latestTaskId(world.store)).toBe(2)
    expect(readdirSync(world.dir).filter((name) => name.includes('restore') || name.includes('tmp'))).toEqual([])
  })

  it('refuses a store of a newer program', async () => {
    await backupStore(world.storePath, file('copy.db'))
    const copy = new Database(file('copy.db'))
    copy.pragma(`user_version = ${migrations.length + 1}`)
    copy.close()
    world.store.close()

    expect(() => restoreStore(file('copy.db'), world.storePath, 'now')).toThrow(
      expect.objectContaining({code: 'STORE_TOO_NEW'}),
    )
    world.reopen()
  })

  it.each<[string, (name: string) => void]>([
    ['no database', (name) => writeFileSync(name, 'a letter to somebody')],
    ['an empty file', (name) => writeFileSync(name, '')],
    ['half a store', (name) => writeFileSync(name, Buffer.alloc(statSync(name).size / 2))],
    [
      'the store of something else',
      (name) => {
        writeFileSync(name, '')
        const other = new Database(name)
        other.exec('CREATE TABLE letters (a)')
        other.pragma('user_version = 1')
        other.close()
      },
    ],
  ])('refuses %s', async (_, spoil) => {
    await backupStore(world.storePath, file('copy.db'))
    spoil(file('copy.db'))

    expect(() => inspectBackup(file('copy.db'))).toThrow(expect.objectContaining({code: 'STORE_UNREADABLE'}))
  })

  it('takes an older store, which the next start brings up to date', async () => {
    const old = new Database(file('old.db'))
    old.exec(migrations[0] ?? '')
    old.pragma('user_version = 1')
    old.close()

    restoreStore(file('old.db'), file('new.db'), 'now')

    const store = openStore(file('new.db'))
    expect(latestTaskId(store)).toBe(0)
    store.close()
  })
})

describe('a check', () => {
  const check = (signatures = true) =>
    checkStore({store: world.store, mechanisms, verify, time: world.time, signatures}, never)
  /** As somebody with a SQLite shell could. */
  const tamper = (sql: string) => {
    const db = new Database(world.storePath)
    db.exec(`DROP TRIGGER verdicts_are_never_changed; ${sql}`)
    db.close()
  }
  const faults = async (signatures = true) =>
    (await check(signatures)).filter(({faults: found}) => found.length > 0).map(({name}) => name)

  it('finds nothing wrong with a store that only this program has written', async () => {
    await settled([1, 2])

    const checks = await check()

    expect(checks.flatMap(({faults: found}) => found)).toEqual([])
    expect(Object.fromEntries(checks.map(({name, count}) => [name, count]))).toEqual({
      file: 1,
      exams: 1,
      'task numbers': 2,
      tasks: 2,
      verdicts: 24,
      totals: 1,
      ranking: 1,
    })
    expect(() => requireWhole(checks)).not.toThrow()
  })

  it.each([
    [
      'a verdict that was turned round',
      'UPDATE verdicts SET passed = 1 - passed WHERE rowid = 1',
      ['verdicts', 'ranking'],
    ],
    [
      'a verdict that was rewritten, hash and all, but not signed',
      "UPDATE verdicts SET body = json_set(body, '$.signature', '0x' || hex(zeroblob(64))) WHERE rowid = 1",
      ['verdicts'],
    ],
    ['a verdict that was removed', 'DELETE FROM verdicts WHERE rowid = 1', ['ranking']],
    [
      'a score that was raised for one and not for the other',
      'UPDATE scores SET total = 0 WHERE rowid = 1',
      ['totals'],
    ],
    [
      "a task's manifest",
      "UPDATE tasks SET body = json_set(body, '$.manifest.prompt.text', 'x') WHERE task_id = 1",
      ['tasks'],
    ],
    ['an exam', "UPDATE exams SET body = json_set(body, '$.exam.params.everyBlocks', 1)", ['exams']],
    ['rubbish', "UPDATE exams SET body = '{'", ['exams', 'tasks']],
    ['rows that belong to nothing', "INSERT INTO answers (task_id, miner, outcome) VALUES (99, 'x', 'ok')", ['file']],
  ])('finds %s', async (_, sql, names) => {
    await settled([1, 2])
    tamper(`PRAGMA foreign_keys = OFF; ${sql}`)

    expect(await faults()).toEqual(names)
    await expect(check().then(requireWhole)).rejects.toMatchObject({code: 'STORE_DAMAGED', exitCode: 8})
  })

  it('sees a gap between tasks, but not that old ones are gone', async () => {
    await settled([1, 2, 3])
    const remove = (id: number) =>
      ['verdicts', 'samples', 'answers', 'evaluation_signatures', 'tasks']
        .map((table) => `DELETE FROM ${table} WHERE task_id = ${id}`)
        .join(';')
    copyFileSync(world.storePath, file('copy.db'))
    tamper(remove(2))

    expect(await faults()).toContain('task numbers')
  })
})

describe('pruning', () => {
  const days = 86_400_000
  const prune = (keepDays: number, dryRun = false) =>
    pruneStore(world.store, {keepDays, dryRun, mechanisms, time: world.time}, never)

  it('removes old tasks with all that belongs to them, and says how much', async () => {
    // The window of the exam is ten tasks.
    await settled(Array.from({length: 12}, (_, index) => index + 1))
    world.nowMs += 100 * days

    const planned = await prune(90, true)
    expect(planned).toMatchObject({done: false, beforeTask: 3})
    expect(latestTaskId(world.store)).toBe(12)
    const done = await prune(90)

    expect(done.removed).toEqual(planned.removed)
    expect(done.removed).toMatchObject({tasks: 2, verdicts: 24, samples: 24, answers: 8, evaluationSignatures: 6})
    expect(countVerdicts(world.store)).toBe(120)
    expect((await app.inject({url: '/tasks/1'})).statusCode).toBe(404)
    expect((await app.inject({url: '/tasks/3'})).statusCode).toBe(200)
  })

  it('keeps what the ranking follows from, whatever its age: an audit gives the same state', async () => {
    await settled(Array.from({length: 12}, (_, index) => index + 1))
    const before = scorer.current()?.ranking.stateHash
    world.nowMs += 1000 * days

    await prune(0)

    const exam = currentExam(world.store)
    if (!exam) throw new Error('the exam is gone')
    const again = await fold(world.store, exam, video.rule(exam.exam), {time: world.time, signal: never})
    expect(again.hash).toBe(before)
    const checks = await checkStore({store: world.store, mechanisms, verify, time: world.time, signatures: true}, never)
    expect(checks.flatMap(({faults}) => faults)).toEqual([])
  })

  it('keeps totals, and the number of the next task', async () => {
    await settled(Array.from({length: 12}, (_, index) => index + 1))
    const totals = (await app.inject({url: '/scores/stats'})).json()
    world.nowMs += 1000 * days
    await prune(0)

    expect((await app.inject({url: '/scores/stats'})).json()).toEqual(totals)
    await world.expectOk(world.send(app, owner, 'POST', '/tasks', world.manifest(13)))
  })

  it('keeps what has not settled and everything after it', async () => {
    await settled([1, 2])
    await world.expectOk(world.send(app, owner, 'POST', '/tasks', world.manifest(3)))
    world.exam({everyBlocks: 3})
    world.nowMs += 1000 * days

    expect(await prune(0)).toMatchObject({beforeTask: 3, removed: {tasks: 2}})
    expect((await world.send(app, validators[0], 'GET', '/miners/valid')).statusCode).toBe(200)
  })

  it('keeps all tasks of an exam that has not been ranked yet', async () => {
    for (const id of [1, 2, 3]) await world.judgedTask(app, id, () => true)
    world.settle()
    world.nowMs += 1000 * days

    expect((await prune(0)).removed.tasks).toBe(0)
  })

  it('forgets request signatures that would be refused for their age', async () => {
    await settled([1])
    expect((await prune(0)).removed.usedSignatures).toBe(0)
    world.nowMs += days

    expect((await prune(0)).removed.usedSignatures).toBe(4)
  })

  it('does nothing to an empty store', async () => {
    expect(await prune(0)).toMatchObject({beforeTask: 0, removed: {tasks: 0}})
  })
})
