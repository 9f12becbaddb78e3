import {closeSync, fdatasync, fdatasyncSync, openSync} from 'node:fs'
import {promisify} from 'node:util'
import {Worker} from 'node:worker_threads'

/** Syncs after which the log is moved: with full batches some 1500 pages, through which a reader has to look. */
const syncsPerMove = 16

const syncFile = promisify(fdatasync)

/**
 * Makes commits durable beside the event loop. SQLite can sync within each commit, but on a slow disk that holds up
 * everything else for as long; here a commit only writes, and who must know that it lasts waits for `flush`. Commits that
 * come while one sync runs share the next. The log is moved into the file by a thread of its own, for the same reason.
 */
export class Flusher {
  readonly #store: string
  /** Of the write-ahead log. SQLite locks the file and its index, not the log, so that closing this frees no lock. */
  readonly #log: number
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined
  #worker: Worker | undefined
  #syncs = 0

  /** `store` is a file that is open in WAL mode. */
  constructor(store: string) {
    this.#store = store
    this.#log = openSync(`${store}-wal`, 'r+')
  }

  /** Resolves when all that was committed before the call would survive a power cut. */
  flush(): Promise<void> {
    if (!this.#running) return this.#start()
    // The one that runs may have begun before the caller's commit.
    this.#next ??= this.#running.catch(() => {}).then(() => this.#start())
    return this.#next
  }

  /** Flushes and waits for it, on the spot. */
  close(): void {
    void this.#worker?.terminate()
    fdatasyncSync(this.#log)
    void Promise.resolve(this.#running)
      .catch(() => {})
      .then(() => closeSync(this.#log))
  }

  #start(): Promise<void> {
    this.#next = undefined
    this.#running = this.#sync().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #sync(): Promise<void> {
    await syncFile(this.#log)
    if (++this.#syncs % syncsPerMove === 0) this.#thread().postMessage('move')
  }

  #thread(): Worker {
    if (this.#worker) return this.#worker
    const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    const program = new URL(`./checkpoint-worker.${ending}`, import.meta.url)
    const worker = new Worker(program, {name: 'checkpoints', workerData: this.#store})
    worker.unref()
    // Without it SQLite moves the log within a commit, once it is a good deal longer.
    worker.on('error', () => {})
    this.#worker = worker
    return worker
  }
}
