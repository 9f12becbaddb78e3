import {existsSync, readFileSync} from 'node:fs'
import path from 'node:path'
import {Runtime} from '../../src/chain/subtensor/runtime.js'

export const finneyGenesis = '0x2f0555cc76fc2840a25a6ea3b9637146806f1f44b090c175ffde2a7e5ab36c03'

const beside = path.resolve(import.meta.dirname, '../../../shared/chain/finney-393.scale')

/** Metadata of finney's runtime 393, too large to keep here; tests on it are skipped where it is not. */
export const finneyMetadata: Uint8Array | undefined = read(process.env.LEOMA_FINNEY_METADATA ?? beside)

function read(file: string): Uint8Array | undefined {
  if (existsSync(file)) return readFileSync(file)
  process.stderr.write(`tests against finney's metadata are skipped: LEOMA_FINNEY_METADATA names no file (${file})\n`)
  return undefined
}

export function finneyRuntime(metadata: Uint8Array, specVersion = 393): Runtime {
  return new Runtime(metadata, {specVersion, transactionVersion: 1}, finneyGenesis)
}
