import {parentPort, workerData} from 'node:worker_threads'
import Database from 'better-sqlite3'

/**
 * A thread that moves what the write-ahead log holds into the file, and syncs both. It stops no reader and no writer, and
 * imports nothing of ours, so that it also runs from source.
 */
const db = new Database(String(workerData), {timeout: 0})

parentPort?.on('message', () => {
  db.pragma('wal_checkpoint(PASSIVE)')
})
