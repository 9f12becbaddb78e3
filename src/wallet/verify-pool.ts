import type {VerifyAll} from './port.js'
import {VerifyBeside, type VerifyBesideOptions} from './verify-beside.js'

/** Fewer for one thread are not worth being split off. */
const leastPiece = 64

/** Checks large batches in several threads, for a process that has nothing else to do than to check. */
export class VerifyPool {
  readonly #threads: readonly VerifyBeside[]

  constructor({threads, ...options}: VerifyBesideOptions & {readonly threads: number}) {
    this.#threads = Array.from({length: Math.max(1, threads)}, () => new VerifyBeside(options))
  }

  readonly verifyAll: VerifyAll = async (checks, signal) => {
    const size = Math.max(leastPiece, Math.ceil(checks.length / this.#threads.length))
    const pieces = await Promise.all(
      this.#threads.map((thread, index) => thread.verifyAll(checks.slice(index * size, (index + 1) * size), signal)),
    )
    return pieces.flat()
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()))
  }
}
