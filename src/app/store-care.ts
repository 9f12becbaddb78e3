import type {App} from '../app.js'
import {LeomaError} from '../errors.js'
import {systemTime} from '../runtime/clock.js'
import type {StoreCheck} from '../services/store-check.js'
import type {PruneReport} from '../services/store-prune.js'
import type {Backup, Restored} from '../store/backup.js'

export type {Backup, Restored} from '../store/backup.js'

export interface Migrated {
  readonly path: string
  /** 0 for a store that was made now. */
  readonly from: number
  readonly to: number
}

/** Opens the store, which makes it or brings it to this program's version. */
export async function migrateStore(app: App): Promise<Migrated> {
  const {inspectStore} = await import('../store/inspect.js')
  const path = app.config.storePath
  const {version: from} = await inspectStore(path)
  await app.store()
  const {version: to} = await inspectStore(path)
  return {path, from, to}
}

/** `to` names a file, or a folder that gets one with the time in its name. */
export async function backupOf(app: App, to: string | undefined): Promise<Backup> {
  const [{backupStore}, {stat}, path] = await Promise.all([
    import('../store/backup.js'),
    import('node:fs/promises'),
    import('node:path'),
  ])
  const {storePath, dataDir} = app.config
  const place = to ?? path.join(dataDir, 'backups')
  const found = await stat(place).catch(() => undefined)
  const isFolder = to === undefined || found?.isDirectory() === true
  if (found && !isFolder) {
    throw new LeomaError('usage', 'FILE_EXISTS', `${place} is there already`, {
      hints: ['name a folder, which gets a file with the time in its name', 'or a file that is not there yet'],
    })
  }
  const name = `${path.basename(storePath, '.db')}-${stamp()}.db`
  return backupStore(storePath, isFolder ? path.join(place, name) : place)
}

export async function restoreOf(app: App, from: string): Promise<Restored> {
  const {restoreStore} = await import('../store/backup.js')
  return restoreStore(from, app.config.storePath, stamp())
}

/** What a restore would put in place; throws when the file is no store that this program can work with. */
export async function inspectBackupFile(from: string): Promise<Backup> {
  const {inspectBackup} = await import('../store/backup.js')
  return inspectBackup(from)
}

export async function checkOwnStore(app: App, signatures: boolean, signal: AbortSignal): Promise<StoreCheck[]> {
  const [{checkStore}, {mechanisms}, {verify, walletReady}] = await Promise.all([
    import('../services/store-check.js'),
    import('../mechanisms/registry.js'),
    import('../wallet/keypair.js'),
  ])
  await walletReady()
  const deps = {store: await app.store(), mechanisms, verify, time: systemTime(), signatures}
  return checkStore(deps, signal)
}

export async function pruneOf(app: App, keepDays: number, dryRun: boolean, signal: AbortSignal): Promise<PruneReport> {
  const [{pruneStore}, {mechanisms}] = await Promise.all([
    import('../services/store-prune.js'),
    import('../mechanisms/registry.js'),
  ])
  return pruneStore(await app.store(), {keepDays, dryRun, mechanisms, time: systemTime()}, signal)
}

/** A moment as part of a file's name. */
function stamp(): string {
  return new Date(systemTime().now()).toISOString().replace(/[:.]/g, '-')
}
