import {z} from 'zod'
import {LeomaError} from '../../errors.js'
import {Hex} from './connection.js'
import type {Rpc} from './rpc.js'
import type {Runtime} from './runtime.js'

interface Wanted {
  readonly key: string
  take(stored: string | null): void
}

const Changes = z.array(z.object({changes: z.array(z.tuple([Hex, Hex.nullable()]))}))

/** Whole numbers of any width: the codec gives those beyond 52 bits as hex. */
export const Big = z.union([
  z.number().int().transform(BigInt),
  z
    .string()
    .regex(/^0x[0-9a-f]*$/)
    .transform(toBig),
])
/** Numbers that may be beyond what a double holds only by nonsense; those become the largest one that it does. */
export const Num = Big.transform((value) =>
  value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(value),
)

function toBig(hex: string): bigint {
  return hex === '0x' ? 0n : BigInt(hex)
}

/** Many storage values of one block in one request. */
export class StorageBatch {
  readonly #runtime: Runtime
  readonly #wanted: Wanted[] = []

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  /**
   * Returns how to get the value once the batch was read: undefined where the runtime has no such item, or where an
   * optional value is not stored; the runtime's default where another one is not.
   */
  add<T>(pallet: string, item: string, args: readonly unknown[], schema: z.ZodType<T>): () => T | undefined {
    const entry = this.#runtime.storage(pallet, item)
    if (!entry) return () => undefined
    let stored: string | null | undefined
    this.#wanted.push({
      key: this.#runtime.storageKey(entry, args),
      take: (value) => {
        stored = value
      },
    })
    return () => {
      if (stored === undefined) throw new Error(`${pallet}.${item} is asked for before the batch was read`)
      const decoded = this.#runtime.decodeStorage(entry, stored)
      return decoded === undefined ? undefined : schema.parse(decoded.toJSON())
    }
  }

  get size(): number {
    return this.#wanted.length
  }

  /** At a block hash, so that all values belong together. */
  async read(rpc: Rpc, hash: string, signal: AbortSignal): Promise<void> {
    if (this.#wanted.length === 0) return
    const keys = [...new Set(this.#wanted.map(({key}) => key))]
    const answer = Changes.safeParse(await rpc.request('state_queryStorageAt', [keys, hash], signal))
    if (!answer.success) throw new LeomaError('chain', 'CHAIN_UNREACHABLE', `${rpc.endpoint} sent storage that is none`)
    const values = new Map(answer.data.flatMap(({changes}) => changes))
    for (const {key, take} of this.#wanted) take(values.get(key) ?? null)
  }
}
