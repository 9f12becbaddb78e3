import {parentPort} from 'node:worker_threads'
import {sr25519Verify, waitReady} from '@polkadot/wasm-crypto'

/**
 * A thread that only checks sr25519 signatures. It imports nothing of ours, so that it also runs from source, where Node
 * itself takes the types away.
 */
export interface Job {
  readonly id: number
  readonly checks: readonly {
    readonly message: Uint8Array
    readonly signature: Uint8Array
    readonly publicKey: Uint8Array
  }[]
}

export interface Done {
  readonly id: number
  readonly valid: readonly boolean[]
}

parentPort?.on('message', async ({id, checks}: Job) => {
  await waitReady()
  const valid = checks.map(({message, signature, publicKey}) => {
    try {
      return publicKey.length === 32 && sr25519Verify(signature, message, publicKey)
    } catch {
      return false
    }
  })
  const done: Done = {id, valid}
  parentPort?.postMessage(done)
})
