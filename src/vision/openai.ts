import type OpenAI from 'openai'
import {plainLine} from '../domain/plain-line.js'
import {LeomaError} from '../errors.js'
import type {JpegEncoder} from '../media/port.js'
import type {Clock} from '../runtime/clock.js'
import {withDeadline} from '../runtime/deadline.js'
import type {Logger} from '../runtime/logger.js'
import {retry} from '../runtime/retry.js'
import type {AnswerStore, Kept} from './answers.js'
import {boundedFetch} from './bounded-fetch.js'
import type {Budget, Reservation} from './budget.js'
import {ChatBodies, type ChatBody, without} from './chat-body.js'
import {Completion, contentOf, Failed, shapeOf, usageOf} from './completion.js'
import {type Failure, failureOf, malformed, type Refusable} from './failures.js'
import type {Answered, Question, VisionModel} from './port.js'
import {costOf, expectedTokens, type Price, priceOf} from './prices.js'
import {keyOf} from './question-key.js'
import {parseAnswer} from './strict-json.js'
import type {UsageMeter} from './usage.js'

export interface OpenAiVisionOptions {
  readonly baseUrl: string
  readonly apiKey: string | undefined
  /** Deadline of one call, in milliseconds. */
  readonly timeoutMs: number
  /** Calls in all while the provider is busy or unreachable. */
  readonly attempts?: number
  /** Pause before the second call, which doubles with each. */
  readonly firstPauseMs?: number
  readonly prices?: Readonly<Record<string, Price>>
  readonly jpeg: JpegEncoder
  readonly budget: Budget
  readonly answers: AnswerStore
  readonly meter: UsageMeter
  readonly time: Pick<Clock, 'now' | 'sleep'>
  readonly log: Logger
}

/** Nothing is asked for this long after the provider has said that somebody must act; then one call tries again. */
const holdMs = 5 * 60_000
/** A question that gave no valid answer twice waits this long, doubling each time, before it is paid for again. */
const firstRestMs = 5 * 60_000
const longestRestMs = 60 * 60_000

/**
 * Asks through the chat API that OpenAI defined and others speak. The SDK makes the request and reads errors; retries,
 * deadlines, the size of answers and what may be spent are decided here, where the rest of the program decides them.
 */
export class OpenAiVision implements VisionModel {
  readonly #options: OpenAiVisionOptions
  #client: OpenAI | undefined
  readonly #asking = new Map<string, {readonly answer: Promise<Kept>; readonly signal: AbortSignal}>()
  readonly #resting = new Map<string, {readonly until: number; readonly restMs: number; readonly error: LeomaError}>()
  #hold: {readonly until: number; readonly error: LeomaError} | undefined
  /** All calls wait when the provider has told one of them to. */
  #notBefore = 0
  /** Parameters that a model has refused, by model. */
  readonly #refused = new Map<string, Set<Refusable>>()
  readonly #bodies: ChatBodies
  readonly #unpriced = new Set<string>()

  constructor(options: OpenAiVisionOptions) {
    this.#options = options
    this.#bodies = new ChatBodies(options.jpeg)
  }

  async ask<T>(question: Question<T>, signal: AbortSignal): Promise<Answered<T>> {
    signal.throwIfAborted()
    const key = keyOf(question, this.#options.baseUrl)
    const {answers, meter} = this.#options
    const known = await answers.find(key)
    if (known) {
      meter.remembered()
      return {value: parseAnswer(known.text, question.answer.schema), servedBy: known.servedBy, key, usage: known.usage}
    }
    const {text, servedBy, usage} = await this.#once(key, question, signal)
    return {value: parseAnswer(text, question.answer.schema), servedBy, key, usage}
  }

  /** Two that ask the same at the same time pay once. */
  async #once(key: string, question: Question<unknown>, signal: AbortSignal): Promise<Kept> {
    const underway = this.#asking.get(key)
    if (underway) {
      try {
        return await underway.answer
      } catch (error) {
        signal.throwIfAborted()
        // The other's failure is ours as well; that it was stopped is not.
        if (!underway.signal.aborted) throw error
        return this.#once(key, question, signal)
      }
    }
    const answer = this.#pay(key, question, signal)
    this.#asking.set(key, {answer, signal})
    try {
      return await answer
    } finally {
      this.#asking.delete(key)
    }
  }

  async #pay(key: string, question: Question<unknown>, signal: AbortSignal): Promise<Kept> {
    const {answers, time} = this.#options
    const resting = this.#resting.get(key)
    if (resting && resting.until > time.now()) throw resting.error
    try {
      const answer = await this.#twice(question, signal)
      this.#resting.delete(key)
      await answers.keep(key, answer)
      return answer
    } catch (error) {
      if (!(error instanceof Failed)) throw error
      if (error.failure.next === 'once' || error.failure.next === 'never') {
        const restMs = Math.min(longestRestMs, (resting?.restMs ?? firstRestMs / 2) * 2)
        this.#resting.set(key, {until: time.now() + restMs, restMs, error: error.failure.error})
      }
      throw error.failure.error
    }
  }

  /** A model that gave no valid answer is asked once more: answers vary. */
  async #twice(question: Question<unknown>, signal: AbortSignal): Promise<Kept> {
    const body = await this.#bodies.build(question, signal)
    try {
      return await this.#patiently(question, body, signal)
    } catch (error) {
      if (!(error instanceof Failed) || error.failure.next !== 'once') throw error
      this.#options.log.debug({model: question.model, code: error.failure.error.code}, 'no valid answer, asking again')
      return await this.#patiently(question, body, signal)
    }
  }

  #patiently(question: Question<unknown>, body: ChatBody, signal: AbortSignal): Promise<Kept> {
    const {attempts = 4, firstPauseMs = 2_000, log, time} = this.#options
    return retry(() => this.#dropping(question, body, signal), {
      time,
      signal,
      attempts,
      firstPauseMs,
      shouldRetry: (error) => error instanceof Failed && error.failure.next === 'again',
      askedPauseMs: (error) => (error instanceof Failed ? error.failure.pauseMs : undefined),
      onRetry: (error, attempt) =>
        log.debug({model: question.model, attempt, err: error}, 'the model is busy, asking again'),
    })
  }

  /** Leaves out, one after the other, what the provider says it does not take. */
  async #dropping(question: Question<unknown>, body: ChatBody, signal: AbortSignal): Promise<Kept> {
    const refusedByModel = this.#refused.get(question.model) ?? new Set()
    this.#refused.set(question.model, refusedByModel)
    for (;;) {
      try {
        return await this.#call(question, without(body, refusedByModel), signal)
      } catch (error) {
        const name = error instanceof Failed ? error.failure.refuses : undefined
        if (name === undefined || refusedByModel.has(name) || !(name in body)) throw error
        refusedByModel.add(name)
        this.#options.log.info({model: question.model, parameter: name}, 'the model does not take a parameter')
      }
    }
  }

  async #call(question: Question<unknown>, body: ChatBody, signal: AbortSignal): Promise<Kept> {
    const {meter, time, timeoutMs} = this.#options
    const client = await this.#open()
    if (this.#notBefore > time.now()) await time.sleep(this.#notBefore - time.now(), signal)
    if (this.#hold && this.#hold.until > time.now()) throw this.#hold.error

    const price = this.#price(question.model)
    const expected = expectedTokens(question)
    const reservation = this.#reserve(question.account, costOf(price, expected.tokensIn, expected.tokensOut))
    const startedAt = time.now()
    try {
      const completion = await withDeadline('asking the model', timeoutMs, signal, (inner) =>
        client.post<unknown>('/chat/completions', {body, signal: inner, timeout: timeoutMs + 1000}),
      )
      const parsed = Completion.safeParse(completion)
      const usage = usageOf(parsed.data?.usage, expected, price, time.now() - startedAt)
      meter.spent(usage)
      reservation.settle(usage.usd)
      if (!parsed.success) throw new Failed(malformed(shapeOf(completion)))
      this.#hold = undefined
      return {text: contentOf(parsed.data, question), servedBy: plainLine(parsed.data.model ?? '', 100), usage}
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof Failed) {
        this.#note(error.failure)
        throw error
      }
      const failure = failureOf(error, {
        model: question.model,
        now: time.now(),
        secret: this.#options.apiKey,
      })
      // A call that was refused costs nothing; one that was given up on, or answered with rubbish, may have.
      if (failure.next !== 'once' && failure.error.code !== 'JUDGE_TIMEOUT') reservation.settle(0)
      this.#note(failure)
      throw new Failed(failure)
    }
  }

  #reserve(account: string, usd: number): Reservation {
    try {
      return this.#options.budget.reserve(account, usd)
    } catch (error) {
      if (error instanceof LeomaError) this.#options.meter.failed(error.code)
      throw error
    }
  }

  #note({error, next, pauseMs}: Failure): void {
    const {log, meter, time} = this.#options
    meter.failed(error.code)
    if (pauseMs !== undefined) this.#notBefore = Math.max(this.#notBefore, time.now() + pauseMs)
    if (next !== 'hold') return
    log.info({err: error, holdS: holdMs / 1000}, 'no model is asked until somebody has acted')
    this.#hold = {until: time.now() + holdMs, error}
  }

  #price(model: string): Price {
    const {price, known} = priceOf(model, this.#options.prices)
    if (!known && !this.#unpriced.has(model)) {
      this.#unpriced.add(model)
      const set = `JUDGE_PRICES=${plainLine(model, 80)}=dollars in/dollars out`
      this.#options.log.warn({model, set}, 'the price of this model is not known and taken to be high')
    }
    return price
  }

  async #open(): Promise<OpenAI> {
    if (this.#client) return this.#client
    const {apiKey, baseUrl} = this.#options
    if (apiKey === undefined && new URL(baseUrl).hostname.endsWith('openai.com')) {
      throw new LeomaError('config', 'JUDGE_KEY_MISSING', 'asking a vision model needs a key', {
        hints: [
          'set OPENAI_API_KEY in the environment or in .env',
          'or OPENAI_BASE_URL to a server of your own that needs none',
        ],
      })
    }
    const {OpenAI: Client} = await import('openai')
    this.#client = new Client({
      apiKey: apiKey ?? 'none',
      baseURL: baseUrl,
      // What is left out here would be read from the environment.
      organization: null,
      project: null,
      adminAPIKey: null,
      webhookSecret: null,
      logLevel: 'off',
      maxRetries: 0,
      fetch: boundedFetch,
    })
    return this.#client
  }
}
