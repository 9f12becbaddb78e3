import {createHash} from 'node:crypto'
import {gzipSync} from 'node:zlib'

/** How long a client or a proxy may go on using an answer without asking, in seconds. */
export interface Keep {
  readonly maxAgeS: number
  /** What the answer follows from: it is made anew when one of these is no longer the same. Must cost next to nothing. */
  basis(): readonly unknown[]
}

export interface Bytes {
  readonly bytes: Buffer
  readonly etag: string
  /** The same compressed, made when somebody first asks for it; null for an answer that is too short to gain. */
  readonly gzip: () => Buffer | null
}

/** One packet more or less: below this nobody would notice. */
const worthCompressing = 1_400

/** One answer in memory, as the bytes that are sent. */
export class KeptAnswer {
  readonly headers: Readonly<Record<string, string>>
  readonly #keep: Keep
  #basis: readonly unknown[] | undefined
  #kept: Bytes | undefined

  constructor(keep: Keep) {
    this.#keep = keep
    this.headers = {'cache-control': `public, max-age=${keep.maxAgeS}`}
  }

  /** Undefined when it would have to be made. */
  known(): Bytes | undefined {
    return isSame(this.#keep.basis(), this.#basis) ? this.#kept : undefined
  }

  /** Whatever `make` throws is passed on, and nothing is kept. */
  get(make: () => string): Bytes {
    const basis = this.#keep.basis()
    if (this.#kept && isSame(basis, this.#basis)) return this.#kept
    const bytes = Buffer.from(make())
    let gzip: Buffer | undefined
    this.#kept = {
      bytes,
      etag: `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`,
      gzip: () => {
        if (bytes.length < worthCompressing) return null
        gzip ??= gzipSync(bytes)
        return gzip
      },
    }
    this.#basis = basis
    return this.#kept
  }
}

function isSame(a: readonly unknown[], b: readonly unknown[] | undefined): boolean {
  return b !== undefined && a.length === b.length && a.every((item, index) => item === b[index])
}

/** Whether the client has it already. A weak tag is as good as a strong one here (RFC 9110, 13.1.2). */
export function isKnown(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false
  if (ifNoneMatch === etag || ifNoneMatch.trim() === '*') return true
  return ifNoneMatch.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag)
}
