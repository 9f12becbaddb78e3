import {encodeAddress} from '@polkadot/util-crypto/address'
import {describe, expect, it} from 'vitest'
import {Hotkey} from '../../../src/domain/ids.js'
import {isHotkey, parseHotkey, publicKeyOf, toHotkey} from '../../../src/wallet/ss58.js'

const alice = '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY'
const key = publicKeyOf(alice)!

describe('parseHotkey', () => {
  it('takes an address with prefix 42, and spaces around it', () => {
    expect(parseHotkey(` ${alice}\n`)).toBe(alice)
  })

  it('gives back the address of a public key, which the schema of hotkeys accepts too', () => {
    expect(toHotkey(key)).toBe(alice)
    expect(Hotkey.parse(toHotkey(key))).toBe(alice)
    expect(() => toHotkey(key.slice(1))).toThrow(TypeError)
  })

  it.each([
    ['prefix 0', encodeAddress(key, 0)],
    ['prefix 2', encodeAddress(key, 2)],
    ['prefix 13116', encodeAddress(key, 13116)],
    ['a 33-byte account', encodeAddress(new Uint8Array(33).fill(7), 42)],
    ['a 1-byte index', encodeAddress(new Uint8Array([7]), 42)],
    ['hex', `0x${Buffer.from(key).toString('hex')}`],
    ['20 bytes of hex', `0x${'ab'.repeat(20)}`],
    ['a wrong last letter', `${alice.slice(0, -1)}Z`],
    ['nothing', ''],
    ['a letter outside the alphabet', alice.replace('G', '0')],
  ])('refuses %s', (_, address) => {
    expect(isHotkey(address)).toBe(false)
    expect(() => parseHotkey(address)).toThrow(expect.objectContaining({kind: 'usage', code: 'HOTKEY_INVALID'}))
  })
})
