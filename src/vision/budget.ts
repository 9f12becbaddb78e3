import {mkdirSync, readFileSync, renameSync, writeFileSync} from 'node:fs'
import path from 'node:path'
import {z} from 'zod'
import {LeomaError} from '../errors.js'
import type {Clock} from '../runtime/clock.js'

export interface BudgetOptions {
  /** US dollars in any 60 minutes. */
  readonly perHourUsd: number
  /** US dollars for one account, which is one task; forgotten after a day. */
  readonly perAccountUsd: number
  /** What was spent is kept here, so that a process that restarts in a loop cannot spend without end. */
  readonly file: string
  readonly time: Pick<Clock, 'now'>
}

export interface Reservation {
  /** Replaces what was set aside by what was spent. */
  settle(usd: number): void
}

const minuteMs = 60_000
const keptMinutes = 24 * 60

const Ledger = z.array(z.object({minute: z.number().int(), account: z.string(), usd: z.number()}))
type Entry = z.infer<typeof Ledger>[number]

/**
 * Money that may be spent on models. A call's expected cost is set aside, and written down, before it is made: calls
 * that run side by side cannot overshoot together, and a killed process has already counted what it was spending.
 */
export class Budget {
  readonly #options: BudgetOptions

  constructor(options: BudgetOptions) {
    this.#options = options
  }

  /** Throws `JUDGE_BUDGET_SPENT` when this would exceed a limit. */
  reserve(account: string, usd: number): Reservation {
    const {perHourUsd, perAccountUsd} = this.#options
    const minute = Math.floor(this.#options.time.now() / minuteMs)
    const entries = read(this.#options.file)
    const lastHour = total(entries.filter((entry) => entry.minute > minute - 60))
    if (lastHour + usd > perHourUsd) throw spent('an hour', lastHour, usd, perHourUsd, 'JUDGE_BUDGET_PER_HOUR')
    const onAccount = total(entries.filter((entry) => entry.account === account && entry.minute > minute - keptMinutes))
    if (onAccount + usd > perAccountUsd) throw spent(account, onAccount, usd, perAccountUsd, 'JUDGE_BUDGET_PER_TASK')

    this.#book(minute, account, usd)
    let booked = usd
    return {
      settle: (real) => {
        this.#book(minute, account, real - booked)
        booked = real
      },
    }
  }

  /** Read again each time: a command beside the service spends from the same budget. */
  #book(minute: number, account: string, usd: number): void {
    const {file, time} = this.#options
    const oldest = Math.floor(time.now() / minuteMs) - keptMinutes
    const entries = read(file).filter((entry) => entry.minute > oldest)
    const entry = entries.find((each) => each.minute === minute && each.account === account)
    if (entry) entry.usd += usd
    else entries.push({minute, account, usd})
    mkdirSync(path.dirname(file), {recursive: true, mode: 0o700})
    writeFileSync(`${file}.part`, JSON.stringify(entries))
    renameSync(`${file}.part`, file)
  }
}

function read(file: string): Entry[] {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
  const parsed = Ledger.safeParse(parseJson(text))
  if (parsed.success) return parsed.data
  throw new LeomaError('data', 'JUDGE_LEDGER_UNREADABLE', `${file} is not what this program wrote`, {
    hints: [`remove ${file}: only what was spent in the last day is in it`],
  })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function total(entries: readonly Entry[]): number {
  return entries.reduce((sum, {usd}) => sum + usd, 0)
}

function spent(what: string, already: number, usd: number, limit: number, setting: string): LeomaError {
  const money = (amount: number) => `$${amount.toFixed(4)}`
  return new LeomaError(
    'upstream',
    'JUDGE_BUDGET_SPENT',
    `${money(already)} of ${money(limit)} for ${what} are spent, and the next call may cost ${money(usd)}`,
    {hints: [`wait, or raise ${setting}`, 'JUDGE_PRICES corrects what a model is taken to cost']},
  )
}
