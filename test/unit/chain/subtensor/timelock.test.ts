import {createHash} from 'node:crypto'
import {readFileSync} from 'node:fs'
import {createRequire} from 'node:module'
import {initSync, tld, tle} from '@ideallabs/timelock_wasm_wrapper'
import {bls12_381 as bls} from '@noble/curves/bls12-381'
import {beforeAll, describe, expect, it} from 'vitest'
import {quicknet, roundAt, timeOfRound} from '../../../../src/chain/subtensor/drand.js'
import {timelockEncrypt, timelockOverheadBytes} from '../../../../src/chain/subtensor/timelock.js'

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'))
/** A pulse that the beacon really published. */
const round = 1000
const signature = bytes(
  'b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39',
)
const message = new TextEncoder().encode('{"model_name": "a/leoma-b"}')

describe('timelock encryption', () => {
  beforeAll(() => {
    // The chain's own crate, as WebAssembly: what it opens, the chain opens.
    const wasm = createRequire(import.meta.url).resolve(
      '@ideallabs/timelock_wasm_wrapper/timelock_wasm_wrapper_bg.wasm',
    )
    initSync({module: readFileSync(wasm)})
  })

  it('is for the beacon whose pulse this is', () => {
    const hashed = bls.shortSignatures.hash(sha256(roundBytes(round)), 'BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_')

    expect(bls.shortSignatures.verify(signature, hashed, bytes(quicknet.publicKey))).toBe(true)
  })

  it('makes what the Rust crate opens with the pulse of the round', () => {
    const sealed = timelockEncrypt(message, round)

    expect(Uint8Array.from(tld(sealed, signature, 'bls12_381'))).toEqual(Uint8Array.from(message))
    expect(sealed).toHaveLength(message.length + timelockOverheadBytes)
  })

  it('stays closed for the pulse of another round', () => {
    expect(() => tld(timelockEncrypt(message, round + 1), signature, 'bls12_381')).toThrow()
  })

  it('has the layout of the Rust crate, length for length', () => {
    const theirs = tle(
      sha256(roundBytes(round)),
      message,
      new Uint8Array(32).fill(7),
      bytes(quicknet.publicKey),
      'bls12_381',
    )
    const ours = timelockEncrypt(message, round)
    const lengthsOf = (sealed: Uint8Array) => [96, 136, 176].map((at) => Buffer.from(sealed).readBigUInt64LE(at))

    expect(ours).toHaveLength(theirs.length)
    expect(lengthsOf(ours)).toEqual(lengthsOf(Uint8Array.from(theirs)))
    expect(Buffer.from(ours).subarray(-8).toString()).toBe('AES_GCM_')
  })

  it('never makes the same twice, unless it is told what to be random with', () => {
    const seed = {key: new Uint8Array(32).fill(1), sigma: new Uint8Array(32).fill(2), nonce: new Uint8Array(12).fill(3)}

    expect(timelockEncrypt(message, round)).not.toEqual(timelockEncrypt(message, round))
    expect(timelockEncrypt(message, round, seed)).toEqual(timelockEncrypt(message, round, seed))
  })
})

describe('rounds of the beacon', () => {
  it('begin with 1 at its genesis and follow every three seconds', () => {
    expect(roundAt(quicknet.genesisMs)).toBe(1)
    expect(roundAt(quicknet.genesisMs + 2999)).toBe(1)
    expect(roundAt(quicknet.genesisMs + 3000)).toBe(2)
    expect(roundAt(0)).toBe(1)
  })

  it('are published when a commit on finney expected it', () => {
    expect(new Date(timeOfRound(32_340_463)).toISOString()).toBe('2026-09-19T13:32:33.000Z')
    expect(roundAt(timeOfRound(32_340_463))).toBe(32_340_463)
  })
})

function roundBytes(value: number): Buffer {
  const number = Buffer.alloc(8)
  number.writeBigUInt64BE(BigInt(value))
  return number
}

function sha256(data: Uint8Array): Uint8Array {
  return Uint8Array.from(createHash('sha256').update(data).digest())
}
