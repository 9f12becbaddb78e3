import {expect, it} from 'vitest'
import {isPrivateAddress, isPrivateHost, PrivateAddressError, publicLookup} from '../../../src/models/addresses.js'

it.each([
  '0.0.0.0',
  '10.1.2.3',
  '100.64.0.1',
  '127.0.0.1',
  '169.254.169.254',
  '172.31.255.255',
  '192.168.0.1',
  '198.19.0.1',
  '224.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::ffff:127.0.0.1',
  '::ffff:10.0.0.1',
  '64:ff9b::7f00:1',
  'fc00::1',
  'fe80::1',
  'ff02::1',
  '2001:db8::1',
  '2002:7f00:1::',
  'not an address',
])('%s is private', (address) => {
  expect(isPrivateAddress(address)).toBe(true)
})

it.each(['1.1.1.1', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '::ffff:8.8.8.8'])('%s is public', (address) => {
  expect(isPrivateAddress(address)).toBe(false)
})

it('judges the host of an address by what it is, in every spelling that a URL takes', () => {
  for (const host of ['127.1', '0x7f.1', '2130706433', '[::1]', 'localhost', 'a.localhost', '[::ffff:7f00:1]'])
    expect(isPrivateHost(new URL(`http://${host}/`).hostname)).toBe(true)
  for (const host of ['slug.chutes.ai', '8.8.8.8', '[2606:4700::1111]'])
    expect(isPrivateHost(new URL(`http://${host}/`).hostname)).toBe(false)
})

it.each([true, false])('refuses a name that resolves to this machine (all: %s)', async (all) => {
  const error = await new Promise((resolve) => publicLookup('localhost', {all}, resolve))

  expect(error).toBeInstanceOf(PrivateAddressError)
})
