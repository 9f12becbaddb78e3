import {keyExtractSuri, keyFromPath} from '@polkadot/util-crypto/key'
import {mnemonicToMiniSecret, mnemonicValidate} from '@polkadot/util-crypto/mnemonic'
import {sr25519PairFromSeed, sr25519Sign, sr25519Verify} from '@polkadot/util-crypto/sr25519'
import {isReady, waitReady, sr25519Sign as wasmSign, sr25519Verify as wasmVerify} from '@polkadot/wasm-crypto'
import type {Hotkey} from '../domain/ids.js'
import {LeomaError} from '../errors.js'
import type {Signer, Verify} from './port.js'
import {publicKeyOf, toHotkey} from './ss58.js'

/** A key in any form that people keep one in. */
export type Secret =
  /** `//Alice`, a mnemonic or a hex seed, each with an optional `/soft//hard///password` path. */
  | {readonly uri: string}
  /** 12 to 24 words. */
  | {readonly mnemonic: string}
  /** 32 bytes. */
  | {readonly seed: Uint8Array}
  /** `0x` and 64 hex digits. */
  | {readonly secretSeed: string}
  /** The 64 bytes of a Bittensor key file and the address they must belong to. */
  | {readonly privateKey: Uint8Array; readonly hotkey: string}

interface Pair {
  readonly publicKey: Uint8Array
  readonly secretKey: Uint8Array
}

/** Root of the well-known development keys `//Alice`, `//Bob`, …; every Substrate tool has it. */
const devPhrase = 'bottom drive obey lake curtain smoke basket hold race lonely fit walk'

/**
 * Loads the WebAssembly signature code. Without it everything works too, but a verification takes 5 ms instead of 0.3, so
 * services call this before they start.
 */
export async function walletReady(): Promise<void> {
  await waitReady()
}

class PairSigner implements Signer {
  readonly hotkey: Hotkey
  readonly #pair: Pair

  constructor(pair: Pair) {
    this.#pair = pair
    this.hotkey = toHotkey(pair.publicKey)
  }

  sign(message: Uint8Array): Uint8Array {
    const {publicKey, secretKey} = this.#pair
    return isReady() ? wasmSign(publicKey, secretKey, message) : sr25519Sign(message, this.#pair)
  }
}

/** Throws `KEY_INVALID` without repeating what it was given. */
export function createSigner(secret: Secret): Signer {
  return new PairSigner(pairOf(secret))
}

function pairOf(secret: Secret): Pair {
  if ('seed' in secret) return fromSeed(secret.seed)
  if ('secretSeed' in secret) return fromSeed(hexBytes(secret.secretSeed, 'seed'))
  if ('mnemonic' in secret) return fromSeed(mnemonicSeed(secret.mnemonic))
  if ('privateKey' in secret) return fromPrivateKey(secret.privateKey, secret.hotkey)
  return fromUri(secret.uri)
}

function fromSeed(seed: Uint8Array): Pair {
  if (seed.length !== 32) throw invalid(`a seed has 32 bytes, not ${seed.length}`)
  return sr25519PairFromSeed(seed)
}

function mnemonicSeed(words: string, password = ''): Uint8Array {
  const phrase = words.trim().split(/\s+/).join(' ')
  if (!mnemonicValidate(phrase)) throw invalid('the phrase is not a valid mnemonic')
  return mnemonicToMiniSecret(phrase, password)
}

function fromUri(uri: string): Pair {
  let parts: ReturnType<typeof keyExtractSuri>
  try {
    parts = keyExtractSuri(uri.startsWith('//') ? `${devPhrase}${uri}` : uri)
  } catch {
    // The library's error quotes what it was given.
    throw invalid('the text is not a secret URI')
  }
  const {phrase, path, password} = parts
  const seed = /^0x[0-9a-fA-F]{64}$/.test(phrase) ? hexBytes(phrase, 'seed') : mnemonicSeed(phrase, password)
  return keyFromPath(sr25519PairFromSeed(seed), path, 'sr25519')
}

/**
 * Key files hold the canonical scalar, our library wants it times 8 as in ed25519. Unshifted, it signs without complaint
 * and nobody accepts the signatures; so the pair must prove itself first.
 */
function fromPrivateKey(privateKey: Uint8Array, hotkey: string): Pair {
  if (privateKey.length !== 64) throw invalid(`a private key has 64 bytes, not ${privateKey.length}`)
  const publicKey = publicKeyOf(hotkey)
  if (!publicKey) throw invalid('the address beside the private key is not a hotkey address')
  const pair = {publicKey, secretKey: shiftScalar(privateKey, 'up')}
  const probe = new TextEncoder().encode('leoma: does this secret belong to this address?')
  if (!verify(probe, new PairSigner(pair).sign(probe), hotkey)) {
    throw invalid('the private key does not belong to the address beside it')
  }
  return pair
}

/** `privateKey` as Bittensor's files hold it, of a 32-byte seed. */
export function canonicalPrivateKey(seed: Uint8Array): Uint8Array {
  return shiftScalar(fromSeed(seed).secretKey, 'down')
}

/** Multiplies or divides the little-endian number in the first 32 bytes by 8; the last 32 stay as they are. */
function shiftScalar(key: Uint8Array, direction: 'up' | 'down'): Uint8Array {
  const shifted = Uint8Array.from(key)
  for (let i = 0; i < 32; i++) {
    const here = key[i] ?? 0
    const below = i > 0 ? (key[i - 1] ?? 0) : 0
    const above = i < 31 ? (key[i + 1] ?? 0) : 0
    shifted[i] = direction === 'up' ? (here << 3) | (below >> 5) : (here >> 3) | (above << 5)
  }
  return shifted
}

export const verify: Verify = (message, signature, hotkey) => {
  const publicKey = publicKeyOf(hotkey)
  if (!publicKey || signature.length !== 64) return false
  try {
    return isReady() ? wasmVerify(signature, message, publicKey) : sr25519Verify(message, signature, publicKey)
  } catch {
    return false
  }
}

const wrapBefore = new TextEncoder().encode('<Bytes>')
const wrapAfter = new TextEncoder().encode('</Bytes>')

/** Also takes the signature of a browser extension, which always signs `<Bytes>…</Bytes>` around the message. */
export const verifyWrapped: Verify = (message, signature, hotkey) =>
  verify(message, signature, hotkey) ||
  verify(Uint8Array.from([...wrapBefore, ...message, ...wrapAfter]), signature, hotkey)

/** Bytes of `0x…`; throws `KEY_INVALID` without repeating the text. */
export function hexBytes(text: string, what: string): Uint8Array {
  if (!/^0x([0-9a-fA-F]{2})+$/.test(text)) throw invalid(`the ${what} is not 0x and hex digits`)
  return Uint8Array.from(Buffer.from(text.slice(2), 'hex'))
}

function invalid(message: string): LeomaError {
  return new LeomaError('auth', 'KEY_INVALID', message)
}
