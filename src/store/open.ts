import {mkdirSync} from 'node:fs'
import {dirname} from 'node:path'
import Database from 'better-sqlite3'
import {LeomaError} from '../errors.js'
import {Changes} from './changes.js'
import {Flusher} from './flusher.js'
import {migrations} from './migrations/index.js'
import {Sql} from './sql.js'

export interface Store {
  readonly path: string
  readonly sql: Sql
  readonly changes: Changes
  /** True when the file can still be read; a health check asks. */
  isAlive(): boolean
  /** Resolves when all that was committed before the call is durable, as far as this store is. */
  flush(): Promise<void>
  close(): void
}

/**
 * When commits survive a power cut; a killed process never loses one. `each` of them before it returns; or those before a
 * `flush` or `close`, for a process that has others to serve meanwhile; or `none`, for data to throw away.
 */
export type Durability = 'each' | 'flushed' | 'none'

const ownCacheKiB = 4096

/** Pages in the log at which a commit moves it into the file, where a thread of its own should have done so before. */
const farTooManyPages = 64_000

export interface StoreOptions {
  readonly durability?: Durability
  /** How long a writer waits for another process's write, in milliseconds. */
  readonly busyTimeoutMs?: number
}

/** Opens the store, makes it when it is not there, and brings it to this program's version. */
export function openStore(path: string, options: StoreOptions = {}): Store {
  const {durability = 'each', busyTimeoutMs = 5_000} = options
  const db = openFile(path, busyTimeoutMs)
  try {
    // Before migrating: the journal mode cannot change inside a transaction.
    db.pragma('journal_mode = WAL')
    db.pragma(`synchronous = ${durability === 'each' ? 'FULL' : 'NORMAL'}`)
    // One that serves nobody else keeps little in memory: its file grows for months, and the system caches it anyway.
    if (durability === 'each') db.pragma(`cache_size = -${ownCacheKiB}`)
    if (durability === 'flushed') db.pragma(`wal_autocheckpoint = ${farTooManyPages}`)
    db.pragma('foreign_keys = ON')
    migrate(db)
  } catch (error) {
    db.close()
    if (error instanceof LeomaError) throw error
    throw new LeomaError('data', 'STORE_UNREADABLE', `${path} is not a store of this program`, {
      cause: error,
      hints: ['restore a backup', 'or name another file'],
    })
  }
  const flusher = durability === 'flushed' ? new Flusher(path) : undefined
  return {
    path,
    sql: new Sql(db),
    changes: new Changes(db),
    isAlive: () => {
      try {
        return db.open && db.prepare('SELECT 1').get() !== undefined
      } catch {
        return false
      }
    },
    flush: async () => flusher?.flush(),
    close: () => {
      flusher?.close()
      db.close()
    },
  }
}

function openFile(path: string, timeout: number): Database.Database {
  try {
    if (path !== ':memory:') mkdirSync(dirname(path), {recursive: true})
    return new Database(path, {timeout})
  } catch (error) {
    throw new LeomaError('data', 'STORE_UNOPENABLE', `cannot open the store ${path}`, {
      cause: error,
      hints: ['check that the folder exists and may be written'],
    })
  }
}

function migrate(db: Database.Database): void {
  const version = () => Number(db.pragma('user_version', {simple: true}))
  const done = version()
  if (done > migrations.length) {
    throw new LeomaError(
      'data',
      'STORE_TOO_NEW',
      `the store is at version ${done}, this program knows ${migrations.length}`,
      {hints: ['upgrade leoma', 'or restore the backup taken before the upgrade']},
    )
  }
  for (const [index, sql] of migrations.entries()) {
    // The version is read again under the write lock: two processes may open a new file at once.
    db.transaction(() => {
      if (version() > index) return
      db.exec(sql)
      db.pragma(`user_version = ${index + 1}`)
    }).immediate()
  }
}
