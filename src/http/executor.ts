import type {AddressInfo} from 'node:net'
import {type FastifyInstance, type FastifyReply, fastify} from 'fastify'
import type {Hotkey} from '../domain/ids.js'
import {checkCall} from '../domain/signed-call.js'
import {LeomaError} from '../errors.js'
import type {ServedRoute} from '../mechanisms/types.js'
import type {Clock} from '../runtime/clock.js'
import type {Health} from '../runtime/health.js'
import type {Logger} from '../runtime/logger.js'
import type {Service} from '../runtime/service.js'
import type {Shutdown} from '../runtime/shutdown.js'
import type {Store} from '../store/open.js'
import {claimSignature} from '../store/seen-signatures.js'
import type {Verify} from '../wallet/port.js'
import {toRefusal} from './refusal.js'

export interface ExecutorServerOptions {
  readonly store: Store
  readonly verify: Verify
  readonly time: Pick<Clock, 'now'>
  /** The one hotkey that may call: the executor's own, which its validator signs with. */
  readonly hotkey: Hotkey
  readonly skewS: number
  readonly health: Pick<Health, 'report'>
  readonly log: Logger
}

const maxBodyBytes = 4 * 1024 * 1024
const requestTimeoutMs = 30_000
const json = 'application/json; charset=utf-8'

/** What an executor serves to its validator, not listening. `/health` is for everybody and tells nothing of miners. */
export function buildExecutorServer(routes: readonly ServedRoute[], options: ExecutorServerOptions): FastifyInstance {
  const {health, log} = options
  const app = fastify({
    logger: false,
    bodyLimit: maxBodyBytes,
    exposeHeadRoutes: false,
    requestTimeout: requestTimeoutMs,
    forceCloseConnections: 'idle',
  })
  const authenticate = authenticator(options)
  // The signature covers the bytes as they came.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', {parseAs: 'buffer'}, (_request, body, done) => done(null, body))
  app.setErrorHandler((error, request, reply) => {
    const refusal = toRefusal(error)
    if (refusal.status >= 500) log.error({err: error, url: request.url}, 'request failed')
    return send(reply, refusal.status, {detail: refusal.detail})
  })
  app.setNotFoundHandler((_request, reply) => send(reply, 404, {detail: 'Not Found'}))
  app.get('/health', (_request, reply) => {
    const jobs = health.report()
    const isWell = jobs.every(({consecutiveFailures}) => consecutiveFailures < 3)
    const told = jobs.map(({job, lastSuccessAt, consecutiveFailures}) => ({
      job,
      last_success: lastSuccessAt === null ? null : new Date(lastSuccessAt).toISOString(),
      consecutive_failures: consecutiveFailures,
    }))
    return send(reply, isWell ? 200 : 503, {status: isWell ? 'healthy' : 'degraded', jobs: told})
  })
  for (const {method, path, handle} of routes) {
    app.route({
      method,
      url: path,
      handler: (request, reply) => {
        const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
        const refusal = authenticate(request.headers, {method: request.method, target: request.url, body})
        if (refusal) return send(reply, refusal.status, {detail: refusal.detail})
        const parsed = body.length === 0 ? {value: undefined} : parse(body)
        if (!parsed) return send(reply, 422, {detail: 'the body is no JSON'})
        const ifNoneMatch = request.headers['if-none-match']
        // Fastify's query is an object of texts; routes check it.
        const query = request.query as Record<string, unknown>
        const answer = handle({query, body: parsed.value, ifNoneMatch})
        return send(reply.headers(answer.headers ?? {}), answer.status, answer.body)
      },
    })
  }
  return app
}

function send(reply: FastifyReply, status: number, body: unknown): FastifyReply {
  void reply.code(status)
  return body === undefined ? reply.send() : reply.type(json).send(JSON.stringify(body))
}

function authenticator({store, verify, time, hotkey, skewS}: ExecutorServerOptions) {
  // Reads are remembered in memory only: what a restart forgets of them is good for nothing but the same read.
  const reads = new Map<string, number>()
  return (headers: Parameters<typeof checkCall>[0], call: Parameters<typeof checkCall>[1]) => {
    const nowMs = time.now()
    const nowS = Math.floor(nowMs / 1000)
    const claim = (key: string, expiresAtS: number) => {
      if (call.method !== 'GET') return claimSignature(store, `executor ${key}`, expiresAtS, nowS)
      for (const [seen, expiry] of reads) {
        if (expiry >= nowS) break
        reads.delete(seen)
      }
      if (reads.has(key)) return false
      reads.set(key, expiresAtS)
      return true
    }
    const mayCall = (caller: Hotkey) => caller === hotkey
    const checked = checkCall(headers, call, {nowMs, skewS, verify, mayCall, claim})
    return checked.ok ? undefined : checked
  }
}

export interface ExecutorHttpOptions extends ExecutorServerOptions {
  readonly routes: readonly ServedRoute[]
  readonly host: string
  readonly port: number
  readonly shutdown: Pick<Shutdown, 'add'>
}

export interface ExecutorHttpService extends Service {
  /** Where it listens; known once it has started. */
  url(): string
}

export function executorHttpService(options: ExecutorHttpOptions): ExecutorHttpService {
  let url: string | undefined
  return {
    name: 'executor-http',
    start: async () => {
      const app = buildExecutorServer(options.routes, options)
      url = await listen(app, options)
      options.shutdown.add('executor-http', () => app.close())
      options.log.info({url}, 'executor is listening')
    },
    url: () => {
      if (url === undefined) throw new Error('the executor has not started yet')
      return url
    },
  }
}

async function listen(app: FastifyInstance, {host, port}: ExecutorHttpOptions): Promise<string> {
  try {
    await app.listen({host, port})
  } catch (error) {
    const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
    throw new LeomaError('config', isTaken ? 'PORT_TAKEN' : 'LISTEN_FAILED', `cannot listen on ${host}:${port}`, {
      cause: error,
      hints: [isTaken ? 'another program uses this port: set EXECUTOR_PORT' : 'check EXECUTOR_HOST and EXECUTOR_PORT'],
    })
  }
  const address = app.server.address() as AddressInfo // A TCP server that listens has one.
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address
  return `http://${name === '0.0.0.0' ? '127.0.0.1' : name}:${address.port}`
}

function parse(body: Buffer): {value: unknown} | undefined {
  try {
    return {value: JSON.parse(body.toString('utf8'))}
  } catch {
    return undefined
  }
}
