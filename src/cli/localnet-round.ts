import type {LocalnetFacts} from '../services/localnet/events.js'

type Outcome = string

interface Line {
  readonly profile: string
  outcome: Outcome | undefined
  latencyMs: number | null
  reason: string | null
  /** By validator name: overall score and whether it passed. */
  readonly verdicts: Map<string, {readonly passed: boolean; readonly overall: number}>
}

/** What is known of one round so far, and how it reads. Fed by the view, kept apart so that it can be tested alone. */
export class RoundStory {
  readonly taskId: number
  readonly headline: string
  readonly #lines = new Map<string, Line>()
  readonly #judging = new Map<string, string>()
  readonly #facts: LocalnetFacts
  #asked = ''
  #state: 'asking' | 'judging' | 'settled' = 'asking'
  #note = ''

  constructor(facts: LocalnetFacts, taskId: number, headline: string) {
    this.#facts = facts
    this.taskId = taskId
    this.headline = headline
  }

  get isSettled(): boolean {
    return this.#state === 'settled'
  }

  answered(
    hotkey: string,
    answer: {readonly outcome: Outcome; readonly latencyMs: number | null; readonly reason: string | null},
    count: string,
  ): void {
    const profile = profileOf(this.#facts, hotkey)
    this.#lines.set(hotkey, {profile, ...answer, verdicts: new Map()})
    this.#asked = count
  }

  published(): void {
    if (this.#state === 'asking') this.#state = 'judging'
  }

  judged(
    validator: string,
    miner: string,
    verdict: {readonly passed: boolean; readonly overall: number},
    count: string,
  ): void {
    this.#lines.get(miner)?.verdicts.set(validator, verdict)
    this.#judging.set(validator, count)
  }

  settled(block: number): void {
    this.#state = 'settled'
    this.#note = `settled at block ${block}`
  }

  /** What is going on, in a few words. */
  status(): string {
    if (this.#state === 'asking') return `asking miners${this.#asked ? ` ${this.#asked}` : ''}`
    if (this.#state === 'settled') return this.#note
    const judging = [...this.#judging].map(([validator, count]) => `${validator} ${count}`).join(', ')
    return judging === '' ? 'published, waiting for verdicts' : `judging: ${judging}`
  }

  /** One line per miner: what it answered, how fast, and what each validator made of it. */
  table(): string[] {
    const order = this.#facts.cast.map(({hotkey}) => String(hotkey))
    const lines = [...this.#lines].sort(([a], [b]) => order.indexOf(a) - order.indexOf(b)).map(([, line]) => line)
    const width = Math.max(5, ...lines.map(({profile}) => profile.length))
    return lines.map((line) => {
      const answer = line.outcome === 'ok' ? scores(line) : `${line.outcome ?? 'asked'}`
      const latency = line.latencyMs === null ? '' : `${(line.latencyMs / 1000).toFixed(1)} s`
      const reason = line.reason === null ? '' : `  ${line.reason}`
      return `  ${line.profile.padEnd(width)}  ${latency.padStart(6)}  ${answer}${reason}`
    })
  }
}

function scores({verdicts}: Line): string {
  if (verdicts.size === 0) return 'ok'
  const sorted = [...verdicts].sort(([a], [b]) => (a < b ? -1 : 1))
  const different = new Set(sorted.map(([, {passed, overall}]) => `${passed} ${overall}`))
  const word = ({passed, overall}: {passed: boolean; overall: number}) => `${passed ? 'passed' : 'failed'} ${overall}`
  const first = sorted[0]?.[1]
  // Validators that agree, as they should, need not be listed one by one.
  if (different.size === 1 && first) return `${word(first)}${sorted.length > 1 ? ` (${sorted.length} validators)` : ''}`
  return sorted.map(([validator, verdict]) => `${validator}: ${word(verdict)}`).join(', ')
}

export function profileOf(facts: LocalnetFacts, hotkey: string): string {
  return facts.cast.find((member) => member.hotkey === hotkey)?.profile ?? hotkey.slice(0, 8)
}

export function validatorOf(facts: LocalnetFacts, hotkey: string): string {
  return facts.validators.find((validator) => validator.hotkey === hotkey)?.name ?? hotkey.slice(0, 8)
}
