import {Errors} from '@oclif/core'
import {type ErrorKind, LeomaError} from '../errors.js'

const ofSystem: Readonly<Record<string, readonly [kind: ErrorKind, code: string, hint: string]>> = {
  EACCES: ['config', 'FILE_DENIED', 'check who owns the file or folder'],
  EPERM: ['config', 'FILE_DENIED', 'check who owns the file or folder'],
  EROFS: ['config', 'FILE_DENIED', 'point LEOMA_DATA to a folder that can be written'],
  ENOSPC: ['data', 'DISK_FULL', 'free some space, or point LEOMA_DATA to a larger disk'],
  EADDRINUSE: ['config', 'PORT_IN_USE', 'stop the other program, or choose another API_PORT'],
  EADDRNOTAVAIL: ['config', 'ADDRESS_UNAVAILABLE', 'API_HOST must be an address of this machine'],
}

/** Any failure of a command as the one error of this program. `id` is the command as a person types it. */
export function explain(error: unknown, id: string, interrupted: boolean): LeomaError {
  if (interrupted) return new LeomaError('interrupted', 'INTERRUPTED', 'stopped before it was done')
  if (error instanceof LeomaError) return error
  if (error instanceof Errors.CLIError) {
    const message = error.message.replace(/\n?See more help with --help\s*$/, '')
    return new LeomaError('usage', 'USAGE', message, {hints: [`leoma ${id} --help`], cause: error})
  }
  const known = error instanceof Error && 'code' in error ? ofSystem[String(error.code)] : undefined
  if (known && error instanceof Error) {
    const [kind, code, hint] = known
    return new LeomaError(kind, code, error.message, {hints: [hint], cause: error})
  }
  return LeomaError.from(error)
}
