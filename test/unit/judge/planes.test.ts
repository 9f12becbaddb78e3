import {describe, expect, it} from 'vitest'
import {cellMeans, frameOf, looksOf, meanAbsDifference, meanAbsFlicker, ssim} from '../../../src/judge/planes.js'
import {grayFrames, hashNoise, rgbFrames, scene} from '../../helpers/frames.js'

const still = frameOf(grayFrames(scene, {count: 1}), 0)
const noisy = (strength: number) =>
  frameOf(
    grayFrames((x, y) => scene(x, y, 0) + strength * hashNoise(x, y, 0), {count: 1}),
    0,
  )

describe('structural similarity', () => {
  it('is exactly 1 for a picture and itself', () => {
    expect(ssim(still, still)).toBe(1)
  })

  it('falls as noise grows', () => {
    const values = [0, 5, 10, 20, 40, 80].map((strength) => ssim(still, noisy(strength)))

    expect(values).toEqual([...values].sort((a, b) => b - a))
    expect(values.at(-1)).toBeLessThan(0.5)
  })

  it('is negative for a picture and its negative', () => {
    const negative = {...still, data: still.data.map((value) => 255 - value)}

    expect(ssim(still, negative)).toBeLessThan(0)
  })

  it('is symmetric', () => {
    expect(ssim(still, noisy(20))).toBe(ssim(noisy(20), still))
  })
})

describe('differences', () => {
  it('are the mean over the pixels', () => {
    const [dark, bright] = [20, 50].map((value) =>
      frameOf(
        grayFrames(() => value, {count: 1}),
        0,
      ),
    )

    expect(meanAbsDifference(dark!, bright!)).toBe(30)
  })

  it('call a steady change no flicker and a flash one', () => {
    const levels = grayFrames((_x, _y, frame) => [10, 20, 30, 90, 50][frame]!, {count: 5})
    const flicker = (at: number) =>
      meanAbsFlicker(frameOf(levels, at - 1), frameOf(levels, at), frameOf(levels, at + 1))

    expect(flicker(1)).toBe(0)
    expect(flicker(3)).toBe(50)
  })
})

describe('cells', () => {
  it('are means of 8×8 pixels', () => {
    const {columns, rows, means} = cellMeans(
      frameOf(
        grayFrames((x) => Math.floor(x / 8), {width: 20, height: 16, count: 1}),
        0,
      ),
    )

    expect({columns, rows, means: [...means]}).toEqual({columns: 2, rows: 2, means: [0, 1, 0, 1]})
  })
})

describe('a video that is too short', () => {
  it('holds its last frame', () => {
    const frames = grayFrames((_x, _y, frame) => frame, {count: 3})

    expect(frameOf(frames, 9).data[0]).toBe(2)
  })
})

describe('looks', () => {
  const lookOf = (strength: number, blur = 1) =>
    looksOf(rgbFrames((x, y) => scene(x / blur, y / blur, 0) + strength * hashNoise(x, y, 0), {count: 1}))[0]!

  it('find white noise at its strength', () => {
    // Uniform noise of ±20 has a standard deviation of 20 / √3 = 11.5.
    const flat = looksOf(rgbFrames((x, y) => 128 + 20 * hashNoise(x, y, 0), {count: 1}))[0]!

    expect(flat.noise).toBeGreaterThan(10)
    expect(flat.noise).toBeLessThan(13)
  })

  it('find less sharpness in a softer picture', () => {
    expect(lookOf(0, 3).sharpness).toBeLessThan(0.6 * lookOf(0).sharpness)
  })

  it('find the mean colour of each frame', () => {
    const [look] = looksOf(rgbFrames(() => 100, {count: 1}, [30, 0, -20]))

    expect(look!.colour).toEqual([130, 100, 80])
    expect(look!.contrast).toBe(0)
  })
})
