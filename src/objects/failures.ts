import {plainLine} from '../domain/plain-line.js'
import {LeomaError} from '../errors.js'
import {DeadlineError} from '../runtime/deadline.js'
import {objectMissing} from './key.js'
import {CutShort} from './receive.js'

/** What was asked of a store, for the sentence about its failure. */
export interface Asked {
  /** `reading 7/clip.mp4`. */
  readonly what: string
  readonly bucket: string
  readonly key?: string | undefined
  readonly endpoint: string
  /** The variables that hold the credentials; undefined when there are none. */
  readonly credentials?: string | undefined
  /** Never repeated, whatever the store says. */
  readonly secrets?: readonly string[]
}

/** An answer in the terms of HTTP and S3. */
export interface Refusal {
  readonly status: number
  /** S3's error code, such as `SlowDown`; empty when there was none. */
  readonly code: string
  readonly message: string
  readonly retryAfterMs?: number | undefined
}

/** A store that asks to wait. */
export class StoreBusy extends LeomaError {
  readonly pauseMs: number | undefined

  constructor(message: string, pauseMs: number | undefined) {
    super('upstream', 'OBJECTS_BUSY', message, {
      hints: ['it is tried again by itself; fewer processes on one key help'],
    })
    this.pauseMs = pauseMs
  }
}

const busy = new Set(['SlowDown', 'TooManyRequests', 'ServiceUnavailable', 'RequestLimitExceeded', 'Throttling'])
const conflicts = new Set(['OperationAborted', 'ConditionalRequestConflict'])
const badKeys = new Set([
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'InvalidSecurity',
  'AuthorizationHeaderMalformed',
])
const wrongTime = new Set(['RequestTimeTooSkewed', 'RequestExpired'])
const elsewhere = new Set([
  'PermanentRedirect',
  'TemporaryRedirect',
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
])
const again = new Set(['InternalError', 'RequestTimeout', 'IncompleteBody', 'BadDigest', 'XAmzContentSHA256Mismatch'])

/** Turns what a store answered into an error that says who must act. */
export function refused(refusal: Refusal, asked: Asked): LeomaError {
  const {status, code} = refusal
  const {bucket, key, what, endpoint} = asked
  const said = sentence(refusal, asked)
  if (status === 402 || code === 'PaymentRequired' || code === 'InsufficientCredits') {
    return new LeomaError('config', 'OBJECTS_UNPAID', `${endpoint} wants to be paid for ${what} (${said})`, {
      hints: [`add credit to the account that owns bucket ${bucket}; reading needs none`, 'leoma doctor'],
    })
  }
  if (busy.has(code) || status === 429 || status === 503) {
    return new StoreBusy(`${endpoint} asks to wait with ${what} (${said})`, refusal.retryAfterMs)
  }
  if (conflicts.has(code)) return new StoreBusy(`something else happens to the object: ${what} (${said})`, undefined)
  if (wrongTime.has(code)) {
    return new LeomaError('config', 'OBJECTS_CLOCK', `${endpoint} finds this machine's clock wrong (${said})`, {
      hints: ['set the clock: timedatectl set-ntp true'],
    })
  }
  if (elsewhere.has(code) || (status >= 300 && status < 400)) {
    return new LeomaError('config', 'OBJECTS_ELSEWHERE', `bucket ${bucket} is not at ${endpoint} (${said})`, {
      hints: ['correct the endpoint and the region of the bucket: HIPPIUS_, R2_ or S3_ENDPOINT and _REGION'],
    })
  }
  if (badKeys.has(code) || status === 401) {
    return new LeomaError('config', 'OBJECTS_FORBIDDEN', `${endpoint} does not know the credentials (${said})`, {
      hints: [...holders(asked, 'correct'), 'leoma doctor'],
    })
  }
  if (status === 403) {
    return new LeomaError('config', 'OBJECTS_FORBIDDEN', `${endpoint} forbids ${what} of bucket ${bucket} (${said})`, {
      hints: [
        ...holders(asked, 'check the rights of'),
        'a key that may not list the bucket gets this answer for absent objects, too',
        'leoma doctor',
      ],
    })
  }
  // Only a question about an object can be answered with its absence.
  if (code === 'NoSuchBucket' || (status === 404 && key === undefined && code !== 'NoSuchUpload')) {
    return new LeomaError('config', 'BUCKET_MISSING', `${endpoint} has no bucket ${bucket}`, {
      hints: ['check the name of the bucket and the account that the credentials belong to'],
    })
  }
  if (code === 'NoSuchUpload') {
    return new LeomaError('upstream', 'UPLOAD_LOST', `${endpoint} has forgotten the upload: ${what}`, {
      retryable: false,
    })
  }
  if (status === 404 && key !== undefined) return objectMissing(bucket, key)
  if (status >= 500 || status < 300 || again.has(code)) return unreachable(asked, said)
  return new LeomaError('upstream', 'OBJECTS_REFUSED', `${endpoint} refuses ${what} (${said})`, {
    hints: ['leoma doctor'],
    retryable: false,
  })
}

/** A connection that failed or an answer that broke off; other errors come back as they are. */
export function disconnected(error: unknown, asked: Asked): unknown {
  if (error instanceof LeomaError && !(error instanceof DeadlineError)) return error
  if (error instanceof DeadlineError || error instanceof CutShort) return unreachable(asked, error.message)
  if (!(error instanceof Error) || !isNetwork(error)) return error
  const code = 'code' in error ? String(error.code) : error.name
  // The addresses that were tried stand in an AggregateError, which has no message of its own.
  return unreachable(asked, scrub(error.message === '' ? code : error.message, asked), certificates.test(code))
}

const certificates = /CERT|SELF_SIGNED|UNABLE_TO_|ALTNAME/
const networkCodes =
  /^(ECONN|ENOTFOUND|EAI_|EPIPE|ETIMEDOUT|EHOST|ENET|EPROTO|HPE_|UND_ERR_|ERR_(TLS|SSL|HTTP|STREAM)|CERT_|SELF_|DEPTH_|UNABLE_)/

function isNetwork(error: Error): boolean {
  if (error.name === 'TimeoutError') return true
  return 'code' in error && typeof error.code === 'string' && networkCodes.test(error.code)
}

function unreachable(asked: Asked, why: string, isCertificate = false): LeomaError {
  return new LeomaError('upstream', 'OBJECTS_UNREACHABLE', `${asked.what} of bucket ${asked.bucket} failed: ${why}`, {
    hints: isCertificate
      ? [
          `${asked.endpoint} shows a certificate that is not trusted here; NODE_EXTRA_CA_CERTS names a file with its own`,
        ]
      : [`check that ${asked.endpoint} can be reached from here`, 'leoma doctor'],
    retryable: !isCertificate,
  })
}

function holders({credentials}: Asked, verb: string): string[] {
  return credentials === undefined ? [] : [`${verb} ${credentials}`]
}

function sentence({status, code, message}: Refusal, asked: Asked): string {
  return scrub([status, code, message].filter((part) => part !== '' && part !== 0).join(' '), asked)
}

/** The store's own words: one line, not long, without control characters, without what must not be repeated. */
function scrub(text: string, {secrets = []}: Asked): string {
  let clean = text
  for (const secret of secrets) if (secret.length >= 4) clean = clean.replaceAll(secret, '[hidden]')
  return plainLine(clean, 300)
}
