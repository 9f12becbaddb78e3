import type {OwnerApi} from '../../api/port.js'
import type {MinersList} from '../../api/schemas.js'
import type {TaskId} from '../../domain/ids.js'
import {type Ranking, winnerOf} from '../../domain/ranking.js'
import type {SignedManifest} from '../../domain/task.js'
import {LeomaError} from '../../errors.js'
import type {Progress} from '../../mechanisms/types.js'
import type {Clock} from '../../runtime/clock.js'
import {collectGarbage} from '../../runtime/heap.js'
import type {Logger} from '../../runtime/logger.js'
import type {LocalnetEvent, LocalnetFacts, LocalnetResult, MinerResult, TaskResult} from './events.js'

const pollMs = 200
const pageSize = 50
/** So many rounds skipped in a row are no bad luck any more. */
const maxSkips = 8

export interface RoundsOptions {
  readonly api: OwnerApi
  readonly facts: LocalnetFacts
  readonly time: Pick<Clock, 'sleep'>
  readonly log: Logger
  readonly onEvent: (event: LocalnetEvent) => void
  /** Called once, when as many tasks as wanted are published. */
  readonly onLastTask: () => void
}

type WeightsSet = Extract<Progress, {event: 'weights-set'}>

/** Follows a localnet through its public API and what its services report, and knows when its rounds are over. */
export class RoundsWatch {
  readonly #options: RoundsOptions
  /** The last task of earlier runs on the same data. */
  #before: TaskId | 0 = 0
  #published = 0
  #settledUpTo: TaskId | 0 = 0
  #settled = 0
  #skips = 0
  #ranking: Ranking | undefined
  readonly #weights = new Map<string, WeightsSet>()

  constructor(options: RoundsOptions) {
    this.#options = options
  }

  /** Before the first round: what was there already is not of this run. */
  async begin(signal: AbortSignal): Promise<void> {
    const {api} = this.#options
    this.#before = (await api.latestTask(signal)) ?? 0
    // What earlier runs left open settles in this one, and is reported, but does not count as its round.
    for (let after: TaskId | 0 = 0; ; ) {
      const page = await api.settledAfter(after, pageSize, signal)
      after = page.at(-1)?.task.manifest.taskId ?? after
      this.#settledUpTo = after
      if (page.length === 0) break
    }
  }

  report(part: string, progress: Progress): void {
    const {onEvent, onLastTask, facts} = this.#options
    onEvent({type: 'service', part, progress})
    if (progress.event === 'weights-set') this.#weights.set(progress.validator, progress)
    if (progress.event === 'round-skipped') this.#skips++
    if (progress.event === 'task-published') {
      this.#skips = 0
      if (++this.#published === facts.rounds) onLastTask()
    }
  }

  /** Resolves with the result when all rounds are over; until then, or for ever, it tells what it sees. */
  async run(signal: AbortSignal): Promise<LocalnetResult> {
    const {time, log, facts} = this.#options
    for (;;) {
      try {
        if (await this.#look(signal)) return await this.result(signal)
      } catch (error) {
        signal.throwIfAborted()
        // The API may be down on purpose; whoever runs it reports that it has failed.
        log.debug({err: error}, 'the localnet could not be looked at')
      }
      if (facts.rounds !== undefined && this.#skips >= maxSkips) {
        throw new LeomaError('upstream', 'ROUNDS_SKIPPED', `${this.#skips} rounds in a row could not be held`, {
          hints: ['see the reasons above', 'choose other --miners or another --source'],
        })
      }
      await time.sleep(pollMs, signal)
    }
  }

  /** True when every wanted round is settled and ranked and every validator has set weights from that ranking. */
  async #look(signal: AbortSignal): Promise<boolean> {
    const {api, facts, onEvent} = this.#options
    for (const {task, settledAtBlock} of await api.settledAfter(this.#settledUpTo, pageSize, signal)) {
      this.#settledUpTo = task.manifest.taskId
      if (task.manifest.taskId > this.#before) this.#settled++
      onEvent({type: 'task-settled', taskId: task.manifest.taskId, block: settledAtBlock})
      collectGarbage()
    }
    const {ranking} = (await api.ranking(signal)) ?? {}
    const isOver = facts.rounds !== undefined && this.#settled >= facts.rounds
    if (ranking && ranking.stateHash !== this.#ranking?.stateHash && ranking.window.length > 0) {
      this.#ranking = ranking
      const isLast = isOver && ranking.window.includes(this.#settledUpTo)
      onEvent({type: 'ranking', ranking, miners: (await this.#miners(signal)).rows, isLast})
    }
    return isOver && this.#isPaidOut()
  }

  #isPaidOut(): boolean {
    const ranking = this.#ranking
    if (!ranking?.window.includes(this.#settledUpTo)) return false
    // The reason of a setting quotes the ranking it follows from.
    return this.#options.facts.validators.every(({hotkey}) => {
      const set = this.#weights.get(hotkey)
      return set !== undefined && set.block >= ranking.block && set.reason.includes(ranking.summary)
    })
  }

  async result(signal: AbortSignal): Promise<LocalnetResult> {
    const {facts} = this.#options
    const {rows, tasks} = await this.#miners(signal)
    const best = this.#ranking && winnerOf(this.#ranking)
    const winner = rows.find(({hotkey}) => hotkey === best?.hotkey)
    const [first] = facts.validators
    const set = first && this.#weights.get(first.hotkey)
    return {
      rounds: tasks.length,
      tasks: tasks.map(taskResult),
      miners: rows,
      winner: winner ? {uid: winner.uid, hotkey: winner.hotkey, profile: winner.profile} : null,
      weights: set ? {block: set.block, uids: set.uids, values: set.values} : null,
      ...(facts.judge && {judge: facts.judge}),
      api: facts.api,
    }
  }

  async #miners(signal: AbortSignal): Promise<{rows: MinerResult[]; tasks: SignedManifest[]}> {
    const {api, facts} = this.#options
    const {miners} = await api.miners(signal)
    const tasks: SignedManifest[] = []
    for (let after = this.#before; ; ) {
      const page = await api.tasksAfter(after, pageSize, signal)
      tasks.push(...page)
      after = page.at(-1)?.manifest.taskId ?? after
      if (page.length === 0) break
    }
    return {rows: facts.cast.map((member) => minerResult(member, {miners, tasks, ranking: this.#ranking})), tasks}
  }
}

function minerResult(
  {uid, hotkey, profile}: LocalnetFacts['cast'][number],
  seen: {miners: MinersList['miners']; tasks: readonly SignedManifest[]; ranking: Ranking | undefined},
): MinerResult {
  const miner = seen.miners.find((candidate) => candidate.hotkey === hotkey)
  const row = seen.ranking?.rows.find((candidate) => candidate.hotkey === hotkey)
  const outcomes: Record<string, number> = {}
  for (const {manifest} of seen.tasks) {
    const outcome = manifest.answers.find((answer) => answer.hotkey === hotkey)?.outcome
    if (outcome !== undefined) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
  }
  return {
    uid,
    hotkey,
    profile,
    isValid: miner?.is_valid ?? false,
    invalidReason: miner?.invalid_reason ?? null,
    evaluated: row?.numbers.evaluated ?? 0,
    passed: row?.numbers.passed ?? 0,
    passRate: row?.numbers.passRate ?? 0,
    rank: row?.rank ?? null,
    outcomes,
  }
}

function taskResult({manifest}: SignedManifest): TaskResult {
  const {taskId, source, prompt, examHash} = manifest
  return {taskId, source: source.key, clipStart: source.clipStartS, prompt: prompt.text, examHash}
}
