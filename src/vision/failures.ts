import {APIConnectionError, APIError, APIUserAbortError} from 'openai'
import {plainLine} from '../domain/plain-line.js'
import {LeomaError} from '../errors.js'
import {DeadlineError} from '../runtime/deadline.js'
import {AnswerTooLarge, maxAnswerBytes} from './bounded-fetch.js'
import {MalformedAnswer} from './strict-json.js'

/** What a failed call means for the next one. */
export interface Failure {
  readonly error: LeomaError
  /** `again` soon, `once` more because models vary, `hold` all calls because somebody has to act, or `never`. */
  readonly next: 'again' | 'once' | 'hold' | 'never'
  /** A pause that the provider asked for, in milliseconds. */
  readonly pauseMs?: number
  /** The parameter that the provider does not take. */
  readonly refuses?: Refusable
}

/** Parameters that a model may do without. */
export const refusable = ['temperature', 'seed', 'reasoning_effort', 'max_completion_tokens'] as const
export type Refusable = (typeof refusable)[number]

/** A longer pause is not waited for within one evaluation. */
const longestPauseMs = 5 * 60_000

const busy = new Set([408, 409, 425, 429])

export function refused(what: string): Failure {
  return {
    error: new LeomaError('upstream', 'JUDGE_REFUSED', `the model refuses to answer: ${plainLine(what, 200)}`),
    next: 'once',
  }
}

export function truncated(maxTokens: number): Failure {
  const message = `the model's answer does not fit into ${maxTokens} tokens`
  return {error: new LeomaError('upstream', 'JUDGE_TRUNCATED', message), next: 'once'}
}

export function filtered(): Failure {
  const message = "the provider's filter removed the model's answer"
  return {error: new LeomaError('upstream', 'JUDGE_FILTERED', message), next: 'once'}
}

export function malformed(why: string, cause?: unknown): Failure {
  return {
    error: new LeomaError('upstream', 'JUDGE_ANSWER_INVALID', `the model's answer is not the one asked for: ${why}`, {
      ...(cause === undefined ? {} : {cause}),
      hints: ['OPENAI_BASE_URL must name the API itself (it often ends with /v1)'],
    }),
    next: 'once',
  }
}

export interface CallContext {
  readonly model: string
  /** Milliseconds since 1970. */
  readonly now: number
  readonly secret: string | undefined
}

/** Any error of one call. What the provider said stands in the message, in one bounded line; headers never do. */
export function failureOf(error: unknown, context: CallContext): Failure {
  if (error instanceof MalformedAnswer) return malformed(error.message)
  if (error instanceof SyntaxError) return malformed('it is not JSON')
  if (error instanceof DeadlineError)
    return unavailable(
      new LeomaError('upstream', 'JUDGE_TIMEOUT', error.message, {
        hints: ['it is tried again; JUDGE_TIMEOUT is the limit'],
      }),
    )
  if (causes(error).some((cause) => cause instanceof AnswerTooLarge))
    return malformed(`it has more than ${maxAnswerBytes} bytes`)
  if (error instanceof APIConnectionError || error instanceof APIUserAbortError)
    return unavailable(
      new LeomaError('upstream', 'JUDGE_UNREACHABLE', `the model cannot be reached: ${reasonOf(error)}`, {
        hints: ['check OPENAI_BASE_URL'],
      }),
    )
  if (error instanceof APIError && typeof error.status === 'number') return byStatus(error, error.status, context)
  throw error
}

function byStatus(error: APIError, status: number, {model, now, secret}: CallContext): Failure {
  // Some providers repeat the key that they refuse.
  const said = plainLine(secret === undefined ? error.message : error.message.replaceAll(secret, '[key]'), 200)
  const code = String(error.code ?? error.type ?? '')
  if (status === 402 || /insufficient_quota|billing/.test(code)) {
    return hold(
      new LeomaError('config', 'JUDGE_NOT_PAID', `the provider wants to be paid before it answers: ${said}`, {
        hints: ['top up the account of OPENAI_API_KEY, or use another key'],
      }),
    )
  }
  if (status === 401 || status === 403) {
    return hold(
      new LeomaError('config', 'JUDGE_KEY_REFUSED', `the provider refuses the key: ${said}`, {
        hints: ['OPENAI_API_KEY must be a key for the provider at OPENAI_BASE_URL'],
      }),
    )
  }
  if (status === 404) {
    return hold(
      new LeomaError(
        'config',
        'JUDGE_MODEL_UNKNOWN',
        `the provider does not know model ${plainLine(model, 80)}: ${said}`,
        {hints: ['the exam names the model: OPENAI_BASE_URL must lead to a provider that has it']},
      ),
    )
  }
  if (busy.has(status) || status >= 500) {
    const pauseMs = askedPauseMs(error.headers, now)
    const failure = unavailable(
      new LeomaError('upstream', 'JUDGE_UNAVAILABLE', `the provider answers with status ${status}: ${said}`),
    )
    return pauseMs === undefined ? failure : {...failure, pauseMs}
  }
  if (status >= 300 && status < 400) {
    return hold(
      new LeomaError(
        'config',
        'JUDGE_REDIRECTED',
        `the provider answers with a redirect (${status}), which is not followed`,
        {hints: ['put the address that it leads to into OPENAI_BASE_URL, if it is the right one']},
      ),
    )
  }
  if (/content_policy|content_filter|moderation|invalid_prompt/.test(code)) return refused(said)
  const refuses =
    refusable.find((name) => error.param === name) ?? refusable.find((name) => error.message.includes(name))
  const rejected = new LeomaError('upstream', 'JUDGE_REQUEST_REJECTED', `the provider rejects the request: ${said}`, {
    retryable: false,
  })
  return {error: rejected, next: 'never', ...(refuses ? {refuses} : {})}
}

function unavailable(error: LeomaError): Failure {
  return {error, next: 'again'}
}

function hold(error: LeomaError): Failure {
  return {error, next: 'hold'}
}

/** What lies at the bottom of it; the key is in no message of a connection. */
function reasonOf(error: Error): string {
  const deepest = causes(error).at(-1) ?? error
  const code = 'code' in deepest && typeof deepest.code === 'string' ? deepest.code : ''
  return plainLine(code || deepest.message, 120)
}

function causes(error: unknown): Error[] {
  const found: Error[] = []
  for (let at = error; at instanceof Error && found.length < 8; at = at.cause) found.push(at)
  return found
}

/** `retry-after-ms`, or `retry-after` in seconds or as a date. */
function askedPauseMs(headers: Headers | undefined, now: number): number | undefined {
  const ms = Number(headers?.get('retry-after-ms') ?? Number.NaN)
  const text = headers?.get('retry-after') ?? ''
  const seconds = /^\d{1,6}(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now
  const pause = Number.isFinite(ms) ? ms : seconds
  return Number.isFinite(pause) && pause > 0 ? Math.min(pause, longestPauseMs) : undefined
}
