import type {z} from 'zod'
import type {FieldFault} from './refusal.js'

/** Where a value stood: the first part of `loc`. */
export type Place = 'path' | 'query' | 'header' | 'body'

/** zod's findings in the published form: same types, places and context; wording close to it. */
export function fieldFaults(error: z.ZodError, data: unknown, place: Place): FieldFault[] {
  return error.issues.map((issue) => {
    const path = issue.path.filter((part) => typeof part !== 'symbol')
    const input = valueAt(data, path)
    const loc = [place, ...path]
    if (input === undefined && path.length > 0) {
      const parent = valueAt(data, path.slice(0, -1))
      return {type: 'missing', loc, msg: 'Field required', input: parent ?? null}
    }
    return {...describe(issue, input), loc, input: input ?? null}
  })
}

export function missing(place: Place, name: string, input: unknown = null): FieldFault {
  return {type: 'missing', loc: [place, name], msg: 'Field required', input}
}

type Description = Pick<FieldFault, 'type' | 'msg' | 'ctx'>

function describe(issue: z.core.$ZodIssue, input: unknown): Description {
  switch (issue.code) {
    case 'invalid_type':
      return wrongType(issue.expected, input)
    case 'too_big':
      return issue.origin === 'number' || issue.origin === 'int'
        ? {
            type: 'less_than_equal',
            msg: `Input should be less than or equal to ${issue.maximum}`,
            ctx: {le: Number(issue.maximum)},
          }
        : tooLong(Number(issue.maximum), issue.origin)
    case 'too_small':
      return {
        type: 'greater_than_equal',
        msg: `Input should be greater than or equal to ${issue.minimum}`,
        ctx: {ge: Number(issue.minimum)},
      }
    default:
      return described(issue.message, input)
  }
}

/** Rules of `api/schemas.ts` that zod has no code for are known by their sentences. */
function described(message: string, input: unknown): Description {
  const limit = /^String should have at most (\d+) characters$/.exec(message)?.[1]
  if (limit !== undefined) return tooLong(Number(limit), 'string')
  if (message.startsWith('Invalid SS58') && typeof input === 'string' && input.length > 48) return tooLong(48, 'string')
  return {type: 'value_error', msg: `Value error, ${message}`, ctx: {error: {}}}
}

function tooLong(max: number, origin: string): Description {
  return origin === 'array'
    ? {type: 'too_long', msg: `List should have at most ${max} items`, ctx: {max_length: max}}
    : {type: 'string_too_long', msg: `String should have at most ${max} characters`, ctx: {max_length: max}}
}

function wrongType(expected: string, input: unknown): Description {
  switch (expected) {
    case 'number':
    case 'int':
      if (typeof input === 'string')
        return {type: 'int_parsing', msg: 'Input should be a valid integer, unable to parse string as an integer'}
      if (typeof input === 'number')
        return {type: 'int_from_float', msg: 'Input should be a valid integer, got a number with a fractional part'}
      return {type: 'int_type', msg: 'Input should be a valid integer'}
    case 'boolean':
      return typeof input === 'string'
        ? {type: 'bool_parsing', msg: 'Input should be a valid boolean, unable to interpret input'}
        : {type: 'bool_type', msg: 'Input should be a valid boolean'}
    case 'array':
      return {type: 'list_type', msg: 'Input should be a valid list'}
    case 'object':
      return {
        type: 'model_attributes_type',
        msg: 'Input should be a valid dictionary or object to extract fields from',
      }
    default:
      return {type: `${expected}_type`, msg: `Input should be a valid ${expected}`}
  }
}

function valueAt(data: unknown, path: readonly (string | number)[]): unknown {
  let value = data
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return undefined
    value = (value as Record<string | number, unknown>)[part] // Any property of parsed JSON may be asked for.
  }
  return value
}
