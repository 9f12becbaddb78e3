import {describe, expect, it} from 'vitest'
import {comparePictures, picturesOf} from '../../../src/judge/picture.js'
import {hashNoise, type Paint, rgbFrames, scene} from '../../helpers/frames.js'

const size = {width: 416, height: 240, count: 1}
const crisp: Paint = (x, y) => (Math.floor(x / 40) % 2 === Math.floor(y / 40) % 2 ? 200 : 60)

/** Mean over a square of so many pixels either way. */
function blurred(paint: Paint, reach: number): Paint {
  return (x, y, frame) => {
    let sum = 0
    for (let dy = -reach; dy <= reach; dy++)
      for (let dx = -reach; dx <= reach; dx++) sum += paint(x + dx, y + dy, frame)
    return sum / (2 * reach + 1) ** 2
  }
}

const seen = (paint: Paint, tint?: number[], count = 1) => picturesOf(rgbFrames(paint, {...size, count}, tint))
const edges = (ours: Paint, theirs = crisp) => comparePictures(seen(ours), seen(theirs)).edge_slope_ratio

describe('the slope of the sharpest edges', () => {
  it('is the step of an edge over one pixel', () => {
    const step = seen((x) => (x < 200 ? 50 : 90))

    // Sobel spreads one step over two pixels.
    expect(step.edges).toEqual([expect.closeTo((40 / 2) * (2 / (416 - 2) / 0.01), 0)])
  })

  it('falls with each pixel of blur, by as much as the edge gets wider', () => {
    const ratios = [0, 1, 2, 4].map((reach) => edges(blurred(crisp, reach)))

    expect(ratios[0]).toBe(1)
    expect(ratios).toEqual([...ratios].sort((a, b) => b - a))
    expect(ratios[2]).toBeLessThan(0.6)
  })

  it('hardly knows grain, however much of it there is beside the edges', () => {
    const grainy = edges((x, y, frame) => crisp(x, y, frame) + 8 * hashNoise(x, y, frame))

    expect(grainy).toBeGreaterThan(0.97)
    expect(grainy).toBeLessThan(1.1)
  })

  it('does not mind where in the picture the edges are', () => {
    expect(edges((x, y, frame) => crisp(x + 13, y + 7, frame))).toBeCloseTo(1, 1)
  })

  it('counts the last look of a shorter video as held', () => {
    const soft = blurred(crisp, 2)
    const half: Paint = (x, y, frame) => (frame < 2 ? crisp(x, y, frame) : soft(x, y, frame))
    const whole = comparePictures(seen(half, [0, 0, 0], 4), seen(crisp, [0, 0, 0], 4)).edge_slope_ratio

    expect(whole).toBeCloseTo((1 + edges(soft)) / 2, 2)
    expect(comparePictures(seen(crisp), seen(crisp, [0, 0, 0], 4)).edge_slope_ratio).toBe(1)
  })

  it('makes no fault of a picture without edges', () => {
    expect(
      edges(
        () => 90,
        () => 91,
      ),
    ).toBe(1)
  })
})

describe('the error of the chroma', () => {
  const tinted = (tint: number[]) => seen(scene, tint)
  const error = (ours: number[], theirs: number[]) => comparePictures(tinted(ours), tinted(theirs)).chroma_error_first

  it('is nothing for the same colours, twice the sine of half the angle for turned ones', () => {
    const colour = [30, -10, -20]

    expect(error(colour, colour)).toBe(0)
    // The channels in turn are a third of the circle.
    expect(error([-20, 30, -10], colour)).toBeGreaterThan(1.4)
    expect(error([-20, 30, -10], colour)).toBeLessThan(2)
    expect(
      error(
        colour.map((value) => -value),
        colour,
      ),
    ).toBeGreaterThan(1.8)
  })

  it('is the share that is missing for paler colours, and the share added for stronger ones', () => {
    expect(error([20, 0, -20], [40, 0, -40])).toBeCloseTo(0.5, 1)
    expect(error([60, 0, -60], [40, 0, -40])).toBeCloseTo(0.5, 1)
    expect(error([0, 0, 0], [40, 0, -40])).toBeGreaterThan(0.9)
  })

  it('makes no fault of a grey original that got a trace of colour', () => {
    expect(error([2, 0, -2], [0, 0, 0])).toBeLessThan(0.05)
  })
})
