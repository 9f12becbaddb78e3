import {type Finding, fail} from '../domain/finding.js'
import {LeomaError} from '../errors.js'
import type {Clock} from '../runtime/clock.js'
import {DeadlineError, withDeadline} from '../runtime/deadline.js'

/** One thing to look at. What it throws is a finding, too: the error says what failed and what helps. */
export interface Check {
  readonly name: string
  /** When the standard one does not do: a chain needs a block's time to show that it moves. */
  readonly deadlineMs?: number
  run(signal: AbortSignal): Promise<Finding | readonly Finding[]>
}

export interface CheckResult extends Finding {
  readonly check: string
  /** Code of the error, to search for; null for what is no error. */
  readonly code: string | null
  readonly elapsedMs: number
}

export interface DoctorReport {
  readonly ok: boolean
  readonly checks: readonly CheckResult[]
}

export interface DoctorOptions {
  readonly time: Pick<Clock, 'now'>
  /** For one check. */
  readonly deadlineMs: number
  /** Told of each result as it comes, in no order. */
  readonly onResult?: (result: CheckResult) => void
}

/** Runs all checks at once; none waits for another or hides it. Results come in the order of the checks. */
export async function examine(
  checks: readonly Check[],
  {time, deadlineMs, onResult}: DoctorOptions,
  signal: AbortSignal,
): Promise<DoctorReport> {
  const results = await Promise.all(
    checks.map(async (check): Promise<CheckResult[]> => {
      const startedAt = time.now()
      const {findings, code} = await runOne(check, check.deadlineMs ?? deadlineMs, signal)
      const elapsedMs = Math.max(0, Math.round(time.now() - startedAt))
      const lines = findings.map((finding): CheckResult => ({check: check.name, ...finding, code, elapsedMs}))
      for (const line of lines) onResult?.(line)
      return lines
    }),
  )
  signal.throwIfAborted()
  const all = results.flat()
  return {ok: all.every(({status}) => status !== 'fail'), checks: all}
}

async function runOne(
  check: Check,
  deadlineMs: number,
  signal: AbortSignal,
): Promise<{findings: readonly Finding[]; code: string | null}> {
  try {
    const found = await withDeadline(check.name, deadlineMs, signal, (inner) => ended(check.run(inner), inner))
    return {findings: 'status' in found ? [found] : found, code: null}
  } catch (error) {
    if (error instanceof DeadlineError) {
      return {findings: [fail(`gave no answer in ${deadlineMs / 1000} s`, ...error.hints)], code: error.code}
    }
    const {message, hints, code, kind} = LeomaError.from(error)
    // Nobody needs to be sent to the doctor by the doctor.
    const helpful = kind === 'bug' ? [] : hints.filter((hint) => hint !== 'leoma doctor')
    return {findings: [fail(message, ...helpful)], code}
  }
}

/** A check that ignores its signal must not hold up the others. */
function ended<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return Promise.race([
    work,
    new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), {once: true})
    }),
  ])
}
