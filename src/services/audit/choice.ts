import {sha256 as sha256Of} from '../../domain/canonical.js'
import type {SignedManifest, TaskManifest} from '../../domain/task.js'
import {LeomaError} from '../../errors.js'
import type {TaskAuditor} from '../../mechanisms/audit.js'
import type {Findings} from './findings.js'
import {short} from './pieces.js'
import type {AuditSource} from './source.js'

const maxListBytes = 64 * 1024 * 1024
/** Lists of the last tasks; usually all tasks of a window have the same one. */
const keptLists = 4

type List = {readonly value: unknown} | undefined

/** Repeats what a task was made from: its block, and the clip that the block's hash chose. */
export class ChoiceAudit {
  readonly #source: AuditSource
  readonly #findings: Findings
  readonly #lists = new Map<string, List>()
  #listChanges = 0
  #lastList: string | undefined
  #tasks = 0

  constructor(source: AuditSource, findings: Findings) {
    this.#source = source
    this.#findings = findings
  }

  /** `earlier` are the manifests before this one without gaps, oldest first; all that are to be had. */
  async check(
    {manifest, signer}: SignedManifest,
    earlier: readonly TaskManifest[],
    auditor: TaskAuditor,
    signal: AbortSignal,
  ): Promise<void> {
    const findings = this.#findings
    const {taskId} = manifest
    const object = `manifest of task ${taskId}`
    const remedy = 'ask the owner of the subnet how this task came about'
    findings.looked('clip choices')
    for (const difference of auditor.checkTask(manifest, earlier.at(-1)))
      findings.error('clip choices', {remedy, ...difference, object, who: signer, task: taskId})
    await this.#checkBlock(manifest, signer, signal)
    const needed = Math.min(auditor.choiceTasks, taskId - 1)
    if (earlier.length < needed) {
      return findings.info('clip choices', {
        ...{code: 'CHOICE_NOT_REPEATED', object, who: signer, task: taskId},
        expected: `the ${needed} manifests before it`,
        found: `${earlier.length} of them`,
      })
    }
    const list = await this.#list(manifest, auditor, signer, signal)
    if (!list) return
    for (const difference of auditor.checkChoice(manifest, earlier, list.value))
      findings.error('clip choices', {remedy, ...difference, object, who: signer, task: taskId})
  }

  /** A list that is another for every task can be tried out until it chooses what one wants. */
  finish(): void {
    if (this.#tasks < 10 || this.#listChanges < this.#tasks / 2) return
    this.#findings.warning('clip choices', {
      ...{code: 'LIST_CHANGES_OFTEN', object: 'lists of sources'},
      expected: 'a list that stays while the footage does',
      found: `${this.#listChanges} changes in ${this.#tasks} tasks`,
      remedy: 'ask the owner why: who changes the list before each task may try out what it chooses',
    })
  }

  async #checkBlock({taskId, block}: TaskManifest, signer: string, signal: AbortSignal): Promise<void> {
    this.#findings.looked('blocks')
    const hash = await this.#source.chain.blockHash(block.number, signal)
    const object = `manifest of task ${taskId}`
    if (hash === undefined) {
      this.#findings.info('blocks', {
        ...{code: 'BLOCK_UNKNOWN', object, task: taskId},
        found: `the chain does not show block ${block.number} any more`,
        remedy: 'audit through a node that keeps old blocks',
      })
    } else if (hash !== block.hash) {
      this.#findings.error('blocks', {
        ...{code: 'BLOCK_HASH', object, who: signer, task: taskId, expected: hash, found: block.hash},
        remedy: 'the clip was not chosen by the chain: ask the owner',
      })
    }
  }

  async #list(manifest: TaskManifest, auditor: TaskAuditor, who: string, signal: AbortSignal): Promise<List> {
    const {key, sha256} = auditor.list(manifest)
    this.#tasks++
    if (this.#lastList !== undefined && this.#lastList !== key) this.#listChanges++
    this.#lastList = key
    if (this.#lists.has(key)) return this.#lists.get(key)
    const list = await this.#fetch(key, sha256, {who, task: manifest.taskId}, signal)
    this.#lists.set(key, list)
    const [oldest] = this.#lists.keys()
    if (this.#lists.size > keptLists && oldest !== undefined) this.#lists.delete(oldest)
    return list
  }

  async #fetch(
    key: string,
    sha256: string,
    {who, task}: {readonly who: string; readonly task: number},
    signal: AbortSignal,
  ): Promise<List> {
    const {objects} = this.#source
    const findings = this.#findings
    const object = `list of sources ${key}`
    const remedy = 'ask the owner of the subnet for the list that this task was chosen from'
    if (!objects) {
      findings.info('lists of sources', {
        code: 'LIST_NOT_READ',
        object,
        found: 'the bucket of samples is not to be had',
      })
      return undefined
    }
    findings.looked('lists of sources')
    let bytes: Uint8Array
    try {
      bytes = await objects.getBytes(key, maxListBytes, signal)
    } catch (error) {
      signal.throwIfAborted()
      const {code, message} = LeomaError.from(error)
      if (code === 'OBJECT_MISSING' || code === 'OBJECT_TOO_LARGE')
        findings.error('lists of sources', {code: 'LIST_MISSING', object, who, found: message, remedy, task})
      else findings.warning('lists of sources', {code: 'LIST_NOT_READ', object, who, found: message, remedy, task})
      return undefined
    }
    // Published in canonical form, so that the hash of the bytes is the hash of the list.
    const found = sha256Of(bytes)
    const value = found === sha256 ? parse(bytes) : undefined
    if (value !== undefined) return {value}
    findings.error('lists of sources', {
      ...{code: 'LIST_ALTERED', object, who, remedy, task, expected: `SHA-256 ${short(sha256)}`},
      found: `SHA-256 ${short(found)}`,
    })
    return undefined
  }
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', {fatal: true}).decode(bytes))
  } catch {
    return undefined
  }
}
