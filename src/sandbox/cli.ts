import {execa} from 'execa'
import {LeomaError} from '../errors.js'
import {withDeadline} from '../runtime/deadline.js'

export interface CliOptions {
  readonly program: string
  /** All that it sees of the environment. */
  readonly env: Readonly<Record<string, string>>
  /** Where it works, and leaves its notes: Podman's monitor writes down there that a program ran out of memory. */
  readonly cwd?: string
}

export interface CliResult {
  readonly ok: boolean
  readonly stdout: string
  /** The last line that it complained with, printable, at most 300 characters. */
  readonly complaint: string
}

const maxBuffer = 8 * 1024 * 1024

/** Runs an engine's program to its end: arguments are never a shell's, output is bounded, a deadline ends it. */
export async function runCli(
  {program, env, cwd}: CliOptions,
  args: readonly string[],
  options: {readonly signal: AbortSignal; readonly deadlineMs: number; readonly input?: AsyncIterable<Uint8Array>},
): Promise<CliResult> {
  const what = `${program} ${args[0] ?? ''}`
  return withDeadline(what, options.deadlineMs, options.signal, async (signal) => {
    const result = await execa(program, args, {
      ...(options.input ? {stdin: options.input} : {stdin: 'ignore' as const}),
      env,
      ...(cwd !== undefined && {cwd}),
      extendEnv: false,
      reject: false,
      maxBuffer,
      cancelSignal: signal,
      forceKillAfterDelay: 2_000,
    })
    signal.throwIfAborted()
    if (result.code === 'ENOENT' || result.code === 'EACCES')
      throw new LeomaError('config', 'ENGINE_MISSING', `${program} cannot be run`, {
        hints: ['apt-get install podman', 'leoma doctor --role executor'],
        cause: result.cause,
      })
    return {ok: !result.failed, stdout: result.stdout, complaint: lastLine(result.stderr)}
  })
}

/** As `runCli`; what is no success is this machine's fault. */
export async function needCli(...[cli, args, options]: Parameters<typeof runCli>): Promise<string> {
  const {ok, stdout, complaint} = await runCli(cli, args, options)
  if (ok) return stdout
  throw new LeomaError('upstream', 'SANDBOX_FAILED', `${cli.program} ${args[0] ?? ''} failed: ${complaint}`, {
    hints: ['leoma doctor --role executor'],
  })
}

function lastLine(stderr: string): string {
  const lines = stderr.split('\n').flatMap((line) => line.replace(/[^\x20-\x7e]/g, '?').trim() || [])
  return (lines.at(-1) ?? '').slice(0, 300)
}
