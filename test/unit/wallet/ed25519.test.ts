import {generateKeyPairSync, sign} from 'node:crypto'
import {encodeAddress} from '@polkadot/util-crypto/address'
import {ed25519PairFromSeed, ed25519Sign} from '@polkadot/util-crypto/ed25519'
import {describe, expect, it} from 'vitest'
import {verifyEd25519} from '../../../src/wallet/ed25519.js'
import {createSigner} from '../../../src/wallet/keypair.js'

const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'))

/** RFC 8032, section 7.1. */
const published = [
  {
    key: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    message: '',
    signature:
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  },
  {
    key: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    message: '72',
    signature:
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  },
]

describe('a signature of an ed25519 hotkey', () => {
  it.each(published)('verifies the published vector of "$message"', ({key, message, signature}) => {
    const hotkey = encodeAddress(bytes(key), 42)

    expect(verifyEd25519(bytes(message), bytes(signature), hotkey)).toBe(true)
    expect(verifyEd25519(bytes(`${message}00`), bytes(signature), hotkey)).toBe(false)
  })

  it('verifies what the wallets of this ecosystem sign', () => {
    const pair = ed25519PairFromSeed(new Uint8Array(32).fill(7))
    const message = new TextEncoder().encode('a message')

    expect(verifyEd25519(message, ed25519Sign(message, pair), encodeAddress(pair.publicKey, 42))).toBe(true)
  })

  it('is not one of sr25519', () => {
    const alice = createSigner({uri: '//Alice'})
    const message = new TextEncoder().encode('a message')

    expect(verifyEd25519(message, alice.sign(message), alice.hotkey)).toBe(false)
  })

  it.each([
    ['the zero account', '00'.repeat(32)],
    ['the neutral element', `01${'00'.repeat(31)}`],
    ['a key of order 8', 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'],
  ])('never verifies for %s, for which everybody could sign', (_, key) => {
    const anything = new Uint8Array(64)
    anything[0] = 1

    expect(verifyEd25519(new Uint8Array(1), anything, encodeAddress(bytes(key), 42))).toBe(false)
    expect(verifyEd25519(new Uint8Array(1), new Uint8Array(64), encodeAddress(bytes(key), 42))).toBe(false)
  })

  it('is false, not an exception, for anything malformed', () => {
    const {privateKey} = generateKeyPairSync('ed25519')
    const signature = sign(null, new Uint8Array(1), privateKey)

    expect(verifyEd25519(new Uint8Array(1), signature.subarray(1), createSigner({uri: '//Alice'}).hotkey)).toBe(false)
    expect(verifyEd25519(new Uint8Array(1), signature, 'nobody')).toBe(false)
  })
})
