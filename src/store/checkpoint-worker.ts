import os from 'node:os'
import {parentPort, workerData} from 'node:worker_threads'
import Database from 'better-sqlite3'

/** What has become of the log. */
export interface Moved {
  readonly pages: number
  /** All is in the file, and nothing came during the last look: the next commit begins the log anew. */
  readonly isWhole: boolean
}

/** Each pass moves what came during the one before, so each is shorter, until one finds nothing new. */
const maxPasses = 8

/**
 * A thread that moves what the write-ahead log holds into the file, and syncs both. It stops no reader and no writer, and
 * imports nothing of ours, so that it also runs from source.
 */
const db = new Database(String(workerData), {timeout: 0})

function move(): Moved {
  let pages = -1
  for (let pass = 0; pass < maxPasses; pass++) {
    // The columns of this pragma. `log` is how long the log was when the pass began.
    const [row] = db.pragma('wal_checkpoint(PASSIVE)') as [{log: number; checkpointed: number}]
    const isAll = row.checkpointed === row.log
    if (isAll && row.log === pages) return {pages, isWhole: true}
    pages = row.log
    // Somebody who reads an old page is in the way.
    if (!isAll) break
  }
  return {pages, isWhole: false}
}

try {
  // The event loop goes first where there are not processors for both. Only Linux counts a thread by itself.
  if (process.platform === 'linux') os.setPriority(Math.min(19, os.getPriority() + 5))
} catch {
  // A container may refuse it.
}

parentPort?.on('message', () => parentPort?.postMessage(move()))
