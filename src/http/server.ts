import {type FastifyInstance, type FastifyReply, type FastifyRequest, fastify} from 'fastify'
import type {Hotkey} from '../domain/ids.js'
import type {Clock} from '../runtime/clock.js'
import type {Health} from '../runtime/health.js'
import type {Logger} from '../runtime/logger.js'
import type {Scorer} from '../services/scorer.js'
import type {Store} from '../store/open.js'
import type {Verify} from '../wallet/port.js'
import {Auth} from './auth.js'
import {type CorsOptions, corsHeaders, preflight} from './cors.js'
import {fieldFaults} from './field-faults.js'
import {openApi} from './openapi.js'
import {type FieldFault, Refusal, toRefusal} from './refusal.js'
import {type Caller, JsonText, type Reply, type Route, WithStatus} from './route.js'
import {routes} from './routes/index.js'

export interface ServerDeps {
  readonly store: Store
  readonly scorer: Pick<Scorer, 'current'>
  readonly verify: Verify
  readonly time: Pick<Clock, 'now' | 'sleep'>
  readonly health: Pick<Health, 'report'>
  readonly log: Logger
  readonly version: string
  /** Those who may do everything, the owner among them. */
  readonly admins: readonly Hotkey[]
  /** Names of the jobs whose success `/health` and `/ready` ask for, with the age from which one is stale. */
  readonly jobs?: readonly {readonly job: string; readonly staleAfterMs: number}[]
  /** Called when verdicts were taken in, so that a task that is complete settles at once. */
  readonly onVerdicts?: () => void
  /** Address of an object of the samples bucket for a browser; null when there is none. */
  readonly mediaUrl?: (key: string) => Promise<string | null>
  /** How far a timestamp may be off, in seconds; published as 300. */
  readonly windowS?: number
  /** Published as 2,097,152. */
  readonly maxBodyBytes?: number
  /** None when absent: pages of other origins cannot read the answers. `['*']` for all, without credentials. */
  readonly corsOrigins?: readonly string[]
}

/** The owner's API, not listening. */
export function buildServer(deps: ServerDeps): FastifyInstance {
  const {log, maxBodyBytes = 2_097_152, windowS = 300} = deps
  const cors: CorsOptions = {origins: deps.corsOrigins ?? []}
  const stop = new AbortController()
  const table = routes({...deps, maxBodyBytes})
  const auth = new Auth({...deps, windowS})
  const app = fastify({
    logger: false,
    bodyLimit: maxBodyBytes,
    exposeHeadRoutes: false,
    // A client that sends one byte a minute must not hold a connection for ever.
    requestTimeout: 60_000,
    forceCloseConnections: 'idle',
    routerOptions: {maxParamLength: 512},
    frameworkErrors: (error, request, reply) => void refuse(error, request, reply),
  })

  const refuse = (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
    const refusal = toRefusal(error)
    if (refusal.status >= 500) log.error({err: error, method: request.method, url: request.url}, 'request failed')
    else log.debug({status: refusal.status, method: request.method, url: request.url}, 'request refused')
    return reply.code(refusal.status).headers(refusal.headers).send({detail: refusal.detail})
  }

  // The signature covers the bytes as they came, so bodies stay bytes until a route wants them. Fastify counts them as
  // they arrive, whatever Content-Length says.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', {parseAs: 'buffer'}, (_request, body, done) => done(null, body))
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(corsHeaders(request.headers.origin, cors))
  })
  app.addHook('onClose', async () => stop.abort(new DOMException('the server stops', 'AbortError')))
  app.setErrorHandler(refuse)
  app.setNotFoundHandler((request, reply) => {
    const answer = preflight(request, cors) ?? elsewhere(request, table)
    return reply.code(answer.status).headers(answer.headers).send({detail: answer.detail})
  })

  const api = lazily(() => openApi(table, deps.version))
  app.get('/openapi.json', (_request, reply) => reply.type('application/json; charset=utf-8').send(api().text))
  app.get('/docs', (_request, reply) => reply.type('text/html; charset=utf-8').send(api().page))

  for (const route of table) {
    app.route({
      method: route.method,
      url: route.path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
        name === 'task_id' ? ':task_id(^\\d+$)' : `:${name}`,
      ),
      ...(route.maxBodyBytes === undefined ? {} : {bodyLimit: route.maxBodyBytes}),
      handler: async (request, reply) => {
        const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
        const answer = await handle(route, request, body, auth, stop.signal)
        reply.header('content-type', 'application/json; charset=utf-8')
        if (answer instanceof JsonText) return answer.text
        if (!(answer instanceof WithStatus)) return JSON.stringify(answer)
        reply.code(answer.status)
        return JSON.stringify(answer.body)
      },
    })
  }
  return app
}

/** The published order: JSON syntax, presence of the headers, signature and role, fields, the route itself. */
async function handle(
  route: Route,
  request: FastifyRequest,
  body: Buffer,
  auth: Auth,
  signal: AbortSignal,
): Promise<Reply> {
  const json = route.body ? parseBody(body, request.headers['content-type']) : undefined
  let caller: Caller | undefined
  if (route.access !== 'public') {
    const read = auth.read(request.headers)
    if ('missing' in read) throw new Refusal(422, [...read.missing, ...parse(route, request, json).faults])
    caller = auth.check(read.signature, body, route)
  }
  const {faults, ...fields} = parse(route, request, json)
  if (faults.length > 0) throw new Refusal(422, faults)
  return route.handle({...fields, caller, signal})
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

function parse(
  {params, query, body}: Route,
  request: FastifyRequest,
  json: unknown,
): {params: unknown; query: unknown; body: unknown; faults: FieldFault[]} {
  const faults: FieldFault[] = []
  const check = (schema: Route['body'], data: unknown, place: 'path' | 'query' | 'body'): unknown => {
    if (!schema) return undefined
    if (data === undefined) {
      faults.push({type: 'missing', loc: [place], msg: 'Field required', input: null})
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

interface Elsewhere {
  readonly status: number
  readonly detail: string
  readonly headers: Readonly<Record<string, string>>
}

/** Where no route answers: the same path without its last slash, another method, or nothing. */
function elsewhere(request: FastifyRequest, table: readonly Route[]): Elsewhere {
  const [path = '/', query] = request.url.split('?', 2)
  const methodsAt = (wanted: string) => table.filter((route) => pattern(route).test(wanted)).map(({method}) => method)
  const methods = methodsAt(path)
  if (methods.length > 0)
    return {status: 405, detail: 'Method Not Allowed', headers: {allow: [...new Set(methods)].join(', ')}}
  const shorter = path.replace(/\/+$/, '')
  if (shorter !== path && shorter !== '' && methodsAt(shorter).length > 0) {
    return {
      status: 307,
      detail: 'Temporary Redirect',
      headers: {location: query === undefined ? shorter : `${shorter}?${query}`},
    }
  }
  return {status: 404, detail: 'Not Found', headers: {}}
}

const patterns = new Map<string, RegExp>()

function pattern({path}: Route): RegExp {
  const known = patterns.get(path)
  if (known) return known
  const source = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => (name === 'task_id' ? '\\d+' : '[^/]+'))
  const made = new RegExp(`^${source}$`)
  patterns.set(path, made)
  return made
}

function lazily<T>(make: () => T): () => T {
  let made: {value: T} | undefined
  return () => {
    made ??= {value: make()}
    return made.value
  }
}
