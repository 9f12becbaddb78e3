import {mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import Database from 'better-sqlite3'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import {sha256} from '../../../src/domain/canonical.js'
import type {SignedVerdict} from '../../../src/domain/verdict.js'
import {Flusher} from '../../../src/store/flusher.js'
import {openJournal, StoreJournal} from '../../../src/store/journal.js'
import {migrations} from '../../../src/store/migrations/index.js'
import {openStore, type Store} from '../../../src/store/open.js'
import {claimSignature} from '../../../src/store/seen-signatures.js'
import {listValidators, pinValidator, syncValidators, unpinValidator} from '../../../src/store/validators.js'
import {
  appendWeights,
  lastAcceptedBlock,
  lastGoodWinner,
  lastWeights,
  type WeightDecision,
} from '../../../src/store/weight-log.js'
import {miners, OwnerWorld, oneAlpha, validators} from '../../helpers/owner-world.js'

let dir: string
let file: string
beforeEach(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'leoma-store-'))
  file = path.join(dir, 'deep', 'er', 'store.db')
})
afterEach(() => rmSync(dir, {recursive: true, force: true}))

const alice = validators[0]!.hotkey
const bob = validators[1]!.hotkey

describe('opening a store', () => {
  it('makes the file and its folder, in WAL mode, with strict tables', () => {
    openStore(file).close()

    const db = new Database(file)
    expect(db.pragma('journal_mode', {simple: true})).toBe('wal')
    expect(db.pragma('user_version', {simple: true})).toBe(migrations.length)
    const loose = db
      .prepare("SELECT name FROM pragma_table_list WHERE schema = 'main' AND strict = 0 AND name NOT LIKE 'sqlite_%'")
      .all()
    expect(loose).toEqual([])
    db.close()
  })

  it.each(['each', 'flushed', 'none'] as const)('keeps what was written and flushed (%s)', async (durability) => {
    const store = openStore(file, {durability})
    for (let uid = 0; uid < 40; uid++) {
      pinValidator(store, {hotkey: alice, uid, stakeRao: 5n}, uid)
      await Promise.all([store.flush(), store.flush(), store.flush()])
    }
    pinValidator(store, {hotkey: bob, uid: 41, stakeRao: 5n}, 41)
    store.close()

    const again = openStore(file)
    expect(listValidators(again).map(({uid}) => uid)).toEqual(expect.arrayContaining([39, 41]))
    again.close()
  })

  it('moves a long log into the file beside its writers', async () => {
    const store = openStore(file, {durability: 'flushed'})
    const reader = new Database(file, {readonly: true})
    const moved = () => statSync(file).size
    const before = moved()

    for (let turn = 0; moved() === before && turn < 3000; turn++) {
      store.sql.transaction(() => {
        for (let uid = 0; uid < 30; uid++) claimSignature(store, `${turn} ${uid}`.padStart(900, 'x'), 1e12, 0)
      })
      await store.flush()
    }

    expect(moved()).toBeGreaterThan(before)
    expect(reader.pragma('quick_check', {simple: true})).toBe('ok')
    reader.close()
    store.close()
  })

  it('begins its log anew however fast commits come', async () => {
    const store = openStore(file)
    store.sql.prepare('PRAGMA wal_autocheckpoint = 0').run()
    const flusher = new Flusher(file, {longLog: 200})
    const length = () => statSync(`${file}-wal`).size
    let [turn, stillFor] = [0, 0]
    const write = async () => {
      for (; stillFor < 60 && turn < 3000; turn++) {
        const before = length()
        store.sql.transaction(() => {
          for (let row = 0; row < 5; row++) claimSignature(store, `${turn} ${row}`.padStart(900, 'x'), 1e12, 0)
        })
        stillFor = length() === before ? stillFor + 1 : 0
        await flusher.flush()
      }
    }

    await Promise.all(Array.from({length: 4}, write))

    // At a good 10 pages each, these commits are several logs of the length at which flushes wait.
    expect(stillFor).toBeGreaterThanOrEqual(60)
    flusher.close()
    store.close()
  })

  it.runIf(process.platform === 'linux')('moves its log in a thread that gives way to the event loop', async () => {
    const own = os.getPriority()
    const store = openStore(file)
    const flusher = new Flusher(file, {syncsPerMove: 1})
    // The 19th field of a thread's `stat` is its priority; the 2nd may hold spaces, so they are counted from its end.
    const priorities = () =>
      readdirSync('/proc/self/task').map((thread) => {
        const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8')
        return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16])
      })
    const wanted = Math.min(19, own + 5)

    for (let turn = 0; !priorities().includes(wanted) && turn < 3000; turn++) await flusher.flush()

    expect(priorities()).toContain(wanted)
    expect(os.getPriority(process.pid)).toBe(own)
    flusher.close()
    store.close()
  })

  it('answers a flush although a reader keeps the log from being moved', async () => {
    const store = openStore(file)
    const reader = new Database(file, {readonly: true})
    reader.exec('BEGIN')
    reader.prepare('SELECT count(*) FROM tasks').get()
    const flusher = new Flusher(file, {longLog: 20, syncsPerMove: 1})

    for (let turn = 0; turn < 40; turn++) {
      claimSignature(store, `${turn}`.padStart(9000, 'x'), 1e12, 0)
      await flusher.flush()
    }

    expect(statSync(`${file}-wal`).size).toBeGreaterThan(100 * 4096)
    flusher.close()
    reader.close()
    store.close()
  })

  it('opens twice at once and finds what the other wrote', () => {
    const [one, two] = [openStore(file), openStore(file)]

    pinValidator(one, {hotkey: alice, uid: 1, stakeRao: 5n}, 0)

    expect(listValidators(two)).toHaveLength(1)
    one.close()
    two.close()
  })

  it('brings a store of the first version to this one, with what was in it', () => {
    openStore(file).close()
    const fresh = new Database(file)
    const schema = (db: Database.Database) =>
      db
        .prepare("SELECT type, name, tbl_name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name")
        .all()
    const wanted = schema(fresh)
    fresh.close()
    const old = new Database(path.join(dir, 'old.db'))
    old.exec(migrations[0] ?? '')
    old.pragma('user_version = 1')
    old.exec(`INSERT INTO exams VALUES (1, 'e', 1, '{}', 0);
      INSERT INTO tasks VALUES (1, 'e', 'h', 5, 1, '{}', 0, 6, 0);
      INSERT INTO verdicts VALUES (1, 'v', 'm', 'h', 1, '{"verdict":{"overall":73}}', 0)`)
    old.close()

    openStore(path.join(dir, 'old.db')).close()

    const migrated = new Database(path.join(dir, 'old.db'))
    expect(schema(migrated)).toEqual(wanted)
    expect(migrated.prepare('SELECT overall FROM verdicts').pluck().all()).toEqual([73])
    expect(() => migrated.exec('UPDATE verdicts SET passed = 0')).toThrow('append-only')
    migrated.close()
  })

  it('refuses a store of a newer program and says what to do', () => {
    openStore(file).close()
    const db = new Database(file)
    db.pragma(`user_version = ${migrations.length + 1}`)
    db.close()

    expect(() => openStore(file)).toThrow(expect.objectContaining({code: 'STORE_TOO_NEW', kind: 'data'}))
  })

  it('refuses a file that is no database, and a path that is a folder', () => {
    const other = path.join(dir, 'letter.txt')
    writeFileSync(other, 'dear owner, '.repeat(100))

    expect(() => openStore(other)).toThrow(expect.objectContaining({code: 'STORE_UNREADABLE'}))
    expect(() => openStore(dir)).toThrow(expect.objectContaining({code: 'STORE_UNOPENABLE'}))
  })

  it('knows when it is closed', () => {
    const store = openStore(file)

    expect(store.isAlive()).toBe(true)
    store.close()
    expect(store.isAlive()).toBe(false)
  })

  it('rolls a transaction back as a whole, nested ones included', () => {
    const store = openStore(file)

    expect(() =>
      store.sql.transaction(() => {
        pinValidator(store, {hotkey: alice, uid: 1, stakeRao: 1n}, 0)
        store.sql.transaction(() => pinValidator(store, {hotkey: bob, uid: 2, stakeRao: 1n}, 0))
        throw new Error('power cut')
      }),
    ).toThrow('power cut')

    expect(listValidators(store)).toEqual([])
    store.close()
  })

  it('never lets a verdict be changed', async () => {
    const world = await new OwnerWorld().ready()
    const app = world.server()
    await world.judgedTask(app, 1, () => true)

    const db = new Database(world.storePath)
    expect(() => db.prepare('UPDATE verdicts SET passed = 0').run()).toThrow('append-only')
    db.close()
    await world.close()
  })
})

describe('the journal of a validator', () => {
  const verdict = (taskId: number, miner = miners[0]!.hotkey, output = 'output'): SignedVerdict => ({
    verdict: {
      version: 1,
      mechanism: 'video',
      netuid: 99,
      taskId,
      examHash: sha256('exam'),
      validator: alice,
      miner,
      artefacts: {output: sha256(output), clip: sha256('clip'), firstFrame: null},
      judge: {name: 'reference', version: 1},
      passed: true,
      overall: 80,
      aspects: {},
      confidence: 50,
      gate: null,
      reasoning: '',
      strengths: [],
      issues: [],
    },
    signature: `0x${'ab'.repeat(64)}`,
  })

  it('counts up to the first task that was not dealt with', () => {
    const journal = openJournal(file)

    expect(journal.evaluatedUpTo()).toBe(0)
    journal.closeTask(2, '')
    expect(journal.evaluatedUpTo()).toBe(0)
    journal.closeTask(1, '')
    journal.closeTask(4, '')
    expect(journal.evaluatedUpTo()).toBe(2)
    expect(journal.isEvaluated(4)).toBe(true)
    expect(journal.isEvaluated(3)).toBe(false)
    journal.close()
  })

  it('finds everything again after the process was killed between any two steps', () => {
    const steps: ((journal: StoreJournal) => void)[] = [
      (journal) => journal.addVerdict(verdict(1)),
      (journal) => journal.addVerdict(verdict(1, miners[1]!.hotkey)),
      (journal) => journal.closeTask(1, 'judged'),
      (journal) => journal.markSent(1),
    ]
    const seen: unknown[] = []
    for (const step of steps) {
      const store: Store = openStore(file)
      step(new StoreJournal(store))
      store.close()
      const again = openJournal(file)
      seen.push([again.verdictsOf(1).length, again.isEvaluated(1), again.unsentTasks()])
      again.close()
    }

    expect(seen).toEqual([
      [1, false, [1]],
      [2, false, [1]],
      [2, true, [1]],
      [2, true, []],
    ])
  })

  it('keeps the first verdict of a task and miner, and does not send a task again for a repeated one', () => {
    const journal = openJournal(file)
    journal.addVerdict(verdict(1))
    journal.markSent(1)

    journal.addVerdict({...verdict(1), signature: `0x${'cd'.repeat(64)}`})

    expect(journal.verdictsOf(1)).toEqual([verdict(1)])
    expect(journal.unsentTasks()).toEqual([])
    journal.close()
  })

  it('lists unsent tasks oldest first and forgets none that was refused', () => {
    const journal = openJournal(file)
    for (const taskId of [3, 1, 2]) journal.addVerdict(verdict(taskId))
    journal.markRefused(2, 'settled')

    expect(journal.unsentTasks()).toEqual([1, 3])
    expect(journal.verdictsOf(2)).toHaveLength(1)
    journal.close()
  })

  it('finds a score for the same bytes under the same exam only', () => {
    const journal = openJournal(file)
    journal.addVerdict(verdict(1))

    expect(journal.findScore(sha256('exam'), sha256('output'), sha256('clip'))).toEqual(verdict(1))
    expect(journal.findScore(sha256('other exam'), sha256('output'), sha256('clip'))).toBeUndefined()
    expect(journal.findScore(sha256('exam'), sha256('output'), sha256('other clip'))).toBeUndefined()
    journal.close()
  })
})

describe('the log of weights', () => {
  const decision = (block: number, changes: Partial<WeightDecision> = {}): WeightDecision => ({
    at: block * 1000,
    block,
    mecid: 0,
    uids: [7],
    values: [1],
    source: 'recomputed',
    winner: {hotkey: alice, uid: 7},
    reason: 'leads',
    extrinsic: '0x1',
    error: null,
    ...changes,
  })

  it('gives back what was appended, per mechanism index', () => {
    const store = openStore(file)
    appendWeights(store, decision(10))
    appendWeights(store, decision(11, {mecid: 1, winner: null, source: 'burn', uids: [0]}))

    expect(lastWeights(store, 0)).toEqual(decision(10))
    expect(lastWeights(store, 1)).toMatchObject({winner: null, uids: [0]})
    expect(lastWeights(store, 2)).toBeUndefined()
    store.close()
  })

  it('does not let holding a winner make it younger', () => {
    const store = openStore(file)
    appendWeights(store, decision(10))
    appendWeights(store, decision(20, {source: 'held'}))

    expect(lastGoodWinner(store, 0)).toEqual({hotkey: alice, uid: 7, block: 10, at: 10_000})
    store.close()
  })

  it('holds nobody after a burn, and counts only weights that the chain took', () => {
    const store = openStore(file)
    appendWeights(store, decision(10))
    appendWeights(store, decision(20, {source: 'burn', winner: null, error: 'too soon', extrinsic: null}))

    expect(lastGoodWinner(store, 0)).toBeUndefined()
    expect(lastAcceptedBlock(store, 0)).toBe(10)
    store.close()
  })
})

describe('validators in the store', () => {
  const onChain = (hotkey: typeof alice, uid: number, stakeRao: bigint, qualifies = true) => ({
    hotkey,
    uid,
    stakeRao,
    qualifies,
  })

  it('keeps a pinned validator through every sync, with its own stake', () => {
    const store = openStore(file)
    pinValidator(store, {hotkey: alice, uid: 7, stakeRao: 500n * oneAlpha}, 0)

    syncValidators(store, [onChain(bob, 2, 2000n * oneAlpha)], 1)
    syncValidators(store, [onChain(alice, 9, 3n, false)], 2)

    expect(listValidators(store)).toMatchObject([
      {hotkey: alice, uid: 9, stakeRao: 500n * oneAlpha, pinned: true, qualifies: false},
    ])
    store.close()
  })

  it('gives a pinned validator without a stake that of the chain', () => {
    const store = openStore(file)
    pinValidator(store, {hotkey: alice, uid: 7, stakeRao: undefined}, 0)
    expect(listValidators(store)[0]?.stakeRao).toBe(0n)

    syncValidators(store, [onChain(alice, 7, 42n, false)], 1)

    expect(listValidators(store)[0]?.stakeRao).toBe(42n)
    store.close()
  })

  it('drops an unpinned one that does not qualify, and takes it back when it does', () => {
    const store = openStore(file)
    pinValidator(store, {hotkey: alice, uid: 1, stakeRao: 1n}, 0)

    expect(unpinValidator(store, alice, 1)).toBe(true)
    expect(unpinValidator(store, alice, 1)).toBe(false)
    expect(listValidators(store)).toEqual([])
    syncValidators(store, [onChain(alice, 1, 5n)], 2)

    expect(listValidators(store)).toMatchObject([{hotkey: alice, stakeRao: 5n, pinned: false}])
    store.close()
  })

  it('lets two validators swap their uids', () => {
    const store = openStore(file)
    syncValidators(store, [onChain(alice, 1, 5n), onChain(bob, 2, 6n)], 0)

    syncValidators(store, [onChain(alice, 2, 5n), onChain(bob, 1, 6n)], 1)

    expect(Object.fromEntries(listValidators(store).map(({hotkey, uid}) => [hotkey, uid]))).toEqual({
      [alice]: 2,
      [bob]: 1,
    })
    store.close()
  })
})

it('remembers a request signature across a restart, until it has expired', () => {
  let store = openStore(file)
  expect(claimSignature(store, '0xaa', 100, 50)).toBe(true)
  store.close()

  store = openStore(file)
  expect(claimSignature(store, '0xaa', 100, 100)).toBe(false)
  expect(claimSignature(store, '0xaa', 300, 101)).toBe(true)
  store.close()
})
