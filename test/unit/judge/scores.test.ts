import {describe, expect, it} from 'vitest'
import {compare, type Measurements} from '../../../src/judge/measure.js'
import {comparePictures, type PictureMeasurements, picturesOf} from '../../../src/judge/picture.js'
import {frameOf, looksOf} from '../../../src/judge/planes.js'
import {type Aspect, aspects} from '../../../src/judge/port.js'
import {reportOf, scoresOf} from '../../../src/judge/scores.js'
import {timelineOf} from '../../../src/judge/timeline.js'
import {grayFrames, hashNoise, type Paint, rgbFrames, scene} from '../../helpers/frames.js'

const [count, fps] = [49, 16]

function look(paint: Paint, tint?: number[]) {
  // One colour frame a second, twice as large, as the judge takes them.
  const close: Paint = (x, y, second) => paint(x / 2, y / 2, second * fps)
  return {
    timeline: timelineOf(grayFrames(paint, {count}), count, fps),
    looks: looksOf(rgbFrames(close, {width: 416, height: 240, count: 3}, tint)),
  }
}

const original = look(scene)
const conditioning = frameOf(grayFrames(scene, {count: 1}), 0)
const measure = (paint: Paint, tint?: number[]): Measurements => compare(look(paint, tint), original, conditioning)
const score = (paint: Paint, tint?: number[]) => scoresOf(measure(paint, tint))

describe('the reference scores', () => {
  it('are all 100 for the original itself', () => {
    expect(score(scene)).toEqual(Object.fromEntries(aspects.map((aspect) => [aspect, 100])))
  })

  it('are the same to the last digit when measured again', () => {
    const paint: Paint = (x, y, frame) => scene(x + frame / 3, y, frame) + 9 * hashNoise(x, y, frame)

    expect(measure(paint)).toEqual(measure(paint))
  })

  it('never rise while an answer gets worse in more ways', () => {
    const worse = [0, 10, 25, 50, 100].map((strength) =>
      score((x, y, frame) => scene(x, y, frame) + ((strength * frame) / count) * hashNoise(x, y, frame)),
    )

    for (const aspect of ['prompt_adherence', 'temporal_consistency', 'visual_quality'] as const) {
      const values = worse.map((scores) => scores[aspect])
      expect(values, aspect).toEqual([...values].sort((a, b) => b - a))
      expect(values.at(-1), aspect).toBeLessThan(values[0]!)
    }
  })

  it.each<[string, Aspect, Paint]>([
    ['another first frame', 'first_frame_fidelity', (x, y, f) => scene(207 - x, 119 - y, f)],
    ['a picture that stands still', 'prompt_adherence', (x, y) => scene(x, y, 0)],
    ['the course run backwards', 'prompt_adherence', (x, y, f) => scene(x, y, count - 1 - f)],
    [
      'a cut to something else half-way',
      'temporal_consistency',
      (x, y, f) => (f < 16 ? scene(x, y, f) : 255 - scene(y, x, f)),
    ],
    ['a lamp that flickers', 'temporal_consistency', (x, y, f) => scene(x, y, f) + (f % 2) * 40],
    ['hardly any motion', 'motion_quality', (x, y, f) => scene(x, y, f / 20)],
    ['far too much motion', 'motion_quality', (x, y, f) => scene(x + 60 * Math.sin(f), y + 40 * Math.cos(f), f)],
    ['a camera that runs away', 'camera_composition', (x, y, f) => scene(x + f, y + f / 2, f)],
  ])('fail %s on %s', (_what, aspect, paint) => {
    expect(score(paint)[aspect]).toBeLessThan(50)
  })

  it('take colour, sharpness and noise from visual quality', () => {
    expect(score(scene, [60, 0, -60]).visual_quality).toBeLessThan(85)
    expect(score((x, y, f) => 100 + (scene(x, y, f) - 100) / 4).visual_quality).toBeLessThan(70)
    expect(score((x, y, f) => scene(x, y, f) + 40 * hashNoise(x, y, f)).visual_quality).toBeLessThan(60)
  })

  it.each<[keyof Measurements, number, Aspect, number]>([
    ['first_frame_ssim', 0.2, 'first_frame_fidelity', 0],
    ['first_frame_difference_luma', 40, 'first_frame_fidelity', 0],
    ['motion_correlation', 0.1, 'prompt_adherence', 50],
    ['course_correlation', 0.1, 'prompt_adherence', 75],
    ['content_ssim', 0.3, 'prompt_adherence', 75],
    ['flicker_ratio', 4, 'temporal_consistency', 0],
    ['jump_ratio', 4, 'temporal_consistency', 0],
    ['late_content_ratio', 0.3, 'temporal_consistency', 0],
    ['motion_energy_likeness', 0.2, 'motion_quality', 0],
    ['sharpness_ratio', 0.3, 'visual_quality', 60],
    ['sharpness_ratio', 1 / 0.3, 'visual_quality', 60],
    ['noise_excess_luma', 4, 'visual_quality', 75],
    ['colour_shift_rgb', 20, 'visual_quality', 80],
    ['contrast_ratio', 2, 'visual_quality', 85],
    ['camera_path_error_px', 6, 'camera_composition', 50],
    ['final_layout_correlation', 0.2, 'camera_composition', 50],
  ])('lose on a %s of %d what it weighs, in its aspect alone', (name, value, aspect, left) => {
    const perfect = measure(scene)

    expect(scoresOf({...perfect, [name]: value})).toEqual({...scoresOf(perfect), [aspect]: left})
  })

  it.each<[keyof Measurements | keyof PictureMeasurements, number, number]>([
    ['edge_slope_ratio', 0.4825, 50],
    ['edge_slope_ratio', 1.8, 50],
    ['edge_slope_ratio', 0, 0],
    ['chroma_error_first', 0.625, 50],
    ['chroma_error_first', 1.2, 0],
    ['first_frame_ssim', 0.895, 50],
    ['colour_shift_rgb', 20.5, 50],
    ['noise_excess_luma', 2.35, 50],
    ['contrast_ratio', 0.675, 50],
    ['contrast_ratio', 1 / 0.675, 50],
    ['content_ssim', 0.985, 92],
    ['content_ssim', 0.6, 85],
    ['sharpness_ratio', 0.3, 100],
  ])('since version 2, keep of visual quality what the worst fault leaves: a %s of %d', (name, value, left) => {
    const perfect = {...measure(scene), edge_slope_ratio: 1, chroma_error_first: 0}
    const spoilt = {...perfect, [name]: value}

    expect(scoresOf(perfect, perfect)).toEqual(scoresOf(perfect))
    expect(scoresOf(spoilt, spoilt).visual_quality).toBe(left)
    expect({...scoresOf(spoilt, spoilt), visual_quality: 0}).toEqual({...scoresOf(spoilt), visual_quality: 0})
  })

  it('since version 2, count of two faults the worse one', () => {
    const perfect = {...measure(scene), edge_slope_ratio: 1, chroma_error_first: 0}
    const both = {...perfect, edge_slope_ratio: 0.4825, contrast_ratio: 0.8}

    expect(scoresOf(both, both).visual_quality).toBe(50)
  })

  it('see flicker in the worst second and a jump in its one frame', () => {
    const flickering = measure((x, y, f) => scene(x, y, f) + (f < 8 ? 40 * (f % 2) : 0))
    const jumping = measure((x, y, f) => scene(x, y, f) + (f < 16 ? 0 : 60))

    expect(flickering.flicker_ratio).toBeGreaterThan(3)
    expect(jumping.jump_ratio).toBeGreaterThan(3)
    expect(jumping.flicker_ratio).toBeLessThan(flickering.flicker_ratio)
  })

  it('follow from the published measurements alone', () => {
    const {measurements, aspects: scores} = reportOf(measure((x, y, f) => scene(x, y, f) + 20 * hashNoise(x, y, f)))

    // What was published is JSON, and says the same as what was measured.
    expect(scoresOf(JSON.parse(JSON.stringify(measurements)))).toEqual(scores)
  })

  it('follow from the published measurements alone, under version 2 too', () => {
    const frames = (shift: number) =>
      picturesOf(rgbFrames((x, y, f) => scene(x / 2 + shift, y / 2, f), {width: 416, height: 240, count: 3}))
    const report = reportOf(measure(scene), comparePictures(frames(0.4), frames(0)))
    const published = JSON.parse(JSON.stringify(report.measurements))

    expect(scoresOf(published, published)).toEqual(report.aspects)
    expect(report.reasoning).toMatch(/picture: edges \d\.\d\d and contrast .* hue \d\.\d\d of 2/)
  })
})

describe('the report', () => {
  it('says with figures what was strong and what was weak', () => {
    const report = reportOf(measure((x, y) => scene(x, y, 0)))

    expect(report.strengths.join()).toMatch(/first frame: SSIM 1\.00 with the given one, 0\.00 of 255 away/)
    expect(report.issues.join()).toMatch(/amount of motion: 0\.00 of 255 in half a second, the original \d/)
    for (const text of [...report.strengths, ...report.issues]) expect(text.length).toBeLessThanOrEqual(200)
    expect(report.reasoning.length).toBeLessThanOrEqual(2000)
  })

  it('is less sure of a clip in which hardly anything moves', () => {
    const calm: Paint = (x, y, f) => scene(x, y, f / 60)
    const quiet = look(calm)

    expect(reportOf(compare(quiet, quiet, conditioning)).confidence).toBeLessThan(70)
    expect(reportOf(measure(scene)).confidence).toBe(100)
  })
})
