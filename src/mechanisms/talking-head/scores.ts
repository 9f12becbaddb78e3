import type {ChallengeMetrics, ChallengeResult, ImageResult} from './evidence.js'
import type {TalkingHeadParams} from './params.js'

/** What one scored run cost. Null is what nobody could measure. */
export interface RunCost {
  readonly timeS: number
  readonly memoryGb: number | null
}

export interface Efficiency {
  /** Means over the runs; memory over those that were measured. */
  readonly timeS: number
  readonly memoryGb: number | null
  /** Multiples of the reference, 0..3. */
  readonly timeNorm: number
  readonly memoryNorm: number
  /** What the quality is multiplied with, 0..1. */
  readonly factor: number
  /** A run took longer, or held more, than the maximum. */
  readonly capViolation: boolean
}

/** A cost of more than three references is not worse than one of three. */
const maxNorm = 3
/** Words that a listener got wrong; with more of them nothing else counts. */
const maxWordErrors = 0.6
/** Below each threshold that share of the quality is left. */
const gates = {
  faceRatio: {below: 0.8, leaves: 0.2},
  identity: {below: 0.35, leaves: 0.1},
  syncC: {below: 0.45, leaves: 0.2},
} as const
const weights = {identity: 0.35, lipsync: 0.35, video: 0.15, audio: 0.1, temporal: 0.05} as const

const clamp = (value: number) => Math.min(1, Math.max(0, value))

/** Quality of one video, 0..1: gates, then a weighted sum, less the penalty. What was not measured is not gated. */
export function qualityOf(measured: Omit<ChallengeMetrics, 'quality'>): number {
  if (measured.wer !== null && measured.wer > maxWordErrors) return 0
  let gate = 1
  for (const name of ['faceRatio', 'identity', 'syncC'] as const) {
    const value = measured[name]
    if (value !== null && value < gates[name].below) gate *= gates[name].leaves
  }
  const {identity, lipsync, video, audio, temporal} = weights
  const sum =
    identity * measured.identity +
    lipsync * measured.lipsync +
    video * measured.video +
    audio * measured.audio +
    temporal * measured.temporal
  return clamp(gate * (sum - measured.penalty))
}

/**
 * What the runs cost, as a factor: exp(-timeWeight·t - memoryWeight·m) with t and m the mean costs in references. Memory
 * that was not measured in any run counts as the worst: nobody must gain by what cannot be seen.
 */
export function efficiencyOf(runs: readonly RunCost[], params: TalkingHeadParams['efficiency']): Efficiency {
  const times = runs.map(({timeS}) => timeS)
  const memories = runs.flatMap(({memoryGb}) => memoryGb ?? [])
  const timeS = mean(times)
  const memoryGb = memories.length === 0 ? null : mean(memories)
  const timeNorm = normOf(timeS, params.timeRefS)
  const memoryNorm = memoryGb === null ? maxNorm : normOf(memoryGb, params.memoryRefGb)
  const capViolation =
    times.some((time) => time > params.maxTimeS) || memories.some((memory) => memory > params.maxMemoryGb)
  const left = capViolation ? (params.onCap === 'reject' ? 0 : params.capFactor) : 1
  return {timeS, memoryGb, timeNorm, memoryNorm, capViolation, factor: factorOf(timeNorm, memoryNorm, params) * left}
}

/** Of costs in references, before caps. */
export function factorOf(
  timeNorm: number,
  memoryNorm: number,
  {timeWeight, memoryWeight}: Pick<TalkingHeadParams['efficiency'], 'timeWeight' | 'memoryWeight'>,
): number {
  return Math.exp(-timeWeight * timeNorm - memoryWeight * memoryNorm)
}

/** Six decimals, so that every machine writes down the same number. */
export function finalScore(qualities: readonly number[], {factor}: Pick<Efficiency, 'factor'>): number {
  return rounded(clamp(mean(qualities) * factor))
}

/** What follows of an image's result from what was measured in each of its runs. */
export type Figures = Pick<
  ImageResult,
  | 'quality'
  | 'timeS'
  | 'peakVramGb'
  | 'peakMemoryGb'
  | 'timeNorm'
  | 'memoryNorm'
  | 'factor'
  | 'capViolation'
  | 'finalScore'
>

const nothing: Figures = {
  ...{quality: 0, timeS: null, peakVramGb: null, peakMemoryGb: null, timeNorm: 0, memoryNorm: 0, factor: 0},
  ...{capViolation: false, finalScore: 0},
}

/**
 * The only way to a score: the executor writes down what this says, and the rule asks it again, so that no stated sum has
 * to be believed. Nothing follows unless each of the runs that the exam asks for has its time and its metrics.
 */
export function figuresOf(
  challenges: readonly ChallengeResult[],
  {challenges: {scored}, efficiency: params}: Pick<TalkingHeadParams, 'challenges' | 'efficiency'>,
): Figures {
  const runs = challenges.flatMap(({timeS, metrics, peakVramGb, peakMemoryGb}) =>
    timeS === null || metrics === null ? [] : [{timeS, peakVramGb, peakMemoryGb, quality: rounded(qualityOf(metrics))}],
  )
  if (runs.length !== scored || challenges.length !== scored) return nothing
  const costs = runs.map(({timeS, peakVramGb, peakMemoryGb}) => ({
    timeS,
    memoryGb: params.memory === 'vram' ? peakVramGb : peakMemoryGb,
  }))
  const efficiency = efficiencyOf(costs, params)
  const qualities = runs.map(({quality}) => quality)
  return {
    quality: rounded(mean(qualities)),
    timeS: rounded(efficiency.timeS),
    peakVramGb: meanOf(runs.map(({peakVramGb}) => peakVramGb)),
    peakMemoryGb: meanOf(runs.map(({peakMemoryGb}) => peakMemoryGb)),
    timeNorm: rounded(efficiency.timeNorm),
    memoryNorm: rounded(efficiency.memoryNorm),
    factor: rounded(efficiency.factor),
    capViolation: efficiency.capViolation,
    finalScore: finalScore(qualities, efficiency),
  }
}

/** Over what was measured; null when nothing was. */
function meanOf(values: readonly (number | null)[]): number | null {
  const known = values.flatMap((value) => value ?? [])
  return known.length === 0 ? null : rounded(mean(known))
}

export const rounded = (value: number) => Math.round(value * 1e6) / 1e6

export function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
}

const normOf = (value: number, reference: number) => Math.min(maxNorm, Math.max(0, value / reference))
