import {z} from 'zod'
import {canonicalJson, sha256} from '../../domain/canonical.js'
import {type BlockNumber, Netuid, Sha256, TaskId} from '../../domain/ids.js'
import {LeomaError} from '../../errors.js'
import type {Objects} from '../../objects/port.js'
import {type AuditChain, type AuditSource, ChainFacts} from './source.js'

/**
 * Everything that an audit of some tasks reads, as objects of one bucket, which may be a folder: it can be copied, attached
 * and audited without any network. Names of objects:
 *
 *     archive.json               what it is of, and the SHA-256 of every other object but those below objects/
 *     exams.jsonl                signed exams, one a line
 *     tasks/<id>.jsonl           evidence of one settled task: manifest, verdicts, settlement
 *     earlier.jsonl              manifests before the first task, newest first: clips were chosen with them in mind
 *     ranking.json weights.json  as the owner's API answered
 *     chain.json blocks.json     what the chain said
 *     objects/<key>              artefacts of the tasks
 */
export const archiveFiles = {
  index: 'archive.json',
  exams: 'exams.jsonl',
  earlier: 'earlier.jsonl',
  ranking: 'ranking.json',
  weights: 'weights.json',
  chain: 'chain.json',
  blocks: 'blocks.json',
  task: (taskId: TaskId) => `tasks/${taskId}.jsonl`,
  object: (key: string) => `objects/${key}`,
} as const

export const ArchiveIndex = z.strictObject({
  version: z.literal(1),
  netuid: Netuid,
  mechanism: z.string().max(64),
  /** Where it was made from. */
  source: z.string().max(2048),
  madeAt: z.iso.datetime(),
  /** Null when there was no task. */
  range: z.strictObject({fromTask: TaskId, toTask: TaskId}).nullable(),
  /** Newest task that was published. */
  latestTask: z.number().int().min(0),
  /** Whether artefacts are in it. */
  artefacts: z.boolean(),
  files: z.record(z.string().max(200), Sha256),
})
export type ArchiveIndex = z.infer<typeof ArchiveIndex>

const Blocks = z.record(z.string().regex(/^\d{1,16}$/), z.string())

/** One file holds at most a task of 4,096 answers and as many voters; far more than any subnet has. */
const maxFileBytes = 512 * 1024 * 1024

type Bucket = Pick<Objects, 'bucket' | 'getFile' | 'getBytes'>

/** What is wrong with files of an archive; the rest of it is still audited. */
export interface ArchiveFault {
  readonly file: string
  readonly expected: string
  readonly found: string
}

/** An archive that may be audited, after all of its files were compared with its index. */
export async function openArchive(
  bucket: Bucket,
  name: string,
  signal: AbortSignal,
): Promise<{readonly source: AuditSource; readonly index: ArchiveIndex; readonly faults: readonly ArchiveFault[]}> {
  const index = await readIndex(bucket, name, signal)
  const faults: ArchiveFault[] = []
  for (const [file, expected] of Object.entries(index.files)) {
    const bytes = await find(bucket, file, signal)
    const found = bytes === undefined ? 'no such file' : sha256(bytes)
    if (found !== expected)
      faults.push({file, expected: `SHA-256 ${expected.slice(0, 16)}…`, found: found.slice(0, 16)})
  }
  return {source: archiveSource(bucket, name, index), index, faults}
}

async function readIndex(bucket: Bucket, name: string, signal: AbortSignal): Promise<ArchiveIndex> {
  const invalid = (why: string, cause?: unknown) =>
    new LeomaError('data', 'ARCHIVE_INVALID', `${name} is no archive of an audit: ${why}`, {
      hints: ['leoma audit --export DIR makes one'],
      ...(cause === undefined ? {} : {cause}),
    })
  const bytes = await find(bucket, archiveFiles.index, signal)
  if (!bytes) throw invalid(`it has no ${archiveFiles.index}`)
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder().decode(bytes))
  } catch (error) {
    throw invalid(`its ${archiveFiles.index} is no JSON`, error)
  }
  const index = ArchiveIndex.safeParse(json)
  if (index.success) return index.data
  throw invalid(z.prettifyError(index.error))
}

function archiveSource(bucket: Bucket, name: string, index: ArchiveIndex): AuditSource {
  const text = async (file: string, signal: AbortSignal) => {
    const bytes = await find(bucket, file, signal)
    return bytes === undefined ? undefined : decode(bytes)
  }
  const lines = async (file: string, signal: AbortSignal) => {
    const whole = await text(file, signal)
    return whole === '' ? [] : whole?.replace(/\n$/, '').split('\n')
  }
  let earlier: Promise<readonly string[] | undefined> | undefined
  return {
    name,
    isLive: false,
    latestTask: async () => index.latestTask,
    examTexts: (signal) => lines(archiveFiles.exams, signal),
    evidenceTexts: (taskId, signal) => lines(archiveFiles.task(taskId), signal),
    manifestText: async (taskId, signal) => {
      const own = (await lines(archiveFiles.task(taskId), signal))?.[0]
      if (own !== undefined || index.range === null || taskId >= index.range.fromTask) return own
      earlier ??= lines(archiveFiles.earlier, signal)
      return (await earlier)?.[index.range.fromTask - 1 - taskId]
    },
    rankingText: (signal) => text(archiveFiles.ranking, signal),
    weightsText: (signal) => text(archiveFiles.weights, signal),
    objects: {
      getFile: (key, to, maxBytes, signal) => bucket.getFile(archiveFiles.object(key), to, maxBytes, signal),
      getBytes: (key, maxBytes, signal) => bucket.getBytes(archiveFiles.object(key), maxBytes, signal),
    },
    chain: new ArchivedChain(bucket, name),
  }
}

/** The chain as whoever made the archive saw it. */
class ArchivedChain implements AuditChain {
  readonly #bucket: Bucket
  readonly #name: string
  #blocks: Promise<Record<string, string>> | undefined

  constructor(bucket: Bucket, name: string) {
    this.#bucket = bucket
    this.#name = name
  }

  facts(signal: AbortSignal): Promise<ChainFacts> {
    return this.#read(archiveFiles.chain, ChainFacts, signal)
  }

  async blockHash(number: BlockNumber, signal: AbortSignal): Promise<string | undefined> {
    this.#blocks ??= this.#read(archiveFiles.blocks, Blocks, signal)
    return (await this.#blocks)[String(number)]
  }

  async #read<T>(file: string, schema: z.ZodType<T>, signal: AbortSignal): Promise<T> {
    const bytes = await find(this.#bucket, file, signal)
    let cause: unknown
    try {
      if (bytes) return schema.parse(JSON.parse(decode(bytes)))
    } catch (error) {
      cause = error
    }
    throw new LeomaError('data', 'ARCHIVE_DAMAGED', `${file} of ${this.#name} cannot be read`, {
      hints: ['ask whoever made the archive for this file', 'or audit against the chain itself: --with-chain'],
      cause,
    })
  }
}

async function find(bucket: Bucket, file: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
  try {
    return await bucket.getBytes(file, maxFileBytes, signal)
  } catch (error) {
    if (error instanceof LeomaError && error.code === 'OBJECT_MISSING') return undefined
    throw error
  }
}

/** Bytes that are no UTF-8 become signs that no signature covers, so that they are found where they stand. */
const decode = (bytes: Uint8Array) => new TextDecoder('utf-8', {ignoreBOM: true}).decode(bytes)

export const jsonBytes = (value: unknown) => new TextEncoder().encode(canonicalJson(value))
