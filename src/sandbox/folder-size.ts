import {lstat, readdir} from 'node:fs/promises'
import path from 'node:path'

/** Entries of one look: a tree of a million files must not hold up whoever measures it. */
const maxEntries = 20_000

/** Bytes on disk of everything below a folder that a stranger writes; Infinity when it holds too many entries. */
export async function folderBytes(folder: string): Promise<number> {
  let bytes = 0
  let entries = 0
  const waiting = [folder]
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    for (const entry of await readdir(at, {withFileTypes: true}).catch(() => [])) {
      if (++entries > maxEntries) return Number.POSITIVE_INFINITY
      const file = path.join(at, entry.name)
      // Links are counted as themselves; a file that has just gone is nothing.
      if (entry.isDirectory()) waiting.push(file)
      else bytes += ((await lstat(file).catch(() => undefined))?.blocks ?? 0) * 512
    }
  }
  return bytes
}
