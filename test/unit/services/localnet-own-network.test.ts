import {describe, expect, it} from 'vitest'
import {ownNetwork} from '../../../src/services/localnet/own-network.js'

describe('the node of a localnet', () => {
  it.each([
    'finney',
    'test',
    'archive',
    'local,finney',
    'wss://test.finney.opentensor.ai:443',
    'wss://entrypoint-finney.opentensor.ai',
    'ws://127.0.0.1:9944,wss://archive.chain.opentensor.ai:443/key',
  ])('is not the public one that %s names, which is not even asked', (text) => {
    expect(() => ownNetwork(text)).toThrowError(expect.objectContaining({kind: 'usage', code: 'CHAIN_IS_PUBLIC'}))
  })

  it('is none without an address', () => {
    const invalid = expect.objectContaining({kind: 'usage', code: 'CHAIN_ADDRESS_INVALID'})
    expect(() => ownNetwork('localnet')).toThrowError(invalid)
    const unknown = expect.objectContaining({kind: 'config', code: 'NETWORK_UNKNOWN'})
    expect(() => ownNetwork('http://127.0.0.1:9944')).toThrowError(unknown)
  })

  it.each(['local', 'ws://127.0.0.1:9944', 'ws://my-node:9944'])('may be %s', (text) => {
    expect(ownNetwork(text).endpoints).toHaveLength(1)
  })
})
