import {LeomaError} from '../errors.js'
import type {Frames} from '../media/port.js'
import {workOf} from '../runtime/threads.js'
import {compare, type Looked, type Measurements} from './measure.js'
import {looksOf, type Plane} from './planes.js'
import {timelineOf} from './timeline.js'

/** What does not depend on the output: read once per task, used for each of its outputs. */
export interface Original extends Looked {
  readonly conditioning: Plane
}

/** What was asked for. */
export interface Course {
  readonly frames: number
  readonly fps: number
}

/** What follows from the reference judge's views of an output. */
export function measurementsOf(seen: readonly Frames[], original: Original, asked: Course): Measurements {
  return compare(lookedAt(seen, asked), original, original.conditioning)
}

export const comparing = workOf(import.meta.url, measurementsOf)

export function lookedAt([course, close]: readonly Frames[], {frames, fps}: Course): Looked {
  if (!course || !close) throw new LeomaError('bug', 'VIEWS_MISSING', 'the reference judge needs both of its views')
  return {timeline: timelineOf(course, frames, fps), looks: looksOf(close)}
}
