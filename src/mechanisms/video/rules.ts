import {z} from 'zod'
import {BlockNumber, compareText, Hotkey, TaskId} from '../../domain/ids.js'
import type {RankingRow} from '../../domain/ranking.js'
import type {MinerView, SubnetView} from '../../domain/subnet.js'
import {Outcome} from '../../domain/task.js'
import type {EvidenceKey, Weighing} from '../types.js'
import {fieldOf} from './dominance-rules.js'
import {keyOf, type VideoEvidence} from './evidence.js'
import {explain, summarize} from './explain.js'
import {isProven, judgedNeeded} from './judged-needed.js'
import type {VideoParams} from './params.js'
import {Past, pastLength, remember} from './past.js'
import {type Tally, tallies} from './tally.js'

/** Bumped by anything that can move a weight; a state of another version is refused, not misread. */
export const ruleVersion = 1

const RaoText = z.string().regex(/^\d{1,30}$/)

const Votes = z.strictObject({
  /** Stake that said pass, and all stake that voted, in rao. */
  forRao: RaoText,
  allRao: RaoText,
  /** Sum and number of overall scores, for people; they do not rank. */
  scoreSum: z.number().int(),
  count: z.number().int(),
})

const Asked = z.strictObject({hotkey: Hotkey, outcome: Outcome, votes: Votes.nullable()})
type Asked = z.infer<typeof Asked>

const TaskState = z.strictObject({
  taskId: TaskId,
  block: BlockNumber,
  /** Sorted by hotkey; an array, because one vote must not copy a table of all miners. */
  asked: z.array(Asked),
  stakes: z.record(Hotkey, RaoText),
})
type TaskState = z.infer<typeof TaskState>

export const VideoState = z.strictObject({
  rule: z.strictObject({name: z.literal('video'), version: z.literal(ruleVersion)}),
  watermark: z.array(z.union([z.number(), z.string()])).nullable(),
  /** The newest `window` tasks, oldest first. */
  tasks: z.array(TaskState),
  /** What came of the tasks before them, where the exam remembers more; sorted by hotkey. */
  past: z.exactOptional(Past),
})
export type VideoState = z.infer<typeof VideoState>

export function initial(): VideoState {
  return {rule: {name: 'video', version: ruleVersion}, watermark: null, tasks: []}
}

export function watermark(state: VideoState): EvidenceKey | undefined {
  return state.watermark ?? undefined
}

/** One more piece of evidence, in key order. Votes of strangers, and on outputs that nobody was asked for, fold to nothing. */
export function fold(state: VideoState, evidence: VideoEvidence, {ranking}: VideoParams): VideoState {
  const next = {...state, watermark: [...keyOf(evidence)]}
  if (evidence.type === 'task') {
    const task: TaskState = {
      taskId: evidence.taskId,
      block: evidence.block,
      asked: evidence.answers
        .map(({hotkey, outcome}) => ({hotkey, outcome, votes: null}))
        .sort((a, b) => compareText(a.hotkey, b.hotkey)),
      stakes: Object.fromEntries(evidence.voters.map(({hotkey, stakeRao}) => [hotkey, stakeRao])),
    }
    const tasks = [...state.tasks, task]
    return {
      ...next,
      ...remember(state.past, tasks.slice(0, -ranking.window), ranking),
      tasks: tasks.slice(-ranking.window),
    }
  }
  const index = state.tasks.findLastIndex(({taskId}) => taskId === evidence.taskId)
  const task = state.tasks[index]
  return task ? {...next, tasks: state.tasks.with(index, addVote(task, evidence))} : next
}

function addVote(task: TaskState, vote: Extract<VideoEvidence, {type: 'verdict'}>): TaskState {
  const index = positionOf(vote.miner, task.asked)
  const entry = task.asked[index]
  const stake = task.stakes[vote.validator]
  if (stake === undefined || entry?.outcome !== 'ok') return task
  const before = entry.votes ?? {forRao: '0', allRao: '0', scoreSum: 0, count: 0}
  const votes = {
    forRao: String(BigInt(before.forRao) + (vote.passed ? BigInt(stake) : 0n)),
    allRao: String(BigInt(before.allRao) + BigInt(stake)),
    scoreSum: before.scoreSum + vote.overall,
    count: before.count + 1,
  }
  return {...task, asked: task.asked.with(index, {...entry, votes})}
}

/** -1 for a miner that was not asked. */
function positionOf(hotkey: Hotkey, asked: readonly Asked[]): number {
  let [low, high] = [0, asked.length - 1]
  while (low <= high) {
    const middle = (low + high) >> 1
    const order = compareText(asked[middle]?.hotkey ?? '', hotkey)
    if (order === 0) return middle
    if (order < 0) low = middle + 1
    else high = middle - 1
  }
  return -1
}

export interface Standing extends Tally {
  readonly miner: MinerView | undefined
  readonly block: number | null
  /** Evaluated and charged. */
  readonly counted: number
  readonly eligible: boolean
  /** Judged or charged in enough of the whole window to hold the lead without a proof. */
  readonly isSeated: boolean
}

/** The published comparison: 80 of 100 counts, 79 does not. */
const rounding = 1e-12

function standing(counted: Tally, miner: MinerView | undefined, tasks: number, params: VideoParams): Standing {
  const {completeness, minTasks} = params.ranking
  const all = counted.evaluated + counted.charged
  const isSeated = counted.completeness >= completeness - rounding
  const eligible =
    miner?.isValid === true &&
    tasks >= minTasks &&
    all >= judgedNeeded(counted, tasks, params) &&
    counted.passed >= minPassed(params)
  return {...counted, counted: all, miner, block: miner?.block ?? null, eligible, isSeated}
}

/** Under the rule of the proven lead nobody wins with nothing, whatever else the exam says. */
function minPassed({ranking}: VideoParams): number {
  return isProven(ranking) ? Math.max(1, ranking.minPassed) : ranking.minPassed
}

/** How many more tasks it must at least be judged or pass in before it is eligible; 0 when its record suffices. */
function tasksNeeded(entry: Standing, tasks: number, params: VideoParams): number {
  const {minTasks} = params.ranking
  const judged = judgedNeeded(entry, Math.max(tasks, minTasks), params) - entry.counted
  return Math.max(0, judged, minTasks - tasks, minPassed(params) - entry.passed)
}

/** Completeness, stake vote and dominance over the window; the winner takes all, and nobody wins with nothing. */
export function weigh(state: VideoState, view: SubnetView, params: VideoParams): Weighing {
  const miners = new Map(view.miners.map((miner) => [miner.hotkey, miner]))
  const tasks = state.tasks.length
  const standings = [...tallies(state, miners.keys(), params).values()].map((counted) =>
    standing(counted, miners.get(counted.hotkey), tasks, params),
  )
  const field = fieldOf(
    standings.filter(({eligible}) => eligible),
    pastLength(state) + tasks,
    params.ranking,
  )
  const unranked = standings.filter(({eligible}) => !eligible).sort((a, b) => compareText(a.hotkey, b.hotkey))

  const context = {field, tasks, params}
  const rows = [...field.ranked, ...unranked].map((entry, index): RankingRow => {
    const rank = entry.eligible ? index + 1 : null
    return {
      hotkey: entry.hotkey,
      uid: entry.miner?.uid ?? null,
      rank,
      eligible: entry.eligible,
      weight: rank === 1 ? 1 : 0,
      block: entry.block,
      numbers: {
        passed: entry.passed,
        evaluated: entry.evaluated,
        missed: entry.missed,
        charged: entry.charged,
        passRate: entry.passRate,
        completeness: entry.completeness,
        meanScore: entry.meanScore,
        tasksNeeded: tasksNeeded(entry, tasks, params),
        rateNeeded: field.rateNeeded(entry),
        ...field.numbers(entry),
      },
      sentence: explain(entry, context),
    }
  })
  const decision = field.ranked.length > 0 ? 'pay' : tasks < params.ranking.minTasks ? 'wait' : 'burn'
  return {rows, decision, window: state.tasks.map(({taskId}) => taskId), summary: summarize(context)}
}
