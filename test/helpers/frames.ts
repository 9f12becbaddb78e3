import type {Frames} from '../../src/media/port.js'

/** Luma of a pixel of a frame, 0..255; values outside are cut off. */
export type Paint = (x: number, y: number, frame: number) => number

export interface FramesSetup {
  readonly width?: number
  readonly height?: number
  readonly count?: number
}

export function grayFrames(paint: Paint, {width = 208, height = 120, count = 33}: FramesSetup = {}): Frames {
  const data = new Uint8ClampedArray(width * height * count)
  let at = 0
  for (let frame = 0; frame < count; frame++)
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) data[at++] = paint(x, y, frame)
  return {width, height, channels: 1, data: new Uint8Array(data.buffer), count, truncated: false}
}

/** The same in grey tones of three channels. */
export function rgbFrames(paint: Paint, setup: FramesSetup = {}, tint = [0, 0, 0]): Frames {
  const gray = grayFrames(paint, setup)
  const data = new Uint8ClampedArray(gray.data.length * 3)
  for (let i = 0; i < gray.data.length; i++)
    for (let channel = 0; channel < 3; channel++) data[3 * i + channel] = gray.data[i]! + tint[channel]!
  return {...gray, channels: 3, data: new Uint8Array(data.buffer)}
}

/** Repeatable noise of -1..1. */
export function hashNoise(x: number, y: number, frame: number): number {
  const value = Math.imul(x * 374761393 + y * 668265263 + frame * 2147483647 + 12345, 1274126177)
  const mixed = Math.imul(value ^ (value >>> 13), 1103515245)
  return ((mixed >>> 8) & 0xffff) / 32767.5 - 1
}

/** Texture that a disc crosses: enough happens in it for motion, camera and detail to be measured. */
export function scene(x: number, y: number, frame: number): number {
  const [centreX, centreY] = [40 + 3 * frame, 60 + 25 * Math.sin(frame / 6)]
  if ((x - centreX) ** 2 + (y - centreY) ** 2 < 24 ** 2) return 210 - 40 * Math.sin((x - centreX) / 5)
  return 100 + 30 * Math.sin(x / 7) * Math.cos(y / 9) + 20 * Math.sin((x + y) / 3)
}
