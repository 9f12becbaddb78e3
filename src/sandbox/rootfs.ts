import {stat} from 'node:fs/promises'
import {execa} from 'execa'
import {LeomaError} from '../errors.js'
import {type TarEntry, tar} from './tar.js'

/** Where Node.js lies in the image. */
export const nodeInside = '/usr/local/bin/node'

/**
 * The root of an image in which nothing is but the Node.js that runs leoma and the libraries that it names: made from
 * this machine, so that no registry is needed. Linux only.
 */
export async function nodeRootfs(): Promise<AsyncIterable<Uint8Array>> {
  const {stdout, failed} = await execa('ldd', [process.execPath], {reject: false, timeout: 10_000})
  // Lines are `libm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x…)` and `/lib64/ld-linux-x86-64.so.2 (0x…)`.
  const libraries = failed ? [] : stdout.split('\n').flatMap((line) => /(\/\S+) \(0x/.exec(line)?.[1] ?? [])
  if (failed && !/not a dynamic executable|statically linked/.test(stdout))
    throw new LeomaError(
      'upstream',
      'SANDBOX_FAILED',
      'ldd does not tell what Node.js needs; images cannot be made here',
    )
  const files = [...libraries.map((library) => [library, library] as const), [process.execPath, nodeInside] as const]
  const entries: TarEntry[] = []
  for (const folder of foldersOf(files.map(([, inside]) => inside))) entries.push({path: folder, mode: 0o755})
  for (const folder of ['tmp', 'var/tmp']) entries.push({path: folder, mode: 0o1777})
  for (const [file, inside] of files)
    entries.push({path: inside.slice(1), mode: 0o755, file, sizeBytes: (await stat(file)).size})
  return tar(entries)
}

function foldersOf(files: readonly string[]): string[] {
  const folders = new Set(['app', 'input', 'output', 'var'])
  for (const file of files) {
    const parts = file.split('/').slice(1, -1)
    for (let depth = 1; depth <= parts.length; depth++) folders.add(parts.slice(0, depth).join('/'))
  }
  return [...folders].sort()
}
