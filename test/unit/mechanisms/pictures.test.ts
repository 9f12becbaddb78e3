import {describe, expect, it} from 'vitest'
import {detailShareOf, heldShareOf} from '../../../src/mechanisms/video/pictures.js'
import {grayFrames, hashNoise, type Paint, scene} from '../../helpers/frames.js'

const fps = 16

describe('the share of frames that are merely held', () => {
  const held = (paint: Paint) => heldShareOf(grayFrames(paint, {count: 41}))

  it('is three quarters for four pictures a second, with the traces that encoding leaves', () => {
    const choppy: Paint = (x, y, frame) => scene(x, y, frame - (frame % 4)) + 0.3 * hashNoise(x, y, frame)

    expect(held(choppy)).toBeCloseTo(0.75, 1)
  })

  it('is a half for every second frame, and nothing for steady motion', () => {
    expect(held((x, y, frame) => scene(x, y, frame - (frame % 2)))).toBeCloseTo(0.5, 1)
    expect(held(scene)).toBe(0)
  })

  it('does not count a long pause, in which nothing moves at all', () => {
    expect(held((x, y, frame) => scene(x, y, Math.max(0, frame - 30)))).toBeLessThan(0.3)
  })

  it('is none of a single frame', () => {
    expect(heldShareOf(grayFrames(scene, {count: 1}))).toBe(0)
  })
})

describe('the share of detail that is kept', () => {
  const still = grayFrames(scene, {count: 1}).data
  const detail = (paint: Paint) => detailShareOf(grayFrames(paint, {count: 20}), still, fps)
  /** What a picture of an eighth of the size can hold, enlarged again with soft steps. */
  const enlarged: Paint = (x, y, frame) => {
    const [column, row] = [Math.floor(x / 8), Math.floor(y / 8)]
    const [u, v] = [(x % 8) / 8, (y % 8) / 8]
    const at = (i: number, j: number) => scene(8 * i + 4, 8 * j + 4, frame)
    const upper = at(column, row) * (1 - u) + at(column + 1, row) * u
    return upper * (1 - v) + (at(column, row + 1) * (1 - u) + at(column + 1, row + 1) * u) * v
  }

  it('is all of it for a picture as sharp as the given one', () => {
    expect(detail(scene)).toBeCloseTo(1, 1)
  })

  it('is little for an enlarged picture, a pasted first frame or not', () => {
    const pasted: Paint = (x, y, frame) => (frame === 0 ? scene(x, y, 0) : enlarged(x, y, frame))

    expect(detail(enlarged)).toBeLessThan(0.45)
    expect(detail(pasted)).toBeLessThan(0.45)
  })

  it('is all of it where the given frame has none to keep', () => {
    expect(
      detailShareOf(
        grayFrames(() => 80, {count: 20}),
        grayFrames(() => 80, {count: 1}).data,
        fps,
      ),
    ).toBe(1)
  })
})
