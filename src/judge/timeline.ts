import type {Frames} from '../media/port.js'
import {type Cells, cellMeans, frameOf, meanAbsDifference, meanAbsFlicker, type Plane, profiles} from './planes.js'

/** How the picture as a whole moved between two frames, in pixels of the analysed size. */
export interface CameraStep {
  readonly right: number
  readonly down: number
  /** How much further the right and lower halves moved than the left and upper ones. */
  readonly zoom: number
}

/** What is kept of a video's course; index 0 of `steps` is from frame 0 to frame 1. */
export interface Timeline {
  readonly planes: readonly Plane[]
  readonly cells: readonly Cells[]
  /** Mean absolute luma change from each frame to the next, 0..255. */
  readonly steps: readonly number[]
  /** `meanAbsFlicker` of every inner frame. */
  readonly flicker: readonly number[]
  /** Camera motion from frame `i × span` to `(i + 1) × span`. */
  readonly camera: readonly CameraStep[]
  /** Frames in half a second. */
  readonly span: number
}

/** Reads `count` frames; a shorter video holds its last one. `frames` are grey. */
export function timelineOf(frames: Frames, count: number, fps: number): Timeline {
  const span = Math.max(1, Math.round(fps / 2))
  const planes = Array.from({length: count}, (_, index) => frameOf(frames, index))
  const at = (index: number) => planes[index] as Plane
  const cells = planes.map(cellMeans)
  const steps = planes.slice(1).map((plane, i) => meanAbsDifference(at(i), plane))
  const flicker = planes.slice(2).map((plane, i) => meanAbsFlicker(at(i), at(i + 1), plane))
  const stations = planes.filter((_, i) => i % span === 0).map(profiles)
  const camera = stations.slice(1).map((now, i) => {
    const before = stations[i] as (typeof stations)[number]
    const across = halves(before.across, now.across)
    const down = halves(before.down, now.down)
    return {right: across.mean, down: down.mean, zoom: across.spread + down.spread}
  })
  return {planes, cells, steps, flicker, camera, span}
}

/** Farthest shift that is looked for in half a second, as a share of the side. */
const reach = 1 / 16

function halves(before: Float64Array, now: Float64Array): {mean: number; spread: number} {
  const middle = Math.floor(before.length / 2)
  const first = shiftOf(before, now, 0, middle)
  const second = shiftOf(before, now, middle, before.length)
  return {mean: (first + second) / 2, spread: second - first}
}

/** By how many pixels the part [from, to) of a profile moved: least mean square difference, to a fraction by a parabola. */
function shiftOf(before: Float64Array, now: Float64Array, from: number, to: number): number {
  const most = Math.floor(before.length * reach)
  const cost = (shift: number): number => {
    let sum = 0
    let n = 0
    for (let x = Math.max(from, -shift); x < Math.min(to, now.length - shift); x++) {
      const difference = (now[x + shift] as number) - (before[x] as number)
      sum += difference * difference
      n++
    }
    return sum / n
  }
  let best = 0
  let least = cost(0)
  for (let size = 1; size <= most; size++) {
    for (const shift of [-size, size]) {
      const value = cost(shift)
      if (value >= least) continue
      best = shift
      least = value
    }
  }
  if (Math.abs(best) === most) return best
  const left = cost(best - 1)
  const right = cost(best + 1)
  const bend = left - 2 * least + right
  return bend > 0 ? best + (left - right) / (2 * bend) : best
}
