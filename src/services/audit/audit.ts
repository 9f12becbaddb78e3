import type {AuditReport} from '../../domain/audit.js'
import type {Hotkey, Sha256, TaskId} from '../../domain/ids.js'
import {type Ranking, winnerOf} from '../../domain/ranking.js'
import type {TaskManifest} from '../../domain/task.js'
import type {SettledTask} from '../../domain/verdict.js'
import type {Judge} from '../../judge/port.js'
import type {AnyMechanism} from '../../mechanisms/types.js'
import type {Media} from '../../media/port.js'
import type {Clock} from '../../runtime/clock.js'
import type {Verify, VerifyAll} from '../../wallet/port.js'
import {RecentTasks} from '../integrity/recent.js'
import type {ArchiveFault} from './archive.js'
import {ArtefactAudit, share} from './artefacts.js'
import {settledAtOf, slackBlocks} from './behind.js'
import {ChoiceAudit} from './choice.js'
import {type ExamHistory, readExams} from './exams.js'
import {Findings} from './findings.js'
import {checkOnChain} from './on-chain.js'
import {checkWeights, type Published, readPublished} from './published.js'
import {type AuditRange, findRange, type TaskRange} from './range.js'
import {checkView, RankingAudit} from './ranking.js'
import {checkIntegrity} from './signs.js'
import type {AuditSource, ChainFacts} from './source.js'
import {ValidatorTally} from './tally.js'
import {type AuditedTask, auditManifest, auditTask} from './tasks.js'
import {checkVoters} from './voters.js'

export interface AuditOptions {
  readonly mechanism: AnyMechanism
  readonly netuid: number
  readonly range: AuditRange
  /** Fetch and hash every artefact. */
  readonly artefacts: boolean
  /** Outputs whose gates are tried again, drawn over all tasks. */
  readonly regate: number | 'all'
  /** Outputs that are judged again. */
  readonly rejudge: number
}

export interface AuditDeps {
  readonly source: AuditSource
  /** Files of an archive that are not what its index says. */
  readonly faults?: readonly ArchiveFault[]
  readonly verify: Verify
  readonly verifyAll: VerifyAll
  readonly time: Pick<Clock, 'now' | 'sleep'>
  /** For what is fetched; emptied again. */
  readonly workDir: string
  readonly media?: () => Promise<Media>
  readonly judges?: () => Promise<readonly Judge[]>
  /** Of a task that was looked at before and had no fault: it is folded, and not looked at again. */
  readonly known?: (taskId: TaskId, examHash: Sha256) => SettledTask | undefined
  /** Called for every task without a fault. */
  readonly onWhole?: (taskId: TaskId) => void
  readonly onProgress?: (progress: {readonly done: number; readonly of: number; readonly taskId: TaskId}) => void
}

/** Texts of tasks that are fetched before they are needed. */
const ahead = 3

/**
 * Whether a ranking follows from what everybody can read: every signature and hash, every choice and gate that can be
 * repeated, the votes, the ranking and the weights. Changes nothing; holds a few tasks in memory at a time.
 */
export async function audit(options: AuditOptions, deps: AuditDeps, signal: AbortSignal): Promise<AuditReport> {
  const {source, time, verify} = deps
  const findings = new Findings()
  for (const {file, expected, found} of deps.faults ?? []) {
    const remedy = 'ask whoever made the archive for this file'
    const object = `archive file ${file}`
    findings.error('archive files', {code: 'ARCHIVE_FILE_ALTERED', object, expected, found, remedy})
  }
  const facts = await source.chain.facts(signal)
  const texts = (await source.examTexts(signal)) ?? []
  const exams = readExams(texts, {...options, ownerHotkey: facts.ownerHotkey, verify}, findings)
  if (texts.length === 0) {
    const remedy = 'an owner that publishes no exam cannot be audited'
    findings.error('exams', {code: 'EXAM_MISSING', object: 'exams', expected: 'a signed exam', found: 'none', remedy})
  }
  const published = await readPublished(source, {time, findings}, signal)
  const range = await findRange(options.range, {source, published, exams}, signal)
  const run = new AuditRun(options, deps, {facts, exams, published, findings})
  if (range) await run.tasks(range, signal)
  await run.behind(signal)
  const own = run.ranking()
  await run.signs(signal)
  const at = new Date(time.now()).toISOString()
  return run.report(range, own, at)
}

interface Context {
  readonly facts: ChainFacts
  readonly exams: ExamHistory
  readonly published: Published
  readonly findings: Findings
}

class AuditRun {
  readonly #options: AuditOptions
  readonly #deps: AuditDeps
  readonly #context: Context
  readonly #tally = new ValidatorTally()
  readonly #recent = new RecentTasks()
  readonly #examHashes = new Set<AuditReport['exams'][number]>()
  readonly #folded: RankingAudit | undefined
  #blocks: {readonly first: number; readonly last: number} | undefined
  #newest: TaskManifest | undefined
  /** Something that the ranking follows from is not what was signed. */
  #isDamaged = false
  #onChain: ReturnType<typeof checkOnChain> = new Map()

  constructor(options: AuditOptions, deps: AuditDeps, context: Context) {
    this.#options = options
    this.#deps = deps
    this.#context = context
    const {ranking, view} = context.published
    const rule = ranking && context.exams.find(ranking.examHash)?.rule
    this.#folded = rule && view ? new RankingAudit(rule, ranking, view) : undefined
  }

  async tasks(range: TaskRange, signal: AbortSignal): Promise<void> {
    const {source, onProgress, verify, verifyAll, media, judges, workDir} = this.#deps
    const {exams, findings} = this.#context
    const ids = Array.from({length: range.to - range.from + 1}, (_, index) => range.from + index)
    const choice = new ChoiceAudit(source, findings)
    const artefacts = new ArtefactAudit({source, findings, workDir, media, judges})
    const earlier = await this.#earlier(range.from, signal)
    const known = (id: TaskId) => {
      const examHash = exams.ofTask(id)?.signed.examHash
      return examHash && this.#deps.known?.(id, examHash)
    }
    const fetch = (id: TaskId) => (known(id) ? Promise.resolve(undefined) : source.evidenceTexts(id, signal))
    for await (const [index, taskId, lines] of prefetched(ids, fetch, signal)) {
      const settled = known(taskId)
      if (settled) {
        this.#take(settled)
        earlier.push(settled.task.manifest)
        continue
      }
      const before = findings.counts().error
      const task = await this.#task(taskId, lines, {exams, verify, verifyAll, findings}, signal)
      if (task) {
        const auditor = task.exam?.rule?.auditor
        if (task.task && auditor) {
          await choice.check(task.task, earlier.slice(-Math.max(1, auditor.choiceTasks)), auditor, signal)
        }
        if (task.settled) {
          const {regate, rejudge} = this.#options
          const amounts = {
            artefacts: this.#options.artefacts,
            regate: regate === 'all' ? Infinity : share(regate, index, ids.length),
            rejudge: share(rejudge, index, ids.length),
          }
          const again = await artefacts.check(task.settled, auditor, amounts, signal)
          this.#tally.addRejudged(again)
        }
        if (task.task) earlier.push(task.task.manifest)
        else earlier.length = 0
        if (earlier.length > maxEarlier) earlier.splice(0, earlier.length - maxEarlier)
        if (task.settled && findings.counts().error === before) this.#deps.onWhole?.(taskId)
      }
      onProgress?.({done: index + 1, of: ids.length, taskId})
    }
    choice.finish()
  }

  async #task(
    taskId: TaskId,
    lines: readonly string[] | undefined,
    deps: Parameters<typeof auditTask>[2],
    signal: AbortSignal,
  ): Promise<AuditedTask | undefined> {
    const {findings} = this.#context
    if (!lines) {
      this.#isDamaged = true
      const remedy = 'ask the owner of the subnet: what counts must stay published'
      const common = {object: `evidence of task ${taskId}`, remedy, task: taskId}
      findings.error('settlements', {code: 'EVIDENCE_MISSING', ...common, expected: 'a settled task', found: 'nothing'})
      return undefined
    }
    const task = await auditTask(taskId, lines, deps, signal)
    const {settled} = task
    if (!task.isWhole) this.#isDamaged = true
    if (!settled) return task
    this.#take(settled)
    return task
  }

  #take(settled: SettledTask): void {
    const {block, examHash} = settled.task.manifest
    this.#blocks = {first: this.#blocks?.first ?? block.number, last: block.number}
    this.#newest = settled.task.manifest
    this.#examHashes.add(examHash)
    this.#tally.add(settled)
    this.#recent.add(settled)
    if (examHash === this.#context.published.ranking?.examHash) this.#folded?.fold(settled)
  }

  /** Manifests before the range, oldest first and without gaps: what may be chosen depends on them. */
  async #earlier(from: TaskId, signal: AbortSignal): Promise<TaskManifest[]> {
    const {source, verify} = this.#deps
    const {exams, findings} = this.#context
    const wanted = exams.ofTask(from)?.rule?.auditor?.choiceTasks ?? 0
    const ids = Array.from({length: Math.min(Math.max(1, wanted), from - 1)}, (_, index) => from - 1 - index)
    const found: TaskManifest[] = []
    for await (const [, taskId, text] of prefetched(ids, (id) => source.manifestText(id, signal), signal)) {
      const task = text === undefined ? undefined : auditManifest(taskId, text, {exams, verify, findings})?.task
      if (!task) break
      found.push(task.manifest)
    }
    return found.reverse()
  }

  /** Whether the ranking counts all that had settled when it was made. */
  async behind(signal: AbortSignal): Promise<void> {
    const {published, findings, facts, exams} = this.#context
    const {ranking} = published
    if (!ranking) return
    const next = (ranking.window.at(-1) ?? (exams.find(ranking.examHash)?.signed.exam.fromTask ?? 1) - 1) + 1
    const settledAt = settledAtOf(await this.#deps.source.evidenceTexts(next, signal))
    if (settledAt + slackBlocks >= ranking.block) return
    findings.error('ranking', {
      ...{code: 'RANKING_BEHIND', object: 'ranking (GET /ranking), window', who: facts.ownerHotkey, task: next},
      expected: `task ${next}, which settled at block ${settledAt}, in a ranking of block ${ranking.block}`,
      found: `a window that ends with task ${next - 1}`,
      remedy: 'ask the owner why this task does not count',
    })
  }

  /** What looks like copying or collusion: to be looked at, and no reason to doubt what was signed. */
  async signs(signal: AbortSignal): Promise<void> {
    await checkIntegrity(this.#recent.list(), this.#context.findings, () => this.#deps.time.sleep(0, signal))
  }

  /** The ranking once more; undefined when it cannot be compared. */
  ranking(): Ranking | undefined {
    const {facts, published, findings} = this.#context
    const {mechanism} = this.#options
    const {ranking, view} = published
    if (this.#newest) checkVoters(this.#newest, facts, findings)
    if (!ranking || !view) {
      findings.info('ranking', {code: 'RANKING_MISSING', object: 'ranking (GET /ranking)', found: 'there is none yet'})
      return undefined
    }
    checkView(view, facts, findings)
    checkWeights(published, {facts, mechanism: mechanism.name, verify: this.#deps.verify, findings})
    const reason = this.#incomparable()
    if (reason !== undefined || !this.#folded) {
      const found = reason ?? 'this program cannot run its exam'
      findings.info('ranking', {code: 'RANKING_NOT_REPEATED', object: 'ranking (GET /ranking)', found})
      return undefined
    }
    const own = this.#folded.compare(findings, facts.ownerHotkey)
    this.#onChain = checkOnChain({facts, view, folded: this.#folded, findings, voters: this.#tally.hotkeys()})
    return own
  }

  #incomparable(): string | undefined {
    if (!this.#folded) return 'this program cannot run its exam'
    if (!this.#folded.isComparable) return 'the range does not hold the whole window of the ranking'
    const isDamaged = this.#isDamaged || !this.#context.exams.isWhole
    return isDamaged ? 'the evidence is damaged: a ranking from what is left would differ for that alone' : undefined
  }

  report(range: TaskRange | undefined, own: Ranking | undefined, at: string): AuditReport {
    const {facts, findings} = this.#context
    const {mechanism, netuid} = this.#options
    const counts = findings.counts()
    return {
      version: 1,
      at,
      source: this.#deps.source.name,
      network: facts.network,
      netuid,
      mechanism: mechanism.name,
      range:
        range && this.#blocks
          ? {fromTask: range.from, toTask: range.to, fromBlock: this.#blocks.first, toBlock: this.#blocks.last}
          : null,
      exams: [...this.#examHashes],
      ranking: own
        ? {
            block: own.block,
            stateHash: own.stateHash,
            decision: own.decision,
            winner: (own.decision === 'pay' && winnerOf(own)?.hotkey) || null,
            window: own.window,
          }
        : null,
      checks: findings.checks(),
      validators: this.#tally.validators(this.#uids(), this.#onChain),
      findings: findings.list(),
      counts,
      ok: counts.error === 0,
    }
  }

  #uids(): Map<Hotkey, number> {
    return new Map(this.#context.facts.neurons.map(({hotkey, uid}) => [hotkey, uid]))
  }
}

const maxEarlier = 10_000

/** Fetches a few before they are needed, and hands them over in order. */
async function* prefetched<T>(
  ids: readonly TaskId[],
  fetch: (id: TaskId) => Promise<T>,
  signal: AbortSignal,
): AsyncGenerator<[index: number, id: TaskId, value: T]> {
  const waiting: Promise<T>[] = []
  const start = (id: TaskId | undefined) => {
    if (id === undefined) return
    const promise = fetch(id)
    // Asked for before anybody waits for it; whoever does gets the failure.
    promise.catch(() => undefined)
    waiting.push(promise)
  }
  for (const id of ids.slice(0, ahead)) start(id)
  for (const [index, id] of ids.entries()) {
    signal.throwIfAborted()
    start(ids[index + ahead])
    const next = waiting.shift()
    if (next) yield [index, id, await next]
  }
}
