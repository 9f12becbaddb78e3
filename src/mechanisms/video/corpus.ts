import {rm} from 'node:fs/promises'
import path from 'node:path'
import {LeomaError} from '../../errors.js'
import type {Objects} from '../../objects/port.js'
import {withDeadline} from '../../runtime/deadline.js'
import type {Ports} from '../types.js'
import {buildCorpus, type Corpus, type CorpusEntry, unusableBecause} from './choose.js'
import type {VideoParams} from './params.js'

const playable = /\.(mp4|mov|mkv|webm|avi)$/i
const listDeadlineMs = 120_000
const indexDeadlineMs = 600_000

/**
 * The source bucket as a list that anyone can check: hash, decoded duration and scene cuts of every usable source. Shots
 * are found once per source, not once per round; sources that cannot be used are remembered with the reason.
 */
export class CorpusIndex {
  readonly #known = new Map<string, {sizeBytes: number; entry: CorpusEntry | undefined}>()
  readonly #ports: Pick<Ports, 'source' | 'media' | 'log' | 'workDir'>

  constructor(ports: Pick<Ports, 'source' | 'media' | 'log' | 'workDir'>) {
    this.#ports = ports
  }

  /** Looks at what is new in the bucket. One bad source never stops the others; a bucket that does not answer does. */
  async load(clip: VideoParams['clip'], signal: AbortSignal): Promise<Corpus> {
    const present = await withDeadline('listing the sources', listDeadlineMs, signal, (inner) => this.#list(inner))
    for (const key of this.#known.keys()) if (!present.has(key)) this.#known.delete(key)
    for (const [key, sizeBytes] of present) {
      const known = this.#known.get(key)
      if (known?.sizeBytes === sizeBytes) continue
      this.#known.set(key, {sizeBytes, entry: await this.#index(key, sizeBytes, clip, signal)})
    }
    const entries = [...this.#known.values()].flatMap(({entry}) => (entry ? [entry] : []))
    return buildCorpus(entries, clip.sceneThreshold)
  }

  /** Leaves a source out of every list from now on. */
  refuse(key: string, reason: string): void {
    const known = this.#known.get(key)
    if (!known) return
    this.#known.set(key, {...known, entry: undefined})
    this.#ports.log.warn({source: key, reason}, 'source skipped')
  }

  async #list(signal: AbortSignal): Promise<Map<string, number>> {
    const found = new Map<string, number>()
    for await (const {key, sizeBytes} of this.#ports.source.list('', signal)) {
      if (playable.test(key)) found.set(key, sizeBytes)
    }
    return found
  }

  async #index(
    key: string,
    sizeBytes: number,
    clip: VideoParams['clip'],
    signal: AbortSignal,
  ): Promise<CorpusEntry | undefined> {
    const {log, media, source, workDir} = this.#ports
    const skip = (reason: string) => {
      log.warn({source: key, reason}, 'source skipped')
      return undefined
    }
    if (sizeBytes < clip.minSourceBytes) return skip(`smaller than ${clip.minSourceBytes} bytes`)
    if (sizeBytes > clip.maxSourceBytes) return skip(`larger than ${clip.maxSourceBytes} bytes`)
    const file = path.join(workDir, `index${path.extname(key)}`)
    try {
      return await withDeadline(`indexing ${key}`, indexDeadlineMs, signal, async (inner) => {
        const {sha256} = await source.getFile(key, file, clip.maxSourceBytes, inner)
        const {cuts, durationS} = await media.sceneCuts(file, clip.sceneThreshold, inner)
        const entry = {key, sha256, sizeBytes, durationS, cuts}
        const reason = unusableBecause(entry, clip)
        return reason === undefined ? entry : skip(reason)
      })
    } catch (error) {
      // Only what the bytes themselves are at fault for is settled; everything else must be tried again.
      if (error instanceof LeomaError && error.kind === 'data') return skip(error.message)
      throw error
    } finally {
      await rm(file, {force: true})
    }
  }
}

/** Fetches a source into `dir`. Throws `DIGEST_MISMATCH` when it is not the listed one any more. */
export async function fetchSource(
  entry: CorpusEntry,
  dir: string,
  source: Objects,
  signal: AbortSignal,
): Promise<string> {
  const file = path.join(dir, `source${path.extname(entry.key)}`)
  const {sha256} = await source.getFile(entry.key, file, entry.sizeBytes, signal)
  if (sha256 === entry.sha256) return file
  throw new LeomaError('data', 'DIGEST_MISMATCH', `source ${entry.key} is not the one in the corpus list any more`, {
    hints: ['sources must not be overwritten: upload a changed video under a new key'],
  })
}
