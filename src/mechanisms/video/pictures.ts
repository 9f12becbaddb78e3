import type {Frames} from '../../media/port.js'

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
