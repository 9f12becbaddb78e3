import {readFileSync} from 'node:fs'
import path from 'node:path'
import {parseEnv} from 'node:util'
import {LeomaError} from '../errors.js'

/** The one place that hands out the environment. Runs before every command, hence no imports of weight. */
export function environment(): NodeJS.ProcessEnv {
  return process.env
}

/**
 * Adds what `.env` in the current folder says and the environment does not. An empty variable counts as unset: compose
 * files that pass `${NAME:-}` would otherwise keep the value in `.env` out.
 */
export function loadDotEnv(folder: string, env: NodeJS.ProcessEnv): void {
  const file = path.join(folder, '.env')
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return
    throw new LeomaError('config', 'ENV_FILE_UNREADABLE', `${file} cannot be read`, {
      hints: [`ls -l ${file}`],
      cause: error,
    })
  }
  for (const [name, value] of Object.entries(parseEnv(text))) {
    if (env[name] === undefined || env[name] === '') env[name] = value
  }
}

/** True when failures should be shown with their stacks. */
export function isVerbose(): boolean {
  return ['debug', 'trace'].includes(process.env.LOG_LEVEL?.trim().toLowerCase() ?? '')
}
