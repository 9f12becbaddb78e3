import type {Appearance} from './appearance.js'
import {average, type Step} from './motion.js'

/** Percent of the frame's width per second below which a movement is not worth a word. */
const NOTABLE = 2
/** Percent per second of growing or shrinking; degrees per second of turning. */
const NOTABLE_ZOOM = 3
const NOTABLE_TURN = 4
const MAX_WORDS = 90

/**
 * Motion first, then pace and steadiness, light and colour: fifty to ninety words. Numbers are in it because
 * two clips that move differently must not read alike.
 */
export function describeClip(steps: readonly Step[], appearance: Appearance, fps: number): string {
  const sentences = [
    camera(steps, fps),
    subject(steps, fps),
    pace(steps),
    light(appearance),
    'Everything else keeps the opening look in one unbroken shot, as measured.',
  ]
  // In the order in which they are worth their words.
  for (const more of [steadiness(steps, fps), colour(appearance)])
    if (words([...sentences, more]) <= MAX_WORDS) sentences.splice(-1, 0, more)
  return sentences.join(' ')
}

function words(sentences: readonly string[]): number {
  return sentences.join(' ').split(' ').length
}

function camera(steps: readonly Step[], fps: number): string {
  const x = percentPerS(average(steps.map((step) => step.cameraX)), fps)
  const y = percentPerS(average(steps.map((step) => step.cameraY)), fps)
  const speed = Math.round(Math.hypot(x, y))
  const also = [zoom(steps, fps), turn(steps, fps)].filter((part) => part !== undefined)
  if (speed < NOTABLE) {
    const still = also.length === 0 ? 'The whole view holds its place' : `The whole view ${also.join(' and ')}`
    return `${still}${swing(steps, fps)}.`
  }
  const adverb = speed < 8 ? 'slowly' : speed < 25 ? 'steadily' : 'quickly'
  const and = also.length === 0 ? '' : ` and ${also.join(' and ')}`
  return `The whole view slides ${adverb} ${direction(x, y)}, about ${speed} percent of the frame width a second${and}.`
}

/** For a view that comes back to where it was: how much it moves on the way. */
function swing(steps: readonly Step[], fps: number): string {
  const path = Math.round(cameraPath(steps, fps))
  return path < NOTABLE ? '' : `, swinging back and forth by about ${path} percent of the frame width each second`
}

function zoom(steps: readonly Step[], fps: number): string | undefined {
  const percent = Math.round(percentPerS(average(steps.map((step) => step.closer)), fps))
  if (Math.abs(percent) < NOTABLE_ZOOM) return undefined
  return percent > 0 ? `comes closer by ${percent} percent a second` : `draws back by ${-percent} percent a second`
}

function turn(steps: readonly Step[], fps: number): string | undefined {
  const degrees = Math.round((average(steps.map((step) => step.turn)) * fps * 180) / Math.PI)
  if (Math.abs(degrees) < NOTABLE_TURN) return undefined
  return `turns ${degrees > 0 ? 'clockwise' : 'counterclockwise'} by ${Math.abs(degrees)} degrees a second`
}

function subject(steps: readonly Step[], fps: number): string {
  const moving = steps.filter((step) => step.subjectShare > 0)
  const share = Math.round(average(steps.map((step) => step.subjectShare)) * 100)
  if (moving.length === 0 || share < 1) return changeAlone(steps, fps)
  const x = percentPerS(average(moving.map((step) => step.subjectX)), fps)
  const y = percentPerS(average(moving.map((step) => step.subjectY)), fps)
  const speed = Math.round(percentPerS(average(moving.map((step) => Math.hypot(step.subjectX, step.subjectY))), fps))
  const net = Math.hypot(x, y)
  const how = net < NOTABLE || net < speed / 5 ? 'moving to and fro' : `heading ${direction(x, y)}`
  const third = Math.max(1, Math.floor(moving.length / 3))
  const from = place(moving.slice(0, third))
  const to = place(moving.slice(-third))
  const where = from === to ? `in the ${from}` : `from the ${from} to the ${to}`
  return `Against it, ${share} percent of the picture acts ${where}, ${how} at ${speed} percent of the width a second.`
}

function changeAlone(steps: readonly Step[], fps: number): string {
  const change = average(steps.map((step) => step.change))
  if (change < 0.5) return 'Almost nothing inside the picture moves.'
  if (cameraPath(steps, fps) >= NOTABLE)
    return 'What it shows stays in place and passes by as one, with nothing moving on its own.'
  return `Inside the picture, shading changes by ${change.toFixed(1)} levels a frame without anything leaving its place.`
}

/** The camera's speed whatever its direction, in percent of the width per second. */
function cameraPath(steps: readonly Step[], fps: number): number {
  return percentPerS(average(steps.map((step) => Math.hypot(step.cameraX, step.cameraY))), fps)
}

function place(steps: readonly Step[]): string {
  const x = average(steps.map((step) => step.middleX))
  const y = average(steps.map((step) => step.middleY))
  const across = x < 0.4 ? 'left' : x > 0.6 ? 'right' : ''
  const down = y < 0.4 ? 'upper' : y > 0.6 ? 'lower' : ''
  if (across === '' && down === '') return 'centre'
  if (across === '') return `${down} centre`
  return `${down === '' ? 'middle' : down} ${across}`
}

function pace(steps: readonly Step[]): string {
  const third = Math.max(1, Math.floor(steps.length / 3))
  const early = average(steps.slice(0, third).map((step) => step.change))
  const late = average(steps.slice(-third).map((step) => step.change))
  const middle = average(steps.slice(third, -third).map((step) => step.change))
  if (Math.max(early, middle, late) < 0.5) return 'The pace stays calm throughout.'
  const percent = Math.round((late / Math.max(early, 0.1) - 1) * 100)
  if (percent >= 20) return `The pace builds by ${Math.min(percent, 900)} percent towards the end.`
  if (percent <= -20) return `The pace eases by ${-percent} percent towards the end.`
  if (middle > 1.25 * Math.max(early, late)) return 'The pace peaks midway and then settles.'
  if (middle < 0.8 * Math.min(early, late)) return 'The pace dips midway and then returns.'
  return 'The pace stays even.'
}

function steadiness(steps: readonly Step[], fps: number): string {
  const jolts = steps.slice(1).map((step, i) => {
    const before = steps[i]
    return before ? Math.hypot(step.cameraX - before.cameraX, step.cameraY - before.cameraY) : 0
  })
  const shake = percentPerS(average(jolts), fps)
  if (shake < 3) return 'The camera is steady.'
  return shake < 12 ? 'The camera is slightly unsteady.' : 'The camera is restless.'
}

function light({light: mean, contrast, lightTrend}: Appearance): string {
  const level = mean < 45 ? 'dark' : mean < 95 ? 'dim' : mean < 160 ? 'even' : 'bright'
  const depth = contrast < 20 ? 'soft' : contrast < 50 ? 'moderate' : 'strong'
  const levels = Math.round(Math.abs(lightTrend))
  const trend = levels < 4 ? 'and holds' : `and ${lightTrend > 0 ? 'rises' : 'falls'} by ${levels} levels`
  return `Light is ${level} with ${depth} contrast ${trend}.`
}

function colour({colours}: Appearance): string {
  if (colours.length === 0) return 'Colours are muted.'
  const last = colours.at(-1)
  const names = colours.length === 1 ? last : `${colours.slice(0, -1).join(', ')} and ${last}`
  return `Colours are mainly ${names}.`
}

/** Eight directions; `y` points down. */
function direction(x: number, y: number): string {
  const names = ['right', 'down and right', 'down', 'down and left', 'left', 'up and left', 'up', 'up and right']
  const eighth = Math.round(Math.atan2(y, x) / (Math.PI / 4))
  return names[(eighth + 8) % 8] ?? 'right'
}

function percentPerS(sharePerFrame: number, fps: number): number {
  return sharePerFrame * fps * 100
}
