import {blake2b} from '@noble/hashes/blake2b'
import {base58} from '@scure/base'
import * as sr25519 from '@scure/sr25519'
import canonicalize from 'canonicalize'

/** What is signed, written as the program writes it: RFC 8785, SHA-256, and a tag for what the signature is for. */

export type Purpose = 'exam' | 'task' | 'verdict' | 'weights'

export function canonicalText(value: unknown): string {
  const text = canonicalize(value)
  if (text === undefined) throw new TypeError('value has no JSON form')
  return text
}

export const hex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')

export async function sha256Hex(data: Uint8Array<ArrayBuffer> | ArrayBuffer): Promise<string> {
  return hex(new Uint8Array(await crypto.subtle.digest('SHA-256', data)))
}

/** SHA-256 of the canonical text, in hex. */
export function hashOf(value: unknown): Promise<string> {
  return sha256Hex(new TextEncoder().encode(canonicalText(value)))
}

/** UTF-8 of `leoma:<purpose>:v1:<hash>`. */
export function messageOf(purpose: Purpose, hash: string): Uint8Array {
  return new TextEncoder().encode(`leoma:${purpose}:v1:${hash}`)
}

/** The public key in an address of the generic Substrate format (prefix 42); undefined for anything else. */
export function publicKeyOf(address: string): Uint8Array | undefined {
  let raw: Uint8Array
  try {
    raw = base58.decode(address)
  } catch {
    return undefined
  }
  if (raw.length !== 35 || raw[0] !== 42) return undefined
  const tag = new TextEncoder().encode('SS58PRE')
  const payload = new Uint8Array([...tag, ...raw.subarray(0, 33)])
  const checksum = blake2b(payload, {dkLen: 64})
  return checksum[0] === raw[33] && checksum[1] === raw[34] ? raw.subarray(1, 33) : undefined
}

/** False for whatever is malformed; never throws. */
export function isSigned(message: Uint8Array, signature: string, address: string): boolean {
  const key = publicKeyOf(address)
  const [, digits] = /^0x([0-9a-f]{128})$/.exec(signature) ?? []
  if (!key || !digits) return false
  const bytes = Uint8Array.from({length: 64}, (_, index) => Number.parseInt(digits.slice(2 * index, 2 * index + 2), 16))
  try {
    return sr25519.verify(message, bytes, key)
  } catch {
    return false
  }
}
