import {expect, it} from 'vitest'
import {lookedAt, measurementsOf} from '../../../src/judge/comparison.js'
import {reportOf} from '../../../src/judge/scores.js'
import {answers, painted, viewsOf} from '../../helpers/painted-answers.js'
import vectors from '../../vectors/video/reference.json' with {type: 'json'}

const versions = [1, 2] as const
const {frames, fps} = painted

function judged(name: keyof typeof answers, version: number) {
  const original = lookedAt(viewsOf(answers.original), {frames, fps, version})
  const conditioning = original.timeline.planes[0]!
  const {measurements, picture} = measurementsOf(
    viewsOf(answers[name]),
    {...original, conditioning},
    {
      ...{frames, fps, version},
    },
  )
  return reportOf(measurements, picture)
}

it.each(versions.flatMap((version) => Object.keys(answers).map((name) => [name, version] as const)))(
  'the vectors of an answer that is %s hold to the last digit, under version %d',
  (name, version) => {
    const {measurements, aspects} = judged(name as keyof typeof answers, version)
    const known = vectors.cases.find((one) => one.name === name && one.version === version)

    expect({name, version, measurements, aspects}).toEqual(known)
  },
)

it('version 2 measures what version 1 does and two things more, and moves visual quality alone', () => {
  for (const name of Object.keys(answers)) {
    const [before, now] = versions.map(
      (version) => vectors.cases.find((one) => one.name === name && one.version === version)!,
    )
    const {edge_slope_ratio: edges, chroma_error_first: hue, ...rest} = now!.measurements as Record<string, number>

    expect([edges, hue]).toEqual([expect.any(Number), expect.any(Number)])
    expect(rest).toEqual(before!.measurements)
    expect({...now!.aspects, visual_quality: 0}).toEqual({...before!.aspects, visual_quality: 0})
  }
})
