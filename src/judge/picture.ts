import type {Frames} from '../media/port.js'
import {measured} from './scale.js'

/** What version 2 measures besides. */
export interface PictureMeasurements {
  /** Slope of the sharpest edges over the original's, both plus 1; mean over the looks. */
  readonly edge_slope_ratio: number
  /** How far the factor from the original's chroma to the output's lies from 1, in the first look; 0 to about 2. */
  readonly chroma_error_first: number
}

/** How well the frames of a video are made: what blur, encoders and wrong colours change, whatever is shown where. */
export interface Pictures {
  /** Of each frame: mean slope of the sharpest hundredth of its pixels, luma steps per pixel. */
  readonly edges: readonly number[]
  /** Of the first frame, blue and red by turns (BT.601, -128..128): means of 8×8 pixels, row after row. */
  readonly chroma: Float64Array
}

/** Sobel's kernels count a step of one luma over one pixel eight times. */
const sobelGain = 8
/** |across| + |down| of Sobel's kernels are 8 × 255 at most. */
const steepest = 2 * 4 * 255
const sharpest = 0.01
const cell = 8

/** Of an RGB video. */
export function picturesOf(frames: Frames): Pictures {
  const luma = new Uint8Array(frames.width * frames.height)
  const edges = Array.from({length: frames.count}, (_, index) => {
    writeLuma(frames, index, luma)
    return edgeSlope(luma, frames.width, frames.height)
  })
  return {edges, chroma: chromaOf(frames)}
}

/** As `looksOf` has it. */
function writeLuma({data}: Frames, index: number, luma: Uint8Array): void {
  for (let i = 0, at = index * luma.length * 3; i < luma.length; i++, at += 3)
    luma[i] = (77 * (data[at] as number) + 150 * (data[at + 1] as number) + 29 * (data[at + 2] as number)) >> 8
}

/** All sums are whole numbers, and the divisor is a power of two. */
function chromaOf({width, height, data}: Frames): Float64Array {
  const columns = Math.floor(width / cell)
  const rows = Math.floor(height / cell)
  const sums = new Float64Array(2 * columns * rows)
  for (let y = 0; y < rows * cell; y++) {
    const row = Math.floor(y / cell) * columns
    for (let x = 0; x < columns * cell; x++) {
      const at = 3 * (y * width + x)
      const [r, g, b] = [data[at] as number, data[at + 1] as number, data[at + 2] as number]
      const into = 2 * (row + Math.floor(x / cell))
      sums[into] = (sums[into] as number) + 128 * b - 43 * r - 85 * g
      sums[into + 1] = (sums[into + 1] as number) + 128 * r - 107 * g - 21 * b
    }
  }
  return sums.map((sum) => sum / (256 * cell * cell))
}

/**
 * How steep the sharpest edges are: Sobel's gradient, |across| + |down|, mean of its largest hundredth. A blur makes all
 * edges wider and so less steep; what an honest encoder takes or adds lies in the ninety-nine other hundredths.
 */
function edgeSlope(luma: Uint8Array, width: number, height: number): number {
  const counts = new Uint32Array(steepest + 1)
  for (let y = 1; y < height - 1; y++) {
    const end = (y + 1) * width - 1
    for (let i = y * width + 1; i < end; i++) {
      const nw = luma[i - width - 1] as number
      const ne = luma[i - width + 1] as number
      const sw = luma[i + width - 1] as number
      const se = luma[i + width + 1] as number
      const across = ne + se - nw - sw + 2 * ((luma[i + 1] as number) - (luma[i - 1] as number))
      const down = sw + se - nw - ne + 2 * ((luma[i + width] as number) - (luma[i - width] as number))
      const slope = Math.abs(across) + Math.abs(down)
      counts[slope] = (counts[slope] as number) + 1
    }
  }
  const wanted = Math.max(1, Math.floor((width - 2) * (height - 2) * sharpest))
  let sum = 0
  for (let slope = steepest, left = wanted; slope > 0 && left > 0; slope--) {
    const taken = Math.min(left, counts[slope] as number)
    sum += taken * slope
    left -= taken
  }
  return sum / wanted / sobelGain
}

export function comparePictures(ours: Pictures, theirs: Pictures): PictureMeasurements {
  return {
    edge_slope_ratio: measured(edgeSlopeRatio(ours.edges, theirs.edges)),
    chroma_error_first: measured(chromaError(ours.chroma, theirs.chroma)),
  }
}

/** Luma steps per pixel and chroma that nobody sees: they keep flat and grey originals from making a fault of nothing. */
const slopeFloor = 1
const chromaFloor = 4

/** Summed before it is divided, so that one blurred look of six is one sixth. A shorter video holds its last look. */
function edgeSlopeRatio(ours: readonly number[], theirs: readonly number[]): number {
  let a = 0
  let b = 0
  for (const [i, slope] of theirs.entries()) {
    a += (ours[Math.min(i, ours.length - 1)] as number) + slopeFloor
    b += slope + slopeFloor
  }
  return a / b
}

/**
 * Chroma as a complex number, blue + i red: the least-squares factor from the original's cells to the output's is
 * (saturation kept) × e^(i × turned hue), and this is how far it lies from 1. Turned by an angle alone, 2 sin(angle / 2).
 */
function chromaError(a: Float64Array, b: Float64Array): number {
  let along = 0
  let beside = 0
  let power = 0
  for (let i = 0; i < b.length; i += 2) {
    const [blue, red] = [b[i] as number, b[i + 1] as number]
    const [bluer, redder] = [(a[i] as number) - blue, (a[i + 1] as number) - red]
    along += bluer * blue + redder * red
    beside += redder * blue - bluer * red
    power += blue * blue + red * red + chromaFloor * chromaFloor
  }
  return Math.sqrt(along * along + beside * beside) / power
}
