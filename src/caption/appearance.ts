import type {Frames} from '../media/port.js'

/** Light in 0..255, colours by name, strongest first. */
export interface Appearance {
  readonly light: number
  readonly contrast: number
  /** Mean light of the last fifth less that of the first. */
  readonly lightTrend: number
  readonly colours: readonly string[]
}

/** Hue, in degrees, up to which a colour has this name. */
const hues: readonly (readonly [number, string])[] = [
  [15, 'red'],
  [42, 'orange'],
  [68, 'yellow'],
  [160, 'green'],
  [195, 'cyan'],
  [255, 'blue'],
  [290, 'violet'],
  [335, 'magenta'],
  [360, 'red'],
]
/** Chroma (largest less smallest channel) below which a pixel has no colour. */
const GREY_CHROMA = 28
/** A colour is named when it holds this share of the pixels. */
const NAMED_SHARE = 0.12

export function measureAppearance(frames: Frames, luma: Uint8Array): Appearance {
  const pixels = frames.width * frames.height
  const lights = Array.from({length: frames.count}, (_, i) => meanOf(luma.subarray(i * pixels, (i + 1) * pixels)))
  const fifth = Math.max(1, Math.floor(frames.count / 5))
  const light = meanOf(lights)
  return {
    light,
    contrast: spread(luma, light),
    lightTrend: meanOf(lights.slice(-fifth)) - meanOf(lights.slice(0, fifth)),
    colours: nameColours(frames),
  }
}

/** Rec. 601 luma in whole numbers. */
export function toLuma(frames: Frames): Uint8Array {
  const {data} = frames
  const luma = new Uint8Array(frames.count * frames.width * frames.height)
  for (let i = 0, at = 0; i < luma.length; i++, at += 3)
    luma[i] = (77 * (data[at] ?? 0) + 150 * (data[at + 1] ?? 0) + 29 * (data[at + 2] ?? 0)) >> 8
  return luma
}

function nameColours(frames: Frames): string[] {
  const {data, count} = frames
  const pixels = frames.width * frames.height
  const shares = new Map<string, number>()
  let seen = 0
  // Every fourth frame: colours change slowly, and each name needs thousands of pixels anyway.
  for (let frame = 0; frame < count; frame += 4) {
    for (let i = frame * pixels * 3; i < (frame + 1) * pixels * 3; i += 3) {
      const name = nameColour(data[i] ?? 0, data[i + 1] ?? 0, data[i + 2] ?? 0)
      if (name !== undefined) shares.set(name, (shares.get(name) ?? 0) + 1)
      seen++
    }
  }
  return [...shares]
    .filter(([, pixelsOf]) => pixelsOf > seen * NAMED_SHARE)
    .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
    .slice(0, 3)
    .map(([name]) => name)
}

function nameColour(r: number, g: number, b: number): string | undefined {
  const high = Math.max(r, g, b)
  const chroma = high - Math.min(r, g, b)
  if (chroma < GREY_CHROMA) return undefined
  const sixth = high === r ? ((g - b) / chroma + 6) % 6 : high === g ? (b - r) / chroma + 2 : (r - g) / chroma + 4
  return hues.find(([upTo]) => sixth * 60 <= upTo)?.[1]
}

function meanOf(values: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i] ?? 0
  return values.length === 0 ? 0 : sum / values.length
}

/** Mean absolute deviation. */
function spread(values: Uint8Array, mean: number): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += Math.abs((values[i] ?? 0) - mean)
  return values.length === 0 ? 0 : sum / values.length
}
