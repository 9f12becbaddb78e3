import type {Readable} from 'node:stream'
import {type Dispatcher, request} from 'undici'
import {LeomaError} from '../errors.js'
import type {Clock} from '../runtime/clock.js'
import {withDeadline} from '../runtime/deadline.js'
import {retry} from '../runtime/retry.js'
import {type Asked, disconnected, refused, StoreBusy} from './failures.js'
import {objectMissing, objectTooLarge, requireKey} from './key.js'
import type {Objects, StoredObject, WrittenObject} from './port.js'
import {type Arrival, type Patience, receiveBytes, receiveFile} from './receive.js'

export interface PublicObjectsOptions extends Partial<Patience> {
  /** Name of the bucket, as tasks and samples call it. */
  readonly bucket: string
  /** An object lies at `<url>/<key>`. `https:`, or `http:` on this machine. */
  readonly url: string
  readonly time: Pick<Clock, 'now' | 'sleep'>
  /** Tries in all, the first included. */
  readonly attempts?: number
  readonly firstPauseMs?: number
}

const maxRedirects = 3
const loopback = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/

/**
 * A bucket that anyone may read, through its public address or one that redirects to presigned addresses; needs no key
 * and can change nothing. What is read is only as good as its SHA-256, which the caller has from a signed manifest.
 */
export class PublicObjects implements Objects {
  readonly bucket: string
  readonly #options: PublicObjectsOptions & Required<Pick<PublicObjectsOptions, 'attempts' | 'firstPauseMs'>>
  readonly #patience: Patience
  readonly #base: URL

  constructor(options: PublicObjectsOptions) {
    this.bucket = options.bucket
    this.#options = {...options, attempts: options.attempts ?? 6, firstPauseMs: options.firstPauseMs ?? 500}
    this.#patience = {
      timeoutMs: options.timeoutMs ?? 30_000,
      minBytesPerSecond: options.minBytesPerSecond ?? 64 * 1024,
    }
    this.#base = new URL(`${options.url.replace(/\/+$/, '')}/`)
    if (!isSafe(this.#base)) {
      throw new LeomaError('config', 'PUBLIC_URL_INVALID', `${options.url} is not an https:// address`, {
        hints: ['SAMPLES_PUBLIC_URL must begin with https://'],
      })
    }
  }

  async putFile(key: string): Promise<WrittenObject> {
    throw this.#readOnly(`write ${key}`)
  }

  async putBytes(key: string): Promise<WrittenObject> {
    throw this.#readOnly(`write ${key}`)
  }

  async getFile(key: string, to: string, maxBytes: number, signal: AbortSignal): Promise<WrittenObject> {
    const received = await this.#get(key, maxBytes, signal, (arrival, inner) =>
      receiveFile(arrival, to, this.#patience, inner),
    )
    return {key, ...received}
  }

  async getBytes(key: string, maxBytes: number, signal: AbortSignal): Promise<Uint8Array> {
    const {bytes} = await this.#get(key, maxBytes, signal, (arrival, inner) =>
      receiveBytes(arrival, this.#patience, inner),
    )
    return bytes
  }

  async has(key: string, signal: AbortSignal): Promise<boolean> {
    try {
      return await this.#ask(key, 'HEAD', signal, async (answer) => {
        discard(answer.body)
        return true
      })
    } catch (error) {
      if (error instanceof LeomaError && error.code === 'OBJECT_MISSING') return false
      throw error
    }
  }

  // biome-ignore lint/correctness/useYield: the port's shape, for something that this address cannot do
  async *list(): AsyncGenerator<StoredObject, void, void> {
    throw this.#readOnly('list')
  }

  async #get<T>(
    key: string,
    maxBytes: number,
    signal: AbortSignal,
    receive: (arrival: Arrival, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const {bucket} = this
    return this.#ask(key, 'GET', signal, async ({headers, body}, inner) => {
      const announcedBytes = headers['content-length'] === undefined ? undefined : Number(headers['content-length'])
      if ((announcedBytes ?? 0) > maxBytes) {
        discard(body)
        throw objectTooLarge(bucket, key, maxBytes)
      }
      return receive({bucket, key, body, announcedBytes, maxBytes}, inner)
    })
  }

  async #ask<T>(
    key: string,
    method: 'GET' | 'HEAD',
    signal: AbortSignal,
    work: (answer: Dispatcher.ResponseData, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    requireKey(key)
    signal.throwIfAborted()
    const {time, attempts, firstPauseMs} = this.#options
    const asked: Asked = {what: `reading ${key}`, bucket: this.bucket, key, endpoint: this.#base.origin}
    return retry(
      async () => {
        try {
          return await work(await this.#follow(new URL(key, this.#base), method, asked, signal), signal)
        } catch (error) {
          signal.throwIfAborted()
          throw disconnected(error, asked)
        }
      },
      {
        ...{time, signal, attempts, firstPauseMs},
        maxPauseMs: 20_000,
        askedPauseMs: (error) => (error instanceof StoreBusy ? error.pauseMs : undefined),
      },
    )
  }

  /** An owner may hand out presigned addresses by redirecting; never to this machine or its neighbours. */
  async #follow(
    start: URL,
    method: 'GET' | 'HEAD',
    asked: Asked,
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData> {
    const {timeoutMs} = this.#patience
    let url = start
    for (let redirects = 0; ; redirects++) {
      const answer = await withDeadline(asked.what, timeoutMs, signal, (inner) =>
        request(url.href, {
          method,
          // An encoded body would have another length and another SHA-256.
          headers: {'accept-encoding': 'identity'},
          signal: inner,
          ...{headersTimeout: timeoutMs, bodyTimeout: timeoutMs},
        }),
      )
      const {statusCode: status, headers} = answer
      if (status === 200) return answer
      discard(answer.body)
      const location =
        typeof headers.location === 'string' && status >= 300 && status < 400 ? headers.location : undefined
      if (location === undefined) throw this.#refused(status, headers['retry-after'], asked)
      url = this.#next(location, url)
      if (redirects === maxRedirects) throw this.#astray(`${asked.what} is redirected more than ${maxRedirects} times`)
    }
  }

  #refused(status: number, retryAfter: unknown, asked: Asked): LeomaError {
    if (status === 404 || status === 410) return objectMissing(this.bucket, asked.key ?? '')
    const seconds = retryAfter === undefined ? Number.NaN : Number(retryAfter)
    const retryAfterMs = Number.isFinite(seconds) ? Math.min(seconds * 1000, 120_000) : undefined
    return refused({status, code: '', message: '', retryAfterMs}, asked)
  }

  #next(location: string, from: URL): URL {
    const to = URL.canParse(location, from.href) ? new URL(location, from.href) : undefined
    if (to && to.origin === from.origin) return to
    if (to && isSafe(to) && (isNamed(to) || loopback.test(this.#base.hostname))) return to
    throw this.#astray(`${from.host} redirects to where nothing is read from`)
  }

  #astray(message: string): LeomaError {
    return new LeomaError('upstream', 'OBJECTS_ASTRAY', message, {
      hints: ['check SAMPLES_PUBLIC_URL; ask the owner of the subnet'],
      retryable: false,
    })
  }

  #readOnly(what: string): LeomaError {
    return new LeomaError(
      'config',
      'OBJECTS_READ_ONLY',
      `cannot ${what.slice(0, 200)}: bucket ${this.bucket} is known by its public address only`,
      {
        hints: ['credentials are needed for that; see OBJECT_STORAGE_BACKEND in env.example'],
      },
    )
  }
}

/** An answer whose rest is of no interest; without a listener its end would be an error that nobody handles. */
function discard(body: Readable): void {
  body.on('error', () => {})
  body.destroy()
}

function isSafe(url: URL): boolean {
  if (url.username !== '' || url.password !== '') return false
  return url.protocol === 'https:' || (url.protocol === 'http:' && loopback.test(url.hostname))
}

/** Numbers and local names lead to machines that nobody outside could name. */
function isNamed({hostname}: URL): boolean {
  return /^(?=.*[a-z])[a-z0-9.-]+\.[a-z]{2,}\.?$/i.test(hostname) && !/\.(local|internal|localhost)\.?$/i.test(hostname)
}
