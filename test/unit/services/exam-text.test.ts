import {describe, expect, it} from 'vitest'
import {Exam} from '../../../src/domain/exam.js'
import {mechanism} from '../../../src/mechanisms/registry.js'
import {examChanges, examRows} from '../../../src/services/exam-text.js'

const {name, version, defaults} = mechanism('video')
const exam = Exam.parse({
  ...{version: 1, mechanism: name, mechanismVersion: version, netuid: 99, fromTask: 1},
  ...{samplers: ['5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY'], params: defaults},
})

describe('an exam in words', () => {
  it('says of every parameter of the shipped exam what it means', () => {
    const rows = examRows(exam)

    expect(rows.length).toBeGreaterThan(30)
    expect(rows.filter(({meaning}) => meaning === null).map(({parameter}) => parameter)).toEqual([])
  })

  it('names what changes between two, with both values, and what one has alone', () => {
    const after = structuredClone(exam) as unknown as {
      fromTask: number
      params: {everyBlocks: number; judge: {critical: string[]}; extra: {deep: boolean}}
    } // To write into.
    after.fromTask = 20
    after.params.everyBlocks = 7
    after.params.judge.critical = ['motion_quality']
    after.params.extra = {deep: true}

    expect(examChanges(exam, Exam.parse(after))).toEqual([
      expect.objectContaining({parameter: 'fromTask', before: '1', after: '20'}),
      expect.objectContaining({parameter: 'params.everyBlocks', before: '100', after: '7'}),
      expect.objectContaining({parameter: 'params.judge.critical', after: '["motion_quality"]'}),
      {parameter: 'params.extra.deep', before: null, after: 'true', meaning: null},
    ])
    expect(examChanges(exam, exam)).toEqual([])
  })
})
