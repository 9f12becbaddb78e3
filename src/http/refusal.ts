import {STATUS_CODES} from 'node:http'
import {type ErrorKind, LeomaError} from '../errors.js'

/** One item of the published list form of `detail`. */
export interface FieldFault {
  readonly type: string
  readonly loc: readonly (string | number)[]
  readonly msg: string
  readonly input: unknown
  readonly ctx?: Readonly<Record<string, unknown>>
}

/** An answer that says no, with the published body `{detail}`. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly status: number
  readonly detail: string | readonly FieldFault[]
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, detail: string | readonly FieldFault[], headers: Readonly<Record<string, string>> = {}) {
    super(typeof detail === 'string' ? detail : `${detail.length} invalid fields`)
    this.status = status
    this.detail = detail
    this.headers = headers
  }
}

const statuses: Readonly<Record<ErrorKind, number>> = {
  bug: 500,
  usage: 400,
  config: 500,
  auth: 401,
  chain: 502,
  upstream: 502,
  data: 422,
  checks: 500,
  interrupted: 503,
}

/** The one place where an error becomes an answer. What is not for callers becomes the published sentence. */
export function toRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error
  if (error instanceof LeomaError) {
    const status = error.status ?? statuses[error.kind]
    return status < 500 ? new Refusal(status, error.message) : new Refusal(status, 'An internal error occurred')
  }
  const status = statusOf(error)
  if (status === 413) return new Refusal(413, 'Request body too large')
  if (status !== undefined && status >= 400 && status < 500)
    return new Refusal(status, STATUS_CODES[status] ?? 'Refused')
  return new Refusal(500, 'An internal error occurred')
}

/** Fastify's own errors carry the status that they stand for. */
function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('statusCode' in error)) return undefined
  return typeof error.statusCode === 'number' ? error.statusCode : undefined
}
