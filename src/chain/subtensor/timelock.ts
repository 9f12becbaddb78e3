import {createCipheriv, createHash, randomBytes} from 'node:crypto'
import {bls12_381 as bls} from '@noble/curves/bls12-381'
import {quicknet} from './drand.js'

/** What encryption adds to a text. */
export const timelockOverheadBytes = 244

/** Randomness of one ciphertext; given only to reproduce one. */
export interface TimelockSeed {
  /** 32 bytes: the key of the inner cipher. */
  readonly key: Uint8Array
  /** 32 bytes. */
  readonly sigma: Uint8Array
  /** 12 bytes. */
  readonly nonce: Uint8Array
}

const hashToCurveTag = 'BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_'
const suite = Buffer.from('AES_GCM_')
type Target = ReturnType<typeof bls.pairing>

/**
 * Encrypts so that anyone can read it once the beacon has published `round`, in the layout that the chain opens: identity
 * encryption (Boneh and Franklin) of an AES-256-GCM key, the round being the identity. The layout is that of the Rust crate
 * `tle` at the revision the chain uses. Of the packages that make it only one WebAssembly build does so, whose source has
 * since moved to another layout; the curve of an audited library and this page are what can be kept.
 */
export function timelockEncrypt(message: Uint8Array, round: number, seed: TimelockSeed = freshSeed()): Uint8Array {
  const {key, sigma, nonce} = seed
  const r = toNumber(sha256(sigma, key)) % bls.fields.Fr.ORDER
  const point = bls.G2.Point.BASE.multiply(r)
  const hashed = bls.G1.hashToCurve(roundMessage(round), {DST: hashToCurveTag})
  const identity = bls.G1.Point.fromAffine(hashed.toAffine())
  const shared = bls.pairing(identity, bls.G2.Point.fromHex(quicknet.publicKey).multiply(r))
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  const sealed = Buffer.concat([cipher.update(message), cipher.final(), cipher.getAuthTag()])
  return Buffer.concat([
    point.toBytes(true),
    sized(xor(sigma, sha256(targetBytes(shared)))),
    sized(xor(key, sha256(sigma))),
    sized(Buffer.concat([sized(sealed), sized(nonce)])),
    sized(suite),
  ])
}

function freshSeed(): TimelockSeed {
  return {key: randomBytes(32), sigma: randomBytes(32), nonce: randomBytes(12)}
}

/** What the beacon signs in a round. */
function roundMessage(round: number): Uint8Array {
  const number = Buffer.alloc(8)
  number.writeBigUInt64BE(BigInt(round))
  return sha256(number)
}

function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** With the length in front, as 8 little-endian bytes. */
function sized(bytes: Uint8Array): Uint8Array {
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(bytes.length))
  return Buffer.concat([length, bytes])
}

function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, index) => byte ^ (b[index] ?? 0))
}

function toNumber(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
}

/** Twelve field elements of 48 little-endian bytes each, in the order of the tower. */
function targetBytes({c0, c1}: Target): Uint8Array {
  const elements = [c0, c1].flatMap((six) => [six.c0, six.c1, six.c2]).flatMap((two) => [two.c0, two.c1])
  return Buffer.concat(elements.map((element) => Buffer.from(element.toString(16).padStart(96, '0'), 'hex').reverse()))
}
