import {stat} from 'node:fs/promises'
import path from 'node:path'
import type {App} from '../app.js'
import type {AuditReport} from '../domain/audit.js'
import {LeomaError} from '../errors.js'
import type {Objects} from '../objects/port.js'
import {systemTime} from '../runtime/clock.js'
import type {ArchiveFault, ArchiveIndex} from '../services/audit/archive.js'
import type {AuditDeps, AuditOptions} from '../services/audit/audit.js'
import type {AuditSource} from '../services/audit/source.js'

export type {AuditReport} from '../domain/audit.js'

export interface AuditRequest extends Omit<AuditOptions, 'mechanism' | 'netuid'> {
  readonly mechanism: string
  /** Address of an API, or the folder of an archive; the configured API when absent. */
  readonly from: string | undefined
  /** For an archive: ask the chain itself instead of what the archive says of it. */
  readonly withChain: boolean
  /** Folder that gets an archive of everything that was read. */
  readonly exportTo: string | undefined
  readonly onProgress?: AuditDeps['onProgress']
}

interface Opened {
  readonly source: AuditSource
  readonly faults: readonly ArchiveFault[]
  /** Of an archive. */
  readonly index?: ArchiveIndex
}

/** Audits what a person asked for, and keeps what it read when asked to. */
export async function auditOf(app: App, request: AuditRequest, signal: AbortSignal): Promise<AuditReport> {
  const [{audit}, {mechanism}, {verify, walletReady}, {Recorder}] = await Promise.all([
    import('../services/audit/audit.js'),
    import('../mechanisms/registry.js'),
    import('../wallet/keypair.js'),
    import('../services/audit/record.js'),
  ])
  await walletReady()
  const {exportTo, onProgress} = request
  const opened = await openSource(app, request, signal)
  const target = exportTo === undefined ? undefined : await emptyFolder(exportTo, signal)
  const recorder = target && new Recorder(opened.source, target)
  const artefacts = request.artefacts && opened.index?.artefacts !== false
  const report = await audit(
    {...request, artefacts, mechanism: mechanism(request.mechanism), netuid: app.config.netuid},
    {
      source: recorder?.source ?? opened.source,
      faults: opened.faults,
      verify,
      verifyAll: await app.verifyAll(),
      time: systemTime(),
      workDir: await app.workDir(),
      media: app.media,
      judges: app.judges,
      ...(onProgress && {onProgress}),
    },
    signal,
  )
  await recorder?.finish(report, {artefacts}, signal)
  return report
}

async function openSource(app: App, {from, withChain, mechanism}: AuditRequest, signal: AbortSignal): Promise<Opened> {
  if (from !== undefined && !/^https?:\/\//.test(from)) {
    const {openArchive} = await import('../services/audit/archive.js')
    const opened = await openArchive(await folderOf(from), from, signal)
    return withChain ? {...opened, source: {...opened.source, chain: await liveChain(app, mechanism)}} : opened
  }
  const {liveSource} = await import('../services/audit/live.js')
  const api = await app.evidence(from)
  return {source: liveSource({api, chain: await liveChain(app, mechanism), objects: await bucket(app)}), faults: []}
}

async function liveChain(app: App, mechanism: string) {
  const {LiveChain} = await import('../services/audit/live.js')
  const mecid = app.config.mechanisms.find(({name}) => name === mechanism)?.mecid ?? 0
  return new LiveChain(await app.chain(), {netuid: app.config.netuid, mecid})
}

/** Undefined where no key and no public address is known: everything but artefacts can still be audited. */
async function bucket(app: App): Promise<Objects | undefined> {
  try {
    return await app.samples()
  } catch (error) {
    if (error instanceof LeomaError && error.kind === 'config') return undefined
    throw error
  }
}

async function folderOf(folder: string): Promise<Objects> {
  const {FolderObjects} = await import('../objects/folder.js')
  const found = await stat(folder).catch(() => undefined)
  if (!found?.isDirectory()) {
    throw new LeomaError('usage', 'ARCHIVE_MISSING', `there is no folder ${folder}`, {
      hints: ['--source takes the address of an API, or a folder that leoma audit --export made'],
    })
  }
  return objectsIn(folder, FolderObjects)
}

async function emptyFolder(folder: string, signal: AbortSignal): Promise<Objects> {
  const {FolderObjects} = await import('../objects/folder.js')
  const objects = objectsIn(folder, FolderObjects)
  for await (const {key} of objects.list('', signal)) {
    throw new LeomaError('usage', 'FOLDER_NOT_EMPTY', `${folder} is not empty: ${key} is there already`, {
      hints: ['name a folder that is not there yet'],
    })
  }
  return objects
}

function objectsIn(folder: string, Objects: typeof import('../objects/folder.js').FolderObjects): Objects {
  const whole = path.resolve(folder)
  try {
    return new Objects({root: path.dirname(whole), bucket: path.basename(whole)})
  } catch (error) {
    throw new LeomaError('usage', 'FOLDER_NAME', `${path.basename(whole)} cannot be the name of an archive`, {
      hints: ['use letters, digits, dots, dashes and underscores'],
      cause: error,
    })
  }
}
