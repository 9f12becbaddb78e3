import type {AuditedValidator} from '../../domain/audit.js'
import {compareText, type Hotkey} from '../../domain/ids.js'
import {stakeVote} from '../../domain/stake-vote.js'
import type {SettledTask} from '../../domain/verdict.js'
import type {RejudgedOutput} from './artefacts.js'

interface Count {
  expected: number
  verdicts: number
  agreed: number
  decided: number
  rejudged: number
  same: number
  distance: number
}

/** What each validator did, over all tasks of an audit. */
export class ValidatorTally {
  readonly #counts = new Map<Hotkey, Count>()

  add({task: {manifest}, verdicts}: SettledTask): void {
    const stakes = new Map(manifest.voters.map(({hotkey, stakeRao}) => [hotkey, BigInt(stakeRao)]))
    const outputs = manifest.answers.filter(({outcome}) => outcome === 'ok').length
    for (const {hotkey} of manifest.voters) this.#of(hotkey).expected += outputs
    const votes = new Map<Hotkey, {forRao: bigint; allRao: bigint}>()
    for (const {verdict} of verdicts) {
      const stake = stakes.get(verdict.validator) ?? 0n
      const {forRao, allRao} = votes.get(verdict.miner) ?? {forRao: 0n, allRao: 0n}
      votes.set(verdict.miner, {forRao: forRao + (verdict.passed ? stake : 0n), allRao: allRao + stake})
    }
    const results = new Map(
      [...votes].map(([miner, {forRao, allRao}]) => [miner, stakeVote({forRao: `${forRao}`, allRao: `${allRao}`})]),
    )
    for (const {verdict} of verdicts) {
      const count = this.#of(verdict.validator)
      count.verdicts++
      const result = results.get(verdict.miner)
      if (result === undefined) continue
      count.decided++
      if (result === verdict.passed) count.agreed++
    }
  }

  addRejudged(outputs: readonly RejudgedOutput[]): void {
    for (const {rejudged, verdicts} of outputs) {
      for (const {verdict} of verdicts) {
        const count = this.#of(verdict.validator)
        count.rejudged++
        if (verdict.passed === rejudged.passed) count.same++
        count.distance += Math.abs(verdict.overall - rejudged.overall)
      }
    }
  }

  hotkeys(): Set<Hotkey> {
    return new Set(this.#counts.keys())
  }

  /** By hotkey; those that only set weights come too. */
  validators(
    uids: ReadonlyMap<Hotkey, number>,
    onChain: ReadonlyMap<Hotkey, Pick<AuditedValidator, 'weights' | 'weightsAtBlock'>>,
  ): AuditedValidator[] {
    const hotkeys = [...new Set([...this.#counts.keys(), ...onChain.keys()])].sort(compareText)
    return hotkeys.map((hotkey) => {
      const {expected, verdicts, agreed, decided, rejudged, same, distance} = this.#counts.get(hotkey) ?? zero()
      const set = onChain.get(hotkey) ?? {weights: 'hidden', weightsAtBlock: null}
      return {
        ...{hotkey, uid: uids.get(hotkey) ?? null, expected, verdicts, rejudged, ...set},
        agreement: decided === 0 ? null : agreed / decided,
        rejudgedAgreement: rejudged === 0 ? null : same / rejudged,
        rejudgedDistance: rejudged === 0 ? null : distance / rejudged,
      }
    })
  }

  #of(hotkey: Hotkey): Count {
    const count = this.#counts.get(hotkey) ?? zero()
    this.#counts.set(hotkey, count)
    return count
  }
}

const zero = (): Count => ({expected: 0, verdicts: 0, agreed: 0, decided: 0, rejudged: 0, same: 0, distance: 0})
