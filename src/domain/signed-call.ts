import {createHash} from 'node:crypto'
import {Hotkey} from './ids.js'

/**
 * Signed requests in the form of the talking-head subnet: three headers over `<Bytes>path:timestamp:hotkey</Bytes>`. That
 * form covers neither method nor body, so version 2 stands beside it, which covers everything; our own programs sign it.
 * Whoever still signs the old form can use each signature once for what changes something.
 */
export const callHeaders = {
  hotkey: 'x-hotkey',
  timestamp: 'x-timestamp',
  signature: 'x-signature',
  nonce: 'x-nonce',
} as const

/** How far a timestamp may be off, in seconds, unless configured otherwise. */
export const defaultSkewS = 120

export interface Call {
  /** In capitals. */
  readonly method: string
  /** Path and query as in the request line. */
  readonly target: string
  readonly body: Uint8Array
}

type Verify = (message: Uint8Array, signature: Uint8Array, hotkey: string) => boolean
type Sign = {readonly hotkey: string; sign(message: Uint8Array): Uint8Array}

const wrapped = (text: string) => new TextEncoder().encode(`<Bytes>${text}</Bytes>`)

/** The published form; the path stands without its query. */
export function callMessage(path: string, timestamp: string, hotkey: string): Uint8Array {
  return wrapped(`${path}:${timestamp}:${hotkey}`)
}

/** Version 2: one fact a line, none of which can hold a line break. */
export function callMessage2(
  {method, target, body}: Call,
  timestamp: string,
  nonce: string,
  hotkey: string,
): Uint8Array {
  const hash = createHash('sha256').update(body).digest('hex')
  return wrapped(['leoma:call:v2', method, target, hash, timestamp, nonce, hotkey].join('\n'))
}

/** Headers of version 2; make them anew for every attempt. `nonce` is 16 to 64 of A-Z, a-z, 0-9, - and _. */
export function signCall(signer: Sign, call: Call, nowMs: number, nonce: string): Record<string, string> {
  const timestamp = String(Math.floor(nowMs / 1000))
  const message = callMessage2(call, timestamp, nonce, signer.hotkey)
  return {
    'X-Hotkey': signer.hotkey,
    'X-Timestamp': timestamp,
    'X-Signature': Buffer.from(signer.sign(message)).toString('hex'),
    'X-Nonce': nonce,
  }
}

export interface CallCheck {
  readonly nowMs: number
  readonly skewS?: number
  readonly verify: Verify
  /** Whether this hotkey may call at all; asked before the signature is looked at, as published. */
  readonly mayCall: (hotkey: Hotkey) => boolean
  /** Remembers a request until `expiresAtS`; true the first time. */
  readonly claim: (key: string, expiresAtS: number) => boolean
}

export type CheckedCall =
  | {readonly ok: true; readonly hotkey: Hotkey}
  | {readonly ok: false; readonly status: 400 | 401 | 403 | 422; readonly detail: string}

const refuse = (status: 400 | 401 | 403 | 422, detail: string) => ({ok: false, status, detail}) as const

/** The published order of checks, each with its published status. Header names in lower case. */
export function checkCall(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
  call: Call,
  {nowMs, skewS = defaultSkewS, verify, mayCall, claim}: CallCheck,
): CheckedCall {
  const value = (name: string) => {
    const header = headers[name]
    return typeof header === 'string' ? header : undefined
  }
  const [hotkeyText, timestamp, signature] = [
    value(callHeaders.hotkey),
    value(callHeaders.timestamp),
    value(callHeaders.signature),
  ]
  if (hotkeyText === undefined || timestamp === undefined || signature === undefined)
    return refuse(422, 'X-Hotkey, X-Timestamp and X-Signature are needed')
  if (!/^\d{1,15}$/.test(timestamp)) return refuse(400, 'X-Timestamp is not a number of seconds')
  const sentAtS = Number(timestamp)
  if (Math.abs(Math.floor(nowMs / 1000) - sentAtS) > skewS)
    return refuse(401, `X-Timestamp is more than ${skewS} s from the clock of this server`)
  const hotkey = Hotkey.safeParse(hotkeyText)
  if (!hotkey.success) return refuse(400, 'X-Hotkey is not an address')
  if (!mayCall(hotkey.data)) return refuse(403, 'this hotkey may not do this here')
  const bytes = hexBytes(signature)
  if (!bytes) return refuse(400, 'X-Signature is not 64 bytes in hex')
  const nonce = value(callHeaders.nonce)
  if (nonce !== undefined && !/^[A-Za-z0-9_-]{16,64}$/.test(nonce)) return refuse(400, 'X-Nonce is malformed')
  const message =
    nonce === undefined
      ? callMessage(call.target.split('?', 1)[0] ?? '', timestamp, hotkey.data)
      : callMessage2(call, timestamp, nonce, hotkey.data)
  if (!verify(message, bytes, hotkey.data)) return refuse(401, 'the signature does not verify')
  // By hotkey and time for the old form: other bytes may be a signature of the same text.
  const key = nonce === undefined ? `${hotkey.data} ${timestamp} ${call.target}` : `${hotkey.data} ${nonce}`
  const isRepeat = !claim(key, sentAtS + skewS)
  // The old form covers no body: seen once, it must not carry another one. Reading twice harms nobody.
  if (isRepeat && (nonce !== undefined || call.method !== 'GET'))
    return refuse(401, 'this signature was used before: sign the request again')
  return {ok: true, hotkey: hotkey.data}
}

function hexBytes(text: string): Uint8Array | undefined {
  const hex = text.startsWith('0x') ? text.slice(2) : text
  return /^[0-9a-fA-F]{128}$/.test(hex) ? new Uint8Array(Buffer.from(hex, 'hex')) : undefined
}
