import type {Frames} from '../../src/media/port.js'

/** The shape of what is asked for, small enough to measure in a blink. */
export const painted = {frames: 17, fps: 4, width: 160, height: 96}

type Colour = readonly [number, number, number]

/** Whole numbers alone, so that no machine paints another picture: islands of colour, and a block that crosses them. */
function original(x: number, y: number, moment: number): Colour {
  const [left, top] = [12 + 6 * moment, 30 + ((moment * moment) % 20)]
  if (x >= left && x < left + 36 && y >= top && y < top + 24) return [220 - 2 * (x - left), 60 + 3 * (y - top), 40]
  const [near, far] = [((x >> 3) * 37 + (y >> 3) * 53) % 64, (x + 2 * y) & 31]
  return [70 + near + far, 90 + near, 150 - near + (far >> 1)]
}

const turned = ([r, g, b]: Colour): Colour => [g, b, r]
/** -16 to 15, the same for the same place and moment. */
const grain = (x: number, y: number, moment: number) =>
  ((Math.imul(x * 7919 + y * 104_729 + moment * 1_299_709 + 17, 1_103_515_245) >>> 16) & 31) - 16

/** Mean of the pixels up to `reach` away, rounded down. */
function soft(x: number, y: number, moment: number, reach: number): Colour {
  const sum = [0, 0, 0]
  for (let dy = -reach; dy <= reach; dy++)
    for (let dx = -reach; dx <= reach; dx++)
      for (const [c, value] of original(Math.max(0, x + dx), Math.max(0, y + dy), moment).entries()) sum[c]! += value
  const [r, g, b] = sum.map((value) => Math.floor(value / (2 * reach + 1) ** 2)) as [number, number, number]
  return [r, g, b]
}

/** Each shows a colour at a place (of the larger picture) and a moment (number of a frame). */
export const answers = {
  original,
  blurred: (x, y, moment) => soft(x, y, moment, 2),
  turned: (x, y, moment) => turned(original(x, y, moment)),
  grainy: (x, y, moment) => {
    const noise = grain(x, y, moment)
    const [r, g, b] = original(x, y, moment)
    return [r + noise, g + noise, b + noise]
  },
  'flat in contrast': (x, y, moment) => {
    const [r, g, b] = original(x, y, moment)
    return [64 + (r >> 1), 64 + (g >> 1), 64 + (b >> 1)]
  },
  'getting softer': (x, y, moment) => (moment < 8 ? original(x, y, moment) : soft(x, y, moment, 1)),
  still: (x, y) => original(x, y, 0),
  backwards: (x, y, moment) => original(x, y, painted.frames - 1 - moment),
} satisfies Record<string, (x: number, y: number, moment: number) => Colour>

/** The judge's two views of an answer: half as large in grey, every frame; in colour, one a second. */
export function viewsOf(answer: (x: number, y: number, moment: number) => Colour): [Frames, Frames] {
  const {width, height, frames, fps} = painted
  const luma = ([r, g, b]: Colour) => (77 * r + 150 * g + 29 * b) >> 8
  const seconds = Math.ceil(frames / fps)
  const course = new Uint8ClampedArray((width / 2) * (height / 2) * frames)
  const close = new Uint8ClampedArray(width * height * 3 * seconds)
  let at = 0
  for (let moment = 0; moment < frames; moment++)
    for (let y = 0; y < height; y += 2) for (let x = 0; x < width; x += 2) course[at++] = luma(answer(x, y, moment))
  at = 0
  for (let second = 0; second < seconds; second++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) for (const value of answer(x, y, second * fps)) close[at++] = value
  const common = {truncated: false}
  return [
    {...common, width: width / 2, height: height / 2, channels: 1, data: new Uint8Array(course.buffer), count: frames},
    {...common, width, height, channels: 3, data: new Uint8Array(close.buffer), count: seconds},
  ]
}
