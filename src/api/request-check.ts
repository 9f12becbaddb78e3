import type {Verify} from '../wallet/port.js'
import {
  isNonce,
  parseSignature,
  type RequestFacts,
  requestMessage,
  requestMessage2,
  signatureText,
  verifyWrapped,
} from './signature.js'

/** What stands in the headers of a signed request. */
export interface RequestSignature {
  readonly hotkey: string
  readonly signature: string
  readonly timestamp: string
  /** Absent or `1` for the published version. */
  readonly version?: string | undefined
  /** Version 2 alone. */
  readonly nonce?: string | undefined
}

/** What the server knows about callers. All answers come from memory. */
export interface CallerBook {
  isBlacklisted(hotkey: string): boolean
  isAdmin(hotkey: string): boolean
  isValidator(hotkey: string): boolean
  /**
   * Remembers a request until `expiresAtS`, when it would be refused for its age. True the first time. A signature of
   * version 1 that was only read with (`mayRepeat`) may read again, but is spent for everything else.
   */
  claim(request: string, expiresAtS: number, mayRepeat: boolean): boolean
}

export interface CheckOptions {
  readonly nowMs: number
  /** How far a timestamp may be off, in seconds. */
  readonly windowS: number
  readonly verify: Verify
  /** For hotkeys of that kind; their signatures are known by a bit that sr25519 sets in all of its own. */
  readonly verifyEd25519?: Verify | undefined
  readonly callers: CallerBook
  readonly needs: 'validator' | 'admin'
}

export type RequestLine = Pick<RequestFacts, 'netuid' | 'method' | 'target' | 'body'>

export type CallerCheck =
  | {readonly ok: true; readonly hotkey: string; readonly isAdmin: boolean}
  | {readonly ok: false; readonly status: 401 | 403; readonly detail: string}

/**
 * The published order of checks with its published answers, for both versions of the signature. The blacklist is asked
 * before the signature as published; it is public anyway, and asking costs nothing.
 */
export function checkRequest(request: RequestSignature, line: RequestLine, options: CheckOptions): CallerCheck {
  const {nowMs, windowS, callers, needs} = options
  const {hotkey, version = '1', nonce = ''} = request
  if (version !== '1' && version !== '2') return refuse(401, 'Unknown signature version: this server takes 1 and 2')

  const timestamp = parseTimestamp(request.timestamp)
  if (timestamp === undefined) return refuse(401, 'Invalid timestamp format')
  if (Math.abs(Math.floor(nowMs / 1000) - timestamp) > windowS)
    return refuse(401, `Timestamp expired (max ${windowS}s)`)
  if (version === '2' && !isNonce(nonce)) return refuse(401, 'Invalid nonce: 16 to 64 of A-Z, a-z, 0-9, _ and -')
  // Version 1 signs the body alone: with none, a signature of anything would be good for everything.
  if (version === '1' && line.method !== 'GET' && line.body.length === 0)
    return refuse(401, 'Signature version 1 does not cover method and path: this request needs version 2')
  if (callers.isBlacklisted(hotkey)) return refuse(401, 'Hotkey is blacklisted')

  const signature = parseSignature(request.signature)
  const fault = signature ? signatureFault(request, line, signature, options) : 'Signature verification failed'
  if (fault !== undefined || !signature) return refuse(401, fault ?? 'Signature verification failed')

  const isAdmin = callers.isAdmin(hotkey)
  if (!isAdmin && !callers.isValidator(hotkey)) {
    return refuse(
      401,
      'Validator not registered. It needs a validator permit and the minimum stake; wait for the next sync after that.',
    )
  }
  if (needs === 'admin' && !isAdmin) return refuse(403, 'Admin access required')
  const mayRepeat = version === '1' && line.method === 'GET'
  // By nonce, not by signature: other bytes may be a signature of the same message.
  const key = version === '2' ? `${hotkey} ${nonce}` : signatureText(signature)
  if (!callers.claim(key, timestamp + windowS, mayRepeat) && !mayRepeat)
    return refuse(401, 'Signature was used before: sign the request again')
  return {ok: true, hotkey, isAdmin}
}

const refuse = (status: 401 | 403, detail: string) => ({ok: false, status, detail}) as const

function signatureFault(
  {hotkey, timestamp, version, nonce = ''}: RequestSignature,
  line: RequestLine,
  signature: Uint8Array,
  {verify, verifyEd25519}: CheckOptions,
): string | undefined {
  // The published library refuses other kinds of key before it looks at the message.
  const by = isSchnorrkel(signature) ? verify : version === '2' ? verifyEd25519 : undefined
  if (!by || !isAddress(hotkey)) return 'Signature verification failed'
  const message =
    version === '2' ? requestMessage2({...line, timestamp, nonce, hotkey}) : requestMessage(line.body, timestamp)
  return verifyWrapped(by, message, signature, hotkey) ? undefined : 'Invalid signature'
}

/** Like Python's `int()`: sign, surrounding blanks and single `_` between digits are tolerated; decimals are not. */
function parseTimestamp(text: string): number | undefined {
  const trimmed = text.trim()
  if (!/^[+-]?\d+(_\d+)*$/.test(trimmed) || trimmed.length > 24) return undefined
  return Number(trimmed.replaceAll('_', ''))
}

const isAddress = (text: string) => /^[1-9A-HJ-NP-Za-km-z]{47,48}$/.test(text)

/** schnorrkel sets the highest bit of its signatures; in one of ed25519 it is never set. */
const isSchnorrkel = (signature: Uint8Array) => ((signature[63] ?? 0) & 0x80) !== 0
