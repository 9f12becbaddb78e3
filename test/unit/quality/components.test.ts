import {describe, expect, test} from 'vitest'
import {audioSum, measure, rate} from '../../../src/quality/components.js'
import {type Box, change, mouthOf} from '../../../src/quality/picture.js'
import {correlation, lagCurve, resample, smoothness, tenth, up, wordErrors} from '../../../src/quality/signal.js'

const size = 40
const flat = (value: number) => ({width: size, height: size, data: new Uint8Array(size * size).fill(value)})
/** A picture whose mouth patch is as bright as said. */
function face(mouth: number) {
  const picture = flat(120)
  const [left, top, right, bottom] = mouthOf()
  for (let y = Math.floor(top * size); y < bottom * size; y++)
    for (let x = Math.floor(left * size); x < right * size; x++) picture.data[y * size + x] = mouth
  return picture
}
const voice = (loud: (second: number) => number, seconds = 2) =>
  Float32Array.from({length: rate * seconds}, (_, at) => loud(at / rate) * Math.sin(at * 0.3))
const syllables = (second: number) => 0.5 * Math.max(0, Math.sin(second * 9)) ** 2
/** Fifty frames whose mouth moves as loud as the voice is, `late` frames after it. */
const speaking = (late = 0) =>
  Array.from({length: 50}, (_, at) => face(at % 2 === 0 ? 60 : 60 + 190 * syllables((at - late) / 25)))
const likeness = new Array<number>(50).fill(0.9)
const sound = voice(syllables)

describe('formulas on plain arrays have the published values', () => {
  test('lip sync of 0.6 and 0.25 is 0.6625', () => {
    const {lipsync} = measure({
      frames: speaking(),
      likeness,
      sound,
      source: sound,
      wer: null,
      sync: {syncC: 0.6, syncD: 0.25},
    })

    expect(lipsync).toBeCloseTo(0.65 * up(0.6, 0.2, 0.85) + 0.35 * 0.75, 6)
    expect(lipsync).toBeCloseTo(0.6625, 4)
  })

  test('audio of 0.1 wrong words, 0.9 likeness and 0.8 loudness is 0.875', () => {
    expect(audioSum(0.1, 0.9, 0.8)).toBeCloseTo(0.875, 9)
    expect(audioSum(null, 0.9, 0.8)).toBeCloseTo(0.715, 9)
  })

  test('a tenth, a curve of more points, smoothness and correlation', () => {
    expect(tenth([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])).toBe(1)
    expect(resample([0, 2], 5)).toEqual([0, 0.5, 1, 1.5, 2])
    expect(smoothness([1, 2, 3, 4])).toBe(1)
    expect(smoothness([0, 1, 0, 1])).toBeCloseTo(1 / 3)
    expect(smoothness([1, 2])).toBe(0)
    expect(correlation([1, 2, 3], [2, 4, 6])).toBeCloseTo(1)
    expect(correlation([1, 1, 1], [1, 2, 3])).toBeUndefined()
  })
})

describe('lips and voice', () => {
  const syncOf = (frames: ReturnType<typeof speaking>, heard = sound) =>
    measure({frames, likeness, sound: heard, source: sound, wer: null})

  test('that go together are in step, and those that lag say by how much', () => {
    const inStep = syncOf(speaking())
    const late = syncOf(speaking(5))

    expect(inStep.syncC).toBeGreaterThan(0.85)
    expect(inStep.syncD).toBeLessThan(0.2)
    expect(late.syncD).toBeGreaterThan(0.5)
    expect(late.lipsync).toBeLessThan(inStep.lipsync)
  })

  test('fault 15, the sync gate almost never fires: a mouth that never moves and a video without sound have no sync at all', () => {
    const frozen = syncOf(new Array(50).fill(face(60)))
    const silent = syncOf(speaking(), new Float32Array(0))

    expect(frozen).toMatchObject({syncC: 0, syncD: 1, lipsync: 0})
    expect(silent).toMatchObject({syncC: 0, syncD: 1, lipsync: 0})
    expect(frozen.penalty).toBeGreaterThanOrEqual(0.18)
    expect(silent.penalty).toBeGreaterThan(syncOf(speaking()).penalty)
  })

  test('of equal correlations the smallest shift counts', () => {
    const wave = Array.from({length: 64}, (_, at) => Math.sin((at * 2 * Math.PI) / 8))

    expect(lagCurve(wave, wave).best).toMatchObject({lag: 0})
  })
})

describe('faces', () => {
  const box: Box = [0.3, 0.2, 0.7, 0.8]
  const faces = (share: number): (Box | undefined)[] =>
    Array.from({length: 50}, (_, at) => (at < share * 50 ? box : undefined))
  const measured = (share: number, at: Box = box) =>
    measure({
      ...{frames: speaking(), likeness, sound, source: sound, wer: 0},
      faces: faces(share).map((seen) => seen && at),
    })

  test('that are missing are counted and cost', () => {
    expect(measured(1).faceRatio).toBe(1)
    expect(measured(0.5).faceRatio).toBe(0.5)
    expect(measured(0.5).penalty).toBeGreaterThan(measured(1).penalty)
    expect(measure({frames: speaking(), likeness, sound, source: sound, wer: 0}).faceRatio).toBeNull()
  })

  test('at the border cost, and a face of a good size is worth more than a small one', () => {
    expect(measured(1, [0, 0.2, 0.4, 0.8]).penalty).toBeGreaterThan(measured(1).penalty)
    expect(measured(1, [0.45, 0.45, 0.55, 0.55]).video).toBeLessThan(measured(1).video)
  })
})

describe('fault 16, colours are swapped and boxes are moved between reference and video', () => {
  const box: Box = [0.1, 0.05, 0.5, 0.45]
  /** The mouth of a face in a corner of the picture; everything else stands still. */
  const corner = (mouth: number) => {
    const picture = flat(120)
    const [left, top, right, bottom] = mouthOf(box)
    for (let y = Math.floor(top * size); y < bottom * size; y++)
      for (let x = Math.floor(left * size); x < right * size; x++) picture.data[y * size + x] = mouth
    return picture
  }
  const frames = Array.from({length: 50}, (_, at) => corner(at % 2 === 0 ? 60 : 60 + 190 * syllables(at / 25)))
  const at = (seen: Box) =>
    measure({frames, likeness, sound, source: sound, wer: null, faces: frames.map((): Box => seen)})

  test('the mouth is looked for where the face is, and nowhere beside it', () => {
    expect(at(box).syncC).toBeGreaterThan(0.85)
    expect(at([0.5, 0.5, 0.9, 0.9])).toMatchObject({syncC: 0, syncD: 1})
  })

  test('a box is in shares of the picture itself, whatever its size', () => {
    const [left, top, right, bottom] = mouthOf(box)
    const inside: Box = [left + 0.01, top + 0.01, right - 0.01, bottom - 0.01]

    expect(change(corner(200), corner(60), inside)).toBe(140)
    expect(change(corner(200), corner(60), [right + 0.03, top, 1, bottom])).toBe(0)
  })
})

describe('fault 17, a word error counts punctuation: only words count', () => {
  test.each([
    ['Hello, world!', 'hello world', 0],
    ["It's time.", 'its time', 0],
    ['one two three four', 'one two four', 0.25],
    ['one two', 'one two three four', 1],
    ['one', 'two three four', 1],
    ['', 'anything', 0.5],
    ['Grüße, Jürgen', 'grüße jürgen', 0],
  ])('%j heard as %j is %d', (said, heard, wrong) => {
    expect(wordErrors(said, heard)).toBe(wrong)
  })
})

test('nothing measured ever leaves 0 to 1, whatever the material is', () => {
  const hostile = [
    {frames: [], likeness: [], sound: new Float32Array(0), source: new Float32Array(0)},
    {frames: [flat(0)], likeness: [5], sound: new Float32Array(1), source: new Float32Array(1)},
    {frames: [flat(0), flat(255), flat(0)], likeness: [-3, 2, Number.NaN], sound: voice(() => 1), source: sound},
  ]

  for (const material of hostile) {
    for (const value of Object.values(measure({...material, wer: null}))) {
      if (value === null) continue
      expect(value).toBeGreaterThanOrEqual(0)
      expect(value).toBeLessThanOrEqual(1)
    }
  }
})
