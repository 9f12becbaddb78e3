import type {EvidenceApi} from '../../api/port.js'
import type {Chain, Metagraph} from '../../chain/port.js'
import type {AuditFinding} from '../../domain/audit.js'
import type {Hotkey, Netuid, TaskId} from '../../domain/ids.js'
import type {Ranking} from '../../domain/ranking.js'
import type {SubnetView} from '../../domain/subnet.js'
import {LeomaError} from '../../errors.js'
import type {AnyMechanism, Rule} from '../../mechanisms/types.js'
import type {Clock} from '../../runtime/clock.js'
import type {Logger} from '../../runtime/logger.js'
import {StoreJournal} from '../../store/journal.js'
import type {Store} from '../../store/open.js'
import {findState, type StoredState, saveRanking} from '../../store/rankings.js'
import type {Verify, VerifyAll} from '../../wallet/port.js'
import {settledAtOf, slackBlocks} from './behind.js'
import {type ExamHistory, readExams} from './exams.js'
import {Findings} from './findings.js'
import {checkWeights, readPublished} from './published.js'
import {checkView, compareRankings, rankingOf} from './ranking.js'
import {auditTask} from './tasks.js'

export interface FollowerDeps {
  readonly api: EvidenceApi
  readonly chain: Pick<Chain, 'commitments'>
  readonly mechanism: AnyMechanism
  readonly netuid: Netuid
  /** The validator's own: what was folded is kept in it. */
  readonly store: Store
  readonly hotkey: Hotkey
  readonly verify: Verify
  readonly time: Pick<Clock, 'now' | 'sleep'>
  readonly log: Logger
}

export type Followed =
  /** The ranking that follows from the evidence; `differences` when the owner says something else. */
  | {readonly kind: 'ranked'; readonly ranking: Ranking; readonly differences: readonly AuditFinding[]}
  /** The owner does not show all that its ranking must follow from, or this program cannot read it. */
  | {readonly kind: 'unproven'; readonly reason: string; readonly differences: readonly AuditFinding[]}
  /** Nothing has been ranked yet. */
  | {readonly kind: 'unranked'}
  /** The API is one that publishes no evidence at all. */
  | {readonly kind: 'unheard'}

/** Signatures checked before others have their turn: about 3 ms. */
const perSlice = 10

/**
 * Follows the public evidence, task by task, from where it stopped the last time: verifies every signature itself, folds,
 * weighs over the owner's view of the subnet as far as the chain bears it out, and compares with what the owner says.
 */
export class Follower {
  readonly #deps: FollowerDeps
  #turn: Promise<unknown> = Promise.resolve()

  constructor(deps: FollowerDeps) {
    this.#deps = deps
  }

  /** One at a time: two would fold the same tasks onto the same state. */
  follow(metagraph: Metagraph, signal: AbortSignal): Promise<Followed> {
    const next = this.#turn.then(() => this.#follow(metagraph, signal))
    this.#turn = next.catch(() => undefined)
    return next
  }

  async #follow(metagraph: Metagraph, signal: AbortSignal): Promise<Followed> {
    const {api, mechanism, netuid, verify, time} = this.#deps
    const findings = new Findings()
    const texts = await api.examTexts(signal)
    if (!texts) return {kind: 'unheard'}
    const {ownerHotkey} = metagraph
    const exams = readExams(texts, {mechanism, ownerHotkey, netuid, verify}, findings)
    const source = {
      weightsText: (inner: AbortSignal) => api.weightsText(inner),
      rankingText: (inner: AbortSignal) => api.rankingText(inner),
      isLive: true,
    }
    const published = await readPublished(source, {time, findings}, signal)
    const {ranking, view} = published
    const errors = () => findings.list().filter(({severity}) => severity === 'error')
    const unproven = (reason: string): Followed => ({kind: 'unproven', reason, differences: errors()})
    if (errors().length > 0) return unproven(whatOf(errors()))
    if (!ranking || !view) return {kind: 'unranked'}
    const exam = exams.find(ranking.examHash)
    if (!exam) return unproven('the ranking names an exam that the owner does not show')
    if (!exam.rule)
      return unproven(findings.list().find(({code}) => code === 'EXAM_UNSUPPORTED')?.found ?? 'unknown exam')

    const folded = await this.#fold(exam.rule, ranking, {exams, findings}, signal)
    if ('missing' in folded) return unproven(folded.missing)
    const own = rankingOf(
      exam.rule,
      folded.state,
      await this.#view(view, metagraph, findings, signal),
      ranking.examHash,
    )
    saveRanking(
      this.#deps.store,
      {...folded, text: exam.rule.text(folded.state)},
      {ranking: own, view, madeAt: time.now()},
    )
    compareRankings(own, ranking, findings, ownerHotkey)
    checkWeights(published, {facts: {ownerHotkey, netuid}, mechanism: mechanism.name, verify, findings})
    return {kind: 'ranked', ranking: own, differences: errors()}
  }

  /** Everything settled that the ranking must count, onto what was folded before. */
  async #fold(
    rule: Rule,
    ranking: Ranking,
    {exams, findings}: {readonly exams: ExamHistory; readonly findings: Findings},
    signal: AbortSignal,
  ): Promise<StoredState | {readonly missing: string}> {
    const {api, verify, time} = this.#deps
    const last = ranking.window.at(-1) ?? 0
    const stored = this.#stored(rule, ranking)
    const {fromTask} = rule.exam
    const first = rule.memoryTasks === undefined ? fromTask : Math.max(fromTask, last - rule.memoryTasks + 1)
    const isUsable = stored !== undefined && stored.lastTask + 1 >= first
    let state = isUsable ? stored.state : rule.initial()
    let lastTask: TaskId | 0 = isUsable ? stored.lastTask : first - 1
    if (lastTask > last && isUsable) {
      findings.error('ranking', {
        ...{code: 'RANKING_WENT_BACK', object: 'ranking (GET /ranking), window', who: null},
        expected: `task ${lastTask} in it, which was settled before`,
        found: `a window that ends with task ${last}`,
        remedy: 'ask the owner: settled tasks do not come undone',
      })
    }
    const verifyAll = this.#inSlices()
    for (let taskId = lastTask + 1; ; taskId++) {
      const lines = await api.evidenceTexts(taskId, signal)
      const isDue = taskId <= last
      if (!lines) {
        if (isDue) return {missing: `the evidence of task ${taskId}, which the ranking counts, is not shown`}
        break
      }
      if (!isDue) {
        if (settledAtOf(lines) + slackBlocks >= ranking.block) break
        const expected = `task ${taskId}, which has settled`
        findings.error('ranking', {
          ...{code: 'RANKING_BEHIND', object: 'ranking (GET /ranking), window', expected, task: taskId},
          found: `a window that ends with task ${last}`,
        })
      }
      const task = await auditTask(taskId, lines, {exams, verify, verifyAll, findings}, signal)
      if (task.exam && task.exam.rule !== rule) break
      if (!task.settled) return {missing: `task ${taskId} cannot be trusted: ${whatOf(findings.list())}`}
      this.#checkOwn(taskId, lines, findings)
      state = rule.replay(state, [task.settled])
      lastTask = taskId
      await time.sleep(0, signal)
    }
    return {state, lastTask, hash: rule.hash(state)}
  }

  #stored(rule: Rule, {examHash}: Ranking): StoredState | undefined {
    const {store, log} = this.#deps
    const stored = findState(store, examHash)
    if (!stored) return undefined
    try {
      return {...stored, state: rule.load(stored.state)}
    } catch (error) {
      if (LeomaError.from(error).code !== 'STATE_UNSUPPORTED') throw error
      log.warn({err: error}, 'what was folded before is of another version, folding again')
      return undefined
    }
  }

  /** What this validator signed and the owner took in must be there: nobody knows that better than it does. */
  #checkOwn(taskId: TaskId, lines: readonly string[], findings: Findings): void {
    const {store, hotkey} = this.#deps
    const journal = new StoreJournal(store)
    if (!journal.isSent(taskId)) return
    const own = journal.verdictsOf(taskId).filter(({verdict}) => verdict.validator === hotkey)
    for (const {verdict, signature} of own) {
      if (lines.some((line) => line.includes(signature))) continue
      findings.error('verdicts', {
        ...{code: 'OWN_VERDICT_MISSING', object: `verdict of ${hotkey} on ${verdict.miner} in task ${taskId}`},
        ...{who: hotkey, task: taskId, expected: 'the verdict that the owner took in', found: 'none, or another one'},
        remedy: 'ask the owner why it does not count; your journal is the proof that you sent it',
      })
    }
  }

  /** The owner's view, with what the chain says where the two differ: who committed when decides who was first. */
  async #view(view: SubnetView, metagraph: Metagraph, findings: Findings, signal: AbortSignal): Promise<SubnetView> {
    const {chain, netuid} = this.#deps
    const newest = new Map<Hotkey, number>()
    for (const {hotkey, block} of await chain.commitments(netuid, signal))
      newest.set(hotkey, Math.max(block, newest.get(hotkey) ?? 0))
    const commitments = [...newest].map(([hotkey, block]) => ({hotkey, block}))
    checkView(view, {...metagraph, commitments}, findings)
    return {
      ...view,
      miners: view.miners.map((miner) => {
        const block = newest.get(miner.hotkey)
        return block === undefined || block > view.block ? miner : {...miner, block}
      }),
    }
  }

  #inSlices(): VerifyAll {
    const {verify, time} = this.#deps
    return async (checks, signal) => {
      const valid: boolean[] = []
      for (const {message, signature, hotkey} of checks) {
        if (valid.length % perSlice === perSlice - 1) await time.sleep(0, signal)
        valid.push(verify(message, signature, hotkey))
      }
      return valid
    }
  }
}

/** The first few, in one line. */
export function whatOf(findings: readonly AuditFinding[]): string {
  const [first] = findings
  if (!first) return 'nothing'
  const more = findings.length > 1 ? `, and ${findings.length - 1} more` : ''
  return `${first.object}: ${first.found ?? first.code}${more}`
}
