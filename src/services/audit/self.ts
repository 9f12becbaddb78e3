import {AuditReport} from '../../domain/audit.js'
import type {TaskId} from '../../domain/ids.js'
import type {AnyMechanism} from '../../mechanisms/types.js'
import type {Clock} from '../../runtime/clock.js'
import type {Logger} from '../../runtime/logger.js'
import {evidencePieces, findSettled} from '../../store/evidence.js'
import {examTexts} from '../../store/exams.js'
import {getMeta, setMeta} from '../../store/meta.js'
import type {Store} from '../../store/open.js'
import {settledOfExam} from '../../store/settled.js'
import {latestTaskId, manifestText} from '../../store/tasks.js'
import type {Verify, VerifyAll} from '../../wallet/port.js'
import {type AuditDeps, audit} from './audit.js'
import type {AuditChain, AuditSource} from './source.js'

export interface SelfAuditDeps {
  readonly store: Store
  readonly mechanism: AnyMechanism
  readonly netuid: number
  readonly chain: AuditChain
  /** What `/ranking` and `/weights` answer, as everybody gets it. */
  readonly published: (path: '/ranking' | '/weights') => Promise<string | undefined>
  readonly verify: Verify
  readonly verifyAll: VerifyAll
  readonly time: Pick<Clock, 'now' | 'sleep'>
  readonly log: Logger
}

const reportKey = 'audit.last'
/** Nothing is believed to be whole for longer than this because it was whole once. */
const fullEveryMs = 24 * 3_600_000

/**
 * The owner's audit of itself: what has settled since the last turn is looked at as a stranger would, and everything once a
 * day. Artefacts are left to auditors who have the bucket. What was found is kept, and served to everybody.
 */
export class SelfAudit {
  readonly #deps: SelfAuditDeps
  #last: AuditReport | undefined
  /** Tasks that had no fault since the last look at everything. */
  #whole = new Set<TaskId>()
  #fullAt = 0

  constructor(deps: SelfAuditDeps) {
    this.#deps = deps
    const stored = getMeta(deps.store, reportKey)
    const parsed = stored === undefined ? undefined : AuditReport.safeParse(JSON.parse(stored))
    this.#last = parsed?.success ? parsed.data : undefined
  }

  /** The newest report; it outlives a restart. */
  last(): AuditReport | undefined {
    return this.#last
  }

  async turn(signal: AbortSignal): Promise<AuditReport> {
    const {mechanism, netuid, store, log, time} = this.#deps
    if (time.now() - this.#fullAt > fullEveryMs) {
      this.#whole = new Set()
      this.#fullAt = time.now()
    }
    const known = this.#whole
    const deps: AuditDeps = {
      ...this.#deps,
      source: this.#source(),
      // Nothing is fetched, so nothing is put there.
      workDir: '',
      known: (taskId, examHash) =>
        known.has(taskId)
          ? settledOfExam(store, taskId - 1, 1, examHash).find(({task}) => task.manifest.taskId === taskId)
          : undefined,
      onWhole: (taskId) => known.add(taskId),
    }
    const options = {mechanism, netuid, range: {of: 'window'}, artefacts: false, regate: 0, rejudge: 0} as const
    const report = await audit(options, deps, signal)
    const before = this.#last
    this.#last = report
    setMeta(store, reportKey, JSON.stringify(report))
    const errors = report.findings.filter(({severity}) => severity === 'error')
    const names = (of: AuditReport | undefined) =>
      of?.findings.map(({severity, code, object}) => `${severity} ${code} ${object}`).join()
    if (errors.length > 0 && names(before) !== names(report))
      log.error(
        {errors: report.counts.error, findings: errors.slice(0, 5)},
        'what is published does not agree with itself',
      )
    return report
  }

  #source(): AuditSource {
    const {store, chain, published, time} = this.#deps
    return {
      name: 'the store of the owner',
      isLive: true,
      objects: undefined,
      chain,
      latestTask: async () => latestTaskId(store),
      examTexts: async () => examTexts(store),
      manifestText: async (taskId) => manifestText(store, taskId),
      evidenceTexts: async (taskId, signal) => {
        const task = findSettled(store, taskId)
        if (!task) return undefined
        const texts: string[] = []
        for (const piece of evidencePieces(task)) {
          texts.push(...piece)
          await time.sleep(0, signal)
        }
        return texts
      },
      rankingText: () => published('/ranking'),
      weightsText: () => published('/weights'),
    }
  }
}
