import type {Hotkey} from '../domain/ids.js'
import type {SignedRecord} from '../domain/record.js'

/** Logs of validators' own evidence: append-only, one per mechanism and author, numbered from 1 without gaps. */
export interface Records {
  /** Throws `RECORD_OUT_OF_ORDER` when it does not follow the last one; adding the same one again changes nothing. */
  append(signed: SignedRecord): void
  last(mechanism: string, author: Hotkey): SignedRecord | undefined
  /** With `after < sequence`, ascending. */
  after(mechanism: string, author: Hotkey, after: number, limit: number): readonly SignedRecord[]
}
