import type {Hotkey} from '../domain/ids.js'
import type {SignedRecord} from '../domain/record.js'

/** What a validator has told its executor about one hotkey. */
export interface ToldSubmission {
  readonly hotkey: Hotkey
  /** An image by digest, or the word for a banned hotkey. */
  readonly imageRef: string
  /** Unix seconds. */
  readonly submitTime: number
  readonly submitBlock: number
  readonly claimBlock: number
}

export interface CommittedRow extends ToldSubmission {
  /** JSON of the mechanism, as it was committed last; null before. */
  readonly committed: string | null
}

/**
 * The memory of an executor. Values are JSON texts of the mechanism, which checks them when it reads them. A process killed
 * at any line goes on with the same round, the same challenges and what was found so far.
 */
export interface ExecutorBook {
  /** Replaces what was told before: who is not named any more has left. What is committed of the others stays. */
  tell(submissions: readonly ToldSubmission[]): void
  /** The oldest submission first. */
  rows(): readonly CommittedRow[]
  /** Goes up when something is committed, and when a row with something committed changes. */
  version(): number
  /** The round that is open. */
  round(): string | undefined
  /** Opens one and forgets what was staged for another. */
  open(round: string): void
  abandon(): void
  stage(hotkey: Hotkey, imageRef: string, result: string): void
  staged(): readonly {readonly hotkey: string; readonly imageRef: string; readonly result: string}[]
  /** All at once: the record in the log, what each hotkey shows from now on, and no open round. */
  commit(record: SignedRecord, shown: ReadonlyMap<string, string>): void
}
