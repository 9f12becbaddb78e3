import {mkdtempSync} from 'node:fs'
import {mkdir, readdir, rm} from 'node:fs/promises'
import {hostname} from 'node:os'
import path from 'node:path'
import type {Shutdown} from './shutdown.js'

/** Those of this process: in a container every process has the same number, so the number alone does not tell. */
const own = new Set<string>()

/**
 * A folder below `root` for what need not outlive the process, removed at its end. A process that was killed leaves its
 * folder behind; whoever comes next on the same machine removes it.
 */
export async function openWorkDir(root: string, shutdown: Shutdown): Promise<string> {
  await mkdir(root, {recursive: true})
  const prefix = `run-${hostname().replace(/[^A-Za-z0-9]+/g, '_')}-`
  // Made and noted in one go: who looks in between would take it for an orphan, and remove it under its owner.
  const made = mkdtempSync(path.join(root, `${prefix}${process.pid}-`))
  own.add(made)
  shutdown.add('work folder', async () => {
    await rm(made, {recursive: true, force: true, maxRetries: 3})
    own.delete(made)
  })
  for (const name of await readdir(root)) {
    const folder = path.join(root, name)
    const pid = name.startsWith(prefix) ? Number.parseInt(name.slice(prefix.length), 10) : Number.NaN
    if (Number.isNaN(pid) || own.has(folder)) continue
    if (pid === process.pid || !isAlive(pid)) await rm(folder, {recursive: true, force: true, maxRetries: 3})
  }
  return made
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // It lives, but belongs to somebody else.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
