import type {Hotkey} from '../../domain/ids.js'
import {withDeadline} from '../../runtime/deadline.js'
import type {Signer} from '../../wallet/port.js'
import type {Call} from './extrinsic.js'
import type {CallContext} from './refusals.js'
import type {Runtime} from './runtime.js'
import {type Included, type SubmitDeps, submit} from './submit.js'

/** Longest wait for a call, in blocks: its life, and the finality of the last block it can be in. */
const callBlocks = 90

/** Sends calls; each hotkey has one under way at a time, so that each has a nonce of its own. */
export class Sender {
  readonly #deps: SubmitDeps
  readonly #blockTimeMs: number
  /** The last call of each hotkey: the next one waits for it. */
  readonly #sending = new Map<Hotkey, Promise<unknown>>()

  constructor(deps: SubmitDeps, blockTimeMs: number) {
    this.#deps = deps
    this.#blockTimeMs = blockTimeMs
  }

  /** Resolves when the call is in a final block; throws what it was refused for. */
  submit(
    build: (runtime: Runtime) => Call,
    signer: Signer,
    context: CallContext,
    signal: AbortSignal,
  ): Promise<Included> {
    return withDeadline(context.call, callBlocks * this.#blockTimeMs, signal, (bounded) =>
      submit(this.#deps, build, signer, context, bounded),
    )
  }

  /** Runs `work`, checks and sending together, after whatever the hotkey is sending; a failed call does not fail the next. */
  async afterOthers<T>(hotkey: Hotkey, work: () => Promise<T>): Promise<T> {
    const before = this.#sending.get(hotkey) ?? Promise.resolve()
    const own = before.then(work, work)
    this.#sending.set(hotkey, own)
    try {
      return await own
    } finally {
      if (this.#sending.get(hotkey) === own) this.#sending.delete(hotkey)
    }
  }
}
