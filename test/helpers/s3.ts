import {createHash} from 'node:crypto'
import {onTestFinished} from 'vitest'
import {S3Objects, type S3ObjectsOptions} from '../../src/objects/s3.js'
import {silentLogger} from '../../src/runtime/logger.js'
import {S3Server, type S3ServerOptions} from '../fakes/s3-server.js'

export const owner = {accessKey: 'hip_owner', secretKey: 'owner-secret-0123456789'}
export const reader = {accessKey: 'hip_reader', secretKey: 'reader-secret-0123456789'}
export const never = new AbortController().signal
export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

export interface S3World {
  readonly server: S3Server
  readonly objects: S3Objects
  /** Pauses that were asked for, in milliseconds; none is waited for. */
  readonly pauses: number[]
}

/** A server and a client of it; the clock does not pass, so retries cost nothing. */
export async function s3World(
  changes: Partial<S3ObjectsOptions> = {},
  options: Partial<S3ServerOptions> = {},
): Promise<S3World> {
  const server = await S3Server.start({
    accounts: [
      {...owner, rights: ['get', 'list', 'put', 'delete']},
      {...reader, rights: ['get', 'list'], buckets: ['samples']},
    ],
    ...options,
  })
  const pauses: number[] = []
  const objects = new S3Objects({
    ...{endpoint: server.url, region: server.region, bucket: 'samples', keys: {write: owner}},
    variables: {read: 'READ_ACCESS_KEY and READ_SECRET_KEY', write: 'WRITE_ACCESS_KEY and WRITE_SECRET_KEY'},
    time: {now: () => 0, sleep: async (ms) => void pauses.push(ms)},
    log: silentLogger(),
    ...changes,
  })
  onTestFinished(async () => {
    objects.close()
    await server.close()
  })
  return {server, objects, pauses}
}
