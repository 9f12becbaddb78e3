/** Gray pictures of one size, frame after frame. */
export interface GrayFrames {
  readonly width: number
  readonly height: number
  readonly count: number
  readonly data: Uint8Array
}

/** Lengths are shares of the frame's width, `y` downwards; `closer` is the growth of the picture and `turn` is in radians. */
export interface Step {
  readonly cameraX: number
  readonly cameraY: number
  readonly closer: number
  readonly turn: number
  /** Mean movement of what moves against the camera, and its middle (0..1 of width and height); zero when nothing does. */
  readonly subjectX: number
  readonly subjectY: number
  readonly middleX: number
  readonly middleY: number
  /** Share of the blocks that move against the camera. */
  readonly subjectShare: number
  /** Mean absolute difference to the frame before, 0..255. */
  readonly change: number
}

const COLUMNS = 8
const ROWS = 6
/** Pixels of the small frame that a block may have moved between two frames. */
const REACH = 6
/** Mean absolute deviation below which a block is flat: it fits everywhere, so it says nothing of motion. */
const FLAT = 3
/** Pixels by which a block must leave the camera's movement to count as moving by itself. */
const OWN_MOTION = 1

/** Blocks that must be told apart from flat ones before the whole picture is said to grow or turn, and their agreement. */
const MIN_WITNESSES = 12
const MIN_AGREEMENT = 0.75

interface Block {
  /** Middle, relative to the frame's middle, in pixels. */
  readonly x: number
  readonly y: number
  /** Movement in pixels. */
  readonly dx: number
  readonly dy: number
}

/** Motion between each two consecutive frames: blocks are matched, and what most of them agree on is the camera. */
export function measureMotion(frames: GrayFrames): Step[] {
  return Array.from({length: Math.max(0, frames.count - 1)}, (_, i) => measureStep(frames, i))
}

function measureStep(frames: GrayFrames, index: number): Step {
  const {width, height, data} = frames
  const size = width * height
  const before = data.subarray(index * size, (index + 1) * size)
  const after = data.subarray((index + 1) * size, (index + 2) * size)
  const blocks = matchBlocks(before, after, width, height)
  const cameraX = median(blocks.map((block) => block.dx))
  const cameraY = median(blocks.map((block) => block.dy))
  const own = blocks.filter((block) => Math.hypot(block.dx - cameraX, block.dy - cameraY) > OWN_MOTION)
  const mean = (value: (block: Block) => number) => average(own.map(value))
  return {
    cameraX: cameraX / width,
    cameraY: cameraY / width,
    closer: agreed(blocks.map((block) => radial(block, cameraX, cameraY))),
    turn: agreed(blocks.map((block) => tangential(block, cameraX, cameraY))),
    subjectX: mean((block) => block.dx - cameraX) / width,
    subjectY: mean((block) => block.dy - cameraY) / width,
    middleX: own.length === 0 ? 0 : 0.5 + mean((block) => block.x) / width,
    middleY: own.length === 0 ? 0 : 0.5 + mean((block) => block.y) / height,
    subjectShare: own.length / (COLUMNS * ROWS),
    change: meanDifference(before, after),
  }
}

function matchBlocks(before: Uint8Array, after: Uint8Array, width: number, height: number): Block[] {
  // A margin of the reach all round: a block at the very edge could not be followed out of the picture.
  const blockWidth = Math.floor((width - 2 * REACH) / COLUMNS)
  const blockHeight = Math.floor((height - 2 * REACH) / ROWS)
  const blocks: Block[] = []
  for (let row = 0; row < ROWS; row++) {
    for (let column = 0; column < COLUMNS; column++) {
      const corner = {left: REACH + column * blockWidth, top: REACH + row * blockHeight}
      const area = {...corner, width: blockWidth, height: blockHeight}
      if (deviation(before, width, area) < FLAT) continue
      const {dx, dy} = bestShift(before, after, width, area)
      const x = area.left + blockWidth / 2 - width / 2
      const y = area.top + blockHeight / 2 - height / 2
      blocks.push({x, y, dx, dy})
    }
  }
  return blocks
}

interface Area {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

/** The shift with the least mean difference; of equal ones the shortest, so that a still picture stands still. */
function bestShift(before: Uint8Array, after: Uint8Array, stride: number, area: Area): {dx: number; dy: number} {
  let best = {dx: 0, dy: 0}
  let least = Number.POSITIVE_INFINITY
  for (let dy = -REACH; dy <= REACH; dy++) {
    for (let dx = -REACH; dx <= REACH; dx++) {
      const penalty = Math.abs(dx) + Math.abs(dy)
      const cost = shiftCost(before, after, stride, area, {dx, dy}) + penalty
      if (cost < least) {
        least = cost
        best = {dx, dy}
      }
    }
  }
  return best
}

function shiftCost(
  before: Uint8Array,
  after: Uint8Array,
  stride: number,
  area: Area,
  shift: {dx: number; dy: number},
): number {
  let sum = 0
  for (let y = area.top; y < area.top + area.height; y++) {
    const from = y * stride
    const to = (y + shift.dy) * stride + shift.dx
    for (let x = area.left; x < area.left + area.width; x++) {
      sum += Math.abs((before[from + x] ?? 0) - (after[to + x] ?? 0))
    }
  }
  return sum
}

function deviation(frame: Uint8Array, stride: number, area: Area): number {
  let sum = 0
  let absolute = 0
  const pixels = area.width * area.height
  const each = (visit: (value: number) => void) => {
    for (let y = area.top; y < area.top + area.height; y++)
      for (let x = area.left; x < area.left + area.width; x++) visit(frame[y * stride + x] ?? 0)
  }
  each((value) => {
    sum += value
  })
  const mean = sum / pixels
  each((value) => {
    absolute += Math.abs(value - mean)
  })
  return absolute / pixels
}

function radial(block: Block, cameraX: number, cameraY: number): number {
  return (block.x * (block.dx - cameraX) + block.y * (block.dy - cameraY)) / (block.x ** 2 + block.y ** 2)
}

/** Positive is clockwise, because `y` points down. */
function tangential(block: Block, cameraX: number, cameraY: number): number {
  return (block.x * (block.dy - cameraY) - block.y * (block.dx - cameraX)) / (block.x ** 2 + block.y ** 2)
}

/**
 * The median of those that say anything, if nearly all go its way: some moving things alone would fake a zoom or a turn.
 * Blocks near the middle hardly move in either, so they have no say.
 */
function agreed(values: readonly number[]): number {
  const witnesses = values.filter((value) => value !== 0)
  const middle = median(witnesses)
  const sameWay = witnesses.filter((value) => value * middle > 0).length
  const enough = witnesses.length >= Math.max(MIN_WITNESSES, values.length / 2)
  return enough && sameWay >= MIN_AGREEMENT * witnesses.length ? middle : 0
}

function meanDifference(a: Uint8Array, b: Uint8Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += Math.abs((a[i] ?? 0) - (b[i] ?? 0))
  return a.length === 0 ? 0 : sum / a.length
}

export function average(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? 0
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2
}
