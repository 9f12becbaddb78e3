import {Metadata, TypeRegistry} from '@polkadot/types'
import {expandMetadata} from '@polkadot/types/metadata/decorate'
import type {StorageEntry} from '@polkadot/types/primitive/types'
import type {CallFunction, Codec} from '@polkadot/types/types'
import {unwrapStorageType} from '@polkadot/types/util'
import {LeomaError} from '../../errors.js'

export interface RuntimeVersion {
  readonly specVersion: number
  readonly transactionVersion: number
}

/** Transaction extensions that every Substrate client knows how to fill in. */
const knownExtensions = [
  'CheckNonZeroSender',
  'CheckSpecVersion',
  'CheckTxVersion',
  'CheckGenesis',
  'CheckMortality',
  'CheckNonce',
  'CheckWeight',
  'ChargeTransactionPayment',
  'CheckMetadataHash',
]

/**
 * What a connected node's own metadata says can be read and called, and how it is encoded. Features are asked for by name
 * and never by spec number: `undefined` means that this runtime does not have it.
 *
 * Only the codec of polkadot.js is used, not its `ApiPromise`: that one falls back to metadata without runtime APIs after
 * an upgrade, notices neither another genesis nor a silent node on reconnect, and writes its log to stdout.
 */
export class Runtime {
  readonly genesis: string
  readonly version: RuntimeVersion
  readonly registry: TypeRegistry
  readonly #metadata: Metadata
  readonly #decorated: ReturnType<typeof expandMetadata>

  constructor(metadata: Uint8Array, version: RuntimeVersion, genesis: string) {
    this.genesis = genesis
    this.version = version
    this.registry = new TypeRegistry()
    this.#metadata = new Metadata(this.registry, trimmed(metadata))
    // The last argument: unknown extensions are judged by `unknownExtension`, not by a line on the console.
    this.registry.setMetadata(this.#metadata, undefined, undefined, true)
    this.#decorated = expandMetadata(this.registry, this.#metadata)
  }

  /** Names are as in polkadot.js: camelCase. */
  storage(pallet: string, item: string): StorageEntry | undefined {
    return this.#decorated.query[pallet]?.[item]
  }

  call(pallet: string, name: string): CallFunction | undefined {
    return this.#decorated.tx[pallet]?.[name]
  }

  constant(pallet: string, name: string): Codec | undefined {
    return this.#decorated.consts[pallet]?.[name]
  }

  storageKey(entry: StorageEntry, args: readonly unknown[]): string {
    return this.registry.createType('StorageKey', [entry, [...args]]).toHex()
  }

  /** The stored value, or the default where nothing is stored; undefined for an optional one that is not there. */
  decodeStorage(entry: StorageEntry, stored: string | null): Codec | undefined {
    const isOptional = entry.meta.modifier.isOptional
    if (stored === null && isOptional) return undefined
    // Bytes, never a hex string: of an Option the codec would take the hex for the inner value and shift everything.
    const bytes = stored === null ? entry.meta.fallback.toU8a(true) : hexToBytes(stored)
    return this.decode(unwrapStorageType(this.registry, entry.meta.type), bytes)
  }

  decode(type: string, bytes: Uint8Array): Codec {
    return this.registry.createTypeUnsafe(type, [bytes])
  }

  /** A method of a runtime API, such as `SubnetInfoRuntimeApi`, `get_selective_metagraph`. */
  runtimeApi(trait: string, method: string): RuntimeMethod | undefined {
    const found = this.#metadata.asLatest.apis
      .find(({name}) => name.eq(trait))
      ?.methods.find(({name}) => name.eq(method))
    if (!found) return undefined
    const inputs = found.inputs.map(({type}) => this.registry.createLookupType(type))
    const output = this.registry.createLookupType(found.output)
    return {
      name: `${trait}_${method}`,
      encode: (args) =>
        bytesToHex(
          Buffer.concat(inputs.map((type, index) => this.registry.createTypeUnsafe(type, [args[index]]).toU8a())),
        ),
      decode: (hex) => this.decode(output, hexToBytes(hex)),
      output,
    }
  }

  /** The 32 bytes of an address. */
  accountBytes(address: string): Uint8Array {
    return this.registry.createType('AccountId32', address).toU8a()
  }

  /** Whether an enumeration, named by its path in the runtime, has a variant. */
  hasVariant(path: string, variant: string): boolean {
    const found = this.#metadata.asLatest.lookup.types.find(({type}) => type.path.join('::') === path)
    return found?.type.def.isVariant === true && found.type.def.asVariant.variants.some(({name}) => name.eq(variant))
  }

  /**
   * An extension that this program cannot sign because it carries data, or undefined. Those of subtensor's own that carry
   * none change nothing in what is signed.
   */
  unknownExtension(): string | undefined {
    for (const {identifier, type, implicit} of this.#extensions()) {
      const isEmpty = [type, implicit].every(
        (lookup) => this.registry.createTypeUnsafe(this.registry.createLookupType(lookup), []).encodedLength === 0,
      )
      if (!knownExtensions.includes(identifier) && !isEmpty) return identifier
    }
    return undefined
  }

  /** True for runtimes from before the transaction extension that numbers refusals as all later ones do. */
  get hasOldRefusals(): boolean {
    return this.#extensions().some(({identifier}) => identifier === 'SubtensorSignedExtension')
  }

  #extensions() {
    const {version} = this.#metadata
    // Made from an older format, the codec's newest view has lost what is signed without being sent.
    if (version < 16) {
      const {extrinsic} = version === 14 ? this.#metadata.asV14 : this.#metadata.asV15
      return extrinsic.signedExtensions.map(({identifier, type, additionalSigned}) => ({
        identifier: identifier.toString(),
        type,
        implicit: additionalSigned,
      }))
    }
    return this.#metadata.asLatest.extrinsic.transactionExtensions.map(({identifier, type, implicit}) => ({
      identifier: identifier.toString(),
      type,
      implicit,
    }))
  }
}

export interface RuntimeMethod {
  /** As `state_call` takes it. */
  readonly name: string
  encode(args: readonly unknown[]): string
  decode(hex: string): Codec
  /** The codec's name for the type of the answer. */
  readonly output: string
}

const magic = Buffer.from('meta')

/** Metadata comes bare, or with a length in front. */
function trimmed(metadata: Uint8Array): `0x${string}` {
  const bytes = Buffer.from(metadata)
  const start = bytes.subarray(0, 16).indexOf(magic)
  if (start < 0) throw new LeomaError('chain', 'CHAIN_UNREACHABLE', 'the node sent metadata that is none')
  return `0x${bytes.subarray(start).toString('hex')}`
}

export function hexToBytes(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.slice(2), 'hex'))
}

export function bytesToHex(bytes: Uint8Array): `0x${string}` {
  return `0x${Buffer.from(bytes).toString('hex')}`
}
