/** Who must act, which decides exit code, HTTP status and whether a supervisor should restart the process. */
export type ErrorKind = 'bug' | 'usage' | 'config' | 'auth' | 'chain' | 'upstream' | 'data' | 'checks' | 'interrupted'

export const exitCodes: Readonly<Record<ErrorKind, number>> = {
  bug: 1,
  usage: 2,
  config: 3,
  auth: 4,
  chain: 5,
  upstream: 6,
  data: 7,
  checks: 8,
  interrupted: 130,
}

export interface ErrorDetails {
  /** Commands or settings to try, most likely remedy first. */
  readonly hints?: readonly string[]
  /** True when the same call may succeed later without anybody acting. */
  readonly retryable?: boolean
  /** Overrides the HTTP status that follows from the kind. */
  readonly status?: number
  readonly cause?: unknown
}

/** The one error of this program. `code` is stable and greppable; the README lists each with its remedy. */
export class LeomaError extends Error {
  override readonly name = 'LeomaError'
  readonly kind: ErrorKind
  readonly code: string
  readonly hints: readonly string[]
  readonly retryable: boolean
  readonly status: number | undefined

  constructor(kind: ErrorKind, code: string, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : {cause: details.cause})
    this.kind = kind
    this.code = code
    this.hints = details.hints ?? []
    this.retryable = details.retryable ?? (kind === 'chain' || kind === 'upstream')
    this.status = details.status
  }

  get exitCode(): number {
    return exitCodes[this.kind]
  }

  /** Anything that is not ours is a bug, kept whole as the cause. */
  static from(error: unknown): LeomaError {
    if (error instanceof LeomaError) return error
    return new LeomaError('bug', 'UNEXPECTED', error instanceof Error ? error.message : String(error), {
      cause: error,
      hints: ['this is a fault in leoma: report it with the output of LOG_LEVEL=debug'],
    })
  }

  toJSON(): {kind: ErrorKind; code: string; message: string; hints: readonly string[]} {
    return {kind: this.kind, code: this.code, message: this.message, hints: this.hints}
  }
}

/** True for the error that an aborted wait throws, whoever threw it. */
export function isAbort(error: unknown, signal: AbortSignal): boolean {
  return signal.aborted && (error === signal.reason || (error instanceof Error && error.name === 'AbortError'))
}
