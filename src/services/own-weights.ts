import type {Metagraph} from '../chain/port.js'
import type {Ranking} from '../domain/ranking.js'
import type {AnyMechanism} from '../mechanisms/types.js'
import {getMeta} from '../store/meta.js'
import type {Store} from '../store/open.js'
import type {StoreRecords} from '../store/records.js'
import {lastGoodWinner, type WeightDecision} from '../store/weight-log.js'
import type {Signer} from '../wallet/port.js'
import {heardKey, type OwnEvidence} from './own-evidence.js'
import {OwnLogs, ownView} from './own-log.js'

type Choice = Pick<WeightDecision, 'uids' | 'values' | 'source' | 'winner' | 'reason'>
type NoChoice = {readonly none: string; readonly level?: 'info'}

export interface OwnWeightsDeps {
  readonly mechanism: AnyMechanism
  readonly store: Store
  readonly records: StoreRecords
  readonly evidence: Pick<OwnEvidence, 'exam' | 'submissions'>
  readonly signer: Signer
  /** Index on the chain. */
  readonly mecid: number
  /** For how long what was found last is set while the executor is away. */
  readonly maxWinnerAgeBlocks: number
}

/** An executor that is heard of at every turn is still some blocks behind the head. */
const worthSaying = 10

/** What a validator sets for a mechanism of scope `own`: what its own evidence says, and nobody else's. */
export class OwnWeights {
  readonly #deps: OwnWeightsDeps
  readonly #logs: OwnLogs

  constructor(deps: OwnWeightsDeps) {
    this.#deps = deps
    this.#logs = new OwnLogs(deps.mechanism, deps.records)
  }

  async choose(metagraph: Metagraph, signal: AbortSignal): Promise<Choice | NoChoice> {
    const {evidence, maxWinnerAgeBlocks, mechanism, signer, store} = this.#deps
    const exam = await evidence.exam(signal)
    const heard = Number(getMeta(store, heardKey(mechanism.name)) ?? -1)
    if (heard < 0) return {none: 'the executor has not been heard of yet', level: 'info'}
    const silent = metagraph.block.number - heard
    if (silent > maxWinnerAgeBlocks)
      return {none: `the executor has not been heard of for ${silent} blocks (limit ${maxWinnerAgeBlocks})`}
    const ranking = this.#logs.rank(exam, signer.hotkey, ownView(metagraph, evidence.submissions()))
    const why =
      silent >= worthSaying ? `${ranking.summary}; the executor was heard of ${silent} blocks ago` : ranking.summary
    if (ranking.decision === 'wait') return this.#hold(metagraph, why, mechanism.rule(exam.exam).burnShare)
    return choiceOf(ranking, why, metagraph)
  }

  /** Nothing can be said now: the last good winner stands, up to the same age, with the share that it has now. */
  #hold(metagraph: Metagraph, why: string, burnShare: number): Choice | NoChoice {
    const {maxWinnerAgeBlocks, mecid, store} = this.#deps
    const good = lastGoodWinner(store, mecid)
    if (!good) return {none: why, level: 'info'}
    const age = metagraph.block.number - good.block
    const uid = metagraph.neurons.find(({hotkey}) => hotkey === good.hotkey)?.uid
    if (age > maxWinnerAgeBlocks || uid === undefined)
      return {none: `${why}, and the last winner ${uid === undefined ? 'has left the subnet' : `is ${age} blocks old`}`}
    return {
      ...shares([{uid, weight: 1}], burnShare, burnUidOf(metagraph)),
      source: 'held',
      winner: {hotkey: good.hotkey, uid},
      reason: `${why}; uid ${uid}, the winner of ${age} blocks ago, holds`,
    }
  }
}

/** The subnet owner's own uid recycles its share; the published convention for it is uid 0. */
function burnUidOf({neurons, ownerHotkey}: Metagraph): number {
  return neurons.find(({hotkey}) => hotkey === ownerHotkey)?.uid ?? 0
}

/** Those who are paid share what is not burned. */
function shares(
  paid: readonly {readonly uid: number; readonly weight: number}[],
  burnShare: number,
  burnUid: number,
): Pick<Choice, 'uids' | 'values'> {
  const values = new Map(paid.map(({uid, weight}) => [uid, weight * (1 - burnShare)]))
  if (burnShare > 0) values.set(burnUid, (values.get(burnUid) ?? 0) + burnShare)
  return {uids: [...values.keys()], values: [...values.values()]}
}

function choiceOf(ranking: Ranking, reason: string, metagraph: Metagraph): Choice {
  const uidOf = new Map(metagraph.neurons.map(({hotkey, uid}) => [hotkey, uid]))
  const burnUid = burnUidOf(metagraph)
  const paid = ranking.rows.flatMap(({hotkey, weight}) => {
    const uid = uidOf.get(hotkey)
    return weight > 0 && uid !== undefined ? [{hotkey, uid, weight}] : []
  })
  const [first] = paid
  if (ranking.decision === 'burn' || !first)
    return {uids: [burnUid], values: [1], source: 'burn', winner: null, reason: `burned on uid ${burnUid}: ${reason}`}
  return {
    ...shares(paid, ranking.burnShare ?? 0, burnUid),
    source: 'recomputed',
    winner: {hotkey: first.hotkey, uid: first.uid},
    reason,
  }
}
