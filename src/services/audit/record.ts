import type {AuditReport} from '../../domain/audit.js'
import {sha256} from '../../domain/canonical.js'
import type {Sha256, TaskId} from '../../domain/ids.js'
import type {Objects} from '../../objects/port.js'
import {type ArchiveIndex, archiveFiles, jsonBytes} from './archive.js'
import type {AuditSource, ChainFacts} from './source.js'

type Target = Pick<Objects, 'putBytes' | 'putFile'>

/** Keeps everything that an audit reads, exactly as it was read: the archive holds what the audit rested on. */
export class Recorder {
  readonly source: AuditSource
  readonly #target: Target
  readonly #files: Record<string, Sha256> = {}
  readonly #earlier = new Map<TaskId, string>()
  readonly #blocks: Record<string, string> = {}
  #facts: ChainFacts | undefined
  #ranking: string | undefined
  #weights: string | undefined
  #latestTask: TaskId | 0 = 0

  constructor(of: AuditSource, target: Target) {
    this.#target = target
    const {objects, chain} = of
    this.source = {
      ...of,
      latestTask: async (signal) => {
        this.#latestTask = await of.latestTask(signal)
        return this.#latestTask
      },
      examTexts: async (signal) => {
        const texts = await of.examTexts(signal)
        await this.#lines(archiveFiles.exams, texts ?? [], signal)
        return texts
      },
      evidenceTexts: async (taskId, signal) => {
        const texts = await of.evidenceTexts(taskId, signal)
        if (texts) await this.#lines(archiveFiles.task(taskId), texts, signal)
        return texts
      },
      manifestText: async (taskId, signal) => {
        const text = await of.manifestText(taskId, signal)
        if (text !== undefined) this.#earlier.set(taskId, text)
        return text
      },
      rankingText: async (signal) => {
        this.#ranking = await of.rankingText(signal)
        return this.#ranking
      },
      weightsText: async (signal) => {
        this.#weights = await of.weightsText(signal)
        return this.#weights
      },
      chain: {
        facts: async (signal) => {
          this.#facts = await chain.facts(signal)
          return this.#facts
        },
        blockHash: async (number, signal) => {
          const hash = await chain.blockHash(number, signal)
          if (hash !== undefined) this.#blocks[String(number)] = hash
          return hash
        },
      },
      objects: objects && {
        getFile: async (key, to, maxBytes, signal) => {
          const got = await objects.getFile(key, to, maxBytes, signal)
          await target.putFile(archiveFiles.object(key), to, 'application/octet-stream', signal)
          return got
        },
        getBytes: async (key, maxBytes, signal) => {
          const bytes = await objects.getBytes(key, maxBytes, signal)
          await target.putBytes(archiveFiles.object(key), bytes, 'application/json', signal)
          return bytes
        },
      },
    }
  }

  /** Writes the rest, and the index last of all: without it there is no archive. */
  async finish(
    report: AuditReport,
    {artefacts}: {readonly artefacts: boolean},
    signal: AbortSignal,
  ): Promise<ArchiveIndex> {
    const {range, netuid, mechanism, source, at} = report
    if (this.#ranking !== undefined) await this.#put(archiveFiles.ranking, bytesOf(this.#ranking), signal)
    if (this.#weights !== undefined) await this.#put(archiveFiles.weights, bytesOf(this.#weights), signal)
    if (this.#facts) await this.#put(archiveFiles.chain, jsonBytes(this.#facts), signal)
    await this.#put(archiveFiles.blocks, jsonBytes(this.#blocks), signal)
    const earlier: string[] = []
    for (let id = (range?.fromTask ?? 1) - 1; this.#earlier.has(id); id--) earlier.push(this.#earlier.get(id) ?? '')
    await this.#lines(archiveFiles.earlier, earlier, signal)
    const index: ArchiveIndex = {
      version: 1,
      ...{netuid, mechanism, source, artefacts},
      madeAt: at,
      range: range && {fromTask: range.fromTask, toTask: range.toTask},
      latestTask: Math.max(this.#latestTask, range?.toTask ?? 0),
      files: this.#files,
    }
    await this.#target.putBytes(archiveFiles.index, jsonBytes(index), 'application/json', signal)
    return index
  }

  #lines(file: string, texts: readonly string[], signal: AbortSignal): Promise<void> {
    return this.#put(file, bytesOf(texts.map((text) => `${text}\n`).join('')), signal)
  }

  async #put(file: string, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    await this.#target.putBytes(file, bytes, 'application/json', signal)
    this.#files[file] = sha256(bytes)
  }
}

const bytesOf = (text: string) => new TextEncoder().encode(text)
