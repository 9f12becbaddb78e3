import {Worker} from 'node:worker_threads'
import type {Clock} from '../runtime/clock.js'
import type {Logger} from '../runtime/logger.js'
import {verify} from './keypair.js'
import type {Check, VerifyAll} from './port.js'
import {publicKeyOf} from './ss58.js'
import type {Done, Job} from './verify-worker.js'

/** Fewer are checked faster than they are handed over. One check takes about 0.3 ms. */
const worthHandingOver = 12
/** Checked here before others have their turn, when the thread is not to be had. */
const perSlice = 8
/** A thread that dies this often is left alone: signatures are then checked here, in slices. */
const maxDeaths = 3

export interface VerifyBesideOptions {
  readonly time: Pick<Clock, 'sleep'>
  readonly log: Logger
  /** Where the thread's program is; only a test names another. */
  readonly program?: URL
}

/** Of an address that is none. Not of 32 zeros: those are a key for which everybody can sign. */
const noKey = new Uint8Array(0)

/** Checks signatures in a thread of its own, which starts with the first batch that is worth it. */
export class VerifyBeside {
  readonly #options: VerifyBesideOptions
  readonly #waiting = new Map<number, {resolve: (valid: readonly boolean[]) => void; reject: (error: Error) => void}>()
  #worker: Worker | undefined
  #deaths = 0
  #lastId = 0
  #isClosed = false

  constructor(options: VerifyBesideOptions) {
    this.#options = options
  }

  readonly verifyAll: VerifyAll = async (checks, signal) => {
    signal.throwIfAborted()
    if (checks.length < worthHandingOver) return this.#here(checks, signal)
    try {
      const valid = await this.#beside(checks)
      signal.throwIfAborted()
      return valid
    } catch (error) {
      signal.throwIfAborted()
      this.#options.log.warn({err: error, checks: checks.length}, 'signatures are checked without their thread')
      return this.#here(checks, signal)
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#worker?.terminate()
  }

  #beside(checks: readonly Check[]): Promise<readonly boolean[]> {
    const worker = this.#start()
    const keys = new Map<string, Uint8Array>()
    const keyOf = (hotkey: string) => {
      // All of a batch are usually of one hotkey, and decoding an address costs a tenth of a check.
      const key = keys.get(hotkey) ?? publicKeyOf(hotkey) ?? noKey
      keys.set(hotkey, key)
      return key
    }
    const id = ++this.#lastId
    const job: Job = {
      id,
      checks: checks.map(({message, signature, hotkey}) => ({message, signature, publicKey: keyOf(hotkey)})),
    }
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, {resolve, reject})
      worker.postMessage(job)
    })
  }

  #start(): Worker {
    if (this.#worker) return this.#worker
    if (this.#isClosed || this.#deaths >= maxDeaths) throw new Error('there is no thread for signatures')
    const worker = new Worker(this.#options.program ?? ownProgram(), {name: 'signatures'})
    worker.unref()
    worker.on('message', ({id, valid}: Done) => {
      this.#waiting.get(id)?.resolve(valid)
      this.#waiting.delete(id)
    })
    worker.on('error', (error) => this.#died(worker, error instanceof Error ? error : new Error(String(error))))
    worker.on('exit', (code) => this.#died(worker, new Error(`the thread for signatures ended with ${code}`)))
    this.#worker = worker
    return worker
  }

  #died(worker: Worker, error: Error): void {
    if (this.#worker !== worker) return
    this.#worker = undefined
    this.#deaths++
    for (const {reject} of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }

  async #here(checks: readonly Check[], signal: AbortSignal): Promise<readonly boolean[]> {
    const valid: boolean[] = []
    for (const {message, signature, hotkey} of checks) {
      if (valid.length % perSlice === perSlice - 1) await this.#options.time.sleep(0, signal)
      valid.push(verify(message, signature, hotkey))
    }
    return valid
  }
}

function ownProgram(): URL {
  const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  return new URL(`./verify-worker.${ending}`, import.meta.url)
}
