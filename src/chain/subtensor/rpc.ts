import {type RawData, WebSocket} from 'ws'
import {z} from 'zod'
import {LeomaError} from '../../errors.js'
import {DeadlineError, withDeadline} from '../../runtime/deadline.js'

/** A node answered a request with an error instead of a result. */
export class RpcError extends Error {
  override readonly name = 'RpcError'
  readonly code: number
  /** Details in the node's own words; for a refused transaction its reason. */
  readonly data: string

  constructor(method: string, code: number, message: string, data: string) {
    super(`${method}: ${code} ${message}${data === '' ? '' : ` (${data})`}`)
    this.code = code
    this.data = data
  }
}

export interface RpcOptions {
  readonly connectTimeoutMs: number
  /** A node that is silent for longer is given up. */
  readonly requestTimeoutMs: number
}

export interface RpcStats {
  readonly requests: number
  readonly bytesSent: number
  readonly bytesReceived: number
}

/** The largest answer is the metadata with well under 1 MB. */
const maxFrameBytes = 64 * 1024 * 1024
const maxTextInErrors = 300

const id = z.union([z.string().max(256), z.number()])
const Frame = z.union([
  z.object({id: z.number(), error: z.object({code: z.number(), message: z.string(), data: z.unknown().optional()})}),
  z.object({method: z.string(), params: z.object({subscription: id, result: z.unknown()})}),
  z.object({id: z.number(), result: z.unknown()}),
])

interface Pending {
  readonly method: string
  readonly resolve: (result: unknown) => void
  readonly reject: (error: Error) => void
}

/**
 * One WebSocket to one node. When it ends, every request that is under way rejects with `CHAIN_UNREACHABLE` and nothing
 * is sent again: whoever asked knows whether asking twice is safe.
 */
export class Rpc {
  readonly endpoint: string
  readonly #socket: WebSocket
  readonly #requestTimeoutMs: number
  readonly #pending = new Map<number, Pending>()
  readonly #subscriptions = new Map<string | number, (message: unknown) => void>()
  /** A first message may come before the answer that names its subscription. */
  readonly #early = new Map<string | number, unknown>()
  readonly #closers = new Set<(reason: Error) => void>()
  readonly #stats = {requests: 0, bytesSent: 0, bytesReceived: 0}
  #nextId = 1
  #closed: Error | undefined

  private constructor(endpoint: string, socket: WebSocket, requestTimeoutMs: number) {
    this.endpoint = endpoint
    this.#socket = socket
    this.#requestTimeoutMs = requestTimeoutMs
    socket.on('message', (data) => this.#receive(data))
    socket.on('close', (code) => this.close(`the connection ended (${code})`))
    socket.on('error', (error) => this.close(error.message))
  }

  static async open(endpoint: string, options: RpcOptions, signal: AbortSignal): Promise<Rpc> {
    const {connectTimeoutMs, requestTimeoutMs} = options
    try {
      return await withDeadline(`connecting to ${endpoint}`, connectTimeoutMs, signal, async (bounded) => {
        const socket = new WebSocket(endpoint, {maxPayload: maxFrameBytes, followRedirects: false})
        await opened(socket, bounded)
        return new Rpc(endpoint, socket, requestTimeoutMs)
      })
    } catch (error) {
      signal.throwIfAborted()
      throw unreachable(endpoint, error instanceof Error ? error.message : String(error), error)
    }
  }

  get stats(): RpcStats {
    return {...this.#stats}
  }

  get isOpen(): boolean {
    return this.#closed === undefined
  }

  /** Throws `RpcError` for a refusal of the node, `CHAIN_UNREACHABLE` for silence or a lost connection. */
  async request(method: string, params: readonly unknown[], signal: AbortSignal): Promise<unknown> {
    try {
      return await withDeadline(`${method} at ${this.endpoint}`, this.#requestTimeoutMs, signal, (bounded) =>
        this.#send(method, params, bounded),
      )
    } catch (error) {
      if (!(error instanceof DeadlineError) || signal.aborted) throw error
      // A node that leaves one question open cannot be told from one that is gone.
      this.close(error.message)
      throw unreachable(this.endpoint, error.message, error)
    }
  }

  /** Calls `onMessage` until the returned function is called or the connection ends. */
  async subscribe(
    {method, unsubscribe, params = []}: {method: string; unsubscribe: string; params?: readonly unknown[]},
    onMessage: (message: unknown) => void,
    signal: AbortSignal,
  ): Promise<() => void> {
    const subscription = id.parse(await this.request(method, params, signal))
    this.#subscriptions.set(subscription, onMessage)
    if (this.#early.has(subscription)) {
      const message = this.#early.get(subscription)
      this.#early.delete(subscription)
      onMessage(message)
    }
    return () => {
      if (!this.#subscriptions.delete(subscription) || this.#closed) return
      this.request(unsubscribe, [subscription], new AbortController().signal).catch(() => {
        // The connection is gone and the subscription with it.
      })
    }
  }

  /** Runs once when the connection ends, at once when it has; the returned function takes it back. */
  onClose(run: (reason: Error) => void): () => void {
    if (this.#closed) run(this.#closed)
    else this.#closers.add(run)
    return () => this.#closers.delete(run)
  }

  close(reason = 'closed'): void {
    if (this.#closed) return
    const error = unreachable(this.endpoint, reason)
    this.#closed = error
    // A peer that does not answer would keep a polite close open for half a minute.
    this.#socket.terminate()
    for (const {reject} of this.#pending.values()) reject(error)
    this.#pending.clear()
    this.#subscriptions.clear()
    for (const run of this.#closers) run(error)
    this.#closers.clear()
  }

  #send(method: string, params: readonly unknown[], signal: AbortSignal): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason)
      if (this.#closed) return reject(this.#closed)
      const request = this.#nextId++
      const settle = () => {
        signal.removeEventListener('abort', abort)
        this.#pending.delete(request)
      }
      const abort = () => {
        settle()
        reject(signal.reason)
      }
      signal.addEventListener('abort', abort, {once: true})
      this.#pending.set(request, {
        method,
        resolve: (result) => {
          settle()
          resolve(result)
        },
        reject: (error) => {
          settle()
          reject(error)
        },
      })
      const text = JSON.stringify({jsonrpc: '2.0', id: request, method, params})
      this.#stats.requests++
      this.#stats.bytesSent += text.length
      this.#socket.send(text)
    })
  }

  #receive(data: RawData): void {
    const text = Array.isArray(data) ? Buffer.concat(data).toString() : Buffer.from(data as Buffer).toString()
    this.#stats.bytesReceived += text.length
    const frame = readFrame(text)
    if (!frame) this.close('the node sent what is no JSON-RPC')
    else if ('params' in frame) this.#notify(frame.params.subscription, frame.params.result)
    else this.#settle(frame)
  }

  #settle(frame: Exclude<z.infer<typeof Frame>, {method: string}>): void {
    const pending = this.#pending.get(frame.id)
    if (!pending) return
    if ('error' in frame) {
      const {code, message, data} = frame.error
      pending.reject(new RpcError(pending.method, code, bounded(message), bounded(data)))
    } else pending.resolve(frame.result)
  }

  #notify(subscription: string | number, message: unknown): void {
    const run = this.#subscriptions.get(subscription)
    if (run) run(message)
    else if (this.#early.size < 16) this.#early.set(subscription, message)
  }
}

function readFrame(text: string): z.infer<typeof Frame> | undefined {
  try {
    return Frame.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}

function opened(socket: WebSocket, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (error: Error) => {
      signal.removeEventListener('abort', abort)
      reject(error)
    }
    const abort = () => {
      // Ending a socket that is still connecting reports an error: nobody is to hear it any more.
      socket.on('error', () => {})
      socket.terminate()
      stop(signal.reason)
    }
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort, {once: true})
    socket.once('error', stop)
    socket.once('open', () => {
      signal.removeEventListener('abort', abort)
      socket.removeListener('error', stop)
      resolve()
    })
  })
}

function bounded(value: unknown): string {
  if (value === undefined || value === null) return ''
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > maxTextInErrors ? `${text.slice(0, maxTextInErrors)}…` : text
}

export function unreachable(endpoint: string, reason: string, cause?: unknown): LeomaError {
  return new LeomaError('chain', 'CHAIN_UNREACHABLE', `${endpoint}: ${reason}`, {
    hints: ['check NETWORK and the connection of this machine', 'name a second node: NETWORK=finney,wss://…'],
    ...(cause === undefined ? {} : {cause}),
  })
}
