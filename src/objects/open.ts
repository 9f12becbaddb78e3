import path from 'node:path'
import {LeomaError} from '../errors.js'
import type {Objects} from './port.js'
import type {S3Objects} from './s3.js'
import type {Purpose, S3Place, S3Tuning} from './s3-access.js'

export interface BucketOptions
  extends Pick<S3Place, 'endpoint' | 'region' | 'bucket' | 'keys' | 'variables' | 'otherwise'> {
  readonly backend: 'folder' | 'hippius' | 'r2' | 's3'
  /** Stands for the bucket when the backend is `folder`; its last piece is the bucket's name. */
  readonly folder: string
  /** For those who have no keys. */
  readonly publicUrl?: string | undefined
  /** What it must be possible to do: credentials that are missing are found out at the start, not in the first round. */
  readonly needs: readonly Purpose[]
  readonly time: S3Tuning['time']
  readonly log: S3Tuning['log']
}

export interface OpenBucket {
  readonly objects: Objects
  close(): void
}

/** Hippius counts requests in windows of 60 s and says no more than that it is too much; elsewhere it passes sooner. */
const busyPauseMs = {hippius: 15_000, r2: 2_000, s3: 2_000}

/** A bucket, wherever it is configured to be. */
export async function openBucket(options: BucketOptions): Promise<OpenBucket> {
  const {backend, folder, publicUrl, keys, needs, time, log} = options
  if (backend === 'folder') {
    const {FolderObjects} = await import('./folder.js')
    return {objects: new FolderObjects({root: path.dirname(folder), bucket: path.basename(folder)}), close: () => {}}
  }
  if (publicUrl !== undefined && !keys.read && !keys.write && !needs.includes('write')) {
    const {PublicObjects} = await import('./public.js')
    return {objects: new PublicObjects({bucket: options.bucket, url: publicUrl, time}), close: () => {}}
  }
  requireEndpoint(options)
  const {S3Objects} = await import('./s3.js')
  const objects = new S3Objects({...options, busyPauseMs: busyPauseMs[backend], log})
  for (const purpose of needs) objects.requireKeys(purpose)
  return {objects, close: () => objects.close()}
}

/** A bucket whose objects can be given addresses: signed here with the pair for reading, which never leaves. */
export async function openPresigner(
  options: Omit<BucketOptions, 'needs' | 'publicUrl' | 'folder'>,
): Promise<S3Objects> {
  const {backend, log} = options
  if (backend === 'folder') {
    throw new LeomaError('config', 'PRESIGN_UNSUPPORTED', 'a folder has no addresses that could be handed out', {
      hints: ['leave SAMPLES_PRESIGN_SECONDS empty', 'or OBJECT_STORAGE_BACKEND=hippius, r2 or s3'],
    })
  }
  requireEndpoint(options)
  const {S3Objects} = await import('./s3.js')
  const objects = new S3Objects({...options, busyPauseMs: busyPauseMs[backend], log})
  objects.requireKeys('read')
  return objects
}

export function requireEndpoint({backend, endpoint}: Pick<BucketOptions, 'backend' | 'endpoint'>): void {
  if (backend !== 'r2' || endpoint !== undefined) return
  throw new LeomaError('config', 'OBJECTS_ENDPOINT_MISSING', 'R2 has an address for each account, and none is set', {
    hints: ['set R2_ENDPOINT to <account>.r2.cloudflarestorage.com'],
  })
}
