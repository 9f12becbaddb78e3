import type {FastifyRequest} from 'fastify'
import type {Auth} from './auth.js'
import {fieldFaults, missing} from './field-faults.js'
import {type FieldFault, Refusal} from './refusal.js'
import type {Caller, Reply, Route} from './route.js'

export interface PipelineDeps {
  readonly auth: Auth
  /** Called with every caller that is who it says; throws when it asks too often. */
  readonly admit: (caller: Caller) => void
  /** Resolves when what was stored before is durable. */
  readonly flush: () => Promise<void>
  /** Resolves when others have had their turn. */
  readonly pause: () => Promise<void>
  /** Aborts when the server stops. */
  readonly signal: AbortSignal
}

/** Bytes of a body whose syntax takes milliseconds to read, and its fields as many again. */
const largeBody = 16 * 1024

/** The published order: JSON syntax, presence of the headers, signature and role, fields, the route itself. */
export async function handle(route: Route, request: FastifyRequest, deps: PipelineDeps): Promise<Reply> {
  const {auth, admit, flush, pause, signal} = deps
  const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
  // What one request costs, several that come at once must not cost without a stop.
  await pause()
  const json = route.body ? parseBody(body, request.headers['content-type']) : undefined
  let caller: Caller | undefined
  if (route.access === 'call') {
    const line = {method: request.method, target: request.url, body}
    caller = auth.checkCall(request.headers, line, route.mayCall ?? (() => false))
    admit(caller)
  } else if (route.access !== 'public') {
    const read = auth.read(request.headers)
    if ('missing' in read) throw new Refusal(422, [...read.missing, ...parse(route, request, json).faults])
    caller = auth.check(read.signature, {method: request.method, target: request.url, body}, route.access)
    admit(caller)
  }
  if (body.length > largeBody) await pause()
  const {faults, ...fields} = parse(route, request, json)
  if (faults.length > 0) throw new Refusal(422, faults)
  const reply = await route.handle({...fields, caller, signal})
  // Whoever is told that something was taken in may forget it, and a signature must be known again after a power cut.
  if (route.method !== 'GET') await flush()
  return reply
}

/** A body is JSON when its media type says so or says nothing; anything else is no object. */
function parseBody(body: Buffer, contentType: string | undefined): unknown {
  if (body.length === 0) return undefined
  if (contentType !== undefined && !/^application\/([\w.+-]+\+)?json\s*(;|$)/i.test(contentType)) return body.toString()
  try {
    return JSON.parse(body.toString('utf8'))
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'no JSON'
    const position = Number(/position (\d+)/.exec(reason)?.[1] ?? 0)
    throw new Refusal(422, [
      {type: 'json_invalid', loc: ['body', position], msg: 'JSON decode error', input: {}, ctx: {error: reason}},
    ])
  }
}

interface Parsed {
  readonly params: unknown
  readonly query: unknown
  readonly body: unknown
  readonly faults: FieldFault[]
}

function parse({params, query, body}: Route, request: FastifyRequest, json: unknown): Parsed {
  const faults: FieldFault[] = []
  const check = (schema: Route['body'], data: unknown, place: 'path' | 'query' | 'body'): unknown => {
    if (!schema) return undefined
    if (data === undefined) {
      faults.push({...missing(place, ''), loc: [place]})
      return undefined
    }
    const parsed = schema.safeParse(data)
    if (parsed.success) return parsed.data
    faults.push(...fieldFaults(parsed.error, data, place))
    return undefined
  }
  return {
    params: check(params, request.params, 'path'),
    query: check(query, request.query, 'query'),
    body: check(body, json, 'body'),
    faults,
  }
}
