import {z} from 'zod'

/** Why a text is not the answer that was asked for. */
export class MalformedAnswer extends Error {}

const fenced = /^```[a-z]*\s*\n?([\s\S]*?)\n?```$/i

/**
 * One JSON object and nothing else; a single code fence around it is taken off. Prose beside it is refused, because it
 * could hold a second object that somebody wrote into the video, and so are repeated keys, of which readers keep
 * different ones.
 */
export function parseAnswer<T>(text: string, schema: z.ZodType<T>): T {
  const trimmed = text.trim()
  const body = fenced.exec(trimmed)?.[1] ?? trimmed
  let json: unknown
  try {
    json = JSON.parse(body)
  } catch {
    throw new MalformedAnswer('it is not JSON')
  }
  if (hasRepeatedKey(body)) throw new MalformedAnswer('a key stands in it twice')
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  // Paths come from our own schema and messages name types, so neither repeats what the model wrote.
  throw new MalformedAnswer(`${issue?.path.join('.') || 'the answer'}: ${issue?.code ?? 'invalid'}`)
}

/** `text` is valid JSON. */
function hasRepeatedKey(text: string): boolean {
  const open: (Set<string> | undefined)[] = []
  for (const [token, colon] of tokens(text)) {
    if (token === '{') open.push(new Set())
    else if (token === '[') open.push(undefined)
    else if (token === '}' || token === ']') open.pop()
    else if (colon) {
      const keys = open.at(-1)
      // Parsed, so that two spellings of one key are one.
      const key = String(JSON.parse(token))
      if (keys?.has(key)) return true
      keys?.add(key)
    }
  }
  return false
}

/** Brackets and strings; the second value says that the string is a key. */
function* tokens(text: string): Generator<[string, boolean]> {
  for (const match of text.matchAll(/[{}[\]]|("(?:[^"\\]|\\.)*")(\s*:)?/g)) {
    yield [match[1] ?? match[0], match[2] !== undefined]
  }
}

/** Providers refuse or ignore these in a strict schema; they are checked here instead. */
const localOnly = new Set([
  ...['$schema', 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf', 'minLength', 'maxLength'],
  ...['pattern', 'format', 'minItems', 'maxItems', 'default'],
])

/** The shape that is sent: every object closed, every property required, no bounds. */
export function wireSchema(schema: z.ZodType): Record<string, unknown> {
  const stripped = strip(z.toJSONSchema(schema, {io: 'output'}))
  return stripped as Record<string, unknown> // the top of a JSON schema is an object, and so is what is left of it
}

function strip(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(strip)
  if (typeof node !== 'object' || node === null) return node
  return Object.fromEntries(
    Object.entries(node).flatMap(([key, value]) => {
      if (localOnly.has(key)) return []
      // Names of properties are ours to choose and may be any word.
      if (key === 'properties') return [[key, Object.fromEntries(Object.entries(value).map(([k, v]) => [k, strip(v)]))]]
      return [[key, strip(value)]]
    }),
  )
}
