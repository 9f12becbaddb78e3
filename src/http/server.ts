import {randomBytes} from 'node:crypto'
import type {Socket} from 'node:net'
import {Readable} from 'node:stream'
import {type FastifyInstance, type FastifyReply, type FastifyRequest, fastify} from 'fastify'
import {offerHeader} from '../api/signature.js'
import type {Exam} from '../domain/exam.js'
import type {Hotkey} from '../domain/ids.js'
import type {AnyMechanism} from '../mechanisms/types.js'
import type {OpenObjects} from '../objects/port.js'
import type {Clock} from '../runtime/clock.js'
import type {Health} from '../runtime/health.js'
import type {Logger} from '../runtime/logger.js'
import type {SelfAudit} from '../services/audit/self.js'
import type {ChainState} from '../services/chain-watch.js'
import type {ChainWeights} from '../services/chain-weights.js'
import type {OwnMechanism} from '../services/own-mechanism.js'
import type {Scorer} from '../services/scorer.js'
import type {Store} from '../store/open.js'
import type {Signer, Verify, VerifyAll} from '../wallet/port.js'
import {Auth} from './auth.js'
import {type CorsOptions, corsHeaders, preflight} from './cors.js'
import {elsewhere} from './elsewhere.js'
import {Events, type EventsLimits} from './events.js'
import {type Bytes, isKnown, KeptAnswer} from './kept-answer.js'
import {addMedia} from './media.js'
import {Metrics} from './metrics.js'
import {type Addresses, addObjects} from './objects.js'
import {openApi} from './openapi.js'
import {accepts, addPage, varyByEncoding} from './page.js'
import {handle, type PipelineDeps} from './pipeline.js'
import {RateLimit, sourceOf} from './rate-limit.js'
import {Refusal, toRefusal} from './refusal.js'
import {JsonText, type Reply, type Route, TextPieces, WithStatus} from './route.js'
import {routes} from './routes/index.js'

export interface ServerDeps {
  readonly store: Store
  readonly netuid: number
  /** What the exam is of. */
  readonly mechanism: AnyMechanism
  /** Its index on the chain; 0 when absent. */
  readonly mecid?: number
  /** Mechanisms beside it whose evidence is each validator's own. */
  readonly own?: readonly OwnMechanism[]
  /** Why no validator with this program could judge under an exam; undefined when it can. Not asked when absent. */
  readonly judgeFault?: (exam: Exam) => Promise<string | undefined>
  readonly scorer: Pick<Scorer, 'current'>
  /** The owner's audit of itself; there is none where this is absent. */
  readonly audit?: Pick<SelfAudit, 'last'> | undefined
  readonly verify: Verify
  /** For hotkeys of that kind; without it they are turned away. */
  readonly verifyEd25519?: Verify | undefined
  /** Many signatures at once without holding up anybody; one after the other when absent. */
  readonly verifyAll?: VerifyAll | undefined
  /** The subnet owner's hotkey, which signs the weights; unsigned when absent. */
  readonly signer?: Signer | undefined
  readonly time: Pick<Clock, 'now' | 'sleep'>
  readonly health: Pick<Health, 'report'>
  readonly log: Logger
  readonly version: string
  /** Those who may do everything, the owner among them. */
  readonly admins: readonly Hotkey[]
  /** Names of the jobs whose success `/health` and `/ready` ask for, with the age from which one is stale. */
  readonly jobs?: readonly {
    readonly job: string
    readonly staleAfterMs: number
    /** `sync` when absent. */
    readonly part?: 'scorer' | 'sync'
  }[]
  readonly chainState?: () => ChainState
  /** True once the process was told to stop. */
  readonly isStopping?: () => boolean
  /** Called when verdicts were taken in, so that a task that is complete settles at once. */
  readonly onVerdicts?: () => void
  /** Address of an object of the samples bucket for a browser; null when there is none. */
  readonly mediaUrl?: (key: string) => Promise<string | null>
  /** The samples bucket, where this process can read it: then the API plays its videos itself. */
  readonly artefacts?: OpenObjects | undefined
  /** Origins that `mediaUrl` leads to, which the dashboard's policy must allow. */
  readonly mediaOrigins?: readonly string[]
  readonly chainWeights?: Pick<ChainWeights, 'of' | 'version'>
  /** Where the built dashboard lies; found beside the program when absent. */
  readonly pageFolder?: string
  readonly eventsLimits?: Partial<EventsLimits>
  /** For those who have no key of the samples bucket; nobody is given any when absent. */
  readonly addresses?: Addresses | undefined
  /** How far a timestamp may be off, in seconds; published as 300. */
  readonly windowS?: number
  /** Published as 2,097,152. */
  readonly maxBodyBytes?: number
  /** None when absent: pages of other origins cannot read the answers. `['*']` for all, without credentials. */
  readonly corsOrigins?: readonly string[]
  /** Requests a minute; no limit when absent or 0. */
  readonly rates?: {readonly perAddress: number; readonly perHotkey: number}
  /** Proxies whose word about a caller's address counts; nobody's when absent. */
  readonly trustedProxies?: readonly string[]
  /** Nothing about the inside of the server goes out. */
  readonly production?: boolean
}

const json = 'application/json; charset=utf-8'
/** A client that sends one byte a minute must not hold a connection for ever. */
const requestTimeoutMs = 60_000

/** The owner's API, not listening. */
export function buildServer(deps: ServerDeps): FastifyInstance {
  const {log, maxBodyBytes = 2_097_152, windowS = 300} = deps
  const cors: CorsOptions = {origins: deps.corsOrigins ?? []}
  const stop = new AbortController()
  const table = routes({...deps, maxBodyBytes})
  const metrics = new Metrics(deps)
  const app = fastify({
    logger: false,
    bodyLimit: maxBodyBytes,
    exposeHeadRoutes: false,
    requestTimeout: requestTimeoutMs,
    forceCloseConnections: 'idle',
    genReqId: requestIds(),
    trustProxy: deps.trustedProxies && deps.trustedProxies.length > 0 ? [...deps.trustedProxies] : false,
    // Whatever fits into a request line is for the route to judge.
    routerOptions: {maxParamLength: 65_536},
    frameworkErrors: (error, request, reply) => void refuse(error, request, reply),
    clientErrorHandler: refuseConnection,
  })

  const refuse = (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
    const refusal = toRefusal(error)
    const {id, method, url} = request
    if (refusal.status >= 500) log.error({err: error, request: id, method, url}, 'request failed')
    else log.debug({status: refusal.status, request: id, method, url}, 'request refused')
    return reply.code(refusal.status).headers(refusal.headers).type(json).send({detail: refusal.detail})
  }

  // The signature covers the bytes as they came, so bodies stay bytes until a route wants them. Fastify counts them as
  // they arrive, whatever Content-Length says.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', {parseAs: 'buffer'}, (_request, body, done) => done(null, body))
  admission(app, {deps, cors, metrics})
  app.addHook('onClose', async () => {
    stop.abort(new DOMException('the server stops', 'AbortError'))
    metrics.stop()
  })
  app.setErrorHandler(refuse)
  app.setNotFoundHandler((request, reply) => {
    const answer = preflight(request, cors) ?? elsewhere(request, table)
    return reply.code(answer.status).headers(answer.headers).send({detail: answer.detail})
  })

  const api = lazily(() => openApi(table, deps.version))
  app.get('/openapi.json', (_request, reply) => reply.type(json).send(api().text))
  app.get('/docs', (_request, reply) => reply.type('text/html; charset=utf-8').send(api().page))
  app.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()))

  addPage(app, {mediaOrigins: deps.mediaOrigins ?? [], ...(deps.pageFolder !== undefined && {folder: deps.pageFolder})})
  addMedia(app, deps, stop.signal)
  const events = new Events({...deps, limits: deps.eventsLimits})
  events.add(app)
  addObjects(app, deps)

  const perHotkey = new RateLimit(deps.rates?.perHotkey ?? 0, deps.time)
  const pipeline: PipelineDeps = {
    auth: new Auth({...deps, windowS}),
    admit: ({hotkey}) => {
      const waitS = perHotkey.take(hotkey)
      if (waitS === undefined) return
      metrics.limited('hotkey')
      throw tooMany(waitS)
    },
    flush: () => deps.store.flush(),
    pause: () => deps.time.sleep(0, stop.signal),
    signal: stop.signal,
  }
  for (const route of table) addRoute(app, route, pipeline)
  return app
}

/** What every request passes before anything is read of it. */
function admission(
  app: FastifyInstance,
  {deps, cors, metrics}: {deps: ServerDeps; cors: CorsOptions; metrics: Metrics},
): void {
  const perAddress = new RateLimit(deps.rates?.perAddress ?? 0, deps.time)
  app.addHook('onRequest', (request, reply, done) => {
    metrics.started()
    reply.header('x-request-id', request.id)
    reply.header(offerHeader, '1, 2')
    if (cors.origins.length > 0) reply.headers(corsHeaders(request.headers.origin, cors))
    const waitS = perAddress.take(sourceOf(request.ip))
    if (waitS === undefined) return done()
    metrics.limited('address')
    done(tooMany(waitS))
  })
  app.addHook('onResponse', (request, reply, done) => {
    metrics.finished(request.method, labelOf(request), reply.statusCode, reply.elapsedTime / 1000)
    done()
  })
}

/** The route as the document of the API names it. */
function labelOf({routeOptions}: FastifyRequest): string {
  const {label} = routeOptions.config as {label?: string} // Set below, on our own routes.
  return label ?? routeOptions.url ?? 'none'
}

const tooMany = (waitS: number) => new Refusal(429, 'Too many requests', {'retry-after': String(waitS)})

function addRoute(app: FastifyInstance, route: Route, pipeline: PipelineDeps): void {
  const url = route.path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    // Something, or `/blacklist/` would be an entry without a name.
    name === 'task_id' ? ':task_id(^\\d+$)' : `:${name}(^[\\s\\S]+$)`,
  )
  const bodyLimit = route.maxBodyBytes === undefined ? {} : {bodyLimit: route.maxBodyBytes}
  const {keep, method} = route
  if (keep) {
    const kept = new KeptAnswer(keep)
    const make = () => {
      const answer = route.handle({...nothing, signal: pipeline.signal})
      const text = answer instanceof Promise || answer instanceof WithStatus ? undefined : textOf(answer)
      if (typeof text !== 'string') throw new Error(`${url} cannot be kept`)
      return text
    }
    const send = (request: FastifyRequest, reply: FastifyReply, {bytes, etag, gzip}: Bytes) => {
      reply.headers(kept.headers).header('etag', etag)
      if (isKnown(request.headers['if-none-match'], etag)) return reply.code(304).send()
      varyByEncoding(reply)
      const compressed = accepts(request.headers['accept-encoding'], 'gzip') ? gzip() : null
      if (!compressed) return reply.type(route.contentType ?? json).send(bytes)
      // Other bytes than the plain ones, though they say the same: that is a weak tag.
      reply.headers({etag: `W/${etag}`, 'content-encoding': 'gzip'})
      return reply.type(route.contentType ?? json).send(compressed)
    }
    app.route({
      ...{method, url, config: {label: route.path}},
      handler: (request, reply) => {
        const known = kept.known()
        if (known) return send(request, reply, known)
        // Many answers follow from the same change, and none is made in the turn of another.
        return pipeline.pause().then(() => send(request, reply, kept.get(make)))
      },
    })
    return
  }
  // What a signature gave access to is for nobody else.
  const cacheControl =
    route.access !== 'public' ? 'private, no-store' : route.isFinal ? 'public, max-age=31536000, immutable' : 'no-cache'
  app.route({
    ...{method, url, config: {label: route.path}, ...bodyLimit},
    handler: async (request, reply) => {
      const answer = await handle(route, request, pipeline)
      reply.header('cache-control', cacheControl).type(route.contentType ?? json)
      if (answer instanceof WithStatus) reply.code(answer.status)
      const text = textOf(answer)
      return typeof text === 'string' ? text : Readable.from(inTurns(text, pipeline.pause))
    },
  })
}

const nothing = {params: undefined, query: undefined, body: undefined, caller: undefined}

function textOf(answer: Reply): string | Iterable<string> {
  if (answer instanceof JsonText) return answer.text
  if (answer instanceof TextPieces) return answer.pieces
  return JSON.stringify(answer instanceof WithStatus ? answer.body : answer)
}

async function* inTurns(pieces: Iterable<string>, pause: () => Promise<void>): AsyncGenerator<string> {
  for (const piece of pieces) {
    yield piece
    await pause()
  }
}

/** The caller's own id when it is a tame one, so that its log and ours can be laid side by side. */
function requestIds(): (request: {headers: Record<string, string | string[] | undefined>}) => string {
  const process = randomBytes(6).toString('base64url')
  let count = 0
  return ({headers}) => {
    const given = headers['x-request-id']
    return typeof given === 'string' && /^[\w.-]{1,64}$/.test(given) ? given : `${process}-${(++count).toString(36)}`
  }
}

/** What is no HTTP gets the published error body too, and its connection is closed. */
function refuseConnection(error: Error & {code?: string}, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  const [status, detail] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? ['431 Request Header Fields Too Large', 'Request Header Fields Too Large']
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? ['408 Request Timeout', 'Request Timeout']
        : ['400 Bad Request', 'Bad Request']
  const body = JSON.stringify({detail})
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: ${json}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
}

function lazily<T>(make: () => T): () => T {
  let made: {value: T} | undefined
  return () => {
    made ??= {value: make()}
    return made.value
  }
}
