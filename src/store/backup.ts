import {closeSync, copyFileSync, existsSync, fsyncSync, openSync, renameSync, rmSync, statSync} from 'node:fs'
import {mkdir} from 'node:fs/promises'
import path from 'node:path'
import Database from 'better-sqlite3'
import {LeomaError} from '../errors.js'
import {migrations} from './migrations/index.js'

export interface Backup {
  readonly path: string
  readonly sizeBytes: number
  /** How many migrations the file has had. */
  readonly version: number
}

/**
 * Copies a store while others read and write it. The copy is one moment of it, in one file, and has been read back whole;
 * it appears under its name only then.
 */
export async function backupStore(from: string, to: string): Promise<Backup> {
  if (!existsSync(from)) throw missing(from)
  await mkdir(path.dirname(path.resolve(to)), {recursive: true})
  const unfinished = `${to}.${process.pid}.tmp`
  const db = openExisting(from)
  try {
    // All pages at once: a copy in steps begins anew whenever somebody writes, and somebody always does. Readers of a
    // store in WAL mode stop nobody.
    await db.backup(unfinished, {progress: ({totalPages}) => Math.max(100, totalPages)})
    const copy = openExisting(unfinished)
    try {
      // Without its journal beside it, so that the one file is all there is to keep.
      copy.pragma('journal_mode = DELETE')
    } finally {
      copy.close()
    }
    const backup = inspectBackup(unfinished)
    sync(unfinished)
    renameSync(unfinished, to)
    return {...backup, path: to}
  } finally {
    db.close()
    for (const ending of ['', '-wal', '-shm']) rmSync(`${unfinished}${ending}`, {force: true})
  }
}

/** Throws unless the file is a whole store that this program can work with. */
export function inspectBackup(file: string): Backup {
  if (!existsSync(file)) throw missing(file)
  const db = openExisting(file)
  try {
    const version = Number(db.pragma('user_version', {simple: true}))
    if (version > migrations.length) {
      throw new LeomaError(
        'data',
        'STORE_TOO_NEW',
        `the store is at version ${version}, this program knows ${migrations.length}`,
        {hints: ['upgrade leoma', 'or restore the backup taken before the upgrade']},
      )
    }
    const hasTasks = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'tasks'").get() !== undefined
    const damage = db.pragma('quick_check(1)', {simple: true})
    if (version === 0 || !hasTasks || damage !== 'ok') throw unreadable(file, String(damage))
    return {path: file, sizeBytes: statSync(file).size, version}
  } catch (error) {
    throw error instanceof LeomaError ? error : unreadable(file, error)
  } finally {
    db.close()
  }
}

export interface Restored {
  readonly path: string
  readonly version: number
  readonly sizeBytes: number
  /** Where the store that was there before is now; null when there was none. */
  readonly putAside: string | null
}

/**
 * Puts a backup in a store's place. The old file is kept beside it. Refuses while a process has the store open: it would
 * go on writing into the file that was put aside.
 */
export function restoreStore(from: string, to: string, stamp: string): Restored {
  const {version, sizeBytes} = inspectBackup(from)
  const unfinished = `${to}.${process.pid}.tmp`
  const putAside = existsSync(to) ? `${to}.before-restore-${stamp}` : null
  if (putAside !== null) settleJournal(to)
  try {
    copyFileSync(from, unfinished)
    sync(unfinished)
    if (putAside !== null) renameSync(to, putAside)
    renameSync(unfinished, to)
  } catch (error) {
    if (putAside !== null && !existsSync(to) && existsSync(putAside)) renameSync(putAside, to)
    throw error
  } finally {
    rmSync(unfinished, {force: true})
  }
  return {path: to, version, sizeBytes, putAside}
}

/** Writes the journal back into the file, which SQLite does only for the last one that has it open. */
function settleJournal(file: string): void {
  const db = openExisting(file)
  try {
    const mode = db.pragma('journal_mode = DELETE', {simple: true})
    if (mode !== 'delete') throw busy(file)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'SQLITE_BUSY') throw busy(file, error)
    throw error
  } finally {
    db.close()
  }
}

function openExisting(file: string): Database.Database {
  try {
    return new Database(file, {fileMustExist: true, timeout: 2_000})
  } catch (error) {
    throw unreadable(file, error)
  }
}

function sync(file: string): void {
  const descriptor = openSync(file, 'r+')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

const missing = (file: string) =>
  new LeomaError('usage', 'STORE_MISSING', `there is no store at ${file}`, {
    hints: ['check the path, and LEOMA_DATA', 'leoma db migrate makes an empty store'],
  })

const busy = (file: string, cause?: unknown) =>
  new LeomaError('data', 'STORE_BUSY', `a process has ${file} open`, {
    hints: ['stop leoma servers api (or whichever service uses this store), then try again'],
    retryable: true,
    cause,
  })

const unreadable = (file: string, cause: unknown) =>
  new LeomaError('data', 'STORE_UNREADABLE', `${file} is not a whole store of this program`, {
    hints: ['restore a backup', 'or name another file'],
    cause,
  })
