import {S3Client, type S3ClientConfig} from '@aws-sdk/client-s3'
import {LeomaError} from '../errors.js'
import type {Clock} from '../runtime/clock.js'
import {withDeadline} from '../runtime/deadline.js'
import type {Logger} from '../runtime/logger.js'
import {retry} from '../runtime/retry.js'
import {type Asked, disconnected, type Refusal, refused, StoreBusy} from './failures.js'
import {type Patience, transferMs} from './receive.js'

/** Credentials are split: who only reads must not be able to write. */
export type Purpose = 'read' | 'write'

export interface KeyPair {
  readonly accessKey: string
  readonly secretKey: string
}

export interface S3Place {
  /** `https://host`; that of AWS for the region when undefined. */
  readonly endpoint: string | undefined
  readonly region: string
  readonly bucket: string
  /** Reading falls back to the pair for writing. */
  readonly keys: Readonly<Partial<Record<Purpose, KeyPair>>>
  /** Where the pairs come from, for the message about one that is missing. */
  readonly variables: Readonly<Record<Purpose, string>>
  /** Another way to read, for the same message. */
  readonly otherwise?: string | undefined
}

export interface S3Tuning extends Partial<Patience> {
  readonly time: Pick<Clock, 'now' | 'sleep'>
  readonly log: Logger
  /** Tries in all for one request, the first included. */
  readonly attempts?: number
  readonly firstPauseMs?: number
  /** Pause after an answer that asks to wait and does not say how long, in milliseconds. */
  readonly busyPauseMs?: number
}

const defaults = {timeoutMs: 30_000, minBytesPerSecond: 64 * 1024, attempts: 6, firstPauseMs: 500, busyPauseMs: 2_000}

export interface Request {
  readonly purpose: Purpose
  /** `reading 7/clip.mp4`, for messages. */
  readonly what: string
  readonly key?: string
  /** Bytes that go out with it; they lengthen its deadline. */
  readonly bytes?: number
}

/** One bucket's clients, one per purpose, each made when it is first needed; deadlines, retries and errors for both. */
export class S3Access {
  readonly bucket: string
  readonly endpoint: string
  readonly patience: Patience
  readonly log: Logger
  readonly #place: S3Place
  readonly #tuning: S3Tuning & typeof defaults
  readonly #clients = new Map<KeyPair, S3Client>()

  constructor(place: S3Place, tuning: S3Tuning) {
    if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(place.bucket)) {
      throw new LeomaError('config', 'BUCKET_NAME_INVALID', `${JSON.stringify(place.bucket)} is no name for a bucket`, {
        hints: ['3 to 63 lower-case letters, digits, dots and hyphens'],
      })
    }
    this.bucket = place.bucket
    this.endpoint = place.endpoint ?? `https://s3.${place.region}.amazonaws.com`
    this.#place = place
    this.log = tuning.log
    this.#tuning = {...defaults, ...tuning}
    this.patience = this.#tuning
  }

  /** The pair that a purpose uses; throws `OBJECTS_KEYS_MISSING` naming what to set. */
  pair(purpose: Purpose): KeyPair {
    const {keys, variables, bucket, otherwise} = this.#place
    const found = keys[purpose] ?? (purpose === 'read' ? keys.write : undefined)
    if (found && found.accessKey !== '' && found.secretKey !== '') return found
    const verb = purpose === 'read' ? 'reading' : 'writing'
    // Half of a pair is a mistake, and no reason to use another pair in its place.
    const what = found ? 'only one half of the credentials' : 'no credentials'
    throw new LeomaError('config', 'OBJECTS_KEYS_MISSING', `${what} for ${verb} bucket ${bucket}`, {
      hints: [
        `set ${variables[purpose]}`,
        ...(purpose === 'read' && !found ? [`or ${variables.write}, which read as well`] : []),
        ...(purpose === 'read' && otherwise !== undefined ? [otherwise] : []),
      ],
    })
  }

  client(purpose: Purpose): S3Client {
    const pair = this.pair(purpose)
    const known = this.#clients.get(pair)
    if (known) return known
    const client = new S3Client(this.#clientOptions(pair))
    this.#clients.set(pair, client)
    return client
  }

  /** Tries until the store has answered, within bounds. `work` may run several times. */
  async send<T>(request: Request, signal: AbortSignal, work: (client: S3Client, signal: AbortSignal) => Promise<T>) {
    const ms = transferMs(request.bytes ?? 0, this.patience)
    return this.retrying(request, signal, (client, inner) =>
      withDeadline(request.what, ms, inner, (bounded) => work(client, bounded)),
    )
  }

  /** As `send`, for work that keeps deadlines of its own. */
  async retrying<T>(
    request: Request,
    signal: AbortSignal,
    work: (client: S3Client, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const {time, log, attempts, firstPauseMs, busyPauseMs} = this.#tuning
    return retry(
      async () => {
        try {
          return await work(this.client(request.purpose), signal)
        } catch (error) {
          signal.throwIfAborted()
          throw this.#explained(error, request)
        }
      },
      {
        ...{time, signal, attempts, firstPauseMs},
        maxPauseMs: 20_000,
        askedPauseMs: (error) => (error instanceof StoreBusy ? (error.pauseMs ?? busyPauseMs) : undefined),
        onRetry: (err, attempt) => log.debug({err, attempt, bucket: this.bucket}, 'asking the object store again'),
      },
    )
  }

  close(): void {
    for (const client of this.#clients.values()) client.destroy()
    this.#clients.clear()
  }

  #clientOptions({accessKey, secretKey}: KeyPair): S3ClientConfig {
    const {endpoint, region} = this.#place
    return {
      region,
      ...(endpoint === undefined ? {} : {endpoint}),
      credentials: {accessKeyId: accessKey, secretAccessKey: secretKey},
      forcePathStyle: true,
      // The default adds CRC32 headers and trailers that other stores than AWS refuse (R2: 501) or ignore.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      // Tries are counted in one place, `retrying`.
      maxAttempts: 1,
      followRegionRedirects: false,
      requestHandler: {connectionTimeout: this.patience.timeoutMs},
      // Said here so that nobody's ~/.aws/config changes what leoma does.
      retryMode: 'standard',
      defaultsMode: 'standard',
      useArnRegion: false,
      useDualstackEndpoint: false,
      useFipsEndpoint: false,
      disableMultiregionAccessPoints: true,
      disableS3ExpressSessionAuth: true,
    }
  }

  #explained(error: unknown, {purpose, what, key}: Request): unknown {
    if (error instanceof LeomaError && error.code === 'OBJECTS_KEYS_MISSING') return error
    const {accessKey, secretKey} = this.pair(purpose)
    const asked: Asked = {
      ...{what, key, bucket: this.bucket, endpoint: this.endpoint},
      credentials: this.#place.variables[this.#place.keys[purpose] ? purpose : 'write'],
      secrets: [secretKey, accessKey],
    }
    const refusal = refusalOf(error)
    return refusal ? refused(refusal, asked) : disconnected(error, asked)
  }
}

const madeUp = new Set(['Error', 'Unknown', 'UnknownError'])

/**
 * The answer behind an error of the SDK. The error itself is dropped: it carries the request, and some stores put the
 * text that was signed into it.
 */
function refusalOf(error: unknown): Refusal | undefined {
  if (!(error instanceof Error) || error instanceof LeomaError || !('$metadata' in error)) return undefined
  const {httpStatusCode} = (error.$metadata ?? {}) as {httpStatusCode?: number} // the SDK puts it on all its errors
  const {$response} = error as {$response?: {statusCode?: number; headers?: Record<string, string>}} // not enumerable
  const status = httpStatusCode ?? $response?.statusCode
  if (status === undefined) return undefined
  const header = $response?.headers?.['retry-after']
  const seconds = header === undefined ? Number.NaN : Number(header)
  return {
    status,
    // Where there was no body, the SDK makes up a name from the status.
    code: /^[A-Z][A-Za-z0-9]+$/.test(error.name) && !madeUp.has(error.name) ? error.name : '',
    // A 200 that cannot be read is no S3; the SDK's own sentence speaks to its developers.
    message: status < 300 ? 'the answer is not that of an S3 store' : madeUp.has(error.message) ? '' : error.message,
    retryAfterMs: Number.isFinite(seconds) ? Math.min(seconds * 1000, 120_000) : undefined,
  }
}
