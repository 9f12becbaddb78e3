import {randomUUID} from 'node:crypto'
import {constants} from 'node:fs'
import {access, stat} from 'node:fs/promises'
import path from 'node:path'
import {DeleteObjectCommand, ListObjectsV2Command, PutObjectCommand} from '@aws-sdk/client-s3'
import {type Finding, fail, ok, warn} from '../domain/finding.js'
import {LeomaError} from '../errors.js'
import {type BucketOptions, openBucket, requireEndpoint} from './open.js'
import type {BucketProbe, Objects} from './port.js'
import {type Purpose, S3Access} from './s3-access.js'

export interface ProbeOptions extends Omit<BucketOptions, 'needs'> {
  readonly role: 'source' | 'samples'
  readonly purpose: Purpose
  /** A bucket that these credentials must not be able to read. */
  readonly forbidden?: string | undefined
  /** False when whoever asks can do nothing about rights that are too wide. */
  readonly isOwner: boolean
}

/** Where the probes write; random names, so that two doctors never meet. */
const probeKey = () => `doctor/${randomUUID()}`
/** A doctor is not patient: two tries tell a hiccup from a fault. */
const attempts = 2

export function bucketProbe(options: ProbeOptions): BucketProbe {
  const {role, purpose, backend, publicUrl, keys} = options
  const name = `${role} bucket, ${purpose === 'read' ? 'reading' : 'writing'}`
  if (backend === 'folder') return {name, run: () => folder(options)}
  if (publicUrl !== undefined && purpose === 'read' && !keys.read && !keys.write) {
    return {name, run: (knownKey, signal) => publicAddress(options, knownKey, signal)}
  }
  return {
    name,
    run: async (knownKey, signal) => {
      requireEndpoint(options)
      const pair = purpose === 'read' ? new ReadPair(options) : new WritePair(options)
      try {
        return await pair.run(knownKey, signal)
      } finally {
        pair.close()
      }
    },
  }
}

/** The credentials alone, without the other pair to fall back to. */
abstract class Pair {
  protected readonly options: ProbeOptions
  protected readonly access: S3Access

  constructor(options: ProbeOptions) {
    this.options = options
    this.access = new S3Access(options, {...options, attempts, busyPauseMs: 2_000})
  }

  abstract run(knownKey: string | undefined, signal: AbortSignal): Promise<Finding>

  close(): void {
    this.access.close()
  }

  /** Undefined when it worked, else why not. */
  protected async attempt(work: () => Promise<unknown>): Promise<LeomaError | undefined> {
    try {
      await work()
      return undefined
    } catch (error) {
      if (error instanceof LeomaError) return error
      throw error
    }
  }

  protected put(key: string, signal: AbortSignal, conditions: {readonly IfNoneMatch?: string} = {}): Promise<unknown> {
    const {purpose} = this.options
    return this.access.send({purpose, what: `writing ${key}`, key}, signal, (client, inner) =>
      client.send(new PutObjectCommand({Bucket: this.access.bucket, Key: key, Body: 'probe', ...conditions}), {
        abortSignal: inner,
      }),
    )
  }

  protected remove(key: string, signal: AbortSignal): Promise<unknown> {
    const {purpose} = this.options
    return this.access.send({purpose, what: `deleting ${key}`, key}, signal, (client, inner) =>
      client.send(new DeleteObjectCommand({Bucket: this.access.bucket, Key: key}), {abortSignal: inner}),
    )
  }

  protected list(bucket: string, signal: AbortSignal): Promise<unknown> {
    return this.access.send({purpose: 'read', what: `listing ${bucket}`}, signal, (client, inner) =>
      client.send(new ListObjectsV2Command({Bucket: bucket, Prefix: '', MaxKeys: 1}), {abortSignal: inner}),
    )
  }

  protected tooWide(detail: string, ...hints: readonly string[]): Finding {
    return this.options.isOwner ? fail(detail, ...hints) : warn(detail, 'tell the owner of the subnet', ...hints)
  }
}

class ReadPair extends Pair {
  async run(knownKey: string | undefined, signal: AbortSignal): Promise<Finding> {
    const {role, keys, variables, forbidden, endpoint} = this.options
    this.access.pair('read')
    const found: string[] = []
    // The sampler looks for sources by listing; who reads samples knows their names.
    if (role === 'source') {
      await this.list(this.access.bucket, signal)
      found.push('lists')
    } else found.push(await this.#reads(knownKey, signal))
    if (!keys.read || keys.read.accessKey === keys.write?.accessKey) {
      if (!this.options.isOwner) {
        return warn(`${found.join(', ')}; with the credentials for writing`, `ask the owner for ${variables.read}`)
      }
      return ok(`${found.join(', ')}; with the credentials for writing`)
    }

    const key = probeKey()
    const refusal = await this.attempt(() => this.put(key, signal))
    if (!refusal) {
      const stays = await this.attempt(() => this.remove(key, signal))
      const left = stays ? ` (${key} is left behind: it may not delete)` : ''
      return this.tooWide(
        `${found.join(', ')}, and WRITES, which it must not${left}`,
        `give ${variables.read} no more than the right to read`,
      )
    }
    if (refusal.code === 'OBJECTS_FORBIDDEN') found.push('may not write')
    else found.push(`whether it may write cannot be told (${refusal.code})`)

    if (forbidden !== undefined) {
      const barred = await this.attempt(() => this.list(forbidden, signal))
      if (!barred) {
        return this.tooWide(
          `${found.join(', ')}, and reads bucket ${forbidden}, which it must not: the footage is secret until it is used`,
          `limit ${variables.read} to bucket ${this.access.bucket}`,
        )
      }
      found.push(`may not read ${forbidden}`)
    }
    return ok(`${found.join(', ')}${endpoint?.startsWith('http:') ? '; without TLS' : ''}`)
  }

  async #reads(knownKey: string | undefined, signal: AbortSignal): Promise<string> {
    const {objects, close} = await openBucket({...this.options, needs: []})
    try {
      if (knownKey !== undefined) {
        if (await objects.has(knownKey, signal)) return `reads ${knownKey}`
        throw new LeomaError('upstream', 'OBJECT_MISSING', `${knownKey} is published, but not in the bucket`, {
          hints: ['is it the right bucket? ask the owner of the subnet'],
        })
      }
      await objects.has(probeKey(), signal)
      return 'reads'
    } finally {
      close()
    }
  }
}

class WritePair extends Pair {
  async run(_knownKey: string | undefined, signal: AbortSignal): Promise<Finding> {
    const {keys, variables} = this.options
    this.access.pair('write')
    const key = probeKey()
    await this.put(key, signal)
    const again = await this.attempt(() => this.put(key, signal, {IfNoneMatch: '*'}))
    const stays = await this.attempt(() => this.remove(key, signal))
    if (stays) {
      return warn(
        `writes, but may not delete: ${key} is left behind (${stays.message})`,
        `let ${variables.write} delete`,
      )
    }
    const once = again?.code === 'OBJECTS_REFUSED' ? 'honours' : again ? 'may or may not honour' : 'ignores'
    const found = `writes, deletes, ${once} If-None-Match`
    if (!keys.read || keys.read.accessKey !== keys.write?.accessKey) return ok(found)
    return warn(`${found}; the pair for reading is the same`, `set ${variables.read} to one that only reads`)
  }
}

async function publicAddress(
  options: ProbeOptions,
  knownKey: string | undefined,
  signal: AbortSignal,
): Promise<Finding> {
  const {PublicObjects} = await import('./public.js')
  const {bucket, publicUrl = '', time} = options
  const objects: Objects = new PublicObjects({bucket, url: publicUrl, time, attempts})
  const key = knownKey ?? probeKey()
  if (await objects.has(key, signal)) return ok(`${publicUrl} has ${key}; no keys are needed`)
  if (knownKey === undefined) return ok(`${publicUrl} answers; no keys are needed`)
  return fail(`${publicUrl} has no ${key}, which is published`, 'check SAMPLES_PUBLIC_URL; ask the owner of the subnet')
}

async function folder({folder: place, purpose}: ProbeOptions): Promise<Finding> {
  const mode = purpose === 'read' ? constants.R_OK | constants.X_OK : constants.W_OK | constants.X_OK
  for (let at = place; ; at = path.dirname(at)) {
    try {
      const found = await stat(at)
      if (!found.isDirectory()) return fail(`${at} is not a folder`, 'name another one')
      await access(at, at === place ? mode : constants.W_OK | constants.X_OK)
      if (at === place) return ok(`folder ${place}`)
      return purpose === 'read'
        ? warn(`there is no folder ${place} yet`, 'NETWORK=localnet: leoma localnet makes it')
        : ok(`folder ${place}, which will be made`)
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined
      if ((code !== 'ENOENT' && code !== 'ENOTDIR') || at === path.dirname(at)) {
        return fail(`${at} cannot be ${purpose === 'read' ? 'read' : 'written'} (${String(code)})`, `ls -ld ${at}`)
      }
    }
  }
}
