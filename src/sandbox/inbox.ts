import {chmod, mkdir, rename, rm, stat, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {checkedName} from './file-name.js'

/**
 * The folder behind `/input`. A file is written beside it and moved in, so a reader sees it whole or not at all. Readable
 * for whatever user the sandbox gives its program.
 */
export class Inbox {
  readonly folder: string
  readonly #beside: string

  private constructor(job: string) {
    this.folder = path.join(job, 'input')
    this.#beside = path.join(job, 'incoming')
  }

  /** Makes the folders below `job`, which must be private to this run. */
  static async make(job: string): Promise<Inbox> {
    const inbox = new Inbox(job)
    await mkdir(inbox.folder)
    await mkdir(inbox.#beside)
    // Whatever the umask says.
    await chmod(inbox.folder, 0o755)
    return inbox
  }

  /** Resolves to when it appeared, by the kernel's clock for files. */
  async put(name: string, bytes: Uint8Array): Promise<number> {
    const beside = path.join(this.#beside, checkedName(name))
    await writeFile(beside, bytes, {flag: 'wx'})
    await chmod(beside, 0o644)
    await rename(beside, path.join(this.folder, name))
    return (await stat(this.folder)).ctimeMs
  }

  async remove(name: string): Promise<void> {
    await rm(path.join(this.folder, checkedName(name)), {force: true})
  }
}
