import type {Frames} from '../../media/port.js'
import {workOf} from '../../runtime/threads.js'
import {hashFrames} from './video-hash.js'

/** Side of the cells whose means are compared: what encoding and grain change is gone from them, what moves is not. */
export const cellSide = 8
/** Motion from which on held frames can be told from a slow pan that moves by whole pixels. */
const unsteadyMotion = 5

/** What the gates go by. */
export interface Figures {
  /** See `motionOf`. */
  readonly motion: number
  /** See `heldShareOf`; undefined where too little moves to tell. */
  readonly held: number | undefined
  /** Of the first frame: its mean absolute difference from the conditioning frame, 0..255, where there is one. */
  readonly firstFrame: number | undefined
  /** See `detailShareOf`; undefined without a conditioning frame. */
  readonly detail: number | undefined
  /** See `video-hash.ts`. */
  readonly perceptualHash: string
}

/** `still` is the conditioning frame in the frames' size. */
export function figuresOf(frames: Frames, still: Uint8Array | undefined, fps: number): Figures {
  const motion = motionOf(frames, fps)
  return {
    motion,
    held: motion < unsteadyMotion ? undefined : heldShareOf(frames),
    firstFrame: still && differenceOf(frames, still),
    detail: still && detailShareOf(frames, still, fps),
    perceptualHash: hashFrames(frames, fps),
  }
}

export const findingFigures = workOf(import.meta.url, figuresOf)

function differenceOf({data}: Frames, still: Uint8Array): number {
  let sum = 0
  for (let i = 0; i < still.length; i++) sum += Math.abs((data[i] as number) - (still[i] as number))
  return sum / still.length
}

/**
 * Mean absolute change of 8×8 cells over half a second, 0..255, without the change of brightness that the whole picture
 * shares. Over half a second, because slow motion adds up in it and grain does not.
 */
export function motionOf(frames: Frames, fps: number): number {
  const {count} = frames
  const span = Math.min(Math.max(1, Math.round(fps / 2)), count - 1)
  if (span < 1) return 0
  const cells = Array.from({length: count}, (_, index) => cellSums(frames, index))
  let total = 0
  for (let index = span; index < count; index++)
    total += meanChange(cells[index - span] as Int32Array, cells[index] as Int32Array)
  return total / (count - span) / cellSide ** 2
}

function meanChange(before: Int32Array, now: Int32Array): number {
  let shared = 0
  for (let i = 0; i < now.length; i++) shared += (now[i] as number) - (before[i] as number)
  shared /= now.length
  let sum = 0
  for (let i = 0; i < now.length; i++) sum += Math.abs((now[i] as number) - (before[i] as number) - shared)
  return sum / now.length
}

function cellSums({width, height, data}: Frames, index: number): Int32Array {
  const columns = Math.floor(width / cellSide)
  const rows = Math.floor(height / cellSide)
  const sums = new Int32Array(columns * rows)
  for (let y = 0; y < rows * cellSide; y++) {
    const start = (index * height + y) * width
    const row = Math.floor(y / cellSide) * columns
    for (let column = 0; column < columns; column++) {
      const from = start + column * cellSide
      let sum = 0
      for (let x = from; x < from + cellSide; x++) sum += data[x] as number
      sums[row + column] = (sums[row + column] as number) + sum
    }
  }
  return sums
}

/** Frames before and after one in which it is looked for something that moves more. */
const neighbourhood = 8
/** A frame that changes less than this share of the largest change around it is the one before, held. */
const heldBelow = 0.1

/**
 * Share of the frames that only hold the one before while something moves around them, 0..1: three quarters for four
 * pictures a second in a video of sixteen. Long pauses are not counted, because nothing moves around them either.
 */
export function heldShareOf({width, height, data, count}: Frames): number {
  const size = width * height
  const steps = Array.from({length: count - 1}, (_, index) => {
    let sum = 0
    for (let i = index * size; i < (index + 1) * size; i++)
      sum += Math.abs((data[i + size] as number) - (data[i] as number))
    return sum
  })
  const held = steps.filter((step, index) => {
    const around = steps.slice(Math.max(0, index - neighbourhood), index + neighbourhood + 1)
    return step < heldBelow * Math.max(...around)
  })
  return steps.length === 0 ? 0 : held.length / steps.length
}

/**
 * Fine detail of the first second's frames as a share of the conditioning frame's: the median of how far pixels lie from
 * the mean of their four neighbours. Enlarged pictures have little; encoding and blur of motion take some, 1 is all of it.
 * The first frame itself does not count, for it can be pasted. 1 for a conditioning frame without detail.
 */
export function detailShareOf(frames: Frames, still: Uint8Array, fps: number): number {
  const {width, height, data, count} = frames
  const given = detailAt({width, height, data: still}, 0)
  if (given < 1) return 1
  const last = Math.min(count - 1, Math.max(1, Math.round(fps)))
  const shares = Array.from({length: last}, (_, index) => detailAt({width, height, data}, index + 1) / given)
  return shares.sort((a, b) => a - b)[Math.floor(shares.length / 2)] ?? 1
}

/** Mean of |4 × pixel − its four neighbours|, in steps of luma. */
function detailAt({width, height, data}: Pick<Frames, 'width' | 'height' | 'data'>, index: number): number {
  let sum = 0
  for (let y = 1; y < height - 1; y++) {
    const row = (index * height + y) * width
    for (let i = row + 1; i < row + width - 1; i++) {
      const around =
        (data[i - 1] as number) + (data[i + 1] as number) + (data[i - width] as number) + (data[i + width] as number)
      sum += Math.abs(4 * (data[i] as number) - around)
    }
  }
  return sum / ((width - 2) * (height - 2))
}
