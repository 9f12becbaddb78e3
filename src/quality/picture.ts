import {clamp, deviation, mean} from './signal.js'

/** One grey picture, 0..255, row after row. */
export interface Grey {
  readonly width: number
  readonly height: number
  readonly data: Uint8Array
}

/** Shares of the picture's width and height: left, top, right, bottom. */
export type Box = readonly [number, number, number, number]

const whole: Box = [0, 0, 1, 1]
/** Of the face's box. */
const mouthPart: Box = [0.2, 0.62, 0.8, 0.96]

/** Where the mouth is in a face; in the whole picture when nobody found the face. */
export function mouthOf([left, top, right, bottom]: Box = whole): Box {
  const [width, height] = [right - left, bottom - top]
  return [
    left + mouthPart[0] * width,
    top + mouthPart[1] * height,
    left + mouthPart[2] * width,
    top + mouthPart[3] * height,
  ]
}

/** Mean absolute difference inside a box, 0..255. */
export function change(a: Grey, b: Grey, box: Box = whole): number {
  let sum = 0
  let count = 0
  each(a, box, (at) => {
    sum += Math.abs((a.data[at] ?? 0) - (b.data[at] ?? 0))
    count++
  })
  return count === 0 ? 0 : sum / count
}

/** Variance inside a box, of values 0..1. */
export function variance(picture: Grey, box: Box): number {
  const values: number[] = []
  each(picture, box, (at) => void values.push((picture.data[at] ?? 0) / 255))
  return deviation(values) ** 2
}

/** Shares of 64 grey levels. */
export function histogram({data}: Grey): number[] {
  const counts = new Array<number>(64).fill(0)
  for (const value of data) counts[value >> 2] = (counts[value >> 2] ?? 0) + 1
  return counts.map((count) => count / data.length)
}

export function cosine(a: readonly number[], b: readonly number[]): number {
  let [aa, bb, ab] = [0, 0, 0]
  for (const [at, x] of a.entries()) {
    const y = b[at] ?? 0
    aa += x * x
    bb += y * y
    ab += x * y
  }
  return aa === 0 || bb === 0 ? 0 : ab / Math.sqrt(aa * bb)
}

/** Variance of the Laplacian, [0 1 0; 1 -4 1; 0 1 0]. */
export function sharpness({width, height, data}: Grey): number {
  let [sum, squares, count] = [0, 0, 0]
  for (let y = 1; y < height - 1; y++) {
    for (let at = y * width + 1; at < (y + 1) * width - 1; at++) {
      const edge =
        (data[at - width] ?? 0) +
        (data[at + width] ?? 0) +
        (data[at - 1] ?? 0) +
        (data[at + 1] ?? 0) -
        4 * (data[at] ?? 0)
      sum += edge
      squares += edge * edge
      count++
    }
  }
  return count === 0 ? 0 : squares / count - (sum / count) ** 2
}

export interface Tones {
  readonly brightness: number
  readonly exposure: number
  /** 1 without values at the ends of the scale. */
  readonly cleanliness: number
}

export function tones({data}: Grey): Tones {
  const brightness = mean(data)
  const exposure = 0.6 * (1 - Math.min(1, Math.abs(brightness - 127) / 127)) + 0.4 * clamp(deviation(data) / 64)
  let extreme = 0
  // Below 0.01 or above 0.99 of the scale.
  for (const value of data) if (value <= 2 || value >= 253) extreme++
  return {brightness, exposure, cleanliness: 1 - clamp(extreme / data.length / 0.35)}
}

function each({width, height}: Grey, [left, top, right, bottom]: Box, visit: (at: number) => void): void {
  const [x0, x1] = [Math.max(0, Math.floor(left * width)), Math.min(width, Math.ceil(right * width))]
  const [y0, y1] = [Math.max(0, Math.floor(top * height)), Math.min(height, Math.ceil(bottom * height))]
  for (let y = y0; y < y1; y++) for (let x = x0; x < x1; x++) visit(y * width + x)
}
