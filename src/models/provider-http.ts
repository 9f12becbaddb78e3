import type {IncomingHttpHeaders} from 'node:http'
import {request} from 'undici'
import type {z} from 'zod'
import {LeomaError} from '../errors.js'
import type {Clock} from '../runtime/clock.js'
import {DeadlineError, withDeadline} from '../runtime/deadline.js'
import {retry} from '../runtime/retry.js'
import {plainText} from './answer-text.js'

export interface ProviderOptions {
  /** As people call it. */
  readonly name: string
  /** Begins the code of every error: `CHUTES` gives `CHUTES_UNREACHABLE`. */
  readonly code: string
  /** The variable that holds the address. */
  readonly variable: string
  /** The only host that is ever called, and the only one that sees the token. */
  readonly url: string
  readonly token?: string | undefined
  readonly time: Pick<Clock, 'now' | 'sleep'>
  /** Longest wait for one answer, in milliseconds. */
  readonly timeoutMs: number
  /** Tries in all, the first included. */
  readonly attempts?: number | undefined
  readonly firstPauseMs?: number | undefined
}

export interface ProviderCall {
  readonly method?: 'GET' | 'POST'
  /** Begins with `/`; every piece that came from outside is encoded already. */
  readonly path: string
  readonly body?: unknown
  readonly maxBytes?: number
  /** Instead of those of the provider. */
  readonly attempts?: number
  readonly timeoutMs?: number
  /** Statuses that are an answer here although they are usually worth another try. */
  readonly final?: readonly number[]
}

export interface ProviderAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

const defaultMaxBytes = 4 * 1024 * 1024
const maxRedirects = 3
const loopback = /^(127\.\d+\.\d+\.\d+|localhost|\[::1\])$/
/** A provider may ask for a pause of its whole window, which is five minutes at most. */
const maxAskedPauseMs = 310_000

/** An answer that asks for another try later. */
class TryLater extends LeomaError {
  readonly pauseMs: number

  constructor(code: string, message: string, pauseMs: number, hints: readonly string[] = []) {
    super('upstream', code, message, {hints})
    this.pauseMs = pauseMs
  }
}

/**
 * One provider's API: one host, bounded answers, a deadline per try, redirects only within the host. Whatever the
 * provider decided comes back as an answer; what says nothing about the question (no connection, 408, 429, 5xx) throws
 * kind `upstream` once the tries are used up.
 */
export class ProviderHttp {
  readonly origin: string
  readonly #base: string
  readonly #options: ProviderOptions
  /** Until when the provider has asked to be left alone. */
  #quietUntil = 0

  constructor(options: ProviderOptions) {
    const url = new URL(options.url)
    if (options.token && url.protocol !== 'https:' && !loopback.test(url.hostname)) {
      throw new LeomaError(
        'config',
        `${options.code}_INSECURE`,
        `${url.origin} has no TLS, and the key would be sent to it`,
        {
          hints: [`give ${options.variable} an https:// address`],
        },
      )
    }
    this.origin = url.origin
    this.#base = `${url.origin}${url.pathname.replace(/\/+$/, '')}`
    this.#options = options
  }

  url(path: string): string {
    return `${this.#base}${path}`
  }

  async ask(call: ProviderCall, signal: AbortSignal): Promise<ProviderAnswer> {
    const {time, attempts = 3, firstPauseMs = 1_000} = this.#options
    // What was sent may have arrived: only questions are repeated.
    const tries = call.method === 'POST' ? 1 : (call.attempts ?? attempts)
    return retry(() => this.#once(call, signal), {
      time,
      signal,
      attempts: tries,
      firstPauseMs,
      maxPauseMs: 30_000,
      askedPauseMs: (error) => (error instanceof TryLater ? error.pauseMs : undefined),
    })
  }

  /** The body as JSON of this shape; anything else under a 200 is not an answer of this provider. */
  parse<T>(answer: ProviderAnswer, schema: z.ZodType<T>, call: ProviderCall): T {
    let json: unknown
    try {
      json = JSON.parse(answer.text)
    } catch (cause) {
      throw this.#invalid(call, 'no JSON', cause)
    }
    const parsed = schema.safeParse(json)
    if (parsed.success) return parsed.data
    const [issue] = parsed.error.issues
    throw this.#invalid(call, `${issue?.path.join('.') || 'the answer'}: ${issue?.message}`, parsed.error)
  }

  /** A status that this program has no name for. */
  unexpected(call: ProviderCall, {status, text}: ProviderAnswer): LeomaError {
    const {code, variable, name} = this.#options
    return new LeomaError('upstream', `${code}_REFUSED`, `${this.#what(call)} answered ${status}: ${said(text)}`, {
      retryable: false,
      status: 502,
      hints: [`check ${variable}; is ${name} as this program knows it?`],
    })
  }

  async #once(call: ProviderCall, signal: AbortSignal): Promise<ProviderAnswer> {
    const {code, name, variable, time} = this.#options
    const timeoutMs = call.timeoutMs ?? this.#options.timeoutMs
    const quietMs = this.#quietUntil - time.now()
    if (quietMs > 0) {
      throw new TryLater(`${code}_BUSY`, `${name} has asked for a pause of ${Math.ceil(quietMs / 1000)} s`, quietMs)
    }
    try {
      return await withDeadline(this.#what(call), timeoutMs, signal, (inner) => this.#follow(call, inner))
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof DeadlineError) {
        throw new LeomaError(
          'upstream',
          `${code}_TIMEOUT`,
          `${this.#what(call)} gave no whole answer in ${timeoutMs} ms`,
          {
            cause: error,
          },
        )
      }
      if (error instanceof LeomaError) throw error
      throw new LeomaError('upstream', `${code}_UNREACHABLE`, `no answer from ${name} at ${this.origin}`, {
        cause: error,
        hints: [`check ${variable} and this machine's connection`],
      })
    }
  }

  async #follow(call: ProviderCall, signal: AbortSignal): Promise<ProviderAnswer> {
    let url = this.url(call.path)
    for (let hop = 0; ; hop++) {
      const answer = await this.#exchange(url, call, signal)
      const {status, headers} = answer
      const target = headers.location
      if (![301, 302, 303, 307, 308].includes(status) || target === undefined) return this.#judge(call, answer)
      const next = URL.parse(target, url)
      if (next?.origin !== this.origin || hop >= maxRedirects || call.method === 'POST') {
        const where = plainText(next?.host ?? target, 100)
        throw new LeomaError('upstream', `${this.#options.code}_REDIRECTED`, `${this.#what(call)} points to ${where}`, {
          retryable: false,
          hints: [`only ${this.origin} is ever called; set ${this.#options.variable} if the service has moved`],
        })
      }
      url = next.href
    }
  }

  async #exchange(url: string, call: ProviderCall, signal: AbortSignal): Promise<ProviderAnswer> {
    const {token} = this.#options
    const {statusCode, headers, body} = await request(url, {
      method: call.method ?? 'GET',
      headers: {
        accept: 'application/json, text/plain;q=0.5',
        'accept-encoding': 'identity',
        'user-agent': 'leoma',
        ...(call.body === undefined ? {} : {'content-type': 'application/json'}),
        ...(token ? {authorization: `Bearer ${token}`} : {}),
      },
      ...(call.body === undefined ? {} : {body: JSON.stringify(call.body)}),
      signal,
    })
    // A body that is given up on ends with an error, which concerns nobody any more.
    body.on('error', () => {})
    const maxBytes = call.maxBytes ?? defaultMaxBytes
    const chunks: Buffer[] = []
    let size = 0
    try {
      for await (const chunk of body as AsyncIterable<Buffer>) {
        size += chunk.length
        if (size > maxBytes) {
          throw new LeomaError(
            'upstream',
            `${this.#options.code}_ANSWER_TOO_LARGE`,
            `${this.#what(call)} answered with more than ${maxBytes} bytes`,
            {retryable: false},
          )
        }
        chunks.push(chunk)
      }
    } finally {
      body.destroy()
    }
    return {status: statusCode, headers, text: Buffer.concat(chunks).toString('utf8')}
  }

  /** Tells an answer from a reason to ask again. */
  #judge(call: ProviderCall, answer: ProviderAnswer): ProviderAnswer {
    const {status, headers, text} = answer
    const {code, name, token, time} = this.#options
    const pauseMs = askedPauseMs(headers, status)
    if (pauseMs > 0) this.#quietUntil = Math.max(this.#quietUntil, time.now() + pauseMs)
    if (call.final?.includes(status)) return answer
    const message = `${this.#what(call)} answered ${status}: ${said(text)}`
    if (status === 429) {
      const hints = token
        ? [`${name} limits how often it is asked; it goes on by itself`]
        : [`a token raises the limit`]
      throw new TryLater(`${code}_BUSY`, message, pauseMs, hints)
    }
    if (status >= 500 || status === 408) throw new TryLater(`${code}_FAILED`, message, pauseMs)
    return answer
  }

  #invalid(call: ProviderCall, why: string, cause: unknown): LeomaError {
    const {code, name, variable} = this.#options
    return new LeomaError(
      'upstream',
      `${code}_ANSWER_INVALID`,
      `${this.#what(call)} did not answer as ${name} does (${plainText(why, 120)})`,
      {retryable: false, cause, hints: [`check ${variable}`]},
    )
  }

  #what({method = 'GET', path}: ProviderCall): string {
    return `${method} ${this.url(plainText(path, 200))}`
  }
}

/** What a refusal says: the provider's `detail` or `error`, or the text as it stands. */
export function said(text: string): string {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return plainText(text, 300) || 'nothing'
  }
  if (typeof json !== 'object' || json === null) return plainText(text, 300)
  const value = 'detail' in json ? json.detail : 'error' in json ? json.error : json
  if (typeof value === 'string') return plainText(value, 300)
  if (typeof value === 'object' && value !== null && 'message' in value && typeof value.message === 'string')
    return plainText(value.message, 300)
  return plainText(JSON.stringify(value), 300)
}

/** `RateLimit: "api";r=0;t=55` says that nothing is left for 55 s; `Retry-After` gives seconds too. */
function askedPauseMs(headers: IncomingHttpHeaders, status: number): number {
  const limit = String(headers.ratelimit ?? '')
  const left = /;\s*r=(\d{1,9})/.exec(limit)?.[1]
  const resetS = /;\s*t=(\d{1,9})/.exec(limit)?.[1]
  const retryAfterS = Number(headers['retry-after'] ?? Number.NaN)
  let ms = 0
  if (resetS !== undefined && (status === 429 || left === '0')) ms = (Number(resetS) + 1) * 1000
  else if ((status === 429 || status === 503) && Number.isFinite(retryAfterS)) ms = retryAfterS * 1000
  return Math.min(maxAskedPauseMs, Math.max(0, ms))
}
