import {rm} from 'node:fs/promises'
import type {IncomingHttpHeaders} from 'node:http'
import type {Readable} from 'node:stream'
import {Agent, errors} from 'undici'
import type {Clock} from '../runtime/clock.js'
import {DeadlineError, withDeadline} from '../runtime/deadline.js'
import {retry} from '../runtime/retry.js'
import {isPrivateHost, PrivateAddressError, publicLookup} from './addresses.js'
import {detailOf, plainText} from './answer-text.js'
import type {Chute, Generation, GenerationLimits, GenerationRequest, Generator} from './port.js'
import {BodyError, receive} from './receive.js'

export interface HttpGeneratorOptions {
  readonly time: Pick<Clock, 'now' | 'sleep'>
  /** Sent as a bearer token, over TLS or to this machine only. */
  readonly apiKey?: string | undefined
  /** Requests in all to a miner that is busy. */
  readonly attempts?: number
  /** Pause before the second request, which doubles with each; a twentieth of the time granted if that is less. */
  readonly firstPauseMs?: number
  /** Only public hosts, and only over TLS: where endpoints are not on this machine, nobody may point into its network. */
  readonly publicOnly?: boolean
}

/** Why one request gave no video, and whether another one may. */
class Refusal extends Error {
  readonly outcome: 'busy' | 'transient' | 'permanent' | `rejected:${string}`

  constructor(outcome: Refusal['outcome'], message: string) {
    super(message)
    this.outcome = outcome
  }
}

/** What happened so far: the exchange may end at any point, and its outcome must be told then. */
interface Progress {
  attempts: number
  sentAt: number | undefined
  /** Failures of the kind that gets one more try. */
  failures: number
}

const connectTimeoutMs = 10_000
/** A refusal's text is a courtesy: it is not waited for long, nor read far. */
const detailTimeoutMs = 2_000
const maxHeaderBytes = 16 * 1024
const loopback = /^(127\.\d+\.\d+\.\d+|localhost|\[::1\])$/
const busyStatuses = new Set([429, 502, 503, 504])

/**
 * Asks miners over HTTP by the published generation contract. Redirects are not followed and no encoding is undone, so a
 * miner decides neither where a request goes nor how many bytes a byte becomes.
 */
export class HttpGenerator implements Generator {
  readonly #options: HttpGeneratorOptions
  // A connection per request: one that was closed while idle would look like a miner's failure.
  readonly #agent: Agent
  /** One round asks all miners the same thing: the picture is encoded once, not once per miner. */
  readonly #bodies = new WeakMap<GenerationRequest, Buffer>()

  constructor(options: HttpGeneratorOptions) {
    this.#options = options
    this.#agent = new Agent({
      pipelining: 0,
      allowH2: false,
      maxHeaderSize: maxHeaderBytes,
      connect: {timeout: connectTimeoutMs, ...(options.publicOnly ? {lookup: publicLookup} : {})},
      // The exchange has a deadline of its own.
      headersTimeout: 0,
      bodyTimeout: 0,
    })
  }

  async generate(
    chute: Chute,
    request: GenerationRequest,
    limits: GenerationLimits,
    signal: AbortSignal,
  ): Promise<Generation> {
    const {time} = this.#options
    const progress: Progress = {attempts: 0, sentAt: undefined, failures: 0}
    const budgetMs = limits.deadlineAt - time.now()
    try {
      signal.throwIfAborted()
      // What an earlier, broken-off round left must not pass for an answer to this one.
      await rm(limits.to, {force: true})
      if (budgetMs <= 0) throw new DeadlineError('generation', 0)
      const file = await withDeadline('generation', budgetMs, signal, (within) =>
        this.#exchange(chute, request, limits, progress, within),
      )
      return {outcome: 'ok', reason: null, ...this.#told(progress), file}
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof DeadlineError) {
        const reason = `no whole answer within ${Math.max(0, Math.round(budgetMs / 100) / 10)} s`
        return {outcome: 'transient', reason, ...this.#told(progress), file: null}
      }
      if (!(error instanceof Refusal)) throw error
      return {outcome: error.outcome, reason: error.message, ...this.#told(progress), file: null}
    }
  }

  /** Breaks off what is under way. */
  async close(): Promise<void> {
    await this.#agent.destroy()
  }

  #told({attempts, sentAt}: Progress): {attempts: number; latencyMs: number | null} {
    const latencyMs = sentAt === undefined ? null : Math.max(0, Math.round(this.#options.time.now() - sentAt))
    return {attempts, latencyMs}
  }

  #exchange(
    chute: Chute,
    request: GenerationRequest,
    limits: GenerationLimits,
    progress: Progress,
    signal: AbortSignal,
  ): Promise<NonNullable<Generation['file']>> {
    const {time, attempts = 5, firstPauseMs = 2_000} = this.#options
    const url = endpointUrl(chute, this.#options.publicOnly === true)
    return retry(
      async (attempt) => {
        progress.attempts = attempt
        progress.sentAt = time.now()
        return this.#ask(url, request, limits, signal)
      },
      {
        time,
        signal,
        attempts,
        firstPauseMs: Math.min(firstPauseMs, (limits.deadlineAt - time.now()) / 20),
        until: limits.deadlineAt,
        shouldRetry: (error) => {
          if (!(error instanceof Refusal)) return false
          if (error.outcome === 'transient') return ++progress.failures <= 1
          return error.outcome === 'busy'
        },
      },
    )
  }

  async #ask(
    url: URL,
    request: GenerationRequest,
    limits: GenerationLimits,
    signal: AbortSignal,
  ): Promise<NonNullable<Generation['file']>> {
    const response = await this.#agent
      .request({
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method: 'POST',
        headers: this.#headers(url),
        body: this.#body(request),
        signal,
      })
      .catch((error: unknown) => {
        throw networkRefusal(error, signal)
      })
    const {statusCode, headers, body} = response
    // A body that is given up on ends with an error, which concerns nobody any more.
    body.on('error', () => {})
    try {
      if (statusCode !== 200) throw await statusRefusal(statusCode, headers, body, signal)
      const encoding = headerText(headers['content-encoding']).toLowerCase()
      if (encoding !== '' && encoding !== 'identity') {
        throw new Refusal('rejected:encoding', `the body is encoded as ${plainText(encoding, 40)}`)
      }
      return await this.#receive(body, headers, limits, signal)
    } finally {
      body.destroy()
    }
  }

  async #receive(
    body: AsyncIterable<Uint8Array>,
    headers: IncomingHttpHeaders,
    {maxBytes, to}: GenerationLimits,
    signal: AbortSignal,
  ): Promise<NonNullable<Generation['file']>> {
    const announced = Number(headerText(headers['content-length']) || 0)
    const tooLarge = new Refusal('rejected:too_large', `the body has more than ${maxBytes} bytes`)
    if (announced > maxBytes) throw tooLarge
    const file = await receive(body, to, maxBytes, signal).catch((error: unknown) => {
      if (error instanceof BodyError) throw networkRefusal(error.cause, signal)
      throw error
    })
    if (file === 'too_large') throw tooLarge
    if (file === 'empty') throw new Refusal('rejected:empty', 'the body is empty')
    return file
  }

  #headers(url: URL): Record<string, string> {
    const {apiKey} = this.#options
    const isPrivate = url.protocol === 'https:' || loopback.test(url.hostname)
    return {
      'content-type': 'application/json',
      accept: 'video/mp4, */*;q=0.1',
      'accept-encoding': 'identity',
      'user-agent': 'leoma',
      ...(apiKey && isPrivate ? {authorization: `Bearer ${apiKey}`} : {}),
    }
  }

  #body(request: GenerationRequest): Buffer {
    const known = this.#bodies.get(request)
    if (known) return known
    const {prompt, image, fps, frames, width, height, seed} = request
    const body = Buffer.from(
      JSON.stringify({
        prompt,
        ...(image ? {image: Buffer.from(image).toString('base64')} : {}),
        fps,
        // The published sampler says `frames`, the published miner reads `num_frames`.
        frames,
        num_frames: frames,
        width,
        height,
        resolution: `${height}p`,
        fast: true,
        seed,
      }),
    )
    this.#bodies.set(request, body)
    return body
  }
}

function endpointUrl({endpoint}: Chute, publicOnly: boolean): URL {
  const url = URL.parse(endpoint)
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new Refusal('permanent', 'the endpoint is not a web address')
  }
  if (publicOnly && (url.protocol !== 'https:' || isPrivateHost(url.hostname))) {
    throw new Refusal('permanent', 'the endpoint is not a public https address')
  }
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/generate`
  return url
}

/** What a status means for the next try, after the provider's own table. */
async function statusRefusal(
  status: number,
  headers: IncomingHttpHeaders,
  body: Readable,
  signal: AbortSignal,
): Promise<Refusal> {
  const detail = await withDeadline('detail', detailTimeoutMs, signal, (within) => {
    within.addEventListener('abort', () => body.destroy(), {once: true})
    return detailOf(body)
  })
  signal.throwIfAborted()
  // What the provider needs to find this request in its own logs.
  const id = plainText(headerText(headers['x-chutes-invocationid']), 64)
  const text = detail === '' ? `status ${status}` : `status ${status}: ${detail}`
  return new Refusal(outcomeOf(status, detail), plainText(id === '' ? text : `${text} (invocation ${id})`))
}

function outcomeOf(status: number, detail: string): Refusal['outcome'] {
  if (busyStatuses.has(status)) return 'busy'
  // Our own empty account is no fault of the miner's; only the text tells it from an empty account of the owner.
  if (status === 402 && /quota|account balance/i.test(detail)) return 'transient'
  return status >= 500 || status === 408 ? 'transient' : 'permanent'
}

/** An aborted request is nobody's refusal: the reason of the abort is thrown instead. */
function networkRefusal(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason
  if (error instanceof errors.HeadersOverflowError) {
    return new Refusal('permanent', `the headers have more than ${maxHeaderBytes} bytes`)
  }
  // A request that cannot be sent at all is our fault, never the miner's.
  if (!(error instanceof Error) || error instanceof errors.InvalidArgumentError) return error
  if (error instanceof PrivateAddressError) return new Refusal('permanent', error.message)
  const code = 'code' in error ? String(error.code) : error.name
  return new Refusal('transient', plainText(`connection failed: ${code} ${error.message}`))
}

function headerText(value: string | string[] | undefined): string {
  return (Array.isArray(value) ? value.join(', ') : (value ?? '')).trim()
}
