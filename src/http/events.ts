import type {ServerResponse} from 'node:http'
import type {FastifyInstance, FastifyReply, FastifyRequest} from 'fastify'
import type {Clock} from '../runtime/clock.js'
import type {ChainState} from '../services/chain-watch.js'
import type {Topic} from '../store/changes.js'
import type {Store} from '../store/open.js'
import {sourceOf} from './rate-limit.js'
import {Refusal} from './refusal.js'

export interface EventsDeps {
  readonly store: Pick<Store, 'changes'>
  readonly time: Pick<Clock, 'now' | 'sleep'>
  readonly chainState?: (() => ChainState) | undefined
  readonly limits?: Partial<EventsLimits> | undefined
}

export interface EventsLimits {
  /** Clients at once. */
  readonly clients: number
  /** Of them from one address. */
  readonly perAddress: number
  /** Between two looks at what has changed. */
  readonly lookMs: number
  /** A line at least so often, so that a proxy does not take the connection for dead. */
  readonly heartbeatMs: number
  /** Bytes that may wait for one client before it is let go. */
  readonly maxBacklog: number
  /** After this a client has to come again, perhaps to a newer server. */
  readonly maxAgeMs: number
}

const standard: EventsLimits = {
  clients: 512,
  perAddress: 16,
  lookMs: 1_000,
  heartbeatMs: 15_000,
  maxBacklog: 64 * 1024,
  maxAgeMs: 3_600_000,
}

const topics: readonly Topic[] = ['exams', 'miners', 'rankings', 'settled', 'tasks', 'validators']

interface Client {
  readonly response: ServerResponse
  readonly source: string
  readonly since: number
}

/**
 * `GET /events`: which kinds of things have changed, never the things themselves, so that a client asks for what it
 * shows and gets it from the same memory as everybody. Looks only while somebody listens.
 */
export class Events {
  readonly #deps: EventsDeps
  readonly #limits: EventsLimits
  readonly #clients = new Set<Client>()
  readonly #stop = new AbortController()
  #looking = false
  #seen = new Map<Topic | 'block', number | null>()
  #quietSince = 0

  constructor(deps: EventsDeps) {
    this.#deps = deps
    this.#limits = {...standard, ...deps.limits}
  }

  get clients(): number {
    return this.#clients.size
  }

  add(app: FastifyInstance): void {
    app.get('/events', (request, reply) => this.#open(request, reply))
    // Before the server closes: it would wait for connections that never end by themselves.
    app.addHook('preClose', async () => {
      this.#stop.abort(new DOMException('the server stops', 'AbortError'))
      for (const client of [...this.#clients]) this.#drop(client)
    })
  }

  #open(request: FastifyRequest, reply: FastifyReply): void {
    const {clients, perAddress} = this.#limits
    const source = sourceOf(request.ip)
    const own = [...this.#clients].filter((client) => client.source === source).length
    if (this.#clients.size >= clients || own >= perAddress)
      throw new Refusal(503, 'Too many clients listen to events', {'retry-after': '60'})
    const headers = reply.getHeaders()
    reply.hijack()
    const response = reply.raw
    for (const [name, value] of Object.entries(headers)) if (value !== undefined) response.setHeader(name, value)
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      // nginx would keep the lines back until it has a full buffer.
      'x-accel-buffering': 'no',
    })
    const client = {response, source, since: this.#deps.time.now()}
    this.#clients.add(client)
    response.on('close', () => this.#clients.delete(client))
    response.on('error', () => this.#clients.delete(client))
    response.write(`retry: 5000\nevent: hello\ndata: ${JSON.stringify({block: this.#block()})}\n\n`)
    if (!this.#looking) void this.#look()
  }

  /** One loop for all clients; ends with the last of them. */
  async #look(): Promise<void> {
    const {time} = this.#deps
    const {signal} = this.#stop
    this.#looking = true
    try {
      this.#changed()
      this.#quietSince = time.now()
      while (this.#clients.size > 0) {
        await time.sleep(this.#limits.lookMs, signal)
        this.#tell()
      }
    } catch {
      // A store that cannot be read, or the end of the server: clients come again and see for themselves.
      if (!signal.aborted) for (const client of [...this.#clients]) this.#drop(client)
    } finally {
      this.#looking = false
    }
  }

  #tell(): void {
    const {heartbeatMs, maxAgeMs, maxBacklog} = this.#limits
    const now = this.#deps.time.now()
    for (const client of [...this.#clients]) if (now - client.since > maxAgeMs) this.#drop(client)
    const changed = this.#changed()
    const text =
      changed.length > 0
        ? `event: change\ndata: ${JSON.stringify({topics: changed, block: this.#block()})}\n\n`
        : now - this.#quietSince >= heartbeatMs
          ? `event: beat\ndata: ${JSON.stringify({block: this.#block()})}\n\n`
          : undefined
    if (text === undefined) return
    this.#quietSince = now
    for (const client of [...this.#clients]) {
      if (client.response.writableLength > maxBacklog) this.#drop(client)
      else client.response.write(text)
    }
  }

  #changed(): string[] {
    const {store} = this.#deps
    const now = new Map<Topic | 'block', number | null>(topics.map((topic) => [topic, store.changes.of(topic)]))
    now.set('block', this.#block())
    const changed = [...now].filter(([topic, count]) => this.#seen.get(topic) !== count).map(([topic]) => topic)
    this.#seen = now
    return changed
  }

  #block(): number | null {
    return this.#deps.chainState?.().block ?? null
  }

  #drop(client: Client): void {
    this.#clients.delete(client)
    if (client.response.writableLength > this.#limits.maxBacklog) client.response.destroy()
    else client.response.end()
  }
}
