import type {VideoParams} from '../../mechanisms/video/params.js'
import {headsNeeded} from '../../mechanisms/video/sign-test.js'
import {degradations} from './ladder.js'
import type {Mark, MeasuredOutput} from './measure.js'
import {areaUnderRoc, bestThreshold, meanOf, quantileOf, type RocPoint, rocOf} from './roc.js'

export interface Noise {
  readonly outputs: number
  /** Of the absolute differences of overall scores. */
  readonly mean: number
  readonly p95: number
  readonly most: number
  /** Share whose verdict turned round, 0..1. */
  readonly flips: number
}

export interface Separation {
  readonly degradation: string
  readonly about: string
  /** Mean overall at strengths 1 to 5. */
  readonly means: readonly number[]
  /** Share that passes at strengths 1 to 5. */
  readonly passes: readonly number[]
  /** Against the good outputs: all strengths, and the three worst. */
  readonly area: number
  readonly areaOfWorst: number
}

export interface Recommendation {
  /** Overall score from which an output should pass: tells the good from strengths 3 to 5 best. */
  readonly passThreshold: number
  /** With the exam's threshold and with the recommended one: good that fail, and strengths 3 to 5 that pass. */
  readonly atCurrent: Errors
  readonly atRecommended: Errors
  /** Share of tasks in which two equal models are told apart by noise of judge and encoding alone. */
  readonly noiseShare: number
  /** Least lead, as a share of the window, which that noise does not bring more than once in `oddsAgainst`. */
  readonly dominance: number
}

export interface Errors {
  readonly passThreshold: number
  readonly goodFailed: number
  readonly badPassed: number
}

export interface Figures {
  readonly good: {readonly outputs: number; readonly mean: number; readonly least: number; readonly passed: number}
  readonly area: number
  readonly roc: readonly RocPoint[]
  readonly separation: readonly Separation[]
  readonly noise: {
    readonly twice: Noise
    readonly again: Noise
    /** Between the first judge and each other one. */
    readonly judges: readonly Noise[]
  }
  readonly recommended: Recommendation
}

const overall = ({marks}: MeasuredOutput) => marks[0]?.overall ?? 0
const passed = ({marks}: MeasuredOutput) => marks[0]?.passed ?? false
const share = <T>(of: readonly T[], is: (one: T) => boolean) => (of.length === 0 ? 0 : of.filter(is).length / of.length)

/** Everything that the report says, from the marks alone. */
export function figuresOf(outputs: readonly MeasuredOutput[], {judge, ranking}: VideoParams): Figures {
  const good = outputs.filter(({strength}) => strength === 0)
  const bad = outputs.filter(({strength}) => strength > 0)
  const clearlyBad = bad.filter(({strength}) => strength >= 3)
  const goodScores = good.map(overall)
  const area = (of: readonly MeasuredOutput[]) => areaUnderRoc(goodScores, of.map(overall)) ?? 0
  const again = noiseOf(outputs.map(({marks, again: other}) => [marks[0], other]))
  const best = bestThreshold(rocOf(goodScores, clearlyBad.map(overall)))
  const errorsAt = (passThreshold: number): Errors => {
    // A critical aspect or a gate fails an output whatever its overall; those fail here too.
    const passes = (one: MeasuredOutput) =>
      overall(one) >= passThreshold && (passed(one) || overall(one) < judge.passThreshold)
    return {
      passThreshold,
      goodFailed: share(good, (one) => !passes(one)),
      badPassed: share(clearlyBad, passes),
    }
  }
  return {
    good: {
      outputs: good.length,
      mean: meanOf(goodScores),
      least: Math.min(...goodScores),
      passed: share(good, passed),
    },
    area: area(bad),
    roc: rocOf(goodScores, bad.map(overall)),
    separation: degradations
      .filter(({name}) => bad.some(({kind}) => kind === name))
      .map(({name, about}) => {
        const mine = bad.filter(({kind}) => kind === name)
        const at = (strength: number) => mine.filter((one) => one.strength === strength)
        return {
          ...{degradation: name, about},
          means: [1, 2, 3, 4, 5].map((strength) => meanOf(at(strength).map(overall))),
          passes: [1, 2, 3, 4, 5].map((strength) => share(at(strength), passed)),
          area: area(mine),
          areaOfWorst: area(mine.filter(({strength}) => strength >= 3)),
        }
      }),
    noise: {
      twice: noiseOf(outputs.map(({marks, twice}) => [marks[0], twice])),
      again,
      judges: (outputs[0]?.marks ?? [])
        .slice(1)
        .map((_, at) => noiseOf(outputs.map(({marks}) => [marks[0], marks[at + 1]]))),
    },
    recommended: {
      passThreshold: best?.threshold ?? judge.passThreshold,
      atCurrent: errorsAt(judge.passThreshold),
      atRecommended: errorsAt(best?.threshold ?? judge.passThreshold),
      ...marginFor(again.flips, ranking),
    },
  }
}

function noiseOf(pairs: readonly (readonly [Mark | undefined, Mark | undefined])[]): Noise {
  const both = pairs.filter((pair): pair is readonly [Mark, Mark] => pair[0] !== undefined && pair[1] !== undefined)
  const differences = both.map(([a, b]) => Math.abs(a.overall - b.overall))
  return {
    outputs: both.length,
    mean: meanOf(differences),
    p95: quantileOf(differences, 0.95),
    most: Math.max(0, ...differences),
    flips: share(both, ([a, b]) => a.passed !== b.passed),
  }
}

/** The exam's own odds, or those of the rule that asks for some. */
const usualOdds = 20

function marginFor(flips: number, {window, oddsAgainst = usualOdds}: VideoParams['ranking']) {
  const told = Math.round(flips * window)
  const ahead = headsNeeded(told, oddsAgainst) ?? told
  return {noiseShare: flips, dominance: Math.max(1, 2 * ahead - told) / window}
}
