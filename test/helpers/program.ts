import {type ChildProcessWithoutNullStreams, spawn} from 'node:child_process'
import {once} from 'node:events'
import path from 'node:path'
import {onTestFinished} from 'vitest'
import {variableNames} from '../../src/config/variables.js'
import {root} from './built.js'

export {ensureBuilt, root} from './built.js'

export interface Program {
  readonly child: ChildProcessWithoutNullStreams
  /** Everything it has written so far. */
  readonly said: {stdout: string; stderr: string}
  /** Resolves once the text stands on stderr; rejects when the program ends without it. */
  sees(text: string): Promise<void>
  /** Resolves with the exit code; null when a signal killed it. */
  readonly ended: Promise<number | null>
}

/** Starts the built program as a child that knows nothing of this machine's configuration. */
export function start(args: readonly string[], options: {env?: Record<string, string>; cwd?: string} = {}): Program {
  const inherited = Object.entries(process.env).filter(([name]) => !variableNames.some((known) => known === name))
  const child = spawn(process.execPath, [path.join(root, 'bin', 'run.js'), ...args], {
    cwd: options.cwd ?? root,
    env: {...Object.fromEntries(inherited), NODE_ENV: 'production', NO_COLOR: '1', ...options.env},
  })
  const said = {stdout: '', stderr: ''}
  child.stdout.on('data', (chunk) => (said.stdout += chunk))
  child.stderr.on('data', (chunk) => (said.stderr += chunk))
  const ended = once(child, 'close').then(([code]) => code as number | null)
  onTestFinished(() => void child.kill('SIGKILL'))

  const sees = async (text: string) => {
    while (!said.stderr.includes(text)) {
      const outcome = await Promise.race([once(child.stderr, 'data'), ended.then(() => 'ended')])
      if (outcome === 'ended' && !said.stderr.includes(text))
        throw new Error(`ended without "${text}":\n${said.stderr}`)
    }
  }
  return {child, said, sees, ended}
}

/** Runs the built program to its end. */
export async function run(
  args: readonly string[],
  options: {env?: Record<string, string>; cwd?: string} = {},
): Promise<{code: number | null; stdout: string; stderr: string}> {
  const program = start(args, options)
  program.child.stdin.end()
  const code = await program.ended
  return {code, ...program.said}
}
