import type {Measurements} from './measure.js'
import type {PictureMeasurements} from './picture.js'
import {type Aspect, type AspectScores, aspects, type JudgeReport} from './port.js'
import {likeness, ramp, roundHalfEven, toScore} from './scale.js'

/**
 * The scores follow from the published measurements alone, so anyone can repeat them. Each `ramp` names the value that
 * earns nothing, then the one that earns everything; the README says where they come from. With `picture` they are those
 * of version 2, without it those of version 1.
 */
export function scoresOf(m: Measurements, picture?: PictureMeasurements): AspectScores {
  return {
    first_frame_fidelity: toScore(
      Math.min(ramp(m.first_frame_ssim, 0.2, 0.95), ramp(m.first_frame_difference_luma, 40, 3)),
    ),
    prompt_adherence: toScore(
      0.5 * ramp(m.motion_correlation, 0.1, 0.8) +
        0.25 * ramp(m.course_correlation, 0.1, 0.9) +
        0.25 * ramp(m.content_ssim, 0.3, 0.98),
    ),
    temporal_consistency: toScore(
      Math.min(ramp(m.flicker_ratio, 4, 1.3), ramp(m.jump_ratio, 4, 1.3), ramp(m.late_content_ratio, 0.3, 0.99)),
    ),
    motion_quality: toScore(ramp(m.motion_energy_likeness, 0.2, 0.96)),
    visual_quality: toScore(picture ? pictureShare(m, picture) : lookShare(m)),
    camera_composition: toScore(
      0.5 * ramp(m.camera_path_error_px, 6, 0.3) + 0.5 * ramp(m.final_layout_correlation, 0.2, 0.95),
    ),
  }
}

/** Version 1: statistics of the whole picture, of which each can be lost for itself. */
function lookShare(m: Measurements): number {
  return (
    0.4 * ramp(likeness(m.sharpness_ratio, 1, 0), 0.3, 0.92) +
    0.25 * ramp(m.noise_excess_luma, 4, 0.2) +
    0.2 * ramp(m.colour_shift_rgb, 20, 0.5) +
    0.15 * ramp(likeness(m.contrast_ratio, 1, 0), 0.5, 0.95)
  )
}

/** Of version 2's visual quality, for structure that only the original itself has. */
const finestShare = 0.15

/**
 * Version 2: a picture is as good as what is worst about it. Nearly all of it can be earned by a continuation that puts
 * things elsewhere than the original does: edges, noise, contrast and tint are compared wherever they are, and what is
 * compared in place is of the beginning, which every answer was given.
 */
function pictureShare(
  m: Measurements,
  {edge_slope_ratio: edges, chroma_error_first: turned}: PictureMeasurements,
): number {
  const worst = Math.min(
    edges < 1 ? ramp(edges, 0, 0.965) : ramp(edges, 2.5, 1.1),
    ramp(m.first_frame_ssim, 0.8, 0.99),
    ramp(turned, 1.2, 0.05),
    ramp(m.colour_shift_rgb, 40, 1),
    ramp(m.noise_excess_luma, 4.5, 0.2),
    ramp(likeness(m.contrast_ratio, 1, 0), 0.4, 0.95),
  )
  return worst * (1 - finestShare + finestShare * ramp(m.content_ssim, 0.98, 0.99))
}

/** 50 for a clip in which hardly anything moves, where many videos look alike; 100 from four luma steps on. */
export function confidenceOf(m: Measurements): number {
  return roundHalfEven(50 + 50 * ramp(m.original_motion_luma, 0.4, 4))
}

/** At and above the first an aspect is named as a strength; below the second as an issue. */
const strongFrom = 85
const weakBelow = 60

const figures: Readonly<Record<Aspect, (m: Measurements, picture?: PictureMeasurements) => string>> = {
  first_frame_fidelity: (m) =>
    `first frame: SSIM ${two(m.first_frame_ssim)} with the given one, ${two(m.first_frame_difference_luma)} of 255 away`,
  prompt_adherence: (m) =>
    `what happens: correlation ${two(m.motion_correlation)} with the original over half a second, ${two(m.course_correlation)} since the start, SSIM ${two(m.content_ssim)}`,
  temporal_consistency: (m) =>
    `steadiness: flicker ${two(m.flicker_ratio)} and largest jump ${two(m.jump_ratio)} times the original's, ${two(m.late_content_ratio)} of the early likeness left at the end`,
  motion_quality: (m) =>
    `amount of motion: ${two(m.motion_luma)} of 255 in half a second, the original ${two(m.original_motion_luma)}, alike ${two(m.motion_energy_likeness)} over time`,
  visual_quality: (m, picture) =>
    `picture: ${picture ? `edges ${two(picture.edge_slope_ratio)}` : `sharpness ${two(m.sharpness_ratio)}`} and contrast ${two(m.contrast_ratio)} times the original's, noise ${two(m.noise_excess_luma)} and colour ${two(m.colour_shift_rgb)} of 255 off${picture ? `, hue ${two(picture.chroma_error_first)} of 2` : ''}`,
  camera_composition: (m) =>
    `camera: path ${two(m.camera_path_error_px)} pixels off per half second, final layout correlates ${two(m.final_layout_correlation)}`,
}

function two(value: number): string {
  return (roundHalfEven(value * 100) / 100).toFixed(2)
}

export function reportOf(measurements: Measurements, picture?: PictureMeasurements): JudgeReport {
  const scores = scoresOf(measurements, picture)
  const say = (aspect: Aspect) => figures[aspect](measurements, picture)
  return {
    aspects: scores,
    confidence: confidenceOf(measurements),
    reasoning: `Measured against the hidden original. ${aspects.map((aspect) => `${scores[aspect]} ${say(aspect)}`).join('; ')}.`,
    strengths: aspects.filter((aspect) => scores[aspect] >= strongFrom).map(say),
    issues: aspects.filter((aspect) => scores[aspect] < weakBelow).map(say),
    measurements: {...measurements, ...picture},
  }
}
