import {stripVTControlCharacters} from 'node:util'
import type {Command} from '@oclif/core'
import {vi} from 'vitest'
import {variableNames} from '../../src/config/variables.js'

export interface Ran {
  readonly stdout: string
  readonly stderr: string
  /** What the process would exit with. */
  readonly code: number
}

type CommandClass = typeof Command & {run(argv: string[], options: string): Promise<unknown>}

const root = new URL('../..', import.meta.url).pathname

/** Runs a command in this process, in an environment that holds nothing but what is given, and keeps what it says. */
export async function runCommand(
  command: unknown,
  id: string,
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  for (const name of variableNames) vi.stubEnv(name, undefined)
  for (const [name, value] of Object.entries({NO_COLOR: '1', ...env})) vi.stubEnv(name, value)
  const out = capture(process.stdout)
  const err = capture(process.stderr)
  let code = 0
  try {
    // Every command class has oclif's static run; the exact subclass does not matter here.
    const runnable = command as CommandClass
    runnable.id = id
    await runnable.run([...argv], root)
  } catch (error) {
    code = exitCodeOf(error)
  } finally {
    out.stop()
    err.stop()
    vi.unstubAllEnvs()
  }
  return {stdout: out.text(), stderr: err.text(), code}
}

/** What oclif's own handler would exit with; an error that it does not know would be printed with its stack. */
function exitCodeOf(error: unknown): number {
  const {oclif} = error as {oclif?: {exit?: number}}
  if (oclif?.exit === undefined) throw error
  return oclif.exit
}

function capture(stream: NodeJS.WriteStream) {
  const chunks: string[] = []
  const spy = vi.spyOn(stream, 'write').mockImplementation((chunk: unknown) => {
    chunks.push(String(chunk))
    return true
  })
  return {stop: () => spy.mockRestore(), text: () => stripVTControlCharacters(chunks.join(''))}
}
