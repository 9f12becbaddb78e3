import type {Frames} from '../media/port.js'

/** One 8-bit plane, row after row. */
export interface Plane {
  readonly width: number
  readonly height: number
  readonly data: Uint8Array
}

/** Frame `index` of a grey video; past the end the last frame is held, as the task's clip is shorter than what is asked for. */
export function frameOf(frames: Frames, index: number): Plane {
  const {width, height, data, count} = frames
  const size = width * height
  const at = Math.min(index, count - 1) * size
  return {width, height, data: data.subarray(at, at + size)}
}

/** Mean absolute difference, 0..255. */
export function meanAbsDifference(a: Plane, b: Plane): number {
  const [p, q] = [a.data, b.data]
  const size = p.length
  let sum = 0
  for (let i = 0; i < size; i++) sum += Math.abs((p[i] as number) - (q[i] as number))
  return sum / size
}

/** How far the middle frame lies from the mean of its neighbours, 0..255: nothing for steady motion, much for flicker. */
export function meanAbsFlicker(before: Plane, middle: Plane, after: Plane): number {
  const [p, q, r] = [before.data, middle.data, after.data]
  const size = q.length
  let sum = 0
  for (let i = 0; i < size; i++) sum += Math.abs(2 * (q[i] as number) - (p[i] as number) - (r[i] as number))
  return sum / (2 * size)
}

const cell = 8
const windowSize = 8
const windowStep = 4
// (0.01 × 255)² and (0.03 × 255)²: Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment", 2004.
const c1 = 6.5025
const c2 = 58.5225

/** Mean structural similarity, -1..1, over 8×8 windows four pixels apart; 1 for equal pictures. */
export function ssim(a: Plane, b: Plane): number {
  const {width, height} = a
  let total = 0
  let windows = 0
  for (let y = 0; y + windowSize <= height; y += windowStep) {
    for (let x = 0; x + windowSize <= width; x += windowStep) {
      total += ssimOfWindow(a.data, b.data, y * width + x, width)
      windows++
    }
  }
  return windows === 0 ? 0 : total / windows
}

function ssimOfWindow(a: Uint8Array, b: Uint8Array, from: number, stride: number): number {
  let sa = 0
  let sb = 0
  let saa = 0
  let sbb = 0
  let sab = 0
  for (let row = from; row < from + windowSize * stride; row += stride) {
    for (let i = row; i < row + windowSize; i++) {
      const p = a[i] as number
      const q = b[i] as number
      sa += p
      sb += q
      saa += p * p
      sbb += q * q
      sab += p * q
    }
  }
  const n = windowSize * windowSize
  const ma = sa / n
  const mb = sb / n
  const covariance = sab / n - ma * mb
  const variances = saa / n - ma * ma + (sbb / n - mb * mb)
  return ((2 * ma * mb + c1) * (2 * covariance + c2)) / ((ma * ma + mb * mb + c1) * (variances + c2))
}

export interface Cells {
  readonly columns: number
  readonly rows: number
  /** Means of 8×8 pixels, 0..255; pixels right and below the last whole cell are left out. */
  readonly means: Float64Array
}

/** The picture without its detail: noise and blur hardly touch it, things that move do. */
export function cellMeans(plane: Plane): Cells {
  const {width, height, data} = plane
  const columns = Math.floor(width / cell)
  const rows = Math.floor(height / cell)
  const means = new Float64Array(columns * rows)
  for (let y = 0; y < rows * cell; y++) {
    const row = Math.floor(y / cell) * columns
    for (let column = 0; column < columns; column++) {
      const from = y * width + column * cell
      let sum = 0
      for (let i = from; i < from + cell; i++) sum += data[i] as number
      means[row + column] = (means[row + column] as number) + sum / (cell * cell)
    }
  }
  return {columns, rows, means}
}

/** Means of columns and of rows: what camera motion is read from. */
export function profiles(plane: Plane): {readonly across: Float64Array; readonly down: Float64Array} {
  const {width, height, data} = plane
  const across = new Float64Array(width)
  const down = new Float64Array(height)
  for (let y = 0; y < height; y++) {
    let sum = 0
    for (let x = 0; x < width; x++) {
      const value = data[y * width + x] as number
      sum += value
      across[x] = (across[x] as number) + value
    }
    down[y] = sum / width
  }
  for (let x = 0; x < width; x++) across[x] = (across[x] as number) / height
  return {across, down}
}

/** What one colour frame looks like, apart from what it shows. */
export interface Look {
  /** Mean absolute step between neighbouring pixels of the luma, 0..255: falls with blur. */
  readonly sharpness: number
  /** Standard deviation of white noise that would explain the luma's finest structure (Immerkær 1996), 0..255. */
  readonly noise: number
  /** Standard deviation of the luma, 0..127.5. */
  readonly contrast: number
  /** Means of the three channels, 0..255. */
  readonly colour: readonly [number, number, number]
}

/** Of each frame of an RGB video. */
export function looksOf(frames: Frames): Look[] {
  // One buffer for all: a megabyte per frame would keep the collector busier than the arithmetic.
  const luma = new Uint8Array(frames.width * frames.height)
  return Array.from({length: frames.count}, (_, index) => {
    const {colour, contrast} = splitColour(frames, index, luma)
    return {colour, contrast, ...fineStructure(luma, frames.width, frames.height)}
  })
}

/** Writes the luma (BT.601's weights in 256ths, a whole number) and sums up what needs no neighbours. */
function splitColour(
  {width, height, data}: Frames,
  index: number,
  luma: Uint8Array,
): Pick<Look, 'colour' | 'contrast'> {
  const size = width * height
  let red = 0
  let green = 0
  let blue = 0
  let sum = 0
  let squares = 0
  for (let i = 0, at = index * size * 3; i < size; i++, at += 3) {
    const r = data[at] as number
    const g = data[at + 1] as number
    const b = data[at + 2] as number
    const value = (77 * r + 150 * g + 29 * b) >> 8
    luma[i] = value
    red += r
    green += g
    blue += b
    sum += value
    squares += value * value
  }
  const mean = sum / size
  return {
    colour: [red / size, green / size, blue / size],
    contrast: Math.sqrt(Math.max(0, squares / size - mean * mean)),
  }
}

function fineStructure(luma: Uint8Array, width: number, height: number): Pick<Look, 'sharpness' | 'noise'> {
  let steps = 0
  let finest = 0
  for (let y = 1; y < height - 1; y++) {
    const end = (y + 1) * width - 1
    for (let i = y * width + 1; i < end; i++) {
      const up = i - width
      const below = i + width
      const middle = luma[i] as number
      const west = luma[i - 1] as number
      const north = luma[up] as number
      steps += Math.abs(middle - west) + Math.abs(middle - north)
      const corners =
        (luma[up - 1] as number) + (luma[up + 1] as number) + (luma[below - 1] as number) + (luma[below + 1] as number)
      const sides = west + north + (luma[i + 1] as number) + (luma[below] as number)
      finest += Math.abs(corners - 2 * sides + 4 * middle)
    }
  }
  const inner = (width - 2) * (height - 2)
  // √(π/2) / 6
  return {sharpness: steps / (2 * inner), noise: (finest / inner) * 0.20888568955258338}
}
