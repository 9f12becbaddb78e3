import {z} from 'zod'
import {BlockNumber, compareText, Hotkey, TaskId} from '../../domain/ids.js'
import type {RankingRow} from '../../domain/ranking.js'
import {stakeVote} from '../../domain/stake-vote.js'
import type {MinerView, SubnetView} from '../../domain/subnet.js'
import {Outcome} from '../../domain/task.js'
import type {EvidenceKey, Weighing} from '../types.js'
import {barFor, rankByDominance} from './dominance.js'
import {keyOf, type VideoEvidence} from './evidence.js'
import {explain, summarize} from './explain.js'
import type {VideoParams} from './params.js'

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
    return {...next, tasks: [...state.tasks, task].slice(-ranking.window)}
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

export interface Tally {
  readonly hotkey: Hotkey
  /** Judged or rejected. */
  readonly evaluated: number
  readonly passed: number
  /** Busy, transient or permanent. */
  readonly missed: number
  /** Missed beyond what is forgiven: they count as evaluated and not passed. */
  readonly charged: number
  /** Passed over evaluated and charged, 0..1. */
  readonly passRate: number
  /** Evaluated and charged over the tasks of the window, 0..1. */
  readonly completeness: number
  /** Mean overall score of the judged outputs, 0..100; 0 when there is none. */
  readonly meanScore: number
  /** How often each gate rejected it. */
  readonly rejections: Readonly<Record<string, number>>
}

export function tally(state: VideoState, hotkey: Hotkey, {ranking}: VideoParams): Tally {
  let evaluated = 0
  let passed = 0
  let missed = 0
  let scoreSum = 0
  let scores = 0
  const rejections: Record<string, number> = {}
  for (const task of state.tasks) {
    const entry = task.asked[positionOf(hotkey, task.asked)]
    if (!entry) continue
    const {outcome, votes} = entry
    if (outcome === 'ok') {
      const verdict = stakeVote(votes)
      if (verdict === undefined) continue
      evaluated++
      if (verdict) passed++
      scoreSum += votes?.scoreSum ?? 0
      scores += votes?.count ?? 0
    } else if (outcome.startsWith('rejected:')) {
      evaluated++
      const gate = outcome.slice('rejected:'.length)
      rejections[gate] = (rejections[gate] ?? 0) + 1
    } else {
      missed++
    }
  }
  const charged = Math.max(0, missed - ranking.forgivenMisses)
  const counted = evaluated + charged
  return {
    hotkey,
    evaluated,
    passed,
    missed,
    charged,
    passRate: counted === 0 ? 0 : passed / counted,
    completeness: state.tasks.length === 0 ? 0 : counted / state.tasks.length,
    meanScore: scores === 0 ? 0 : scoreSum / scores,
    rejections,
  }
}

export interface Standing extends Tally {
  readonly miner: MinerView | undefined
  readonly block: number | null
  readonly eligible: boolean
}

/** The published comparison: 80 of 100 counts, 79 does not. */
const rounding = 1e-12

function standing(counted: Tally, miner: MinerView | undefined, tasks: number, params: VideoParams): Standing {
  const {completeness, minPassed, minTasks} = params.ranking
  const eligible =
    miner?.isValid === true &&
    tasks >= minTasks &&
    counted.completeness >= completeness - rounding &&
    counted.passed >= minPassed
  return {...counted, miner, block: miner?.block ?? null, eligible}
}

/** How many more tasks it must at least be judged or pass in before it is eligible; 0 when its record suffices. */
function tasksNeeded({evaluated, charged, passed}: Tally, tasks: number, {ranking}: VideoParams): number {
  const {completeness, minPassed, minTasks} = ranking
  const judged = Math.ceil(completeness * Math.max(tasks, minTasks) - rounding) - evaluated - charged
  return Math.max(0, judged, minTasks - tasks, minPassed - passed)
}

/** Completeness, stake vote and dominance over the window; the winner takes all, and nobody wins with nothing. */
export function weigh(state: VideoState, view: SubnetView, params: VideoParams): Weighing {
  const miners = new Map(view.miners.map((miner) => [miner.hotkey, miner]))
  const asked = state.tasks.flatMap((task) => task.asked.map(({hotkey}) => hotkey))
  const hotkeys = [...new Set([...asked, ...miners.keys()])]
  const standings = hotkeys.map((hotkey) =>
    standing(tally(state, hotkey, params), miners.get(hotkey), state.tasks.length, params),
  )
  const ranked = rankByDominance(
    standings.filter(({eligible}) => eligible),
    params.ranking.dominance,
  )
  const unranked = standings.filter(({eligible}) => !eligible).sort((a, b) => compareText(a.hotkey, b.hotkey))

  const context = {ranked, tasks: state.tasks.length, params}
  const rows = [...ranked, ...unranked].map((entry, index): RankingRow => {
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
        tasksNeeded: tasksNeeded(entry, state.tasks.length, params),
        rateNeeded: barFor(entry, ranked, params.ranking.dominance),
      },
      sentence: explain(entry, context),
    }
  })
  const decision = ranked.length > 0 ? 'pay' : state.tasks.length < params.ranking.minTasks ? 'wait' : 'burn'
  return {rows, decision, window: state.tasks.map(({taskId}) => taskId), summary: summarize(context)}
}
