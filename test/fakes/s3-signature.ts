import {createHash, createHmac, timingSafeEqual} from 'node:crypto'
import type {IncomingMessage} from 'node:http'

/** AWS Signature Version 4 as a server checks it, written from the published description and not from any client. */

export type Verdict = {readonly accessKey: string} | {readonly code: string; readonly message: string}

export interface Claim {
  readonly accessKey: string
  /** `20260101/us-east-1/s3/aws4_request`. */
  readonly scope: string
  readonly signedHeaders: readonly string[]
  readonly signature: string
  readonly at: string
  /** Seconds a presigned address holds; undefined for a signed header. */
  readonly expiresS: number | undefined
  readonly payloadHash: string
}

const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data).digest('hex')
const hmac = (key: string | Uint8Array, data: string) => createHmac('sha256', key).update(data).digest()
const encode = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)

export function readClaim(request: IncomingMessage, url: URL): Claim | undefined {
  const header = request.headers.authorization
  if (header !== undefined) {
    const found =
      /^AWS4-HMAC-SHA256 Credential=([^/]+)\/([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(header)
    if (!found) return undefined
    const [, accessKey = '', scope = '', signedHeaders = '', signature = ''] = found
    return {
      ...{accessKey, scope, signature},
      signedHeaders: signedHeaders.split(';'),
      at: String(request.headers['x-amz-date']),
      expiresS: undefined,
      payloadHash: String(request.headers['x-amz-content-sha256']),
    }
  }
  const query = url.searchParams
  if (query.get('X-Amz-Algorithm') !== 'AWS4-HMAC-SHA256') return undefined
  const [accessKey = '', ...scope] = (query.get('X-Amz-Credential') ?? '').split('/')
  return {
    accessKey,
    scope: scope.join('/'),
    signedHeaders: (query.get('X-Amz-SignedHeaders') ?? '').split(';'),
    signature: query.get('X-Amz-Signature') ?? '',
    at: query.get('X-Amz-Date') ?? '',
    expiresS: Number(query.get('X-Amz-Expires')),
    payloadHash: 'UNSIGNED-PAYLOAD',
  }
}

/** Checks everything but the body, which has not arrived yet. */
export function checkClaim(
  request: IncomingMessage,
  url: URL,
  claim: Claim,
  secretKey: string | undefined,
  region: string,
  nowMs: number,
): Verdict {
  if (secretKey === undefined)
    return {code: 'InvalidAccessKeyId', message: 'The access key does not exist in our records.'}
  const [date = '', claimedRegion = '', service, end] = claim.scope.split('/')
  if (claimedRegion !== region || service !== 's3' || end !== 'aws4_request') {
    return {
      code: 'AuthorizationHeaderMalformed',
      message: `the region '${claimedRegion}' is wrong; expecting '${region}'`,
    }
  }
  const atMs = Date.parse(claim.at.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'))
  if (claim.expiresS === undefined) {
    if (!(Math.abs(nowMs - atMs) <= 15 * 60_000))
      return {
        code: 'RequestTimeTooSkewed',
        message: 'The difference between the request time and the current time is too large.',
      }
  } else if (!(nowMs <= atMs + claim.expiresS * 1000)) return {code: 'AccessDenied', message: 'Request has expired'}
  for (const must of ['host', ...Object.keys(request.headers).filter((name) => name.startsWith('x-amz-'))]) {
    if (claim.expiresS === undefined && !claim.signedHeaders.includes(must)) {
      return {code: 'AccessDenied', message: `There were headers present in the request which were not signed: ${must}`}
    }
  }
  const canonical = [
    request.method,
    // The path as it was sent: S3 does not encode it a second time.
    url.pathname,
    [...url.searchParams]
      .filter(([name]) => name !== 'X-Amz-Signature')
      .map(([name, value]) => `${encode(name)}=${encode(value)}`)
      .sort()
      .join('&'),
    ...claim.signedHeaders.map(
      (name) =>
        `${name}:${String(request.headers[name] ?? '')
          .trim()
          .replace(/ +/g, ' ')}`,
    ),
    '',
    claim.signedHeaders.join(';'),
    claim.payloadHash,
  ].join('\n')
  const toSign = ['AWS4-HMAC-SHA256', claim.at, claim.scope, sha256(canonical)].join('\n')
  const key = [claimedRegion, 's3', 'aws4_request'].reduce<Uint8Array>(hmac, hmac(`AWS4${secretKey}`, date))
  const expected = hmac(key, toSign)
  const given = Buffer.from(claim.signature, 'hex')
  if (given.length === expected.length && timingSafeEqual(given, expected)) return {accessKey: claim.accessKey}
  return {
    code: 'SignatureDoesNotMatch',
    message: 'The request signature we calculated does not match the signature you provided.',
  }
}

/** Undefined when the body is the one that was signed. */
export function checkBody(claim: Claim, body: Uint8Array): string | undefined {
  if (claim.payloadHash === 'UNSIGNED-PAYLOAD' || claim.payloadHash.startsWith('STREAMING-')) return undefined
  return claim.payloadHash === sha256(body) ? undefined : 'XAmzContentSHA256Mismatch'
}

/** `<size>[;…]\r\n<bytes>\r\n … 0\r\n<trailers>\r\n` */
export function decodeAwsChunked(body: Buffer): Buffer {
  const pieces: Buffer[] = []
  for (let at = 0; ; ) {
    const end = body.indexOf('\r\n', at)
    const size = Number.parseInt(body.subarray(at, end).toString('latin1'), 16)
    if (!(size > 0)) return Buffer.concat(pieces)
    pieces.push(body.subarray(end + 2, end + 2 + size))
    at = end + 2 + size + 2
  }
}
