import {printable} from './printable.js'

/** Fields that say where and when a log line comes from, or that its words already hold. */
const silent = new Set(['level', 'time', 'msg', 'part', 'err', 'reason', 'name'])
const warnLevel = 40
const errorLevel = 50

/**
 * A log line as one line of text among others, for a person who follows a story on stderr: what happened in which part and
 * why. `LOG_FORMAT` brings times and stacks.
 */
export function logLine(json: string): string {
  const fields = fieldsOf(json)
  if (!fields) return printable(json.trimEnd())
  const {level, msg, part, reason, err} = fields
  const sign = typeof level !== 'number' || level < warnLevel ? '·' : level < errorLevel ? '!' : '✗'
  const {message, hints} = fieldsOfValue(err)
  const why = [reason, message].filter((text) => typeof text === 'string' && text !== '')
  const more = Object.entries(fields)
    .filter(([name, value]) => !silent.has(name) && ['string', 'number', 'boolean'].includes(typeof value))
    .map(([name, value]) => `${name} ${value}`)
  const where = typeof part === 'string' ? `${part}: ` : ''
  const what = typeof msg === 'string' ? msg : 'something happened'
  const rest = `${why.length > 0 ? `: ${why.join(': ')}` : ''}${more.length > 0 ? ` (${more.join(', ')})` : ''}`
  const remedy = Array.isArray(hints) && hints.length > 0 ? `; what to do: ${hints.join('; or ')}` : ''
  return `${sign} ${oneLine(`${where}${what}${rest}${remedy}`)}\n`
}

/** True for what the story tells by itself: a job that failed once more, a round that could not be held. */
export function isTold(json: string): boolean {
  const {msg, job} = fieldsOf(json) ?? {}
  return (msg === 'job failed' && typeof job === 'string') || msg === 'round skipped'
}

const oneLine = (text: string): string => printable(text).replaceAll(/\s+/g, ' ').trim()

function fieldsOf(json: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return fieldsOfValue(JSON.parse(json))
  } catch {
    return undefined
  }
}

function fieldsOfValue(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? {...value} : {}
}
