import {closeSync, fdatasync, fdatasyncSync, openSync} from 'node:fs'
import {promisify} from 'node:util'
import {Worker} from 'node:worker_threads'
import type {Moved} from './checkpoint-worker.js'

export interface FlusherLimits {
  /** Syncs after which the log is moved: with full batches some 1500 pages, through which a reader has to look. */
  readonly syncsPerMove: number
  /** Pages in a log that never came to an end at which flushes wait until it has. */
  readonly longLog: number
  /** So often; a reader who stands on an old page can be in the way for as long as it likes. */
  readonly maxWaits: number
}

const standard: FlusherLimits = {syncsPerMove: 16, longLog: 6_000, maxWaits: 8}

const syncFile = promisify(fdatasync)

/**
 * Makes commits durable beside the event loop. SQLite can sync within each commit, but on a slow disk that holds up
 * everything else for as long; here a commit only writes, and who must know that it lasts waits for `flush`. Commits that
 * come while one sync runs share the next. The log is moved into the file by a thread of its own, for the same reason.
 *
 * A log begins anew only when all of it was moved before the next commit. Where commits come too fast for that, flushes
 * wait for the thread: who waits commits nothing, so that it soon comes to the end. Otherwise the log would grow until a
 * commit has to move it.
 */
export class Flusher {
  readonly #store: string
  readonly #limits: FlusherLimits
  /** Of the write-ahead log. SQLite locks the file and its index, not the log, so that closing this frees no lock. */
  readonly #log: number
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined
  #worker: Worker | undefined
  #moving: Promise<Moved | undefined> | undefined
  #syncs = 0
  /** Pages from which on flushes wait; more than `longLog` after waiting was in vain. */
  #waitFrom: number
  #isLong = false
  #isDead = false
  #onExit = () => {}

  /** `store` is a file that is open in WAL mode. */
  constructor(store: string, limits: Partial<FlusherLimits> = {}) {
    this.#store = store
    this.#limits = {...standard, ...limits}
    this.#waitFrom = this.#limits.longLog
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
    const {syncsPerMove, longLog, maxWaits} = this.#limits
    await syncFile(this.#log)
    if (++this.#syncs % syncsPerMove === 0) void this.#move()
    for (let waits = 0; this.#isLong; waits++) {
      const moved = await this.#move()
      if (moved && waits < maxWaits) continue
      this.#isLong = false
      this.#waitFrom = (moved?.pages ?? 0) + longLog
    }
  }

  /** One at a time; undefined when the thread is not to be had. */
  #move(): Promise<Moved | undefined> {
    this.#moving ??= this.#ask()
      .catch(() => undefined)
      .finally(() => {
        this.#moving = undefined
      })
    return this.#moving
  }

  async #ask(): Promise<Moved | undefined> {
    const worker = this.#thread()
    if (this.#isDead) return undefined
    const moved = await new Promise<Moved | undefined>((resolve) => {
      worker.once('message', resolve)
      this.#onExit = () => resolve(undefined)
      worker.postMessage('move')
    })
    worker.removeAllListeners('message')
    if (!moved) return undefined
    const {pages, isWhole} = moved
    if (isWhole) this.#waitFrom = this.#limits.longLog
    this.#isLong = !isWhole && pages >= this.#waitFrom
    return moved
  }

  #thread(): Worker {
    if (this.#worker) return this.#worker
    const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    const program = new URL(`./checkpoint-worker.${ending}`, import.meta.url)
    const worker = new Worker(program, {name: 'checkpoints', workerData: this.#store})
    worker.unref()
    // Without it SQLite moves the log within a commit, once it is a good deal longer.
    worker.on('error', () => {})
    worker.on('exit', () => {
      this.#isDead = true
      this.#onExit()
    })
    this.#worker = worker
    return worker
  }
}
