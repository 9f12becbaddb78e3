import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {
  type DuplicateRule,
  duplicateReason,
  duplicatesAmong,
  type OutputLook,
} from '../../../src/mechanisms/video/duplicates.js'
import {
  distanceOf,
  hashFrames,
  isSameHash,
  mirrored,
  parseHash,
  type VideoHash,
} from '../../../src/mechanisms/video/video-hash.js'
import type {Frames} from '../../../src/media/port.js'
import {aHotkey, aSha} from '../../helpers/video.js'

const width = 64
const height = 40
const fps = 16
const rule: DuplicateRule = {maxShare: 0.3, minDeviation: 0.07, maxShift: 2}

/** A bright spot on its way over a grey ground; `luma` gives the brightness of a pixel from its distance to the spot. */
function spot(path: (frame: number) => readonly [number, number], {count = 33, gain = 1, offset = 0} = {}): Frames {
  const data = new Uint8Array(count * width * height)
  for (let frame = 0; frame < count; frame++) {
    const [cx, cy] = path(frame)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const near = Math.max(0, 1 - Math.hypot(x - cx, y - cy) / 18)
        data[(frame * height + y) * width + x] = Math.min(255, 60 + offset + gain * 120 * near)
      }
  }
  return {width, height, channels: 1, data, count, truncated: false}
}

const across = (frame: number) => [6 + 1.6 * frame, 20] as const
const falling = (frame: number) => [20, 2 + 1.1 * frame] as const
const wavering = (frame: number) => [6 + 1.6 * frame + 5 * Math.sin(frame / 3), 20 + 6 * Math.sin(frame / 4)] as const
const hash = (frames: Frames): VideoHash => parseHash(hashFrames(frames, fps)) as VideoHash // long enough for one

describe('the hash of a video', () => {
  it('stays the same when the picture is brighter or has more contrast', () => {
    const plain = hash(spot(across))

    expect(distanceOf(plain, hash(spot(across, {offset: 25})), 0).distance).toBeLessThan(0.02)
    expect(distanceOf(plain, hash(spot(across, {gain: 1.4})), 0).distance).toBeLessThan(0.1)
  })

  it('is far from that of another course of events', () => {
    expect(distanceOf(hash(spot(across)), hash(spot(falling)), 2).distance).toBeGreaterThan(0.8)
  })

  it('finds the shift at which two videos agree', () => {
    const late = spot((frame) => across(frame - 2))

    expect(distanceOf(hash(spot(across)), hash(late), 3)).toMatchObject({shift: 2})
    expect(distanceOf(hash(spot(across)), hash(late), 3).distance).toBeLessThan(0.02)
    expect(distanceOf(hash(spot(across)), hash(late), 0).distance).toBeGreaterThan(0.1)
  })

  it('mirrors as the video does', () => {
    const turned = hash(spot((frame) => [width - 1 - across(frame)[0], across(frame)[1]]))

    expect(distanceOf(hash(spot(across)), turned, 2).distance).toBeGreaterThan(0.8)
    expect(distanceOf(hash(spot(across)), mirrored(turned), 0).distance).toBeLessThan(0.02)
    expect([...mirrored(mirrored(turned)).words]).toEqual([...turned.words])
  })

  it('says nothing about videos in which hardly anything moves', () => {
    const still = spot(() => [30, 20])

    expect(distanceOf(hash(still), hash(still), 2).distance).toBe(2)
  })

  it('is empty for a video shorter than what it looks at', () => {
    expect(hashFrames(spot(across, {count: 8}), fps)).toBe('')
    expect(parseHash('')).toBeUndefined()
  })

  it('is of bounded length however long the video', () => {
    expect(hashFrames(spot(across, {count: 900}), fps).length).toBeLessThan(4096)
  })

  it('takes no text for a hash that is none', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const parsed = parseHash(text)
        return parsed === undefined || parsed.words.length === 3 * parsed.frames
      }),
    )
  })

  it('is compared symmetrically, and is at no distance from itself', () => {
    const made = fc
      .uint8Array({minLength: 20, maxLength: 20})
      .map((bytes) => parseHash(Buffer.from(bytes).toString('base64')) as VideoHash)
    fc.assert(
      fc.property(made, made, (a, b) => {
        expect(distanceOf(a, b, 0).distance).toBe(distanceOf(b, a, 0).distance)
        expect([0, 2]).toContain(distanceOf(a, a, 0).distance)
      }),
    )
  })

  it('is the same for the same bytes though a decoder rounds differently, and for nothing else', () => {
    const text = hashFrames(spot(across), fps)
    const bytes = Buffer.from(text, 'base64')
    bytes.writeUInt8((bytes.readUInt8(5) ^ 1) & 0xff, 5)

    expect(isSameHash(text, bytes.toString('base64'))).toBe(true)
    expect(isSameHash(text, hashFrames(spot(wavering), fps))).toBe(false)
    expect(isSameHash(text, '')).toBe(false)
  })
})

describe('copies among the outputs of a task', () => {
  const clip = hashFrames(spot(across), fps)
  const output = (name: string, commitmentBlock: number, frames: Frames, bytes = name): OutputLook => ({
    hotkey: aHotkey(name),
    commitmentBlock,
    sha256: aSha(bytes),
    perceptualHash: hashFrames(frames, fps),
  })
  const own = spot(wavering)

  it('are those that share what the original has wrong', () => {
    const copy = output('b', 20, spot(wavering, {offset: 15}))

    expect(duplicatesAmong([copy, output('a', 10, own)], clip, rule)).toMatchObject([
      {copy: aHotkey('b'), original: aHotkey('a'), how: 'alike', mirrored: false, shift: 0},
    ])
  })

  it('are found in a mirror and moved by a frame', () => {
    const moved = spot((frame) => [width - 1 - wavering(frame - 1)[0], wavering(frame - 1)[1]])

    const [found] = duplicatesAmong([output('a', 10, own), output('b', 20, moved)], clip, rule)

    expect(found).toMatchObject({copy: aHotkey('b'), mirrored: true, shift: 1})
    expect(duplicateReason(found as NonNullable<typeof found>)).toMatch(
      /^it repeats the output of 5a.*, mirrored and shifted by 1 frames: 0\.\d+ apart/,
    )
  })

  it('are not those that agree because both are right', () => {
    const right = [output('a', 10, spot(across)), output('b', 20, spot(across, {offset: 9}))]

    expect(duplicatesAmong(right, clip, rule)).toEqual([])
  })

  it('are not those that are wrong in different ways', () => {
    const sinking = spot((frame) => [across(frame)[0], 20 + frame / 4])

    expect(duplicatesAmong([output('a', 10, own), output('b', 20, sinking)], clip, rule)).toEqual([])
  })

  it('are always those of the same bytes, even of the hidden clip', () => {
    const same = [output('a', 10, spot(across), 'x'), output('b', 20, spot(across), 'x')]

    expect(duplicatesAmong(same, clip, rule)).toMatchObject([{how: 'same_bytes', copy: aHotkey('b')}])
    expect(duplicatesAmong(same, undefined, rule)).toHaveLength(1)
  })

  it('name the earliest original, each once, whatever the order they come in', () => {
    const all = [output('c', 30, own, 'x'), output('a', 10, own, 'x'), output('b', 20, own, 'x')]

    const found = duplicatesAmong(all, clip, rule)

    expect(found.map(({copy, original}) => [copy, original])).toEqual([
      [aHotkey('b'), aHotkey('a')],
      [aHotkey('c'), aHotkey('a')],
    ])
    expect(duplicatesAmong(all.toReversed(), clip, rule)).toEqual(found)
  })

  it('of one block go by hotkey', () => {
    const found = duplicatesAmong([output('b', 10, own, 'x'), output('a', 10, own, 'x')], clip, rule)

    expect(found).toMatchObject([{original: aHotkey('a'), copy: aHotkey('b')}])
  })
})
