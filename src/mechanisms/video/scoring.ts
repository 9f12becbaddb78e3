import {type Aspect, type AspectScores, aspects} from '../../judge/port.js'
import type {VideoParams} from './params.js'

/** Round half to even, limited to 0..100: the published judge's rounding. NaN is a bug of the judge and throws. */
export function clampScore(value: number): number {
  if (Number.isNaN(value)) throw new RangeError('a score is not a number')
  const floor = Math.floor(value)
  const part = value - floor
  const rounded = part > 0.5 || (part === 0.5 && floor % 2 !== 0) ? floor + 1 : floor
  return Math.min(100, Math.max(0, rounded))
}

/** The weighted sum of the aspects, by the exam's weights. The judge's own overall number is never used. */
export function overallOf(scores: AspectScores, weights: Readonly<Record<Aspect, number>>): number {
  // Summed in a fixed order and rounded to nine digits first, so that 74.50000000000001 is 74.5 on every machine.
  const sum = aspects.reduce((total, aspect) => total + scores[aspect] * weights[aspect], 0)
  return clampScore(Number(sum.toFixed(9)))
}

/** Passed when the overall and every critical aspect reach their thresholds. */
export function passes(scores: AspectScores, overall: number, judge: VideoParams['judge']): boolean {
  return overall >= judge.passThreshold && judge.critical.every((aspect) => scores[aspect] >= judge.criticalThreshold)
}
