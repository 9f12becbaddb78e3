import type {FileHandle} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {execa} from 'execa'
import {LeomaError} from '../errors.js'
import {withDeadline} from '../runtime/deadline.js'
import {collector} from './bytes.js'

export interface RunOptions {
  readonly signal: AbortSignal
  /** What is being done, for messages: `decoding box.mp4`. */
  readonly what: string
  /** Overrides the runner's deadline. */
  readonly timeoutMs?: number
  /** Given, it receives stdout as it arrives and the answer is empty. A throw ends the child and is passed on. */
  readonly onOutput?: (chunk: Uint8Array) => void
  /** More bytes on stdout than this end the child. Default 64 MiB. */
  readonly maxOutputBytes?: number
  /** Open files that the child may write to as `pipe:3`, `pipe:4`, … */
  readonly files?: readonly FileHandle[]
  /** What the child reads from stdin (`pipe:0`); nothing unless given. */
  readonly input?: Uint8Array
  /** Whose fault a failing exit is: the bytes that were read (default), or the program and its arguments. */
  readonly blame?: 'input' | 'program'
}

/**
 * Runs ffmpeg with these arguments (after the ones that every run gets) and answers its stdout. Throws
 * `VIDEO_UNREADABLE` or `MEDIA_FAILED`, `DEADLINE` when it took too long, the signal's reason when that aborted; in each
 * case the child has ended before.
 */
export type RunFfmpeg = (args: readonly string[], options: RunOptions) => Promise<Uint8Array>

export interface RunnerOptions {
  /** Path of the program, or what finds it; asked once, at the first run. A failed search is repeated by the next run. */
  readonly ffmpeg: string | ((signal: AbortSignal) => Promise<string>)
  /** Deadline of one run unless it says otherwise. Default 120 s. */
  readonly timeoutMs?: number
}

/** Nothing on the terminal is read, nothing but errors is said, and only local files and pipes can be opened. */
const always = ['-nostdin', '-hide_banner', '-loglevel', 'error', '-nostats']

/** For each input, before its `-i`: a playlist or a reference inside a file must not reach the network or a device. */
export const localOnly = ['-protocol_whitelist', 'file,pipe']

/** ffmpeg would take `a:b` for a protocol and `-x` for an option; with the prefix a path is a path. */
export function fileArgument(path: string): string {
  return `file:${path}`
}

const MAX_STDERR_BYTES = 16 * 1024
const KILL_GRACE_MS = 500

export function createRunner(options: RunnerOptions): RunFfmpeg {
  const {ffmpeg, timeoutMs = 120_000} = options
  let found: string | undefined = typeof ffmpeg === 'string' ? ffmpeg : undefined
  return async (args, run) => {
    found ??= typeof ffmpeg === 'string' ? ffmpeg : await ffmpeg(run.signal)
    const program = found
    return withDeadline(run.what, run.timeoutMs ?? timeoutMs, run.signal, (signal) =>
      runFfmpeg(program, args, {...run, signal}),
    )
  }
}

async function runFfmpeg(ffmpeg: string, args: readonly string[], run: RunOptions): Promise<Uint8Array> {
  const {signal, what, onOutput, maxOutputBytes = 64 * 1024 * 1024, files = [], blame = 'input', input} = run
  signal.throwIfAborted()
  const kept = collector(onOutput ? 0 : maxOutputBytes)
  let received = 0
  let failure: unknown
  let stderr = ''
  const child = execa(ffmpeg, [...always, ...args], {
    ...(input ? {input} : {}),
    stdio: [input ? 'pipe' : 'ignore', 'pipe', 'pipe', ...files.map(descriptorOf)],
    buffer: false,
    encoding: 'buffer',
    reject: false,
    cancelSignal: signal,
    forceKillAfterDelay: KILL_GRACE_MS,
    // Hostile bytes are parsed in there: no secrets in its environment, and core files or logs land nowhere of ours.
    extendEnv: false,
    env: {LC_ALL: 'C'},
    cwd: tmpdir(),
  })
  child.stderr?.on('data', (chunk: Buffer) => {
    // The end says why it stopped; the beginning is repetition.
    stderr = (stderr + chunk.toString('latin1')).slice(-MAX_STDERR_BYTES)
  })
  child.stdout?.on('data', (chunk: Buffer) => {
    if (failure !== undefined) return
    try {
      received += chunk.length
      if (received > maxOutputBytes)
        throw new LeomaError('upstream', 'MEDIA_FAILED', `${what}: ffmpeg wrote more than ${maxOutputBytes} bytes`)
      if (onOutput) onOutput(chunk)
      else kept.add(chunk)
    } catch (error) {
      failure = error
      child.kill('SIGKILL')
    }
  })
  const result = await child
  if (failure !== undefined) throw failure
  signal.throwIfAborted()
  if (result.failed) throw explain(result, withoutPaths(stderr, args), what, blame)
  return kept.bytes()
}

/** Any open one is passed on, but the types of execa know those up to 9. */
function descriptorOf({fd}: FileHandle): 9 {
  return fd as 9
}

interface Ending {
  readonly exitCode?: number | undefined
  readonly signal?: string | undefined
  readonly code?: string | undefined
  readonly cause?: unknown
}

/** Crashes that the bytes provoke: the program has answered `-version` before, and the next file will be fine. */
const crashes = new Set(['SIGSEGV', 'SIGABRT', 'SIGFPE', 'SIGBUS', 'SIGILL', 'SIGSYS', 'SIGTRAP'])

/** Said by ffmpeg about its arguments or this machine, whatever the input was. */
const programFault =
  /No space left on device|Read-only file system|Cannot allocate memory|Too many open files|Unrecognized option|Option \S+ not found|No such filter|Unknown (?:en|de)coder|Error parsing (?:a filter|filterchain)/

function explain(ending: Ending, stderr: string, what: string, blame: 'input' | 'program'): LeomaError {
  const said = lastLines(stderr)
  const how =
    ending.signal !== undefined
      ? `was ended by ${ending.signal}`
      : ending.exitCode !== undefined
        ? `exited with ${ending.exitCode}`
        : `did not start (${ending.code ?? 'unknown reason'})`
  const crashed = ending.signal !== undefined && crashes.has(ending.signal)
  const ran = ending.exitCode !== undefined || crashed
  const message = `${what}: ffmpeg ${how}${said ? `: ${said}` : ''}`
  if (ran && blame === 'input' && !programFault.test(said)) return new LeomaError('data', 'VIDEO_UNREADABLE', message)
  return new LeomaError('upstream', 'MEDIA_FAILED', message, {cause: ending.cause, hints: ['leoma doctor']})
}

/** The names of local files are no news to their owner, and a reason may be published. */
function withoutPaths(stderr: string, args: readonly string[]): string {
  return args.filter((arg) => arg.startsWith('file:')).reduce((text, arg) => text.replaceAll(arg, 'the file'), stderr)
}

/** Lines that only repeat the one before: which threads stopped for it. */
const aftermath = /Task finished with error|Terminating thread|Error opening (?:in|out)put file|Last message repeated/

/** The last lines of stderr in one: printable ASCII, addresses of objects taken out so that equal failures read alike. */
export function lastLines(stderr: string, maxChars = 400): string {
  return stderr
    .split(/[\r\n]+/)
    .map((line) =>
      line
        .replace(/ @ 0x[0-9a-f]+/g, '')
        .replace(/[^\x20-\x7e]/g, '?')
        .trim(),
    )
    .filter((line) => line !== '' && !aftermath.test(line))
    .slice(-3)
    .join('; ')
    .slice(-maxChars)
}
