import {sr25519Verify} from '@polkadot/util-crypto/sr25519'
import {beforeAll, describe, expect, it} from 'vitest'
import {canonicalPrivateKey, createSigner, verify, verifyWrapped, walletReady} from '../../../src/wallet/keypair.js'
import {publicKeyOf} from '../../../src/wallet/ss58.js'

const alice = '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY'
const aliceSeed = Buffer.from('e5be9a5092b81bca64be81d212e7f2f9eba183bb7a90954f7b76361f6edb5c0a', 'hex')
const message = new TextEncoder().encode('a message')

// Accepted by the published API; checked there with two other libraries.
const published = {
  message: new TextEncoder().encode('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855:1700000000'),
  signature: Buffer.from(
    'c4e180c94597af2918a8272ca8d18ac222447eb24ec0d1988026b0206bc92905d8cd3fc4514d7df334c79f5414af44b4305d6c94475e7837b11a1b76a40ac18f',
    'hex',
  ),
}

beforeAll(walletReady)

describe('createSigner', () => {
  it.each([
    ['a development URI', {uri: '//Alice'}],
    ['a URI with a mnemonic', {uri: 'bottom drive obey lake curtain smoke basket hold race lonely fit walk//Alice'}],
    ['a seed', {seed: aliceSeed}],
    ['a seed in hex', {secretSeed: `0x${aliceSeed.toString('hex')}`}],
    ['a URI with a seed', {uri: `0x${aliceSeed.toString('hex')}`}],
    ['the private key of a Bittensor file', {privateKey: canonicalPrivateKey(aliceSeed), hotkey: alice}],
  ])('makes the same key of %s', (_, secret) => {
    const signer = createSigner(secret)

    expect(signer.hotkey).toBe(alice)
    expect(verify(message, signer.sign(message), alice)).toBe(true)
  })

  it('reads a mnemonic, whatever its spacing', () => {
    const signer = createSigner({mnemonic: ' bottom drive obey lake curtain smoke  basket hold race lonely fit walk\n'})

    expect(signer.hotkey).toBe('5DfhGyQdFobKM8NsWvEeAKk5EQQgYe9AydgJ7rMB6E1EqRzV')
  })

  it('writes the canonical scalar, not the library’s', () => {
    expect(Buffer.from(canonicalPrivateKey(aliceSeed)).toString('hex')).toMatch(/^33a6f309/)
  })

  it('refuses a private key that was not shifted or belongs to somebody else', () => {
    const canonical = canonicalPrivateKey(aliceSeed)
    const other = createSigner({uri: '//Bob'}).hotkey

    expect(() => createSigner({privateKey: canonical, hotkey: other})).toThrow('does not belong')
    expect(() => createSigner({privateKey: canonical.map((byte) => byte ^ 1), hotkey: alice})).toThrow(
      'does not belong',
    )
  })

  it.each([
    ['words that are no mnemonic', {mnemonic: 'correct horse battery staple'}],
    ['a word', {uri: 'hunter2'}],
    ['no URI', {uri: '?!/hunter2'}],
    ['no hex', {secretSeed: 'hunter2'}],
    ['a short seed', {seed: new Uint8Array(31)}],
    ['a short private key', {privateKey: new Uint8Array(63), hotkey: alice}],
  ])('refuses %s without repeating it', (_, secret) => {
    let thrown: unknown
    try {
      createSigner(secret)
    } catch (error) {
      thrown = error
    }

    expect(thrown).toMatchObject({kind: 'auth', code: 'KEY_INVALID'})
    expect(String(thrown)).not.toMatch(/hunter2|horse/)
  })

  it('keeps the secret out of everything that prints or copies a signer', () => {
    const signer = createSigner({seed: aliceSeed})

    expect(Object.keys(signer)).toEqual(['hotkey'])
    expect(JSON.stringify(signer)).toBe(JSON.stringify({hotkey: alice}))
  })

  it('signs with bytes that other implementations accept', () => {
    const signature = createSigner({uri: '//Alice'}).sign(message)

    expect(signature).toHaveLength(64)
    expect(sr25519Verify(message, signature, publicKeyOf(alice)!)).toBe(true)
  })
})

describe('verify', () => {
  it('accepts the published signature', () => {
    expect(verify(published.message, published.signature, alice)).toBe(true)
  })

  it('is false for another message, key or signature', () => {
    const bob = createSigner({uri: '//Bob'}).hotkey

    expect(verify(message, published.signature, alice)).toBe(false)
    expect(verify(published.message, published.signature, bob)).toBe(false)
    expect(
      verify(
        published.message,
        published.signature.map((byte, i) => (i === 3 ? byte ^ 1 : byte)),
        alice,
      ),
    ).toBe(false)
  })

  it.each([
    ['an empty signature', new Uint8Array(), alice],
    ['65 bytes', new Uint8Array(65), alice],
    ['zeros', new Uint8Array(64), alice],
    ['ones', new Uint8Array(64).fill(255), alice],
    ['no address', published.signature, ''],
    ['a hex public key', published.signature, `0x${Buffer.from(publicKeyOf(alice)!).toString('hex')}`],
    ['the same key under another prefix', published.signature, '15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5'],
    ['a very long address', published.signature, '5'.repeat(1_000_000)],
  ])('is false, and does not throw, for %s', (_, signature, hotkey) => {
    expect(verify(published.message, signature, hotkey)).toBe(false)
    expect(verifyWrapped(published.message, signature, hotkey)).toBe(false)
  })

  it('takes a browser extension’s wrapped signature only when asked to', () => {
    const wrapped = createSigner({uri: '//Alice'}).sign(new TextEncoder().encode('<Bytes>a message</Bytes>'))

    expect(verify(message, wrapped, alice)).toBe(false)
    expect(verifyWrapped(message, wrapped, alice)).toBe(true)
  })

  it('never takes a raw signature for a wrapped message', () => {
    const raw = createSigner({uri: '//Alice'}).sign(message)

    expect(verifyWrapped(new TextEncoder().encode('<Bytes>a message</Bytes>'), raw, alice)).toBe(false)
  })
})
