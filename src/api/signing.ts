import {LeomaError} from '../errors.js'
import type {Clock} from '../runtime/clock.js'
import type {Signer} from '../wallet/port.js'
import {offerHeader, signRequest, signRequest2} from './signature.js'

export interface SigningOptions {
  /** Needed for the routes that ask who calls. */
  readonly signer?: Signer | undefined
  /** Covered by signatures of version 2. */
  readonly netuid: number
  readonly time: Pick<Clock, 'now'>
}

export interface RequestLine {
  readonly method: string
  /** Path and query. */
  readonly target: string
  readonly body: Uint8Array
}

/** Signs requests in the best version that the server is known to take. */
export class RequestSigner {
  readonly #options: SigningOptions
  #takesVersion2: boolean | undefined

  constructor(options: SigningOptions) {
    this.#options = options
  }

  /** True before any answer has told; after a refusal too, because the server may have become another one. */
  get mustAsk(): boolean {
    return this.#takesVersion2 === undefined
  }

  /** Reads the offer from the headers of an answer. One of a proxy, which has none, says nothing about the server. */
  learn(status: number, headers: Readonly<Record<string, string | string[] | undefined>>): void {
    const offer = headers[offerHeader]
    if (typeof offer === 'string') this.#takesVersion2 = offer.split(',').some((version) => version.trim() === '2')
    else if (status === 401) this.#takesVersion2 = undefined
    else if (status < 400) this.#takesVersion2 ??= false
  }

  /** Anew for every try: the server refuses what it has seen. */
  headers(line: RequestLine): Record<string, string> {
    const {signer, netuid, time} = this.#options
    if (!signer) {
      throw new LeomaError('auth', 'SIGNER_MISSING', `${line.target} needs a hotkey to sign with`, {
        hints: ['set WALLET_NAME and HOTKEY_NAME'],
      })
    }
    return this.#takesVersion2
      ? signRequest2(signer, {netuid, ...line}, time.now())
      : signRequest(signer, line.body, time.now())
  }
}
