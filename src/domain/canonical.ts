import {createHash} from 'node:crypto'
import canonicalize from 'canonicalize'
import {Sha256} from './ids.js'

/** RFC 8785: one text for one value, so that a hash names it. Throws on what JSON cannot say (NaN, undefined). */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value)
  if (text === undefined) throw new TypeError('value has no JSON form')
  return text
}

export function sha256(data: string | Uint8Array): Sha256 {
  return Sha256.parse(createHash('sha256').update(data).digest('hex'))
}

export function hashOf(value: unknown): Sha256 {
  return sha256(canonicalJson(value))
}

/** What is signed. The tag keeps a signature made for one purpose from being shown for another. */
export type SigningPurpose = 'exam' | 'record' | 'task' | 'verdict' | 'weights'

/** UTF-8 of `leoma:<purpose>:v1:<sha256 of the canonical JSON>`. */
export function signingMessage(purpose: SigningPurpose, value: unknown): Uint8Array {
  return messageOfHash(purpose, hashOf(value))
}

/** The same for whoever has the hash already. */
export function messageOfHash(purpose: SigningPurpose, hash: Sha256): Uint8Array {
  return new TextEncoder().encode(`leoma:${purpose}:v1:${hash}`)
}
