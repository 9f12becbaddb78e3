import {LeomaError} from '../errors.js'
import type {Frames} from '../media/port.js'
import {workOf} from '../runtime/threads.js'
import {compare, type Looked, type Measurements} from './measure.js'
import {comparePictures, type PictureMeasurements, type Pictures, picturesOf} from './picture.js'
import {looksOf, type Plane} from './planes.js'
import {timelineOf} from './timeline.js'

interface Seen extends Looked {
  /** From version 2 of the judge on. */
  readonly pictures: Pictures | undefined
}

/** What does not depend on the output: read once per task, used for each of its outputs. */
export interface Original extends Seen {
  readonly conditioning: Plane
}

/** What was asked for, and the version of the judge. */
export interface Course {
  readonly frames: number
  readonly fps: number
  readonly version: number
}

export interface Compared {
  readonly measurements: Measurements
  readonly picture: PictureMeasurements | undefined
}

/** What follows from the reference judge's views of an output. */
export function measurementsOf(seen: readonly Frames[], original: Original, asked: Course): Compared {
  const output = lookedAt(seen, asked)
  return {
    measurements: compare(output, original, original.conditioning),
    picture: output.pictures && original.pictures ? comparePictures(output.pictures, original.pictures) : undefined,
  }
}

export const comparing = workOf(import.meta.url, measurementsOf)

export function lookedAt([course, close]: readonly Frames[], {frames, fps, version}: Course): Seen {
  if (!course || !close) throw new LeomaError('bug', 'VIEWS_MISSING', 'the reference judge needs both of its views')
  return {
    timeline: timelineOf(course, frames, fps),
    looks: looksOf(close),
    pictures: version === 1 ? undefined : picturesOf(close),
  }
}
