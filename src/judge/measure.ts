import {type Cells, type Look, meanAbsDifference, type Plane, ssim} from './planes.js'
import {likeness, measured} from './scale.js'
import type {Timeline} from './timeline.js'

/** Everything that the scores follow from. Luma and colour are in 0..255, pixels are those of the analysed size. */
export interface Measurements {
  readonly first_frame_ssim: number
  readonly first_frame_difference_luma: number
  /** Correlation of the changes since the first frame with the original's, -1..1. */
  readonly course_correlation: number
  /** Correlation of the changes over half a second with the original's, -1..1. */
  readonly motion_correlation: number
  /** Structural similarity with the original at the same time, mean over twelve moments. */
  readonly content_ssim: number
  /** That similarity in the last third, over that in the first. */
  readonly late_content_ratio: number
  /** Of the worst second: flicker over the original's. */
  readonly flicker_ratio: number
  /** Largest change from one frame to the next, over the original's largest. */
  readonly jump_ratio: number
  /** Mean over quarters of a second: how alike the amounts of motion are, 0..1. */
  readonly motion_energy_likeness: number
  /** Mean change of cells over half a second. */
  readonly motion_luma: number
  readonly original_motion_luma: number
  /** Over the original's; the worst moment. */
  readonly sharpness_ratio: number
  /** Beyond the original's; the worst moment. */
  readonly noise_excess_luma: number
  readonly contrast_ratio: number
  /** Mean over the moments of the distance of the mean colours from the original's. */
  readonly colour_shift_rgb: number
  /** Mean difference of the camera's motion per half second. */
  readonly camera_path_error_px: number
  /** Correlation of the last frames' coarse layouts, -1..1. */
  readonly final_layout_correlation: number
}

export interface Looked {
  readonly timeline: Timeline
  readonly looks: readonly Look[]
}

export function compare(output: Looked, original: Looked, conditioning: Plane): Measurements {
  const [o, r] = [output.timeline, original.timeline]
  const likenesses = contentSsim(o, r)
  const third = Math.max(1, Math.floor(likenesses.length / 3))
  return rounded({
    first_frame_ssim: ssim(o.planes[0] as Plane, conditioning),
    first_frame_difference_luma: meanAbsDifference(o.planes[0] as Plane, conditioning),
    course_correlation: correlation(o, r, (index) => [0, index]),
    motion_correlation: correlation(o, r, (index) => [Math.max(0, index - r.span), index]),
    content_ssim: meanOf(likenesses),
    late_content_ratio: ratioOf(meanOf(likenesses.slice(-third)), meanOf(likenesses.slice(0, third))),
    flicker_ratio: worstRatio(o.flicker, r.flicker, 2 * r.span),
    jump_ratio: (largest(o.steps) + jumpFloor) / (largest(r.steps) + jumpFloor),
    motion_energy_likeness: energyLikeness(o, r),
    motion_luma: motionOf(o),
    original_motion_luma: motionOf(r),
    ...compareLooks(output.looks, original.looks),
    camera_path_error_px: cameraError(o, r),
    final_layout_correlation: layoutCorrelation(lastCells(o), lastCells(r)),
  })
}

/** What is published is what is scored. */
function rounded(raw: Measurements): Measurements {
  const entries = Object.entries(raw).map(([name, value]) => [name, measured(value)])
  // The same names with the same kind of value.
  return Object.fromEntries(entries) as Measurements
}

/** Two pictures that were never alike cannot drift apart. */
function ratioOf(late: number, early: number): number {
  return early > 0 ? Math.max(0, late) / early : 1
}

/** Flicker below this does not show; it keeps still originals from making every grain a fault. */
const flickerFloor = 1
const jumpFloor = 4
/** Change of cells that a good encoder may add by itself. */
const motionFloor = 0.3

function lastCells({cells}: Timeline): Cells {
  return cells[cells.length - 1] as Cells
}

/** Pooled over all frames and cells, so that moments in which much happens count more than the pauses between them. */
function correlation(o: Timeline, r: Timeline, pair: (index: number) => readonly [number, number]): number {
  let both = 0
  let ours = 0
  let theirs = 0
  for (let index = 1; index < r.cells.length; index++) {
    const [from, to] = pair(index)
    const [o0, o1] = [meansAt(o, from), meansAt(o, to)]
    const [r0, r1] = [meansAt(r, from), meansAt(r, to)]
    for (let i = 0; i < r0.length; i++) {
      const a = (o1[i] as number) - (o0[i] as number)
      const b = (r1[i] as number) - (r0[i] as number)
      both += a * b
      ours += a * a
      theirs += b * b
    }
  }
  return ours > 0 && theirs > 0 ? both / Math.sqrt(ours * theirs) : 0
}

function meansAt({cells}: Timeline, index: number): Float64Array {
  return (cells[index] as Cells).means
}

/** At twelve moments, the first and the last among them. */
function contentSsim(o: Timeline, r: Timeline): number[] {
  const moments = Math.min(12, r.planes.length)
  return Array.from({length: moments}, (_, i) => {
    const index = Math.round((i * (r.planes.length - 1)) / Math.max(1, moments - 1))
    return ssim(o.planes[index] as Plane, r.planes[index] as Plane)
  })
}

/** The largest ratio of means over stretches of `length` values; a short rest joins the stretch before it. */
function worstRatio(ours: readonly number[], theirs: readonly number[], length: number): number {
  const stretches = Math.max(1, Math.floor(ours.length / length))
  let worst = 0
  for (let i = 0; i < stretches; i++) {
    const [from, to] = [i * length, i === stretches - 1 ? ours.length : (i + 1) * length]
    const ratio = (meanOf(ours, from, to) + flickerFloor) / (meanOf(theirs, from, to) + flickerFloor)
    if (ratio > worst) worst = ratio
  }
  return worst
}

function meanOf(values: ArrayLike<number>, from = 0, to = values.length): number {
  let sum = 0
  for (let i = from; i < to; i++) sum += values[i] as number
  return to > from ? sum / (to - from) : 0
}

function largest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), 0)
}

function energyLikeness(o: Timeline, r: Timeline): number {
  const stretch = Math.max(1, Math.round(r.span / 2))
  const shares: number[] = []
  for (let to = stretch; to < r.cells.length; to += stretch)
    shares.push(likeness(cellChange(o, to - stretch, to), cellChange(r, to - stretch, to), motionFloor))
  return meanOf(shares)
}

function cellChange(timeline: Timeline, from: number, to: number): number {
  const [a, b] = [meansAt(timeline, from), meansAt(timeline, to)]
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += Math.abs((b[i] as number) - (a[i] as number))
  return sum / a.length
}

function motionOf(timeline: Timeline): number {
  const changes: number[] = []
  for (let to = timeline.span; to < timeline.cells.length; to++)
    changes.push(cellChange(timeline, to - timeline.span, to))
  return meanOf(changes)
}

function compareLooks(ours: readonly Look[], theirs: readonly Look[]) {
  let sharpness = 1
  let noise = 0
  const contrasts: number[] = []
  const shifts: number[] = []
  for (const [i, b] of theirs.entries()) {
    const a = ours[Math.min(i, ours.length - 1)] as Look
    // A floor of one step: flat pictures have no sharpness to lose.
    const ratio = (a.sharpness + 1) / (b.sharpness + 1)
    if (likeness(ratio, 1, 0) < likeness(sharpness, 1, 0)) sharpness = ratio
    if (a.noise - b.noise > noise) noise = a.noise - b.noise
    contrasts.push((a.contrast + 4) / (b.contrast + 4))
    const [red, green, blue] = [0, 1, 2].map((c) => (a.colour[c] as number) - (b.colour[c] as number))
    shifts.push(Math.sqrt(((red ?? 0) ** 2 + (green ?? 0) ** 2 + (blue ?? 0) ** 2) / 3))
  }
  return {
    sharpness_ratio: sharpness,
    noise_excess_luma: noise,
    contrast_ratio: meanOf(contrasts),
    colour_shift_rgb: meanOf(shifts),
  }
}

function cameraError(o: Timeline, r: Timeline): number {
  const errors = r.camera.map((theirs, i) => {
    const ours = o.camera[i] ?? theirs
    return (
      Math.abs(ours.right - theirs.right) + Math.abs(ours.down - theirs.down) + Math.abs(ours.zoom - theirs.zoom) / 2
    )
  })
  return meanOf(errors)
}

function layoutCorrelation({means: a}: Cells, {means: b}: Cells): number {
  const [ma, mb] = [meanOf(a), meanOf(b)]
  let both = 0
  let ours = 0
  let theirs = 0
  for (let i = 0; i < a.length; i++) {
    const p = (a[i] as number) - ma
    const q = (b[i] as number) - mb
    both += p * q
    ours += p * p
    theirs += q * q
  }
  // Two flat pictures have the same layout.
  if (ours < a.length && theirs < a.length) return 1
  return ours > 0 && theirs > 0 ? both / Math.sqrt(ours * theirs) : 0
}
