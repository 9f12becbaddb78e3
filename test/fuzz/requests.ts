import fc from 'fast-check'
import {z} from 'zod'

/** As much of an OpenAPI document as requests are made from. */
const Schema: z.ZodType<JsonSchema> = z.lazy(() =>
  z.object({
    type: z.union([z.string(), z.array(z.string())]).optional(),
    properties: z.record(z.string(), Schema).optional(),
    required: z.array(z.string()).optional(),
    items: Schema.optional(),
    anyOf: z.array(Schema).optional(),
    additionalProperties: z.union([z.boolean(), Schema]).optional(),
    enum: z.array(z.unknown()).optional(),
    const: z.unknown().optional(),
    minimum: z.number().optional(),
    maximum: z.number().optional(),
    maxLength: z.number().optional(),
  }),
)
interface JsonSchema {
  type?: string | string[] | undefined
  properties?: Record<string, JsonSchema> | undefined
  required?: string[] | undefined
  items?: JsonSchema | undefined
  anyOf?: JsonSchema[] | undefined
  additionalProperties?: boolean | JsonSchema | undefined
  enum?: unknown[] | undefined
  const?: unknown
  minimum?: number | undefined
  maximum?: number | undefined
  maxLength?: number | undefined
}

const Operation = z.object({
  security: z.array(z.unknown()).optional(),
  parameters: z
    .array(z.object({name: z.string(), in: z.enum(['path', 'query']), required: z.boolean(), schema: Schema}))
    .default([]),
  requestBody: z.object({content: z.object({'application/json': z.object({schema: Schema})})}).optional(),
  responses: z.record(z.string(), z.object({content: z.record(z.string(), z.unknown()).default({})})),
})
export type Operation = z.infer<typeof Operation>
export const OpenApi = z.object({paths: z.record(z.string(), z.record(z.string(), Operation))})
export type OpenApi = z.infer<typeof OpenApi>

export interface FuzzRequest {
  readonly operation: string
  readonly method: string
  readonly url: string
  readonly payload: Buffer | undefined
  readonly contentType: string | undefined
  readonly signature: 'admin' | 'validator' | 'stranger' | 'spoiled' | 'garbage' | 'none'
  readonly version: 1 | 2
  /** Statuses that the document announces, each with its media types. */
  readonly announced: ReadonlyMap<number, readonly string[]>
}

export interface FuzzWorld {
  /** Addresses, numbers and words that mean something to the server. */
  readonly known: readonly string[]
  /** Bodies that would be taken, by operation; they are spoilt in one place or two. */
  readonly bodies: Readonly<Record<string, readonly unknown[]>>
}

const hostileText = fc.oneof(
  fc.string({unit: 'binary', maxLength: 60}),
  fc.constantFrom(
    '',
    ' ',
    '\u0000',
    '\ud800',
    '😀'.repeat(30),
    '../../etc/passwd',
    "' OR 1=1 --",
    '%00',
    '{{7*7}}',
    '$where',
  ),
  fc.constantFrom('-1', '0', '1e309', '9007199254740993', '2147483648', '0x10', 'NaN', 'null', 'true', '1_0', '٣'),
  fc.nat({max: 20_000}).map((length) => 'x'.repeat(length)),
)
const hostileValue: fc.Arbitrary<unknown> = fc.oneof(
  hostileText,
  fc.constantFrom(null, true, false, 0, -0, -1, 1.5, 1e308, 2 ** 31, 2 ** 53, Number.MIN_VALUE),
  fc.jsonValue({maxDepth: 3}),
  fc.constant({__proto__: null, constructor: 1, toString: 'x'}),
  fc.integer({min: 50, max: 400}).map((depth) => JSON.parse('['.repeat(depth) + ']'.repeat(depth)) as unknown),
)

function fitting(schema: JsonSchema, known: readonly string[], depth = 0): fc.Arbitrary<unknown> {
  if (depth > 6) return fc.constant(null)
  if ('const' in schema && schema.const !== undefined) return fc.constant(schema.const)
  if (schema.enum) return fc.constantFrom(...schema.enum)
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map((one) => fitting(one, known, depth + 1)))
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type
  switch (type) {
    case 'integer':
      return fc.integer({
        min: Math.max(schema.minimum ?? -10, -(2 ** 53) + 1),
        max: Math.min(schema.maximum ?? 1000, 2 ** 53 - 1),
      })
    case 'number':
      return fc.double({min: schema.minimum ?? -1e6, max: schema.maximum ?? 1e6, noNaN: true})
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    case 'array':
      return fc.array(fitting(schema.items ?? {}, known, depth + 1), {maxLength: 3})
    case 'object':
      return objectOf(schema, known, depth)
    case 'string':
      return fc.oneof({weight: 3, arbitrary: fc.constantFrom(...known)}, fc.string({maxLength: schema.maxLength ?? 40}))
    default:
      return fc.jsonValue({maxDepth: 2})
  }
}

function objectOf(schema: JsonSchema, known: readonly string[], depth: number): fc.Arbitrary<unknown> {
  const properties = Object.entries(schema.properties ?? {})
  if (properties.length === 0) {
    const of = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : {type: 'integer'}
    return fc.dictionary(fc.string({maxLength: 10}), fitting(of, known, depth + 1), {maxKeys: 3})
  }
  const fields = Object.fromEntries(properties.map(([name, of]) => [name, fitting(of, known, depth + 1)]))
  const required = (schema.required ?? []).filter((name) => name in fields)
  return fc.record(fields, {requiredKeys: required as never[]}) // The keys are only known here.
}

/** A value with one or two of its parts replaced, removed or added. */
function spoilt(value: unknown): fc.Arbitrary<unknown> {
  return fc
    .array(fc.tuple(fc.nat(), fc.constantFrom('replace', 'remove', 'add'), hostileValue), {maxLength: 2})
    .map((changes) => {
      const copy = structuredClone(value)
      for (const [where, how, given] of changes) {
        const what = structuredClone(given)
        const holders = containers(copy)
        const holder = holders[where % Math.max(1, holders.length)]
        if (!holder) continue
        const keys = Object.keys(holder)
        const key = keys[where % Math.max(1, keys.length)]
        if (how === 'add' || key === undefined) Object.assign(holder, {extra: what})
        else if (how === 'remove') Reflect.deleteProperty(holder, key)
        else Object.assign(holder, {[key]: what})
      }
      return copy
    })
}

function containers(value: unknown): object[] {
  if (typeof value !== 'object' || value === null) return []
  return [value, ...Object.values(value).flatMap(containers)]
}

const encode = (text: string) => encodeURIComponent(text.toWellFormed())

export function requests(document: OpenApi, {known, bodies}: FuzzWorld): fc.Arbitrary<FuzzRequest> {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({path, method: method.toUpperCase(), operation})),
  )
  return fc.constantFrom(...operations).chain(({path, method, operation}) => {
    const name = `${method} ${path}`
    const parameter = (schema: JsonSchema) =>
      fc.oneof(
        {weight: 3, arbitrary: fc.constantFrom(...known)},
        {weight: 2, arbitrary: fitting(schema, known).map(String)},
        hostileText,
      )
    const values = operation.parameters.map(({name: of, in: place, required, schema}) =>
      fc.tuple(
        fc.constant({of, place}),
        required && place === 'path' ? parameter(schema) : fc.option(parameter(schema), {nil: undefined}),
      ),
    )
    return fc
      .record({
        values: fc.tuple(...values),
        noise: fc.option(fc.webQueryParameters({size: 'small'}), {nil: undefined}),
        body: bodyOf(operation, bodies[name] ?? [], known),
        contentType: fc.constantFrom('application/json', 'application/json', 'text/plain', undefined, 'a/b; \u0007'),
        signature: fc.constantFrom('admin', 'validator', 'validator', 'stranger', 'spoiled', 'garbage', 'none'),
        version: fc.constantFrom(1, 2),
      })
      .map(({values: filled, noise, body, contentType, signature, version}): FuzzRequest => {
        let target = path
        const query: string[] = []
        for (const [{of, place}, value] of filled) {
          if (value === undefined) continue
          if (place === 'path') target = target.replace(`{${of}}`, encode(value))
          else query.push(`${of}=${encode(value)}`)
        }
        if (noise) query.push(noise)
        return {
          ...{operation: name, method, payload: body, contentType, signature, version},
          url: query.length === 0 ? target : `${target}?${query.join('&')}`,
          announced: new Map(
            Object.entries(operation.responses).map(([status, {content}]) => [Number(status), Object.keys(content)]),
          ),
        }
      })
  })
}

function bodyOf(
  operation: Operation,
  good: readonly unknown[],
  known: readonly string[],
): fc.Arbitrary<Buffer | undefined> {
  const schema = operation.requestBody?.content['application/json'].schema
  if (!schema) return fc.constant(undefined)
  const json = (value: unknown) => Buffer.from(JSON.stringify(value) ?? '')
  return fc.oneof(
    {weight: 3, arbitrary: fitting(schema, known).map(json)},
    {
      weight: 4,
      arbitrary:
        good.length > 0
          ? fc
              .constantFrom(...good)
              .chain(spoilt)
              .map(json)
          : fc.constant(Buffer.from('{}')),
    },
    {weight: 2, arbitrary: hostileValue.map(json)},
    fc.uint8Array({maxLength: 200}).map((bytes) => Buffer.from(bytes)),
    fc.constant(Buffer.alloc(0)),
    fc
      .constantFrom('{"a":1,"a":2}', '{"samples":[', '[]', '"', '\ufeff{}', '{"__proto__":{"samples":[]}}')
      .map((text) => Buffer.from(text)),
  )
}
