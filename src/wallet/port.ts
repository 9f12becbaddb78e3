import type {Hotkey} from '../domain/ids.js'

/** A hotkey that can sign. The secret stays inside the wallet folder. */
export interface Signer {
  readonly hotkey: Hotkey
  /** sr25519 over exactly these bytes, 64 bytes. */
  sign(message: Uint8Array): Uint8Array
}

/** Checks an sr25519 signature over exactly these bytes. False for anything malformed; never throws. */
export type Verify = (message: Uint8Array, signature: Uint8Array, hotkey: string) => boolean
