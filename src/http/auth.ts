import type {IncomingHttpHeaders} from 'node:http'
import {type CallerBook, checkRequest, type RequestLine, type RequestSignature} from '../api/request-check.js'
import {headerNames, nonceHeader, versionHeader} from '../api/signature.js'
import {Hotkey} from '../domain/ids.js'
import {type Call, checkCall} from '../domain/signed-call.js'
import {proofOf} from '../domain/submission-proof.js'
import type {Clock} from '../runtime/clock.js'
import {listBlacklist} from '../store/blacklist.js'
import type {Store} from '../store/open.js'
import {claimSignature} from '../store/seen-signatures.js'
import {listValidators, touchValidator} from '../store/validators.js'
import type {Verify} from '../wallet/port.js'
import {missing} from './field-faults.js'
import {type FieldFault, Refusal} from './refusal.js'
import type {Caller} from './route.js'

/** Writing down every request of a validator would be one write per read. */
const touchEveryMs = 60_000

export interface AuthOptions {
  readonly store: Store
  readonly netuid: number
  readonly verify: Verify
  readonly verifyEd25519?: Verify | undefined
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
  readonly #members: Members
  readonly #touched = new Map<string, number>()
  /** What a read was claimed with to the second it expires. */
  readonly #reads = new Map<string, number>()

  constructor(options: AuthOptions) {
    this.#options = options
    this.#admins = new Set(options.admins)
    this.#members = new Members(options.store)
  }

  /** The headers of a signature, or what is missing of them. All are needed before anything is checked. */
  read(headers: IncomingHttpHeaders): {signature: RequestSignature} | {missing: FieldFault[]} {
    const value = (name: string) => {
      const header = headers[name]
      return typeof header === 'string' ? header : undefined
    }
    const version = value(versionHeader)
    const needed = [...Object.values(headerNames), ...(version === '2' ? [nonceHeader] : [])]
    const absent = needed.filter((name) => value(name) === undefined)
    if (absent.length > 0) return {missing: absent.map((name) => missing('header', name))}
    return {
      signature: {
        hotkey: value(headerNames.hotkey) ?? '',
        signature: value(headerNames.signature) ?? '',
        timestamp: value(headerNames.timestamp) ?? '',
        version,
        nonce: value(nonceHeader),
      },
    }
  }

  /** Throws the published refusals. */
  check(signature: RequestSignature, line: Omit<RequestLine, 'netuid'>, access: 'validator' | 'admin'): Caller {
    const {netuid, time, verify, verifyEd25519, windowS} = this.#options
    const nowMs = time.now()
    this.#members.refresh()
    const callers: CallerBook = {
      isBlacklisted: (hotkey) => this.#members.blacklist.has(hotkey),
      isAdmin: (hotkey) => this.#admins.has(hotkey),
      isValidator: (hotkey) => this.#members.validators.has(hotkey),
      claim: (key, expiresAtS, mayRepeat) =>
        this.#claim(key, expiresAtS, {mayRepeat, isRead: line.method === 'GET', nowS: Math.floor(nowMs / 1000)}),
    }
    const needs = access === 'admin' ? 'admin' : 'validator'
    const options = {nowMs, windowS, verify, verifyEd25519, callers, needs} as const
    const result = checkRequest(signature, {...line, netuid}, options)
    if (!result.ok) throw new Refusal(result.status, result.detail)
    const hotkey = Hotkey.parse(result.hotkey)
    this.#touch(hotkey, nowMs)
    return {hotkey, isAdmin: result.isAdmin}
  }

  /** The same for requests in the form of a mechanism's own ecosystem. Who is banned is not turned away here. */
  checkCall(headers: IncomingHttpHeaders, call: Call, mayCall: (hotkey: Hotkey) => boolean): Caller {
    const {time, verify} = this.#options
    const nowMs = time.now()
    const nowS = Math.floor(nowMs / 1000)
    const isRead = call.method === 'GET'
    const result = checkCall(headers, call, {
      ...{nowMs, verify, mayCall},
      claim: (key, expiresAtS) => this.#claim(`call ${key}`, expiresAtS, {mayRepeat: false, isRead, nowS}),
    })
    if (!result.ok) throw new Refusal(result.status, result.detail)
    const proof = isRead ? undefined : proofOf(headers, call)
    return {hotkey: result.hotkey, isAdmin: this.#admins.has(result.hotkey), ...(proof && {proof})}
  }

  /**
   * In version 1 each GET signs the same empty body as every other, so a GET's signature is remembered too: it may read
   * again, but never be shown as something else. Reads are remembered in memory only, or each would be a write; what a
   * restart forgets of them is good for nothing but the same read.
   */
  #claim(
    key: string,
    expiresAtS: number,
    {mayRepeat, isRead, nowS}: {mayRepeat: boolean; isRead: boolean; nowS: number},
  ): boolean {
    for (const [read, expiry] of this.#reads) {
      // In order of arrival, so nearly in order of expiry; a far-dated one is dropped a little later.
      if (expiry >= nowS) break
      this.#reads.delete(read)
    }
    if (this.#reads.has(key)) return mayRepeat
    if (!isRead) return claimSignature(this.#options.store, key, expiresAtS, nowS)
    this.#reads.set(key, expiresAtS)
    return true
  }

  #touch(hotkey: Hotkey, nowMs: number): void {
    if (nowMs - (this.#touched.get(hotkey) ?? 0) < touchEveryMs) return
    this.#touched.set(hotkey, nowMs)
    touchValidator(this.#options.store, hotkey, nowMs)
  }
}

/** Who is registered and who is banned, in memory: a caller that nobody knows must not cost a read of the store. */
class Members {
  validators: ReadonlySet<string> = new Set()
  blacklist: ReadonlySet<string> = new Set()
  readonly #store: Store
  #stamp = -1

  constructor(store: Store) {
    this.#store = store
  }

  refresh(): void {
    const stamp = this.#store.changes.of('validators', 'blacklist')
    if (stamp === this.#stamp) return
    this.validators = new Set(listValidators(this.#store).map(({hotkey}) => hotkey))
    this.blacklist = new Set(listBlacklist(this.#store).map(({hotkey}) => hotkey))
    this.#stamp = stamp
  }
}
