import type {Readable} from 'node:stream'

const keptBytes = 4096

/** What a program prints: read always, so that it does not block; only the end of it is kept, and too much is told. */
export class Prints {
  #tail = Buffer.alloc(0)
  #bytes = 0
  #isTold = false
  readonly #maxBytes: number
  readonly #onTooMuch: () => void

  constructor(maxBytes: number, onTooMuch: () => void) {
    this.#maxBytes = maxBytes
    this.#onTooMuch = onTooMuch
  }

  read(...streams: readonly (Readable | null | undefined)[]): void {
    for (const stream of streams) {
      stream?.on('data', (chunk: Buffer) => this.#add(chunk))
      // A reader that is torn away is the end, not a fault.
      stream?.on('error', () => {})
    }
  }

  /** Printable ASCII and line feeds; everything else is a question mark. */
  get said(): string {
    return this.#tail
      .toString('latin1')
      .replaceAll('\r\n', '\n')
      .replace(/[^\n\x20-\x7e]/g, '?')
      .trim()
  }

  #add(chunk: Buffer): void {
    this.#bytes += chunk.length
    this.#tail = Buffer.concat([this.#tail, chunk.subarray(-keptBytes)]).subarray(-keptBytes)
    if (this.#bytes <= this.#maxBytes || this.#isTold) return
    this.#isTold = true
    this.#onTooMuch()
  }
}
