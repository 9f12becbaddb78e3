import type {WeightsBody} from '../api/schemas.js'
import {type WeightsStatement, weightsFault} from '../domain/weights-statement.js'
import type {Logger} from '../runtime/logger.js'
import {getMeta, setMeta} from '../store/meta.js'
import type {Store} from '../store/open.js'
import type {Verify} from '../wallet/port.js'

export interface WeightTrustDeps {
  readonly store: Store
  readonly verify: Verify
  readonly netuid: number
  readonly mecid: number
  readonly mechanism: string
  readonly log: Logger
}

/**
 * What of an answer of `/weights` may be acted on. Signed weights must be signed by the hotkey that the chain names as the
 * subnet's owner, and must not be older than others seen before; then only what is signed counts. An API that cannot sign,
 * which is what the published one is, is believed until the owner has signed once: from then on, for as long as this
 * validator has its store, unsigned weights are somebody else's.
 */
export class WeightTrust {
  readonly #deps: WeightTrustDeps
  /** Block of the newest signed weights that were seen; there is none before the owner has signed. */
  readonly #key: string

  constructor(deps: WeightTrustDeps) {
    this.#deps = deps
    this.#key = `weights.${deps.mecid}.signed_block`
  }

  check(
    published: WeightsBody,
    ownerHotkey: string | null | undefined,
  ): {readonly published: WeightsBody} | {readonly fault: string} {
    const {store, verify, netuid, mechanism} = this.#deps
    const {signed} = published
    if (!signed) return this.#unsigned(published)
    const fault = weightsFault(signed, {ownerHotkey, netuid, mechanism}, verify)
    if (fault) return {fault: `the published weights do not hold: ${fault}`}
    const {statement} = signed
    const newest = Number(getMeta(store, this.#key) ?? -1)
    if (statement.block < newest)
      return {
        fault: `the published weights are of block ${statement.block}, others of block ${newest} were seen before`,
      }
    if (statement.block > newest) setMeta(store, this.#key, String(statement.block))
    return {published: fromStatement(statement)}
  }

  #unsigned(published: WeightsBody): {readonly published: WeightsBody} | {readonly fault: string} {
    const {store, log} = this.#deps
    // Says nothing that anybody could act on: no ranking yet.
    if (published.burn === false && published.miners.length === 0) return {published}
    if (published.exam_hash !== undefined || getMeta(store, this.#key) !== undefined)
      return {fault: 'the published weights are not signed, though the owner of this subnet signs'}
    log.warn({winner: published.winner_uid}, 'these weights are not signed: the API of this subnet cannot do it')
    return {published}
  }
}

function fromStatement({weights, winner, decision, ...statement}: WeightsStatement): WeightsBody {
  return {
    winner_uid: winner?.uid ?? 0,
    miners: weights.map(({hotkey, uid, weight}) => ({miner_hotkey: hotkey, uid, pass_rate: 0, weight})),
    burn: decision === 'burn',
    exam_hash: statement.examHash,
    state_hash: statement.stateHash,
    block: statement.block,
    summary: statement.summary,
  }
}
