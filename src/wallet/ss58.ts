import {checkAddress, decodeAddress, encodeAddress} from '@polkadot/util-crypto/address'
import type {Hotkey} from '../domain/ids.js'
import {LeomaError} from '../errors.js'

/** Address prefix of every Bittensor network. */
const prefix = 42
/** Longer than any address; keeps hostile text away from the base58 decoder. */
const maxAddressLength = 64

/**
 * The 32-byte public key of an address with prefix 42, or undefined. Nothing weaker is strict: the library's
 * `isAddress` takes other prefixes, raw hex and 33-byte accounts, and `checkAddress` alone still takes the last.
 */
export function publicKeyOf(address: string): Uint8Array | undefined {
  if (address.length > maxAddressLength) return undefined
  try {
    if (!checkAddress(address, prefix)[0]) return undefined
    const key = decodeAddress(address)
    return key.length === 32 ? key : undefined
  } catch {
    return undefined
  }
}

export function isHotkey(text: string): text is Hotkey {
  return publicKeyOf(text) !== undefined
}

/** For addresses that a person typed: alphabet, checksum, prefix and length. Throws `HOTKEY_INVALID`. */
export function parseHotkey(text: string): Hotkey {
  const trimmed = text.trim()
  if (isHotkey(trimmed)) return trimmed
  throw new LeomaError('usage', 'HOTKEY_INVALID', `${JSON.stringify(text.slice(0, 80))} is not a hotkey address`, {
    hints: ['give the SS58 address of the hotkey: 48 characters, beginning with 5'],
  })
}

/** The address of a 32-byte public key. */
export function toHotkey(publicKey: Uint8Array): Hotkey {
  if (publicKey.length !== 32) throw new TypeError(`a public key has 32 bytes, not ${publicKey.length}`)
  // The encoder cannot make anything else of 32 bytes.
  return encodeAddress(publicKey, prefix) as Hotkey
}
