import type Database from 'better-sqlite3'

/** What answers are kept in memory of. */
export type Topic =
  | 'blacklist'
  | 'exams'
  | 'integrity'
  | 'miners'
  | 'rankings'
  | 'records'
  | 'settled'
  | 'submissions'
  | 'tasks'
  | 'validators'

/**
 * Tells readers that keep answers whether what they read has changed. Writers of this process name what they changed; a
 * commit of another process (`db add-validator`, `db prune`) counts as a change of everything.
 */
export class Changes {
  readonly #counts = new Map<Topic, number>()
  readonly #others: Database.Statement

  constructor(db: Database.Database) {
    this.#others = db.prepare('PRAGMA data_version').pluck()
  }

  /** Called in the transaction that changes something; one that is rolled back only costs a look. */
  bump(topic: Topic): void {
    this.#counts.set(topic, (this.#counts.get(topic) ?? 0) + 1)
  }

  /** Grows with every change of one of these; throws when the store cannot be read. */
  of(...topics: readonly Topic[]): number {
    // All of them only grow, so their sum changes whenever one of them does.
    return topics.reduce((sum, topic) => sum + (this.#counts.get(topic) ?? 0), Number(this.#others.get()))
  }
}
