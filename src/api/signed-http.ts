import {randomBytes} from 'node:crypto'
import {request} from 'undici'
import type {z} from 'zod'
import {signCall} from '../domain/signed-call.js'
import {LeomaError} from '../errors.js'
import type {Clock} from '../runtime/clock.js'
import {DeadlineError, withDeadline} from '../runtime/deadline.js'
import type {Signer} from '../wallet/port.js'
import type {SignedHttp} from './port.js'

/** A page of rounds is the largest answer. */
const maxAnswerBytes = 64 * 1024 * 1024

export interface SignedHttpOptions {
  readonly url: string
  readonly signer: Signer
  readonly time: Pick<Clock, 'now'>
  /** Longest wait for one answer. */
  readonly timeoutMs: number
  /** What it is, for error messages: `the executor`. */
  readonly what: string
  /** Variable that names its address, for hints. */
  readonly variable: string
}

/** An answer that says no, with the reason that came with it. */
export class RefusedError extends LeomaError {
  /** Seconds, when the answer said when to come again. */
  readonly retryAfterS: number | undefined

  constructor(status: number, message: string, retryAfterS: number | undefined, hints: readonly string[]) {
    super(status === 401 || status === 403 ? 'auth' : 'upstream', 'CALL_REFUSED', message, {
      ...{status, hints},
      retryable: status >= 500,
    })
    this.retryAfterS = retryAfterS
  }
}

/** One service asked with signed requests, in the form of `domain/signed-call.ts`. Nothing is tried twice here. */
export class HttpSigned implements SignedHttp {
  readonly #options: SignedHttpOptions

  constructor(options: SignedHttpOptions) {
    this.#options = {...options, url: options.url.replace(/\/+$/, '')}
  }

  get url(): string {
    return this.#options.url
  }

  get<T>(target: string, schema: z.ZodType<T>, signal: AbortSignal): Promise<T> {
    return this.#call('GET', target, undefined, schema, signal)
  }

  post<T>(target: string, body: unknown, schema: z.ZodType<T>, signal: AbortSignal): Promise<T> {
    return this.#call('POST', target, Buffer.from(JSON.stringify(body)), schema, signal)
  }

  async #call<T>(
    method: 'GET' | 'POST',
    target: string,
    body: Buffer | undefined,
    schema: z.ZodType<T>,
    signal: AbortSignal,
  ): Promise<T> {
    const {url, signer, time, timeoutMs, what, variable} = this.#options
    const {pathname, search} = new URL(`${url}${target}`)
    const call = {method, target: `${pathname}${search}`, body: body ?? new Uint8Array()}
    const headers = signCall(signer, call, time.now(), randomBytes(16).toString('base64url'))
    try {
      return await withDeadline(`${method} ${url}${target}`, timeoutMs, signal, async (inner) => {
        const answer = await request(`${url}${target}`, {
          method,
          headers: {...headers, ...(body && {'content-type': 'application/json'})},
          signal: inner,
          ...(body && {body}),
        })
        const text = await readBounded(answer.body)
        if (answer.statusCode >= 200 && answer.statusCode < 300)
          return parse(text, schema, `${what} at ${url}${target}`)
        const retryAfter = Number(answer.headers['retry-after'])
        throw new RefusedError(
          answer.statusCode,
          `${what} answered ${answer.statusCode}: ${detailOf(text)}`,
          Number.isFinite(retryAfter) && retryAfter > 0 ? retryAfter : undefined,
          answer.statusCode === 401 ? ["check this machine's clock", `check ${variable}`] : [`check ${variable}`],
        )
      })
    } catch (error) {
      if (error instanceof LeomaError || (signal.aborted && !(error instanceof DeadlineError))) throw error
      const why = error instanceof DeadlineError ? ` in ${timeoutMs} ms` : ''
      throw new LeomaError('upstream', 'CALL_UNANSWERED', `no answer from ${what} at ${url}${why}`, {
        cause: error,
        hints: [`check ${variable}`, `see whether ${what} is up`],
      })
    }
  }
}

async function readBounded(body: AsyncIterable<Buffer> & {destroy(): void}): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    if (size > maxAnswerBytes) {
      body.destroy()
      throw new LeomaError('upstream', 'CALL_ANSWER_TOO_LARGE', `an answer has more than ${maxAnswerBytes} bytes`, {
        retryable: false,
      })
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parse<T>(text: string, schema: z.ZodType<T>, what: string): T {
  let cause: unknown
  try {
    const parsed = schema.safeParse(JSON.parse(text))
    if (parsed.success) return parsed.data
    cause = parsed.error
  } catch (error) {
    cause = error
  }
  throw new LeomaError('upstream', 'CALL_ANSWER_INVALID', `${what} answered something that is not of this protocol`, {
    cause,
    retryable: false,
  })
}

/** `{detail}`, cut short: it may come from anything, and is only printed. */
function detailOf(text: string): string {
  try {
    const {detail} = JSON.parse(text) as {detail?: unknown} // Anything at all.
    return (typeof detail === 'string' ? detail : JSON.stringify(detail ?? text)).slice(0, 500)
  } catch {
    return text.slice(0, 200)
  }
}
