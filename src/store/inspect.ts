import {constants} from 'node:fs'
import {access, stat} from 'node:fs/promises'
import path from 'node:path'
import Database from 'better-sqlite3'
import {LeomaError} from '../errors.js'
import {migrations} from './migrations/index.js'

export interface StoreFacts {
  readonly path: string
  /** False when it will be made at the first start. */
  readonly exists: boolean
  /** Version of the file, and the one that this program brings it to. */
  readonly version: number
  readonly knownVersion: number
  readonly sizeBytes: number
}

/**
 * Looks at a store without changing it: opening it for work would migrate it. Throws `STORE_UNREADABLE`,
 * `STORE_TOO_NEW`, `STORE_BUSY` (somebody holds the write lock for longer than a write takes), or `STORE_UNWRITABLE`.
 */
export async function inspectStore(file: string): Promise<StoreFacts> {
  const knownVersion = migrations.length
  const found = await stat(file).catch(() => undefined)
  const unwritable = (place: string, cause?: unknown) =>
    new LeomaError('data', 'STORE_UNWRITABLE', `${place} cannot be written`, {
      hints: [
        'check its owner and mode: every process of this role needs to write',
        'or set LEOMA_DATA to another folder',
      ],
      cause,
    })
  if (!found) {
    const folder = await existingFolder(path.dirname(file))
    await access(folder, constants.W_OK | constants.X_OK).catch((error: unknown) => {
      throw unwritable(folder, error)
    })
    return {path: file, exists: false, version: 0, knownVersion, sizeBytes: 0}
  }
  // SQLite keeps its journal beside the file, so the folder counts as well.
  for (const place of [file, path.dirname(file)]) {
    await access(place, constants.W_OK).catch((error: unknown) => {
      throw unwritable(place, error)
    })
  }
  const version = readVersion(file)
  if (version > knownVersion) {
    throw new LeomaError(
      'data',
      'STORE_TOO_NEW',
      `the store is at version ${version}, this program knows ${knownVersion}`,
      {
        hints: ['upgrade leoma', 'or restore the backup taken before the upgrade'],
      },
    )
  }
  return {path: file, exists: true, version, knownVersion, sizeBytes: found.size}
}

function readVersion(file: string): number {
  let db: Database.Database | undefined
  try {
    db = new Database(file, {fileMustExist: true, timeout: 2_000})
    const version = Number(db.pragma('user_version', {simple: true}))
    // Takes the write lock and gives it back.
    db.exec('BEGIN IMMEDIATE; ROLLBACK')
    return version
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'SQLITE_BUSY') {
      throw new LeomaError('data', 'STORE_BUSY', `another process holds ${file} for writing`, {
        hints: ['one process of each role may run on a store; is there a second one?'],
        retryable: true,
        cause: error,
      })
    }
    throw new LeomaError('data', 'STORE_UNREADABLE', `${file} is not a store of this program`, {
      hints: ['restore a backup', 'or name another file'],
      cause: error,
    })
  } finally {
    db?.close()
  }
}

async function existingFolder(folder: string): Promise<string> {
  for (let at = folder; ; at = path.dirname(at)) {
    const found = await stat(at).catch(() => undefined)
    if (found?.isDirectory() || at === path.dirname(at)) return at
  }
}
