import {type Dispatcher, request} from 'undici'
import type {z} from 'zod'
import {LeomaError} from '../errors.js'
import type {Clock} from '../runtime/clock.js'
import {DeadlineError, withDeadline} from '../runtime/deadline.js'
import type {Logger} from '../runtime/logger.js'
import {retry} from '../runtime/retry.js'
import {RequestSigner, type SigningOptions} from './signing.js'

/** An answer past this is refused: a page of settled tasks is the largest, and the server keeps it well below. */
const maxAnswerBytes = 64 * 1024 * 1024

/** Answers kept for the question whether they still hold; our client asks for fewer different ones. */
const maxKept = 16

export interface TransportOptions extends SigningOptions {
  readonly url: string
  readonly time: Pick<Clock, 'now' | 'sleep'>
  /** Longest wait for one answer. */
  readonly timeoutMs: number
  /** Tries in all, the first included. */
  readonly attempts?: number | undefined
  readonly log: Logger
}

export interface Call {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** With the query, beginning with `/`. */
  readonly path: string
  readonly signed: boolean
  readonly body?: unknown
  /** Code of the error for an answer that says the request itself is at fault. */
  readonly refusedCode?: string
  /** The answer is the same for a while: the server is asked whether it still is, instead of for all of it. */
  readonly keeps?: boolean
}

interface Kept {
  readonly etag: string
  readonly text: string
}

/** One request and its answer, with deadline, size limit, retries and errors in leoma's words. */
export class Transport {
  readonly url: string
  readonly #options: TransportOptions
  readonly #signer: RequestSigner
  readonly #kept = new Map<string, Kept>()

  constructor(options: TransportOptions) {
    this.url = options.url.replace(/\/+$/, '')
    this.#options = options
    this.#signer = new RequestSigner(options)
  }

  /** Undefined for 404. */
  async find<T>(call: Call, schema: z.ZodType<T>, signal: AbortSignal): Promise<T | undefined> {
    const text = await this.text(call, signal)
    return text === undefined ? undefined : parseAnswer(text, schema, `${call.method} ${this.url}${call.path}`)
  }

  /** The answer as it came; undefined for 404. */
  async text(call: Call, signal: AbortSignal): Promise<string | undefined> {
    const {time, attempts = 3, log} = this.#options
    const body = call.body === undefined ? undefined : Buffer.from(JSON.stringify(call.body))
    return retry(() => this.#once(call, body, signal), {
      time,
      signal,
      attempts,
      firstPauseMs: 1_000,
      maxPauseMs: 30_000,
      askedPauseMs: (error) => (error instanceof AskedToWait ? error.pauseMs : undefined),
      onRetry: (err, attempt) => log.debug({err, attempt, path: call.path}, 'asking the API again'),
    })
  }

  async get<T>(call: Call, schema: z.ZodType<T>, signal: AbortSignal): Promise<T> {
    const found = await this.find(call, schema, signal)
    if (found !== undefined) return found
    throw new LeomaError('upstream', 'API_NOT_FOUND', `${this.url}${call.path} does not exist`, {
      retryable: false,
      hints: ['check API_URL: is it an API of this subnet, and of this version?'],
    })
  }

  async #once(call: Call, body: Buffer | undefined, signal: AbortSignal): Promise<string | undefined> {
    const {timeoutMs} = this.#options
    const what = `${call.method} ${this.url}${call.path}`
    if (call.signed && this.#signer.mustAsk) await this.#askVersions(signal)
    const kept = call.keeps ? this.#kept.get(call.path) : undefined
    const headers = {
      'content-type': 'application/json',
      ...(kept && {'if-none-match': kept.etag}),
      ...(call.signed && this.#signer.headers(this.#lineOf(call, body))),
    }
    try {
      return await withDeadline(what, timeoutMs, signal, async (inner) => {
        const answer = await request(`${this.url}${call.path}`, {
          method: call.method,
          headers,
          signal: inner,
          ...(body ? {body} : {}),
        })
        const text = await readBounded(answer.body, what)
        this.#signer.learn(answer.statusCode, answer.headers)
        if (answer.statusCode === 404) return undefined
        if (answer.statusCode === 304 && kept) return kept.text
        if (answer.statusCode >= 200 && answer.statusCode < 300) {
          if (call.keeps) this.#keep(call.path, answer.headers.etag, text)
          return text
        }
        throw failureOf(call, what, answer, text)
      })
    } catch (error) {
      if (error instanceof DeadlineError) {
        throw new LeomaError('upstream', 'API_TIMEOUT', `${what} gave no answer in ${timeoutMs} ms`, {cause: error})
      }
      if (error instanceof LeomaError || signal.aborted) throw error
      throw new LeomaError('upstream', 'API_UNREACHABLE', `no answer from ${this.url}`, {
        cause: error,
        hints: ['check API_URL', 'ask the subnet owner whether the API is up'],
      })
    }
  }

  /** Which versions of the signature the server takes stands in the headers of its every answer. */
  async #askVersions(signal: AbortSignal): Promise<void> {
    try {
      await this.#once({method: 'GET', path: '/health', signed: false}, undefined, signal)
    } catch (error) {
      // A server that refuses this much has still answered: the request itself will show what it takes.
      if (!(error instanceof LeomaError) || error.retryable) throw error
    }
  }

  /** The target as it stands in the request line: an API may live below a path of its own. */
  #lineOf({method, path}: Call, body: Buffer | undefined) {
    const {pathname, search} = new URL(`${this.url}${path}`)
    return {method, target: `${pathname}${search}`, body: body ?? new Uint8Array()}
  }

  #keep(path: string, etag: string | string[] | undefined, text: string): void {
    this.#kept.delete(path)
    if (typeof etag !== 'string') return
    this.#kept.set(path, {etag, text})
    const [oldest] = this.#kept.keys()
    if (this.#kept.size > maxKept && oldest !== undefined) this.#kept.delete(oldest)
  }
}

class AskedToWait extends LeomaError {
  readonly pauseMs: number

  constructor(message: string, pauseMs: number) {
    super('upstream', 'API_BUSY', message)
    this.pauseMs = pauseMs
  }
}

function failureOf(call: Call, what: string, answer: Dispatcher.ResponseData, text: string): LeomaError {
  const {statusCode: status} = answer
  const message = `${what} answered ${status}: ${detailOf(text)}`
  if (status === 401 || status === 403) {
    return new LeomaError('auth', 'API_FORBIDDEN', message, {
      status,
      retryable: false,
      hints: ['check that this hotkey is registered with the subnet', "check this machine's clock"],
    })
  }
  if (status === 429 || status === 503) return new AskedToWait(message, retryAfterMs(answer.headers['retry-after']))
  if (status >= 500 || status === 408) return new LeomaError('upstream', 'API_FAILED', message, {status})
  return new LeomaError('upstream', call.refusedCode ?? 'API_REFUSED', message, {status, retryable: false})
}

/** `Retry-After` in seconds, bounded: a server must not be able to stop a client for a day. */
function retryAfterMs(header: string | string[] | undefined): number {
  const seconds = Number(header)
  return Number.isFinite(seconds) ? Math.min(60, Math.max(0, seconds)) * 1000 : 0
}

/** The published `{detail}`, which is a sentence or a list; cut short, because it may come from anything. */
function detailOf(text: string): string {
  try {
    const {detail} = JSON.parse(text) as {detail?: unknown} // Anything at all; only printed.
    return (typeof detail === 'string' ? detail : JSON.stringify(detail ?? text)).slice(0, 500)
  } catch {
    return text.slice(0, 200)
  }
}

async function readBounded(body: Dispatcher.ResponseData['body'], what: string): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxAnswerBytes) {
      body.destroy()
      throw new LeomaError(
        'upstream',
        'API_ANSWER_TOO_LARGE',
        `${what} answered with more than ${maxAnswerBytes} bytes`,
        {
          retryable: false,
        },
      )
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parseAnswer<T>(text: string, schema: z.ZodType<T>, what: string): T {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw invalidAnswer(what, error)
  }
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  throw invalidAnswer(what, parsed.error)
}

function invalidAnswer(what: string, cause: unknown): LeomaError {
  return new LeomaError('upstream', 'API_ANSWER_INVALID', `${what} answered something that is not of this protocol`, {
    cause,
    retryable: false,
    hints: ['check API_URL', 'upgrade leoma when the owner runs a newer version'],
  })
}
