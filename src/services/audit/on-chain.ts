import type {AuditedValidator} from '../../domain/audit.js'
import type {Hotkey} from '../../domain/ids.js'
import type {Ranking} from '../../domain/ranking.js'
import type {SubnetView} from '../../domain/subnet.js'
import type {Weighing} from '../../mechanisms/types.js'
import {choiceOf, sameWeights} from '../weight-choice.js'
import type {Findings} from './findings.js'
import type {RankingAudit} from './ranking.js'
import type {ChainFacts} from './source.js'

/** A validator that follows the ranking is behind it by up to an epoch of its own and one of the chain's. */
const lagBlocks = 720

type OnChain = Pick<AuditedValidator, 'weights' | 'weightsAtBlock'>

/** Compares what every validator put on the chain with what follows from the evidence. */
export function checkOnChain({
  facts,
  view,
  folded,
  findings,
  voters,
}: {
  readonly facts: ChainFacts
  readonly view: SubnetView
  readonly folded: RankingAudit
  readonly findings: Findings
  /** Those that judge, and so should set weights. */
  readonly voters: ReadonlySet<Hotkey>
}): Map<Hotkey, OnChain> {
  const check = 'weights on chain'
  const results = new Map<Hotkey, OnChain>()
  const now = folded.weigh(view)
  const rightNow = paying(now, facts)
  let changedAt: number | undefined
  for (const {uid, hotkey, validatorPermit} of facts.neurons) {
    const stored = facts.weights.find((one) => one.uid === uid)
    if (!stored) {
      if (!voters.has(hotkey) && !validatorPermit) continue
      results.set(hotkey, {weights: facts.hidesWeights ? 'hidden' : 'none', weightsAtBlock: null})
      if (!voters.has(hotkey)) continue
      const found = facts.hidesWeights ? 'nothing yet, or nothing that was revealed' : 'nothing'
      findings.info(check, {code: 'WEIGHTS_NONE', object: `weights of uid ${uid} on the chain`, who: hotkey, found})
      continue
    }
    findings.looked(check)
    const {lastUpdate} = stored
    const result = (weights: OnChain['weights']) => results.set(hotkey, {weights, weightsAtBlock: lastUpdate})
    const object = `weights of uid ${uid} on the chain`
    const found = `${stored.uids.map((to, index) => `uid ${to}: ${stored.values[index]}`).join(', ') || 'none'}, set at block ${lastUpdate}`
    if (rightNow === undefined) {
      // Too little has settled to say who is to be paid: whoever set weights before keeps them.
      result('earlier')
      continue
    }
    if (sameWeights(rightNow, stored)) {
      result('agree')
      continue
    }
    const expected = rightNow.uids.map((to) => `uid ${to}`).join(', ')
    const remedy = 'ask this validator what it follows; it may be stuck, or pay whom it likes'
    const before = folded.eras.filter(({weighing}) => {
      const paid = paying(weighing(), facts)
      return paid && sameWeights(paid, stored)
    })
    const lastRight = before.findLast(({fromBlock}) => fromBlock <= lastUpdate)
    if (lastRight || couldHaveWon(stored.uids, {view, folded, facts})) {
      result('earlier')
      changedAt ??= since(now, folded, facts)
      if (lastUpdate >= changedAt + lagBlocks || facts.block.number > lastUpdate + 10 * lagBlocks) {
        const code = 'WEIGHTS_STALE'
        findings.warning(check, {
          code,
          object,
          who: hotkey,
          expected,
          found: `${found}: right for an earlier ranking`,
          remedy,
        })
      }
      continue
    }
    result('differ')
    const first = folded.eras.find(({isWhole}) => isWhole)
    if (first === undefined || lastUpdate < first.fromBlock) {
      const code = 'WEIGHTS_NOT_FOLLOWED'
      findings.warning(check, {
        ...{code, object, who: hotkey, expected, found},
        remedy: 'they may follow from earlier tasks: audit from an earlier block',
      })
      if (first !== undefined || folded.eras.length > 0) continue
    }
    findings.error(check, {code: 'WEIGHTS_ON_CHAIN_DIFFER', object, who: hotkey, expected, found, remedy})
  }
  return results
}

/** Weights on today's uids; undefined where there are none to expect. */
function paying(
  {rows, decision, summary}: Pick<Ranking | Weighing, 'rows' | 'decision' | 'summary'>,
  facts: ChainFacts,
) {
  const paid = rows.filter(({weight}) => weight > 0)
  const choice = choiceOf({decision, paid, summary}, facts, 'recomputed')
  return choice && !('none' in choice) ? choice : undefined
}

/** Block from which on the evidence has paid whom it pays now. */
function since(now: Weighing, {eras}: RankingAudit, facts: ChainFacts): number {
  const paid = JSON.stringify(paying(now, facts)?.uids)
  const other = eras.findLastIndex(({weighing}) => JSON.stringify(paying(weighing(), facts)?.uids) !== paid)
  return eras[other + 1]?.fromBlock ?? 0
}

/** A miner that is not valid any more may have been when it was paid: would it win if it still were? */
function couldHaveWon(
  uids: readonly number[],
  {view, folded, facts}: {readonly view: SubnetView; readonly folded: RankingAudit; readonly facts: ChainFacts},
): boolean {
  const [uid, ...more] = uids
  const hotkey = facts.neurons.find((neuron) => neuron.uid === uid)?.hotkey
  const miner = view.miners.find((one) => one.hotkey === hotkey)
  if (more.length > 0 || !miner || miner.isValid) return false
  const valid = {
    ...view,
    miners: view.miners.map((one) => (one === miner ? {...one, isValid: true, invalidReason: null} : one)),
  }
  const choice = paying(folded.weigh(valid), facts)
  return choice?.uids.length === 1 && choice.uids[0] === uid
}
