import type {IncomingHttpHeaders} from 'node:http'
import {type CallerBook, checkRequest, headerNames, type RequestSignature} from '../api/signature.js'
import {Hotkey} from '../domain/ids.js'
import type {Clock} from '../runtime/clock.js'
import {findBlacklisted} from '../store/blacklist.js'
import type {Store} from '../store/open.js'
import {claimSignature} from '../store/seen-signatures.js'
import {findValidator, touchValidator} from '../store/validators.js'
import type {Verify} from '../wallet/port.js'
import {missing} from './field-faults.js'
import {type FieldFault, Refusal} from './refusal.js'
import type {Caller, Route} from './route.js'

/** Writing down every request of a validator would be one write per read. */
const touchEveryMs = 60_000

export interface AuthOptions {
  readonly store: Store
  readonly verify: Verify
  readonly time: Pick<Clock, 'now'>
  /** Checked addresses of those who may do everything. */
  readonly admins: readonly Hotkey[]
  /** How far a timestamp may be off, in seconds. */
  readonly windowS: number
}

/** Who calls: signature, replay memory and roles. */
export class Auth {
  readonly #options: AuthOptions
  readonly #admins: ReadonlySet<string>
  readonly #touched = new Map<string, number>()
  /** Signature of a read to the second it expires. */
  readonly #reads = new Map<string, number>()

  constructor(options: AuthOptions) {
    this.#options = options
    this.#admins = new Set(options.admins)
  }

  /** The three headers, or what is missing of them. All three are needed before anything is checked. */
  read(headers: IncomingHttpHeaders): {signature: RequestSignature} | {missing: FieldFault[]} {
    const value = (name: string) => {
      const header = headers[name]
      return typeof header === 'string' ? header : undefined
    }
    const absent = Object.values(headerNames).filter((name) => value(name) === undefined)
    if (absent.length > 0) return {missing: absent.map((name) => missing('header', name))}
    return {
      signature: {
        hotkey: value(headerNames.hotkey) ?? '',
        signature: value(headerNames.signature) ?? '',
        timestamp: value(headerNames.timestamp) ?? '',
      },
    }
  }

  /** Throws the published refusals. */
  check(signature: RequestSignature, body: Uint8Array, route: Pick<Route, 'access' | 'method'>): Caller {
    const {store, time, verify, windowS} = this.#options
    const nowMs = time.now()
    const callers: CallerBook = {
      isBlacklisted: (hotkey) => findBlacklisted(store, hotkey) !== undefined,
      isAdmin: (hotkey) => this.#admins.has(hotkey),
      isValidator: (hotkey) => findValidator(store, hotkey) !== undefined,
      claim: (text, expiresAtS, mayRepeat) => this.#claim(text, expiresAtS, mayRepeat, Math.floor(nowMs / 1000)),
    }
    const result = checkRequest(signature, body, {
      nowMs,
      windowS,
      verify,
      callers,
      needs: route.access === 'admin' ? 'admin' : 'validator',
      mayRepeat: route.method === 'GET',
    })
    if (!result.ok) throw new Refusal(result.status, result.detail)
    const hotkey = Hotkey.parse(result.hotkey)
    this.#touch(hotkey, nowMs)
    return {hotkey, isAdmin: result.isAdmin}
  }

  /**
   * Every GET signs the same empty body as every DELETE, so a GET's signature is remembered too: it may read again, but
   * never be shown as something else. Reads are remembered in memory only, or each would be a write.
   */
  #claim(signature: string, expiresAtS: number, mayRepeat: boolean, nowS: number): boolean {
    for (const [read, expiry] of this.#reads) {
      // In order of arrival, so nearly in order of expiry; a far-dated one is dropped a little later.
      if (expiry >= nowS) break
      this.#reads.delete(read)
    }
    if (this.#reads.has(signature)) return false
    if (!mayRepeat) return claimSignature(this.#options.store, signature, expiresAtS, nowS)
    this.#reads.set(signature, expiresAtS)
    return true
  }

  #touch(hotkey: Hotkey, nowMs: number): void {
    if (nowMs - (this.#touched.get(hotkey) ?? 0) < touchEveryMs) return
    this.#touched.set(hotkey, nowMs)
    touchValidator(this.#options.store, hotkey, nowMs)
  }
}
