import type {Hotkey} from '../domain/ids.js'

/** A hotkey that can sign. The secret stays inside the wallet folder. */
export interface Signer {
  readonly hotkey: Hotkey
  /** sr25519 over exactly these bytes, 64 bytes. */
  sign(message: Uint8Array): Uint8Array
}

/** Checks an sr25519 signature over exactly these bytes. False for anything malformed; never throws. */
export type Verify = (message: Uint8Array, signature: Uint8Array, hotkey: string) => boolean

/** What can be said of a private key file without opening it. */
export interface KeyView {
  /** From the public file beside it, or from itself when it is not encrypted; null when neither says. */
  readonly address: string | null
  readonly isEncrypted: boolean
  /** What is wrong with it, with the remedy; null when nothing is. */
  readonly problem: string | null
}

export interface WalletView {
  readonly name: string
  /** Address of the coldkey; null without a readable `coldkeypub.txt`. */
  readonly coldkey: string | null
  readonly hotkeys: readonly (KeyView & {readonly name: string})[]
}

/** One signature to check. */
export interface Check {
  readonly message: Uint8Array
  readonly signature: Uint8Array
  readonly hotkey: string
}

/** Checks many sr25519 signatures beside the event loop: one answer for each, in order. */
export type VerifyAll = (checks: readonly Check[], signal: AbortSignal) => Promise<readonly boolean[]>
