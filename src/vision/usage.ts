import type {Usage} from './port.js'

export interface UsageReport extends Usage {
  /** Questions answered from what was paid for before. */
  readonly remembered: number
  /** Calls that gave no valid answer, by the code of their error; a call that was tried again counts too. */
  readonly failures: Readonly<Record<string, number>>
}

/** What asking models has cost since the process started; for metrics and for one line in the log. */
export class UsageMeter {
  #total: Usage = {calls: 0, tokensIn: 0, tokensOut: 0, usd: 0, latencyMs: 0}
  #remembered = 0
  readonly #failures = new Map<string, number>()

  spent(usage: Usage): void {
    this.#total = sum(this.#total, usage)
  }

  failed(code: string): void {
    this.#failures.set(code, (this.#failures.get(code) ?? 0) + 1)
  }

  remembered(): void {
    this.#remembered++
  }

  /** `latencyMs` is the sum over all calls. */
  report(): UsageReport {
    return {...this.#total, remembered: this.#remembered, failures: Object.fromEntries(this.#failures)}
  }
}

export function sum(a: Usage, b: Usage): Usage {
  return {
    calls: a.calls + b.calls,
    tokensIn: a.tokensIn + b.tokensIn,
    tokensOut: a.tokensOut + b.tokensOut,
    usd: a.usd + b.usd,
    latencyMs: a.latencyMs + b.latencyMs,
  }
}
