import type {BlockNumber, Hotkey} from '../domain/ids.js'

/** The submission of a hotkey that is in force. */
export interface Entry {
  readonly hotkey: Hotkey
  /** In the mechanism's own form, as `submission.parse` reads it. */
  readonly text: string
  /** The chain's head when the API took it, or the block of the commitment: the earlier of two equal ones counts. */
  readonly block: BlockNumber
  /** Milliseconds since 1970. */
  readonly at: number
  readonly source: 'api' | 'chain'
}
