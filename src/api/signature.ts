import {createHash} from 'node:crypto'
import type {Signer, Verify} from '../wallet/port.js'

/** Version 1 of the published request signature: it covers the body and the time, nothing else. */
export const headerNames = {
  hotkey: 'x-validator-hotkey',
  signature: 'x-signature',
  timestamp: 'x-timestamp',
} as const

/** How far a timestamp may be from the server's clock, either way, in seconds. */
export const defaultWindowS = 300

/** UTF-8 of `<SHA-256 of the raw body, hex>:<timestamp text exactly as sent>`. */
export function requestMessage(body: Uint8Array, timestamp: string): Uint8Array {
  const digest = createHash('sha256').update(body).digest('hex')
  return new TextEncoder().encode(`${digest}:${timestamp}`)
}

/** Headers for one request; make them anew for every attempt, because a server remembers those it has seen. */
export function signRequest(signer: Signer, body: Uint8Array, nowMs: number): Record<string, string> {
  const timestamp = String(Math.floor(nowMs / 1000))
  return {
    'X-Validator-Hotkey': signer.hotkey,
    'X-Signature': signatureText(signer.sign(requestMessage(body, timestamp))),
    'X-Timestamp': timestamp,
  }
}

export function signatureText(signature: Uint8Array): string {
  return `0x${Buffer.from(signature).toString('hex')}`
}

/** 64 bytes, or undefined. A lower-case `0x` may stand in front; hex digits of either case. */
export function parseSignature(text: string): Uint8Array | undefined {
  const hex = text.startsWith('0x') ? text.slice(2) : text
  return /^[0-9a-fA-F]{128}$/.test(hex) ? new Uint8Array(Buffer.from(hex, 'hex')) : undefined
}

/** Over the message itself, or as browser wallets sign it: wrapped in `<Bytes>`. */
export function verifyWrapped(verify: Verify, message: Uint8Array, signature: Uint8Array, hotkey: string): boolean {
  return (
    verify(message, signature, hotkey) ||
    verify(Buffer.concat([Buffer.from('<Bytes>'), message, Buffer.from('</Bytes>')]), signature, hotkey)
  )
}

export interface RequestSignature {
  readonly hotkey: string
  readonly signature: string
  readonly timestamp: string
}

/** What the server knows about callers. All answers come from memory or one indexed read. */
export interface CallerBook {
  isBlacklisted(hotkey: string): boolean
  isAdmin(hotkey: string): boolean
  isValidator(hotkey: string): boolean
  /**
   * Remembers a signature until `expiresAtS`, when it would be refused for its age. True the first time. A signature that
   * was only read with (`mayRepeat`) may read again, but is spent for everything else.
   */
  claim(signature: string, expiresAtS: number, mayRepeat: boolean): boolean
}

export interface CheckOptions {
  readonly nowMs: number
  readonly windowS: number
  readonly verify: Verify
  readonly callers: CallerBook
  readonly needs: 'validator' | 'admin'
  /** The request only reads: its signature may be shown again. */
  readonly mayRepeat: boolean
}

export type CallerCheck =
  | {readonly ok: true; readonly hotkey: string; readonly isAdmin: boolean}
  | {readonly ok: false; readonly status: 401 | 403; readonly detail: string}

/**
 * The published order of checks with its published answers. The blacklist is asked before the signature as published;
 * it is public anyway, and the answer comes from memory.
 */
export function checkRequest(request: RequestSignature, body: Uint8Array, options: CheckOptions): CallerCheck {
  const {nowMs, windowS, verify, callers, needs, mayRepeat} = options
  const refuse = (status: 401 | 403, detail: string) => ({ok: false, status, detail}) as const
  const {hotkey} = request

  const timestamp = parseTimestamp(request.timestamp)
  if (timestamp === undefined) return refuse(401, 'Invalid timestamp format')
  if (Math.abs(Math.floor(nowMs / 1000) - timestamp) > windowS)
    return refuse(401, `Timestamp expired (max ${windowS}s)`)
  if (callers.isBlacklisted(hotkey)) return refuse(401, 'Hotkey is blacklisted')

  const signature = parseSignature(request.signature)
  if (!signature || !isAddress(hotkey) || !isSchnorrkel(signature)) return refuse(401, 'Signature verification failed')
  if (!verifyWrapped(verify, requestMessage(body, request.timestamp), signature, hotkey))
    return refuse(401, 'Invalid signature')

  const isAdmin = callers.isAdmin(hotkey)
  if (!isAdmin && !callers.isValidator(hotkey)) {
    return refuse(
      401,
      'Validator not registered. It needs a validator permit and the minimum stake; wait for the next sync after that.',
    )
  }
  if (needs === 'admin' && !isAdmin) return refuse(403, 'Admin access required')
  if (!callers.claim(signatureText(signature), timestamp + windowS, mayRepeat) && !mayRepeat)
    return refuse(401, 'Signature was used before: sign the request again')
  return {ok: true, hotkey, isAdmin}
}

/** Like Python's `int()`: sign, surrounding blanks and single `_` between digits are tolerated; decimals are not. */
function parseTimestamp(text: string): number | undefined {
  const trimmed = text.trim()
  if (!/^[+-]?\d+(_\d+)*$/.test(trimmed) || trimmed.length > 24) return undefined
  return Number(trimmed.replaceAll('_', ''))
}

const isAddress = (text: string) => /^[1-9A-HJ-NP-Za-km-z]{47,48}$/.test(text)

/** schnorrkel marks its signatures in the highest bit, which tells "no signature at all" from "a wrong one". */
const isSchnorrkel = (signature: Uint8Array) => ((signature[63] ?? 0) & 0x80) !== 0

/** One entry of the published evaluation signature. All nine keys are always present. */
export interface EvaluationEntry {
  readonly hotkey: string
  readonly passed: boolean
  readonly status: 'passed' | 'failed'
  readonly confidence: number | null
  readonly reasoning: string | null
  readonly latency_ms: number | null
  readonly original_artifacts: string | null
  readonly generated_artifacts: string | null
  readonly presentation_order: string | null
}

/** What a sample must have for its entry. */
export interface SampleFields {
  readonly miner_hotkey: string
  readonly passed: boolean
  readonly confidence: number | null
  readonly reasoning: string | null
  readonly latency_ms: number | null
  readonly original_artifacts: string | null
  readonly generated_artifacts: string | null
  readonly presentation_order: string | null
}

export function evaluationEntry(sample: SampleFields): EvaluationEntry {
  return {
    hotkey: sample.miner_hotkey,
    passed: sample.passed,
    status: sample.passed ? 'passed' : 'failed',
    confidence: sample.confidence,
    reasoning: sample.reasoning,
    latency_ms: sample.latency_ms,
    original_artifacts: sample.original_artifacts,
    generated_artifacts: sample.generated_artifacts,
    presentation_order: sample.presentation_order,
  }
}

/** The text whose digest is signed: Python's `json.dumps(entries, sort_keys=True)`. */
export function evaluationPayload(entries: readonly EvaluationEntry[]): string {
  return pythonJson(entries)
}

/** Signed is the raw digest, 32 bytes, not its hex form. */
export function evaluationDigest(payload: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(payload).digest())
}

export function signEvaluation(signer: Signer, entries: readonly EvaluationEntry[]): string {
  return signatureText(signer.sign(evaluationDigest(evaluationPayload(entries))))
}

export function verifyEvaluation(verify: Verify, payload: string, signature: string, hotkey: string): boolean {
  const bytes = parseSignature(signature)
  return bytes !== undefined && verifyWrapped(verify, evaluationDigest(payload), bytes, hotkey)
}

type Json = string | number | boolean | null | readonly Json[] | {readonly [key: string]: Json}

/** Python's default JSON: `", "` and `": "`, keys sorted, ASCII only. Whole numbers only: floats print differently. */
export function pythonJson(value: unknown): string {
  return write(value as Json)
}

function write(value: Json): string {
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return asciiString(value)
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new TypeError(`${value} has no agreed text`)
    return String(value)
  }
  if (Array.isArray(value)) return `[${value.map(write).join(', ')}]`
  const pairs = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${pairs.map(([key, item]) => `${asciiString(key)}: ${write(item)}`).join(', ')}}`
}

const shortEscapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\f': '\\f',
  '\b': '\\b',
}

function asciiString(text: string): string {
  // Per UTF-16 unit: astral characters become surrogate pairs, as Python writes them.
  const escaped = text.replace(
    /[^ !#-[\]-~]/g,
    (unit) => shortEscapes[unit] ?? `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return `"${escaped}"`
}
