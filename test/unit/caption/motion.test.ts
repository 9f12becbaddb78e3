import {describe, expect, it} from 'vitest'
import {measureMotion} from '../../../src/caption/motion.js'
import {describeClip} from '../../../src/caption/wording.js'

const width = 128
const height = 72

/** A smooth landscape that has no two equal places, so that every shift can be found again. */
const land = (x: number, y: number) =>
  128 + 50 * Math.sin(x / 5.3 + Math.sin(y / 9.1)) + 45 * Math.cos(y / 4.7 + Math.sin(x / 11.3))

function film(count: number, pixel: (x: number, y: number, frame: number) => number) {
  const data = new Uint8Array(count * width * height)
  for (let frame = 0; frame < count; frame++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) data[(frame * height + y) * width + x] = Math.round(pixel(x, y, frame))
  return {width, height, count, data}
}

const look = {light: 120, contrast: 30, lightTrend: 0, colours: ['blue', 'green']}
const wordsOf = (film: Parameters<typeof measureMotion>[0]) => describeClip(measureMotion(film), look, 8)

describe('motion measured between frames', () => {
  it('follows a camera in pixels, as a share of the width', () => {
    const steps = measureMotion(film(4, (x, y, frame) => land(x - 3 * frame, y + 2 * frame)))

    expect(steps).toHaveLength(3)
    for (const step of steps) {
      expect(step.cameraX).toBeCloseTo(3 / width, 5)
      expect(step.cameraY).toBeCloseTo(-2 / width, 5)
      expect(step.subjectShare).toBeLessThan(0.15)
    }
  })

  it('sees growth and turning only when the whole picture agrees', () => {
    const scale = 1.06
    const closer = measureMotion(film(2, (x, y, f) => land(64 + (x - 64) / scale ** f, 36 + (y - 36) / scale ** f)))
    const turned = measureMotion(
      film(2, (x, y, f) => {
        const angle = -0.06 * f
        const [dx, dy] = [x - 64, y - 36]
        return land(64 + dx * Math.cos(angle) - dy * Math.sin(angle), 36 + dx * Math.sin(angle) + dy * Math.cos(angle))
      }),
    )

    expect(closer[0]!.closer).toBeGreaterThan(0.03)
    expect(closer[0]!.turn).toBe(0)
    expect(turned[0]!.turn).toBeGreaterThan(0.03)
    expect(turned[0]!.closer).toBe(0)
  })

  it('tells a subject from the camera and where it is', () => {
    const steps = measureMotion(
      film(4, (x, y, frame) => (x >= 80 && y >= 36 ? land(x + 4 * frame, y + 500) : land(x, y))),
    )

    for (const step of steps) {
      expect(step.cameraX).toBe(0)
      expect(step.subjectX).toBeLessThan(-0.02)
      expect(step.middleX).toBeGreaterThan(0.6)
      expect(step.middleY).toBeGreaterThan(0.5)
    }
  })

  it('is nothing in a still', () => {
    for (const step of measureMotion(film(3, land)))
      expect(step).toMatchObject({cameraX: 0, cameraY: 0, closer: 0, turn: 0, subjectShare: 0, change: 0})
  })

  it('is nothing in a flat picture, and there is none in a single frame', () => {
    expect(measureMotion(film(2, () => 90))[0]).toMatchObject({cameraX: 0, subjectShare: 0, change: 0})
    expect(measureMotion(film(1, land))).toEqual([])
  })
})

describe('the words', () => {
  it('begin with the motion and name its direction and speed', () => {
    expect(wordsOf(film(9, (x, y, f) => land(x - 2 * f, y)))).toMatch(
      /^The whole view slides steadily right, about 13 percent of the frame width a second\./,
    )
    expect(wordsOf(film(9, (x, y, f) => land(x + 5 * f, y)))).toMatch(/^The whole view slides quickly left/)
    expect(wordsOf(film(9, (x, y, f) => land(x, y - 1 * f)))).toMatch(/^The whole view slides slowly down/)
  })

  it('say of a still that it is one', () => {
    const words = wordsOf(film(9, land))

    expect(words).toMatch(/^The whole view holds its place\. Almost nothing inside the picture moves\./)
    expect(words).toContain('as measured')
  })

  it('tell a view that swings back from one that stays', () => {
    const swinging = wordsOf(film(9, (x, y, f) => land(x - (f % 2) * 4, y)))

    expect(swinging).toContain('swinging back and forth')
    expect(swinging).toContain('restless')
  })

  it('tell a growing pace from an easing one', () => {
    const path = [0, 1, 2, 3, 5, 7, 10, 14, 19, 25]
    const building = wordsOf(film(path.length, (x, y, f) => land(x - path[f]!, y)))
    const easing = wordsOf(film(path.length, (x, y, f) => land(x + path[path.length - 1 - f]!, y)))

    expect(building).toMatch(/The pace builds by \d+ percent/)
    expect(easing).toMatch(/The pace eases by \d+ percent/)
  })

  it('do without numbers that are none when there is a single frame', () => {
    expect(describeClip([], look, 8)).not.toMatch(/NaN|Infinity|undefined/)
  })
})
