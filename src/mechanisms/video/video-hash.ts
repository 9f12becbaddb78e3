import type {Frames} from '../../media/port.js'

/**
 * What happens in a video, in some hundred bytes: for each cell of a coarse grid and each frame, whether it became
 * brighter or darker than half a second before, or neither. Encoding, scaling, grain and brightness hardly touch it; what
 * moves where and when does. Of the cells' changes the one that the whole picture shares is taken off first.
 */

export const gridColumns = 8
export const gridRows = 5
const cells = gridColumns * gridRows
/** Two bits a cell, the brighter ones first: 80 bits. */
const bytesPerFrame = (2 * cells) / 8
/** More than any exam asks for is not hashed: the text stands in every manifest. */
const maxFrames = 160

/** A change counts from this share of the video's mean change on, so that contrast does not matter, … */
const deadShare = 0.8
/** … and from so many of 255 on, so that encoding does not. */
const deadLuma = 0.75
/** Cells that change at least, of 40 and as a mean over the frames compared, for a likeness to mean anything. */
const minActive = 2

/** A decoded hash: `frames` × 3 words; bits 0..39 brighter, 40..79 darker. */
export interface VideoHash {
  readonly frames: number
  readonly words: Uint32Array
}

const wordsPerFrame = 3
/** Of the cells: encoding a video again changes more. */
const sameVideo = 0.002

/** Base64 of 10 bytes a frame, from the frame at half a second on; empty for a video that is shorter. */
export function hashFrames(frames: Frames, fps: number): string {
  const span = Math.max(1, Math.round(fps / 2))
  const count = Math.min(frames.count, maxFrames)
  const sums = Array.from({length: count}, (_, index) => gridMeans(frames, index))
  const changes = sums.slice(span).map((now, index) => changeOf(sums[index] as Float64Array, now))
  const total = changes.reduce((sum, change) => change.reduce((part, value) => part + Math.abs(value), sum), 0)
  const dead = Math.max(deadLuma, changes.length === 0 ? 0 : (deadShare * total) / (changes.length * cells))
  const bytes = new Uint8Array(changes.length * bytesPerFrame)
  for (const [frame, change] of changes.entries()) {
    for (const [cell, value] of change.entries()) {
      if (Math.abs(value) <= dead) continue
      const bit = value > 0 ? cell : cells + cell
      const at = frame * bytesPerFrame + (bit >> 3)
      bytes[at] = (bytes[at] as number) | (1 << (bit & 7))
    }
  }
  return Buffer.from(bytes).toString('base64')
}

/** Undefined for a text that is no hash, or one of nothing. */
export function parseHash(text: string): VideoHash | undefined {
  const bytes = Buffer.from(text, 'base64')
  const frames = bytes.length / bytesPerFrame
  if (!Number.isInteger(frames) || frames === 0 || frames > maxFrames) return undefined
  const words = new Uint32Array(frames * wordsPerFrame)
  for (let frame = 0; frame < frames; frame++) {
    const from = frame * bytesPerFrame
    words[frame * 3] = bytes.readUInt32LE(from)
    words[frame * 3 + 1] = bytes.readUInt32LE(from + 4)
    words[frame * 3 + 2] = bytes.readUInt16LE(from + 8)
  }
  return {frames, words}
}

/** The hash of the same video seen in a mirror. */
export function mirrored({frames, words}: VideoHash): VideoHash {
  const turned = new Uint32Array(words.length)
  for (let frame = 0; frame < frames; frame++) {
    for (let bit = 0; bit < 2 * cells; bit++) {
      const at = frame * wordsPerFrame + (bit >> 5)
      if ((((words[at] as number) >>> (bit & 31)) & 1) === 0) continue
      const column = bit % gridColumns
      const to = bit - column + (gridColumns - 1 - column)
      const target = frame * wordsPerFrame + (to >> 5)
      turned[target] = ((turned[target] as number) | (1 << (to & 31))) >>> 0
    }
  }
  return {frames, words: turned}
}

export interface Likeness {
  /** 0 for the same course of events, about 1 for nothing in common, 2 for the opposite. */
  readonly distance: number
  /** Frames by which the second lags behind the first. */
  readonly shift: number
}

/** The least distance over shifts of up to `maxShift` frames either way; 2 where too little moves to say anything. */
export function distanceOf(a: VideoHash, b: VideoHash, maxShift: number): Likeness {
  let best: Likeness = {distance: 2, shift: 0}
  for (let size = 0; size <= maxShift; size++) {
    for (const shift of size === 0 ? [0] : [-size, size]) {
      const distance = distanceAt(a, b, shift)
      if (distance < best.distance) best = {distance, shift}
    }
  }
  return best
}

/** Whether two hashes were made from the same bytes, allowing for decoders that round differently. */
export function isSameHash(a: string, b: string): boolean {
  if (a === b) return true
  const [one, other] = [parseHash(a), parseHash(b)]
  if (!one || !other || one.frames !== other.frames) return false
  let differ = 0
  for (const [i, word] of one.words.entries()) differ += ones(word ^ (other.words[i] as number))
  return differ <= sameVideo * one.frames * cells
}

/** Cells that differ (twice where one became brighter and the other darker) over cells that change in either. */
function distanceAt(a: VideoHash, b: VideoHash, shift: number): number {
  const from = Math.max(0, -shift)
  const to = Math.min(a.frames, b.frames - shift)
  // What overlaps by less than half of the shorter one is not the same video shifted.
  if (2 * (to - from) < Math.min(a.frames, b.frames)) return 2
  let differ = 0
  let active = 0
  for (let frame = from; frame < to; frame++) {
    const i = frame * wordsPerFrame
    const j = (frame + shift) * wordsPerFrame
    const [a0, a1, a2] = [a.words[i] as number, a.words[i + 1] as number, a.words[i + 2] as number]
    const [b0, b1, b2] = [b.words[j] as number, b.words[j + 1] as number, b.words[j + 2] as number]
    differ += ones(a0 ^ b0) + ones(a1 ^ b1) + ones(a2 ^ b2)
    // A cell's two bits lie 40 apart: the low 32 of the brighter, then its last 8 and the first 24 of the darker, …
    const bright0 = a0 | b0
    const bright1 = (a1 | b1) & 0xff
    const dark0 = ((a1 | b1) >>> 8) | (((a2 | b2) & 0xff) << 24)
    const dark1 = ((a2 | b2) >>> 8) & 0xff
    active += ones(bright0 | dark0) + ones(bright1 | dark1)
  }
  return active < minActive * (to - from) ? 2 : differ / active
}

/** Bits set in 32 (Warren, "Hacker's Delight", figure 5-2). */
function ones(word: number): number {
  let n = word - ((word >>> 1) & 0x55555555)
  n = (n & 0x33333333) + ((n >>> 2) & 0x33333333)
  return (((n + (n >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24
}

function gridMeans({width, height, channels, data}: Frames, index: number): Float64Array {
  const means = new Float64Array(cells)
  const start = index * width * height * channels
  for (let row = 0; row < gridRows; row++) {
    const [top, bottom] = [Math.floor((row * height) / gridRows), Math.floor(((row + 1) * height) / gridRows)]
    for (let column = 0; column < gridColumns; column++) {
      const left = Math.floor((column * width) / gridColumns)
      const right = Math.floor(((column + 1) * width) / gridColumns)
      let sum = 0
      for (let y = top; y < bottom; y++) {
        const line = start + y * width
        for (let x = line + left; x < line + right; x++) sum += data[x] as number
      }
      means[row * gridColumns + column] = sum / Math.max(1, (bottom - top) * (right - left))
    }
  }
  return means
}

function changeOf(before: Float64Array, now: Float64Array): Float64Array {
  let shared = 0
  for (let i = 0; i < cells; i++) shared += (now[i] as number) - (before[i] as number)
  shared /= cells
  return now.map((value, i) => value - (before[i] as number) - shared)
}
