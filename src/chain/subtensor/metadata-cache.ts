import {mkdir, readFile, rename, rm, writeFile} from 'node:fs/promises'
import path from 'node:path'

export interface RuntimeId {
  /** `0x…` */
  readonly genesis: string
  readonly specVersion: number
}

/**
 * Metadata of the runtimes seen before, a file each. It is most of what a connection has to wait for, and it never changes
 * for a spec version of a chain. Whatever is wrong with a file or the folder only costs the time of fetching it again.
 */
export class MetadataCache {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  async find(id: RuntimeId): Promise<Uint8Array | undefined> {
    try {
      return await readFile(this.#file(id))
    } catch {
      return undefined
    }
  }

  async save(id: RuntimeId, metadata: Uint8Array): Promise<void> {
    const file = this.#file(id)
    const temporary = `${file}.${process.pid}.tmp`
    try {
      await mkdir(this.#folder, {recursive: true})
      await writeFile(temporary, metadata)
      await rename(temporary, file)
    } catch {
      await rm(temporary, {force: true}).catch(() => {})
    }
  }

  async forget(id: RuntimeId): Promise<void> {
    await rm(this.#file(id), {force: true}).catch(() => {})
  }

  #file({genesis, specVersion}: RuntimeId): string {
    return path.join(this.#folder, `${genesis.slice(2)}-${specVersion}.scale`)
  }
}
