import {LeomaError} from '../errors.js'
import type {Clock} from '../runtime/clock.js'
import {codeEvidence} from './chute-evidence.js'
import {ChuteRecord, imageOf, isHot, WarmRecord} from './chutes-records.js'
import type {Chute, CodeEvidence, Models, WarmStatus} from './port.js'
import {type ProviderAnswer, type ProviderCall, ProviderHttp, said} from './provider-http.js'
import {SharedAnswers} from './shared-answers.js'

export interface ChutesOptions {
  /** `CHUTES_API_URL`. */
  readonly url: string
  readonly apiKey?: string | undefined
  /** Where a chute is called, with `{slug}` in it. */
  readonly invokeUrl: string
  readonly time: Pick<Clock, 'now' | 'sleep'>
  readonly timeoutMs?: number
  readonly attempts?: number
  readonly firstPauseMs?: number
  /** How long a chute that was hot is taken to still be, in milliseconds. */
  readonly keepMs?: number
  /** Pause between two looks at a chute that is waking up. */
  readonly warmEveryMs?: number
  /** Reads the code of each chute too: one more request per chute and version. */
  readonly withEvidence?: boolean
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
/** One label of a host name. */
const slugPattern = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
/** The provider takes 150,000 characters. */
const maxCodeBytes = 700_000
const keptEvidence = 2000

/**
 * Deployments at Chutes. Absent and "not shared with this key" are one answer there, and undefined here. Ids that are no
 * UUIDs are absent without a request: they come from miners and would become part of a path.
 */
export class Chutes implements Pick<Models, 'chute'> {
  readonly http: ProviderHttp
  readonly #options: ChutesOptions
  readonly #chutes: SharedAnswers<Chute | undefined>
  /** By id and version, neither of which the same code can change. */
  readonly #evidence = new Map<string, CodeEvidence>()

  constructor(options: ChutesOptions) {
    const {time, timeoutMs = 10_000, keepMs = 60_000} = options
    this.#options = options
    this.http = new ProviderHttp({
      ...options,
      timeoutMs,
      token: options.apiKey,
      name: 'Chutes',
      code: 'CHUTES',
      variable: 'CHUTES_API_URL',
    })
    // A cold chute may be hot the next moment, and a missing one shared: only good news is kept.
    this.#chutes = new SharedAnswers({time, keepMs: (chute) => (chute?.hot ? keepMs : 0), maxEntries: 2000})
  }

  async chute(chuteId: string, signal: AbortSignal): Promise<Chute | undefined> {
    if (!uuid.test(chuteId)) return undefined
    return this.#chutes.get(chuteId.toLowerCase(), signal, (inner) => this.current(chuteId, inner))
  }

  /** Past the cache. */
  async current(chuteId: string, signal: AbortSignal): Promise<Chute | undefined> {
    if (!uuid.test(chuteId)) return undefined
    const call = {path: `/chutes/${chuteId.toLowerCase()}`}
    const answer = await this.http.ask(call, signal)
    if (answer.status === 404) return undefined
    if (answer.status !== 200) throw this.refusal(answer, call)
    const record = this.http.parse(answer, ChuteRecord, call)
    if (record.chute_id.toLowerCase() !== chuteId.toLowerCase()) throw this.#strange(`chute ${record.chute_id}`)
    const slug = record.slug ?? ''
    if (!slugPattern.test(slug)) throw this.#strange('a slug that is no host name')
    return {
      chuteId,
      slug,
      hot: isHot(record),
      revision: record.revision?.toLowerCase() || null,
      endpoint: this.#options.invokeUrl.replaceAll('{slug}', slug),
      ...(this.#options.withEvidence
        ? {evidence: {image: imageOf(record), code: await this.#codeOf(chuteId, record, signal)}}
        : {}),
    }
  }

  /** Text of the module that runs; undefined when this key may not read it. */
  async code(chuteId: string, signal: AbortSignal): Promise<string | undefined> {
    if (!uuid.test(chuteId)) return undefined
    const call = {path: `/chutes/code/${chuteId.toLowerCase()}`, maxBytes: maxCodeBytes}
    const answer = await this.http.ask(call, signal)
    if (answer.status === 404 || answer.status === 403) return undefined
    if (answer.status !== 200) throw this.refusal(answer, call)
    return answer.text
  }

  /** Asks once for an instance, and says how far it is. */
  async warmOnce(chuteId: string, signal: AbortSignal): Promise<WarmStatus> {
    if (!uuid.test(chuteId)) throw this.#absent(chuteId)
    const call = {path: `/chutes/warmup/${chuteId.toLowerCase()}?quick=true`, final: [503]}
    const answer = await this.http.ask(call, signal)
    if (answer.status === 404) throw this.#absent(chuteId)
    if (answer.status === 503) {
      throw new LeomaError('upstream', 'CHUTE_DISABLED', `chute ${chuteId} cannot be woken: ${said(answer.text)}`, {
        retryable: false,
        hints: ['its owner has switched it off: switch it on at https://chutes.ai'],
      })
    }
    if (answer.status !== 200) throw this.refusal(answer, call)
    const {status, instance_count: instances} = this.http.parse(answer, WarmRecord, call)
    return {status: status === 'hot' ? 'hot' : 'cold', instances: instances ?? null}
  }

  /** Wakes each and looks again every half minute, until all are hot or the time is up. One that fails keeps no other. */
  async warm(chuteIds: readonly string[], until: number, signal: AbortSignal): Promise<void> {
    await Promise.all([...new Set(chuteIds)].map((chuteId) => this.#warm(chuteId, until, signal)))
  }

  async #warm(chuteId: string, until: number, signal: AbortSignal): Promise<void> {
    const {time, warmEveryMs = 30_000} = this.#options
    while (time.now() < until) {
      try {
        if ((await this.chute(chuteId, signal))?.hot) return
        if ((await this.warmOnce(chuteId, signal)).status === 'hot') return
      } catch (error) {
        signal.throwIfAborted()
        // What cannot be woken is found cold by whoever asks for it; what did not answer may next time.
        if (!(error instanceof LeomaError) || !error.retryable) return
      }
      await time.sleep(Math.max(0, Math.min(warmEveryMs, until - time.now())), signal)
    }
  }

  /** What the API says no to, whatever was asked. */
  refusal(answer: ProviderAnswer, call: ProviderCall): LeomaError {
    const {status, text} = answer
    if (status === 401) {
      const message = this.#options.apiKey ? `Chutes refuses the key: ${said(text)}` : 'Chutes wants a key'
      return new LeomaError('config', 'CHUTES_KEY_REFUSED', message, {
        hints: ['set CHUTES_API_KEY to a key that is valid (it begins with cpk_); https://chutes.ai makes one'],
      })
    }
    if (status === 402) {
      return new LeomaError('upstream', 'CHUTES_UNPAID', `the account of this key has no balance: ${said(text)}`, {
        retryable: false,
        hints: ['raise the balance at https://chutes.ai, or send TAO to the payment address of the account'],
      })
    }
    if (status === 403) {
      return new LeomaError('config', 'CHUTES_KEY_TOO_NARROW', `Chutes does not allow this key that: ${said(text)}`, {
        hints: ['use an admin key to deploy, and a key with access to chutes and invocations to call'],
      })
    }
    return this.http.unexpected(call, answer)
  }

  async #codeOf(chuteId: string, {version}: ChuteRecord, signal: AbortSignal): Promise<CodeEvidence | null> {
    const key = `${chuteId.toLowerCase()}@${version}`
    const known = version ? this.#evidence.get(key) : undefined
    if (known) return known
    const code = await this.code(chuteId, signal)
    if (code === undefined) return null
    const evidence = codeEvidence(code)
    const oldest = this.#evidence.keys().next()
    if (this.#evidence.size >= keptEvidence && !oldest.done) this.#evidence.delete(oldest.value)
    if (version) this.#evidence.set(key, evidence)
    return evidence
  }

  #absent(chuteId: string): LeomaError {
    return new LeomaError(
      'upstream',
      'CHUTE_NOT_FOUND',
      `chute ${chuteId.slice(0, 80)} does not exist, or is not shared with the account of this key`,
      {retryable: false, hints: ['check the id', 'its owner shares it: POST /chutes/share, or leoma miner push again']},
    )
  }

  #strange(what: string): LeomaError {
    return new LeomaError('upstream', 'CHUTES_ANSWER_INVALID', `Chutes answered with ${what}`, {
      retryable: false,
      hints: ['check CHUTES_API_URL'],
    })
  }
}
