import {z} from 'zod'
import type {Hotkey} from './ids.js'
import {type Call, callHeaders, callMessage2} from './signed-call.js'

/**
 * The request with which a hotkey submitted, as far as its signature covers it: whoever has it can check that this hotkey
 * said just this, when, and that nobody else can have said it. Only version 2 of signed calls makes one: the published
 * form does not cover the body.
 */
export const SubmissionProof = z.strictObject({
  /** Path of the request. */
  target: z.string().max(200),
  /** As it came. */
  body: z.string().max(8192),
  /** Unix seconds. */
  timestamp: z.string().regex(/^\d{1,12}$/),
  nonce: z.string().regex(/^[A-Za-z0-9_-]{16,64}$/),
  signature: z.string().regex(/^[0-9a-f]{128}$/),
})
export type SubmissionProof = z.infer<typeof SubmissionProof>

/** The proof that a request is, whose signature has been verified; undefined when it was signed in the published form. */
export function proofOf(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
  {target, body}: Call,
): SubmissionProof | undefined {
  const text = Buffer.from(body).toString('utf8')
  // Bytes that are no text would come back as others.
  if (Buffer.compare(Buffer.from(text, 'utf8'), body) !== 0) return undefined
  const proof = SubmissionProof.safeParse({
    ...{target, body: text, timestamp: headers[callHeaders.timestamp], nonce: headers[callHeaders.nonce]},
    signature: String(headers[callHeaders.signature]).replace(/^0x/, '').toLowerCase(),
  })
  return proof.success ? proof.data : undefined
}

/** What a proof says once its signature has been verified. */
export interface Proven {
  /** The body's fields. */
  readonly fields: Readonly<Record<string, string>>
  /** Milliseconds since 1970, by the clock of who signed; the API took it within a few minutes of that. */
  readonly at: number
}

type Verify = (message: Uint8Array, signature: Uint8Array, hotkey: string) => boolean

const Fields = z.record(z.string(), z.string())

/** What `hotkey` signed with a `POST` to `target`; undefined when it did not. Never throws. */
export function provenBy(
  {target, body, timestamp, nonce, signature}: SubmissionProof,
  expected: {readonly hotkey: Hotkey; readonly target: string},
  verify: Verify,
): Proven | undefined {
  if (target !== expected.target) return undefined
  const call = {method: 'POST', target, body: new TextEncoder().encode(body)}
  const message = callMessage2(call, timestamp, nonce, expected.hotkey)
  if (!verify(message, new Uint8Array(Buffer.from(signature, 'hex')), expected.hotkey)) return undefined
  try {
    return {fields: Fields.parse(JSON.parse(body)), at: Number(timestamp) * 1000}
  } catch {
    return undefined
  }
}
