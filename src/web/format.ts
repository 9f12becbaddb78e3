import {gateWords} from '../domain/plain-words.js'

/** How figures read. Pure, and the same everywhere: the page's language is English, so its numbers are too. */

const whole = new Intl.NumberFormat('en', {maximumFractionDigits: 0})
const tenths = new Intl.NumberFormat('en', {minimumFractionDigits: 1, maximumFractionDigits: 1})

export const count = (value: number) => whole.format(value)
export const one = (value: number) => tenths.format(value)

/** Share 0..1 as `87.5 %`. */
export const percent = (share: number | null | undefined) =>
  share === null || share === undefined ? '–' : `${tenths.format(100 * share)} %`

/** A difference of two shares, with its sign: `−4.0`. */
export function points(difference: number): string {
  const rounded = Math.round(1000 * difference) / 10
  return rounded === 0 ? '0.0' : `${rounded > 0 ? '+' : '−'}${tenths.format(Math.abs(rounded))}`
}

export const plural = (number: number, word: string, more = `${word}s`) =>
  `${count(number)} ${number === 1 ? word : more}`

/** The two ends of an address: enough to tell them apart, never enough to trust. */
export const short = (hotkey: string) => (hotkey.length <= 12 ? hotkey : `${hotkey.slice(0, 6)}…${hotkey.slice(-4)}`)

/** A time span in the largest unit that fits, `4 min`. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 90) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 90) return `${minutes} min`
  const hours = Math.round(minutes / 60)
  if (hours < 48) return `${hours} h`
  return `${Math.round(hours / 24)} days`
}

/** How long ago; `never` for null, and no negative times where two clocks differ. */
export function ago(at: string | null | undefined, nowMs: number): string {
  if (at === null || at === undefined) return 'never'
  const then = Date.parse(at)
  if (Number.isNaN(then)) return 'at an unknown time'
  const ms = nowMs - then
  return ms < 2_000 ? 'just now' : `${span(ms)} ago`
}

/** Decimal units, as stores bill them. */
export function bytes(size: number): string {
  if (size < 1000) return `${size} B`
  const units = ['kB', 'MB', 'GB', 'TB']
  let value = size / 1000
  let unit = 0
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${value < 10 ? tenths.format(value) : whole.format(value)} ${units[unit]}`
}

/** `first_frame_fidelity` as `first frame fidelity`. */
export const words = (name: string) => name.replaceAll(/[_-]+/g, ' ')
/** A mechanism's own figure by its name: `timeS` 0.3125 as time, 0.31 s. Shares and scores have four places. */
export function figure(name: string, value: number): {readonly label: string; readonly text: string} {
  const [, plain = name, unit = ''] = /^(.*[a-z])(S|Gb)$/.exec(name) ?? []
  const label = words(plain.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)).trim()
  if (unit !== '') return {label, text: `${value.toFixed(2)} ${unit === 'S' ? 's' : 'GB'}`}
  return {label, text: Number.isInteger(value) ? whole.format(value) : value.toFixed(4)}
}

export const capital = (text: string) => text.slice(0, 1).toUpperCase() + text.slice(1)

/** What became of a request, for a person. */
export function outcomeWords(outcome: string): string {
  if (outcome.startsWith('rejected:')) return `rejected: ${gateWords(outcome.slice('rejected:'.length))}`
  const known: Readonly<Record<string, string>> = {
    ok: 'delivered',
    busy: 'was busy',
    transient: 'did not answer',
    permanent: 'refused',
  }
  return known[outcome] ?? outcome
}

export const seconds = (ms: number | null) => (ms === null ? '–' : `${tenths.format(ms / 1000)} s`)

/** The program's sentences begin small, because they stand in tables. */
export const sentence = (text: string) => {
  const begun = text.slice(0, 1).toUpperCase() + text.slice(1)
  return /[.!?…]$/.test(begun) ? begun : `${begun}.`
}

/** Words that are a paragraph are set smaller than a sentence. */
export const quoteClass = (prompt: string): string => (prompt.length > 140 ? 'long' : '')

/** Lists give the first 300 characters of a prompt; where they stop in its middle, that is shown, at a word's end. */
export function shortened(prompt: string, length = 300): string {
  if (prompt.length < length) return prompt
  return `${prompt.slice(0, length).replace(/\s+\S*$/u, '')} …`
}
