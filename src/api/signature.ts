import {createHash, randomBytes} from 'node:crypto'
import type {Signer, Verify} from '../wallet/port.js'

/** Headers of the published request signature, version 1. */
export const headerNames = {
  hotkey: 'x-validator-hotkey',
  signature: 'x-signature',
  timestamp: 'x-timestamp',
} as const

/** What version 2 adds, and how a server says that it takes it: on every answer. */
export const versionHeader = 'x-signature-version'
export const nonceHeader = 'x-nonce'
export const offerHeader = 'x-signature-versions'

/** How far a timestamp may be from the server's clock, either way, in seconds. */
export const defaultWindowS = 300

/** Version 1: UTF-8 of `<SHA-256 of the raw body, hex>:<timestamp text exactly as sent>`; the body and the time alone. */
export function requestMessage(body: Uint8Array, timestamp: string): Uint8Array {
  return new TextEncoder().encode(`${sha256Hex(body)}:${timestamp}`)
}

/** Everything that a signature of version 2 covers. */
export interface RequestFacts {
  readonly netuid: number
  /** In capitals. */
  readonly method: string
  /** Path and query exactly as they stand in the request line. */
  readonly target: string
  readonly body: Uint8Array
  /** Unix seconds, decimal. */
  readonly timestamp: string
  readonly nonce: string
  readonly hotkey: string
}

/**
 * Version 2: a tag of our own, then one fact a line. None of them can hold a line break, so no two requests have one
 * message; the subnet is named, because the owner of another one must not show a validator's request around.
 */
export function requestMessage2({netuid, method, target, body, timestamp, nonce, hotkey}: RequestFacts): Uint8Array {
  const lines = ['leoma:request:v2', netuid, method, target, sha256Hex(body), timestamp, nonce, hotkey]
  return new TextEncoder().encode(lines.join('\n'))
}

/** Unique for each request of a hotkey. */
export const isNonce = (text: string) => /^[A-Za-z0-9_-]{16,64}$/.test(text)

/** Headers of version 2 for one request; make them anew for every attempt. */
export function signRequest2(
  signer: Signer,
  facts: Pick<RequestFacts, 'netuid' | 'method' | 'target' | 'body'>,
  nowMs: number,
): Record<string, string> {
  const timestamp = String(Math.floor(nowMs / 1000))
  const nonce = randomBytes(16).toString('base64url')
  const message = requestMessage2({...facts, timestamp, nonce, hotkey: signer.hotkey})
  return {
    'X-Validator-Hotkey': signer.hotkey,
    'X-Signature': signatureText(signer.sign(message)),
    'X-Timestamp': timestamp,
    'X-Nonce': nonce,
    'X-Signature-Version': '2',
  }
}

function sha256Hex(body: Uint8Array): string {
  return createHash('sha256').update(body).digest('hex')
}

/** Headers of version 1 for one request; make them anew for every attempt, because a server remembers those it has seen. */
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
  return verify(message, signature, hotkey) || verify(wrapped(message), signature, hotkey)
}

/** What a browser wallet signs when it is given `message`. */
export function wrapped(message: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from('<Bytes>'), message, Buffer.from('</Bytes>')])
}

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
