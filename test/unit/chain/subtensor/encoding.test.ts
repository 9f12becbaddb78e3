import {readFileSync} from 'node:fs'
import {createRequire} from 'node:module'
import {initSync, tld} from '@ideallabs/timelock_wasm_wrapper'
import {blake2AsU8a} from '@polkadot/util-crypto/blake2'
import {beforeAll, describe, expect, it} from 'vitest'
import {quicknet, roundAt, timeOfRound} from '../../../../src/chain/subtensor/drand.js'
import {signCall} from '../../../../src/chain/subtensor/extrinsic.js'
import {chooseReveal, hiddenPayload} from '../../../../src/chain/subtensor/hidden-weights.js'
import type {Runtime} from '../../../../src/chain/subtensor/runtime.js'
import type {Subnet} from '../../../../src/chain/subtensor/subnet.js'
import {timelockEncrypt} from '../../../../src/chain/subtensor/timelock.js'
import {createSigner, verify, walletReady} from '../../../../src/wallet/keypair.js'
import {finneyGenesis, finneyMetadata, finneyRuntime} from '../../../helpers/finney.js'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const alice = createSigner({uri: '//Alice'})
const blockHash = `0x${'5a'.repeat(32)}`

describe.skipIf(!finneyMetadata)('encoding by finney’s metadata', () => {
  let runtime: Runtime
  beforeAll(async () => {
    await walletReady()
    runtime = finneyRuntime(finneyMetadata ?? new Uint8Array())
  })
  const callHex = (pallet: string, name: string, args: readonly unknown[]) =>
    runtime
      .call(
        pallet,
        name,
      )?.(...args)
      .toHex()

  it('has the calls where finney has them', () => {
    const weights = [7, [1, 2], [3, 4], 5]
    const values = '0801000200' + '0803000400' + '0500000000000000'

    expect(callHex('subtensorModule', 'setWeights', weights)).toBe(`0x07000700${values}`)
    expect(callHex('subtensorModule', 'setMechanismWeights', [7, 1, ...weights.slice(1)])).toBe(`0x0777070001${values}`)
    expect(callHex('subtensorModule', 'commitTimelockedMechanismWeights', [7, 0, '0x0102', 9, 4])).toBe(
      '0x0776070000' + '080102' + '0900000000000000' + '0400',
    )
    expect(callHex('subtensorModule', 'commitTimelockedWeights', [7, '0x0102', 9, 4])).toBe(
      '0x07710700' + '080102' + '0900000000000000' + '0400',
    )
  })

  it('writes a commitment byte for byte as the chain reads it', () => {
    const fields = [{Raw5: '0x68656c6c6f'}, {BigRaw: '0x0102'}]

    expect(callHex('commitments', 'setCommitment', [99, {fields}])).toBe(
      '0x12006300' + '08' + '0668656c6c6f' + '88080102',
    )
    expect(
      callHex('commitments', 'setCommitment', [
        99,
        {fields: [{TimelockEncrypted: {encrypted: '0x0102', revealRound: 7}}]},
      ]),
    ).toBe('0x12006300' + '04' + '86080102' + '0700000000000000')
  })

  it('knows from the metadata what this runtime has', () => {
    expect(runtime.hasVariant('pallet_commitments::types::Data', 'BigRaw')).toBe(true)
    expect(runtime.hasVariant('pallet_commitments::types::Data', 'Sonnet')).toBe(false)
    expect(runtime.storage('subtensorModule', 'subnetEpochIndex')).toBeUndefined()
    expect(runtime.runtimeApi('SubnetInfoRuntimeApi', 'get_selective_metagraph')).toBeDefined()
    expect(runtime.runtimeApi('SubnetInfoRuntimeApi', 'get_poem')).toBeUndefined()
    expect(runtime.hasOldRefusals).toBe(false)
    expect(runtime.unknownExtension()).toBeUndefined()
  })

  it('has the beacon of the chain’s own default', () => {
    const entry = runtime.storage('drand', 'beaconConfig')
    const config = entry && runtime.decodeStorage(entry, null)?.toJSON()

    expect(config).toMatchObject({publicKey: `0x${quicknet.publicKey}`, period: quicknet.periodMs / 1000})
  })

  it('signs exactly what a chain checks: call, era, nonce, tip, versions, genesis and block', () => {
    const call = runtime.call('subtensorModule', 'setWeights')?.(7, [1], [2], 3)
    if (!call) throw new Error('no call')
    const {bytes, hash, deadAt} = signCall(runtime, call, alice, {nonce: 5, anchor: {number: 1000, hash: blockHash}})

    const whole = Buffer.from(bytes.slice(2), 'hex')
    const prefix = whole[0] === undefined || (whole[0] & 3) === 0 ? 1 : 2
    const [version, kind] = [whole[prefix], whole[prefix + 1]]
    const account = whole.subarray(prefix + 2, prefix + 34)
    const signature = whole.subarray(prefix + 35, prefix + 99)
    const extra = whole.subarray(prefix + 99, whole.length - call.toU8a().length)
    const implicit = Buffer.concat([
      Buffer.from([0x89, 1, 0, 0, 1, 0, 0, 0]),
      Buffer.from(finneyGenesis.slice(2), 'hex'),
      Buffer.from(blockHash.slice(2), 'hex'),
      Buffer.from([0]),
    ])
    const payload = Buffer.concat([call.toU8a(), extra, implicit])

    expect([version, kind]).toEqual([0x84, 0])
    expect(hex(account)).toBe(hex(runtime.accountBytes(alice.hotkey)))
    // A mortal era of 32 blocks from block 1000 on, nonce 5, no tip, no metadata hash.
    expect(hex(extra)).toBe('8400' + '14' + '00' + '00')
    expect(payload.length).toBeLessThan(256)
    expect(verify(payload, signature, alice.hotkey)).toBe(true)
    expect(hash).toBe(`0x${hex(blake2AsU8a(whole))}`)
    expect(deadAt).toBe(1032)
  })

  it('hashes long payloads before signing', () => {
    const uids = Array.from({length: 200}, (_, uid) => uid)
    const call = runtime.call('subtensorModule', 'setWeights')?.(7, uids, uids, 3)
    if (!call) throw new Error('no call')
    let signed: Uint8Array | undefined
    const spy = {
      ...alice,
      hotkey: alice.hotkey,
      sign: (message: Uint8Array) => {
        signed = message
        return alice.sign(message)
      },
    }
    signCall(runtime, call, spy, {nonce: 0, anchor: {number: 1, hash: blockHash}})

    expect(signed).toHaveLength(32)
  })

  it('refuses to sign on a chain that wants something signed which is not known', () => {
    // The same metadata, with the extension that carries data under a name nobody knows.
    const strange = Buffer.from(finneyMetadata ?? [])
    const at = strange.lastIndexOf('CheckMetadataHash')
    strange.write('ChecqMetadataHash', at)
    const unknown = finneyRuntime(strange)
    const call = unknown.call('subtensorModule', 'setWeights')?.(7, [1], [2], 3)
    if (!call) throw new Error('no call')

    expect(() => signCall(unknown, call, alice, {nonce: 0, anchor: {number: 1, hash: blockHash}})).toThrow(
      expect.objectContaining({code: 'EXTRINSIC_REJECTED', message: expect.stringContaining('ChecqMetadataHash')}),
    )
  })
})

describe('hidden weights', () => {
  const subnet = (more: Partial<Subnet>): Subnet => ({
    metagraph: {netuid: 7, block: {number: 1000, hash: blockHash}, ownerHotkey: null, neurons: []},
    hyperparameters: {
      tempo: 99,
      weightsRateLimit: 1,
      weightsVersion: 0,
      minAllowedWeights: 1,
      commitRevealEnabled: true,
      mechanismCount: 1,
    },
    epochs: {netuid: 7, tempo: 99},
    revealPeriodEpochs: 1,
    commitRevealVersion: 4,
    stakeThresholdRao: 0n,
    totalStakeRao: undefined,
    lastDrandRound: undefined,
    ...more,
  })
  const now = timeOfRound(5_000_000)

  it('aim three blocks into the epoch in which the chain looks at them', () => {
    // Epochs of subnet 7 with tempo 99 begin at blocks 92, 192, …; block 1000 is in the one from 992 on.
    const {block, round} = chooseReveal(subnet({}), 12_000, now)

    expect(block).toBe(1095)
    expect(round).toBe(roundAt(now + 95 * 12_000))
  })

  it('never choose a round that the chain already has', () => {
    const last = roundAt(now) + 20
    const {round} = chooseReveal(subnet({lastDrandRound: last}), 12_000, now)

    expect(round).toBe(last + (95 * 12) / 3)
  })

  it.each([-40, 40])('are not sent when clock and beacon differ by %i minutes', (minutes) => {
    const lastDrandRound = roundAt(now - minutes * 60_000)

    expect(() => chooseReveal(subnet({lastDrandRound}), 12_000, now)).toThrow(
      expect.objectContaining({code: 'DRAND_OUT_OF_STEP'}),
    )
  })

  it('are not sent where no epoch would open them', () => {
    expect(() => chooseReveal(subnet({epochs: {netuid: 7, tempo: 0}}), 12_000, now)).toThrow(
      expect.objectContaining({code: 'EXTRINSIC_REJECTED'}),
    )
  })

  it('hold what the chain decodes: hotkey, uids, values, version key', () => {
    const key = new Uint8Array(32).fill(1)

    expect(hex(hiddenPayload(key, {uids: [0, 3], values: [1, 65_535], given: 2}, 9))).toBe(
      ['80', '01'.repeat(32), '0800000300', '080100ffff', '0900000000000000'].join(''),
    )
  })

  it('are as long as those seen on finney, and fit for a full subnet', () => {
    const key = new Uint8Array(32)
    const of = (count: number) => {
      const uids = Array.from({length: count}, (_, uid) => uid)
      return timelockEncrypt(hiddenPayload(key, {uids, values: uids, given: count}, 2 ** 53), 1000).length
    }

    expect(of(4)).toBe(303)
    expect(of(256)).toBe(1313)
  })

  it('come out of the Rust crate as they went in', () => {
    const wasm = createRequire(import.meta.url).resolve(
      '@ideallabs/timelock_wasm_wrapper/timelock_wasm_wrapper_bg.wasm',
    )
    initSync({module: readFileSync(wasm)})
    const signature = Buffer.from(
      'b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39',
      'hex',
    )
    const payload = hiddenPayload(new Uint8Array(32).fill(4), {uids: [2], values: [65_535], given: 1}, 1)

    expect(hex(Uint8Array.from(tld(timelockEncrypt(payload, 1000), signature, 'bls12_381')))).toBe(hex(payload))
  })
})
