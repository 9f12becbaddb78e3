import {readFileSync} from 'node:fs'
import path from 'node:path'
import {describe, expect, test} from 'vitest'
import {defaults} from '../../../../src/mechanisms/talking-head/params.js'
import {efficiencyOf, factorOf, finalScore, qualityOf} from '../../../../src/mechanisms/talking-head/scores.js'

interface Vectors {
  readonly quality: readonly {name: string; measured: Record<string, number | null>; quality: number}[]
  readonly efficiency: readonly {
    name: string
    times: number[]
    memories: (number | null)[]
    factor: number
    final: number
    capViolation: boolean
  }[]
}
const file = path.join(import.meta.dirname, '../../../vectors/talking-head/scores.json')
const vectors = JSON.parse(readFileSync(file, 'utf8')) as Vectors // a file of our own

const good = {
  ...{identity: 0.9, lipsync: 0.8, video: 0.7, audio: 0.8, temporal: 0.9, penalty: 0.02},
  ...{wer: 0.1, faceRatio: 1, syncC: 0.8},
}

describe('quality and cost follow the published values', () => {
  test.each(vectors.quality)('quality: $name', ({measured, quality}) => {
    expect(qualityOf({...good, ...measured})).toBeCloseTo(quality, 9)
  })

  test.each(vectors.efficiency)('cost: $name', ({times, memories, factor, final, capViolation}) => {
    const runs = times.map((timeS, at) => ({timeS, memoryGb: memories[at] ?? null}))

    const efficiency = efficiencyOf(runs, defaults.efficiency)

    expect(efficiency.capViolation).toBe(capViolation)
    expect(efficiency.factor).toBeCloseTo(factor, 6)
    expect(finalScore([0.8, 0.8], efficiency)).toBeCloseTo(final, 6)
  })

  test('the published value without video memory is that of no memory at all', () => {
    expect(0.8 * factorOf(5 / 30, 0, defaults.efficiency)).toBeCloseTo(0.780248, 6)
  })

  test('beyond the maximum an exam may leave nothing', () => {
    const efficiency = efficiencyOf([{timeS: 31, memoryGb: 1}], {...defaults.efficiency, onCap: 'reject'})

    expect(efficiency.factor).toBe(0)
  })

  test('more than three references cost what three cost', () => {
    const at = (timeS: number) => efficiencyOf([{timeS, memoryGb: 1}], {...defaults.efficiency, maxTimeS: 1000}).factor

    expect(at(90)).toBe(at(900))
    expect(at(89)).toBeGreaterThan(at(90))
  })
})

describe('fault 12: missing video memory is rewarded', () => {
  test('is absent: who was not measured scores less than who was', () => {
    const measured = efficiencyOf([{timeS: 5, memoryGb: 6}], defaults.efficiency)
    const hidden = efficiencyOf([{timeS: 5, memoryGb: null}], defaults.efficiency)

    expect(hidden.factor).toBeLessThan(measured.factor)
  })
})
