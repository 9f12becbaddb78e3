import type {GenericExtrinsic} from '@polkadot/types'
import type {EventRecord} from '@polkadot/types/interfaces'
import type {Codec} from '@polkadot/types/types'
import type {BlockRef} from '../../runtime/clock.js'
import type {Signer} from '../../wallet/port.js'
import {rejected} from './refusals.js'
import type {Runtime} from './runtime.js'

/** Blocks for which a signed call stays valid; a lost one is then dead in about six minutes. */
export const mortalityBlocks = 32

/** A call as the codec makes it. */
export type Call = Codec & {toHex(): string}

export interface SignedCall {
  /** `0x…`, what is sent. */
  readonly bytes: string
  readonly hash: string
  readonly nonce: number
  /** The first block in which it can no longer be. */
  readonly deadAt: number
}

/** Signs a call of an anchor block on, for `mortalityBlocks` blocks. */
export function signCall(
  runtime: Runtime,
  call: Call,
  signer: Signer,
  {nonce, anchor}: {readonly nonce: number; readonly anchor: BlockRef},
): SignedCall {
  const unknown = runtime.unknownExtension()
  if (unknown !== undefined) {
    throw rejected(`this chain wants something signed that leoma does not know: ${unknown}`, {hints: ['upgrade leoma']})
  }
  const {registry, genesis, version} = runtime
  // The type that `createType` gives for this name is wider than what it makes.
  const extrinsic = registry.createType('Extrinsic', call, {version: 4}) as unknown as GenericExtrinsic
  const era = registry.createType('ExtrinsicEra', {current: anchor.number, period: mortalityBlocks})
  const account = {
    addressRaw: runtime.accountBytes(signer.hotkey),
    address: signer.hotkey,
    // The byte in front names the kind of signature, sr25519.
    sign: (message: Uint8Array) => Buffer.concat([Uint8Array.of(1), signer.sign(message)]),
  }
  // Only these two members of a key pair are used for signing.
  extrinsic.sign(account as unknown as Parameters<GenericExtrinsic['sign']>[0], {
    blockHash: anchor.hash,
    era,
    genesisHash: genesis,
    nonce,
    // Only the two numbers of it are signed.
    runtimeVersion: registry.createType('RuntimeVersion', version) as unknown as SignedVersion,
    tip: 0,
  })
  return {bytes: extrinsic.toHex(), hash: extrinsic.hash.toHex(), nonce, deadAt: anchor.number + mortalityBlocks}
}

type SignedVersion = NonNullable<Parameters<GenericExtrinsic['sign']>[1]['runtimeVersion']>

export interface Outcome {
  /** Name of the pallet's error, or the chain's own word; undefined for success. */
  readonly failure: string | undefined
  /** `pallet.Event` of everything the call caused. */
  readonly events: readonly string[]
}

/** What became of the call at `index` of a block, from the block's events. */
export function outcomeOf(runtime: Runtime, stored: string | null, index: number): Outcome {
  const entry = runtime.storage('system', 'events')
  if (!entry) throw new Error('a runtime without events')
  // The codec does not know the type of a storage item; that of this one is the same on every Substrate chain.
  const records = runtime.decodeStorage(entry, stored) as unknown as readonly EventRecord[]
  const own = records
    .filter(({phase}) => phase.isApplyExtrinsic && phase.asApplyExtrinsic.toNumber() === index)
    .map(({event}) => event)
  const failed = own.find(({section, method}) => section === 'system' && method === 'ExtrinsicFailed')
  return {
    events: own.map(({section, method}) => `${section}.${method}`),
    failure: failed ? failureName(runtime, failed.data[0]) : undefined,
  }
}

function failureName({registry}: Runtime, error: unknown): string {
  const {isModule, asModule} = error as EventRecordError // As declared for every Substrate chain.
  if (!isModule) return String(error)
  try {
    return registry.findMetaError(asModule).name
  } catch {
    return String(error)
  }
}

interface EventRecordError {
  readonly isModule: boolean
  readonly asModule: Parameters<Runtime['registry']['findMetaError']>[0]
}
