import {type Box, change, type Grey, mouthOf, sharpness, tones, variance} from './picture.js'
import type {QualityMetrics} from './port.js'
import {
  amplitudeEnvelope,
  clamp,
  correlation,
  deviation,
  type LagCurve,
  lagCurve,
  mean,
  resample,
  rmsEnvelope,
  smoothness,
  tenth,
  up,
} from './signal.js'

/** Samples per second of all sound here. */
export const rate = 16_000
const envelopeS = 0.04

/** What the formulas are about, decoded. */
export interface Material {
  /** At most 80 of the video's frames, evenly chosen. */
  readonly frames: readonly Grey[]
  /** Of the face in each of those frames, or undefined where there is none; absent when nothing here finds faces. */
  readonly faces?: readonly (Box | undefined)[]
  /** Likeness to the reference face in each frame with a face, -1..1; of all frames when nothing here finds faces. */
  readonly likeness: readonly number[]
  /** Of the video; empty when it has none. */
  readonly sound: Float32Array
  /** That it was made from. */
  readonly source: Float32Array
  /** Word error rate; null when nobody listened. */
  readonly wer: number | null
  /** As a lip-sync model sees it; by envelope and motion when absent. */
  readonly sync?: {readonly syncC: number; readonly syncD: number}
}

/** Every component of one video by the published formulas. Each is 0..1, six decimals. */
export function measure(material: Material): QualityMetrics {
  const {frames, faces, likeness, sound, source, wer} = material
  const mouth = mouthMotion(frames, faces)
  const envelope = resample(rmsEnvelope(sound, rate, envelopeS), frames.length)
  const curve = lagCurve(mouth, envelope)
  const {syncC, syncD} = material.sync ?? syncOf(curve)
  const changes = frames.slice(1).map((frame, at) => change(frame, frames[at] ?? frame))
  return rounded({
    identity: likeness.length === 0 ? 0 : clamp(0.75 * mean(likeness.map(clamp)) + 0.25 * tenth(likeness.map(clamp))),
    syncC,
    syncD,
    lipsync: frames.length < 4 ? 0 : clamp(0.65 * up(syncC, 0.2, 0.85) + 0.35 * (1 - syncD)),
    audio: audioScore(wer, sound, source),
    video: 0.6 * aesthetic(frames, faces) + 0.4 * (0.6 * clamp((mean(changes) - 1) / 18) + 0.4 * smoothness(changes)),
    temporal: 0.5 * consistency(likeness) + 0.5 * steadiness(mouth, faces),
    penalty: penalty({...material, mouth, envelope, curve, changes}),
    wer,
    faceRatio: faces ? faces.filter((face) => face !== undefined).length / faces.length : null,
  })
}

/** Mean absolute change of the mouth's patch against the frame before, 0..1; 0 where there is no face. */
function mouthMotion(frames: readonly Grey[], faces: Material['faces']): number[] {
  return frames.map((frame, at) => {
    const before = frames[at - 1]
    const face = faces?.[at]
    if (!before || (faces && !face)) return 0
    return change(frame, before, mouthOf(face)) / 255
  })
}

/** Where one of both never changes nothing is in step: the published formula gave half a mark for that. */
function syncOf({best, maxLag}: LagCurve): {syncC: number; syncD: number} {
  if (!best) return {syncC: 0, syncD: 1}
  return {syncC: clamp((best.correlation + 1) / 2), syncD: Math.abs(best.lag) / maxLag}
}

/** Words, likeness of the loudness curves, loudness. */
export function audioScore(wer: number | null, sound: Float32Array, source: Float32Array): number {
  const likeness =
    sound.length < 1600 || source.length < 1600 ? undefined : correlation(curveOf(sound), curveOf(source))
  const loud = Math.sqrt(mean(sound.map((sample) => sample * sample)))
  const clipped = sound.length === 0 ? 0 : sound.filter((sample) => Math.abs(sample) > 0.99).length / sound.length
  // Silence is not clean sound: without any, nothing is said for it.
  const loudness = sound.length === 0 ? 0 : 0.8 * clamp((loud - 0.01) / 0.14) + 0.2 * (1 - clamp(clipped / 0.05))
  return audioSum(wer, likeness === undefined ? 0 : (likeness + 1) / 2, loudness)
}

/** Nobody listened: as if half of the words were wrong. */
export const audioSum = (wer: number | null, likeness: number, loudness: number) =>
  0.4 * (1 - (wer ?? 0.5)) + 0.35 * likeness + 0.25 * loudness

const curveOf = (samples: Float32Array) => resample(amplitudeEnvelope(samples, 50), 50)

/** Sharpness, exposure, how large the face is, no extremes; what nobody could see is left out of the sum. */
function aesthetic(frames: readonly Grey[], faces: Material['faces']): number {
  const sharp = mean(frames.map((frame) => clamp(sharpness(frame) / 500)))
  const looks = frames.map(tones)
  const rest =
    0.35 * sharp +
    0.25 * mean(looks.map(({exposure}) => exposure)) +
    0.15 * mean(looks.map(({cleanliness}) => cleanliness))
  if (!faces) return rest / 0.75
  return rest + 0.25 * mean(faces.map((face) => (face ? sizeScore((face[2] - face[0]) * (face[3] - face[1])) : 0)))
}

/** Of a face that covers this share of the picture. */
function sizeScore(share: number): number {
  if (share < 0.1) return share / 0.1
  return share <= 0.45 ? 1 : clamp((0.7 - share) / 0.25)
}

function consistency(likeness: readonly number[]): number {
  if (likeness.length < 3) return 0
  return clamp(0.7 * mean(likeness.map(clamp)) + 0.3 * (1 - clamp(deviation(likeness) / 0.25)))
}

function steadiness(mouth: readonly number[], faces: Material['faces']): number {
  // A picture in which nobody finds the face says nothing about how the face moves.
  if (!faces) return smoothness(mouth)
  const centres = faces.flatMap((face) => (face ? [[(face[0] + face[2]) / 2, (face[1] + face[3]) / 2] as const] : []))
  const speeds = centres
    .slice(1)
    .map(([x, y], at) => Math.hypot(x - (centres[at]?.[0] ?? x), y - (centres[at]?.[1] ?? y)))
  return 0.6 * smoothness(speeds) + 0.4 * smoothness(mouth)
}

interface Seen extends Material {
  readonly mouth: readonly number[]
  readonly envelope: readonly number[]
  readonly curve: LagCurve
  readonly changes: readonly number[]
}

function penalty(seen: Seen): number {
  const {frames, faces, sound, source, envelope, curve, changes} = seen
  const freeze = changes.length === 0 ? 1 : changes.filter((each) => each < 0.8).length / changes.length
  const found = faces?.filter((face) => face !== undefined) ?? []
  const ratio = faces ? found.length / faces.length : 1
  const faceMissing = ratio < 0.8 ? clamp((0.8 - ratio) / 0.8) : 0
  const offScreen = !faces ? 0 : found.length === 0 ? 1 : found.filter(isAtBorder).length / found.length
  const occluded = faces ? occlusion(frames, faces, envelope) : 0
  return clamp(
    0.18 * freeze +
      0.12 * loop(frames) +
      0.22 * faceMissing +
      0.12 * offScreen +
      0.1 * occluded +
      0.16 * silentMismatch(sound, source) +
      0.1 * desyncSpikes(curve.values),
  )
}

const isAtBorder = ([left, top, right, bottom]: Box) => Math.min(left, top, 1 - right, 1 - bottom) < 0.02

function occlusion(
  frames: readonly Grey[],
  faces: NonNullable<Material['faces']>,
  envelope: readonly number[],
): number {
  const boxed = frames.flatMap((frame, at) => {
    const face = faces[at]
    return face ? [{frame, face, loud: envelope[at] ?? 0}] : []
  })
  if (boxed.length === 0) return 0
  return (
    boxed.filter(({frame, face, loud}) => loud > 0.04 && variance(frame, mouthOf(face)) < 0.005).length / boxed.length
  )
}

/** The end is as bright, frame by frame, as the beginning. */
function loop(frames: readonly Grey[]): number {
  if (frames.length < 12) return 0
  const fifth = Math.floor(frames.length / 5)
  const bright = frames.map((frame) => mean(frame.data))
  return clamp(((correlation(bright.slice(0, fifth), bright.slice(-fifth)) ?? 0) - 0.85) / 0.15)
}

function silentMismatch(sound: Float32Array, source: Float32Array): number {
  const energy = (samples: Float32Array) => mean(samples.map((sample) => sample * sample))
  const needed = energy(source)
  if (needed <= 1e-5) return 0
  const share = energy(sound) / needed
  return share < 0.15 ? clamp((0.15 - share) / 0.15) : 0
}

function desyncSpikes(curve: readonly number[]): number {
  const spread = deviation(curve)
  if (curve.length < 8 || spread === 0) return 0
  const middle = mean(curve)
  return clamp(curve.filter((value) => (value - middle) / spread < -1.5).length / curve.length / 0.4)
}

function rounded(metrics: QualityMetrics): QualityMetrics {
  const entries = Object.entries(metrics).map(([name, value]) => [
    name,
    typeof value === 'number' ? Math.round(clamp(value) * 1e6) / 1e6 : value,
  ])
  return Object.fromEntries(entries) as QualityMetrics // The same keys, each still a number or null.
}
