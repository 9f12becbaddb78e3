import {spawnSync} from 'node:child_process'
import {mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {fileURLToPath} from 'node:url'
import type {Measured} from './run.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const run = path.join(root, 'bin', 'run.js')
const rounds = 15

/** How long `leoma --version` and `--help` take, against the least that Node and oclif need. */
export async function bench(): Promise<Measured[]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'leoma-bench-'))
  try {
    const tiny = smallestCommand(folder)
    const [node, version, oclif, help] = fastest([
      ['-e', '0'],
      [run, '--version'],
      [tiny, 'tiny', '--help'],
      [run, 'get-rank', '--help'],
    ])
    return [
      measured('leoma --version / node -e 0', version, node, 3),
      measured('leoma get-rank --help / smallest oclif command', help, oclif, 1.15),
    ]
  } finally {
    rmSync(folder, {recursive: true, force: true})
  }
}

function measured(name: string, ms = Number.NaN, baseMs = Number.NaN, limit = 0): Measured {
  return {name, ratio: ms / baseMs, limit, note: `${ms.toFixed(0)} ms / ${baseMs.toFixed(0)} ms`}
}

/** The least of several runs, taken in turn: what disturbs a run only ever makes it slower. */
function fastest(commands: readonly (readonly string[])[]): number[] {
  const least = commands.map(() => Number.POSITIVE_INFINITY)
  for (let round = 0; round < rounds; round++) {
    for (const [at, args] of commands.entries()) {
      const startedAt = performance.now()
      const {status, stderr} = spawnSync(process.execPath, args, {cwd: tmpdir()})
      const elapsed = performance.now() - startedAt
      if (status !== 0) throw new Error(`${args.join(' ')} exited ${status}: ${stderr}`)
      least[at] = Math.min(least[at] ?? elapsed, elapsed)
    }
  }
  return least
}

/** An ESM program of one command with a manifest, on the same oclif. */
function smallestCommand(folder: string): string {
  const files: Record<string, string> = {
    'package.json': JSON.stringify({
      name: 'tiny',
      version: '1.0.0',
      type: 'module',
      oclif: {bin: 'tiny', commands: './commands', topicSeparator: ' '},
    }),
    'commands/tiny.js': `import {Command} from '@oclif/core'
export default class Tiny extends Command { static summary = 'does nothing'; async run() { await this.parse(Tiny) } }`,
    'run.js': `import {execute} from '@oclif/core'\nawait execute({dir: import.meta.url})`,
    'oclif.manifest.json': JSON.stringify({
      version: '1.0.0',
      commands: {
        tiny: {
          id: 'tiny',
          summary: 'does nothing',
          aliases: [],
          hiddenAliases: [],
          args: {},
          flags: {},
          strict: true,
          hasDynamicHelp: false,
          isESM: true,
          pluginAlias: 'tiny',
          pluginName: 'tiny',
          pluginType: 'core',
          relativePath: ['commands', 'tiny.js'],
        },
      },
    }),
  }
  mkdirSync(path.join(folder, 'commands'))
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text)
  symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'))
  return path.join(folder, 'run.js')
}
