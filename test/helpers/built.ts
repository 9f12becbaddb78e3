import {spawnSync} from 'node:child_process'
import {existsSync, readdirSync, statSync} from 'node:fs'
import path from 'node:path'

export const root = path.resolve(import.meta.dirname, '../..')

/** Compiles when the program is older than its source: a test of yesterday's build tells nothing. */
export function ensureBuilt(): void {
  const newest = (folder: string) =>
    Math.max(
      ...readdirSync(folder, {recursive: true, encoding: 'utf8'}).map(
        (file) => statSync(path.join(folder, file)).mtimeMs,
      ),
    )
  const dist = path.join(root, 'dist')
  if (existsSync(dist) && newest(path.join(root, 'src')) <= statSync(dist).mtimeMs) return
  const {status, stderr, stdout} = spawnSync(process.execPath, ['bin/build.js'], {cwd: root, encoding: 'utf8'})
  if (status !== 0) throw new Error(`the program does not compile:\n${stdout}${stderr}`)
}
