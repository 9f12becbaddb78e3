import type {ValidatorsBody} from '../api/views.js'
import type {StoredWeights} from '../chain/port.js'
import type {Hotkey} from '../domain/ids.js'
import {winnerOf} from '../domain/ranking.js'
import type {Clock} from '../runtime/clock.js'
import {countVerdictsSince, listTaskFigures, sumVotes} from '../store/figures.js'
import type {Store} from '../store/open.js'
import {listReigns, type Reign} from '../store/reigns.js'
import {listValidators} from '../store/validators.js'
import type {ChainWeights} from './chain-weights.js'
import type {Scorer} from './scorer.js'

export interface ValidatorsViewDeps {
  readonly store: Store
  readonly scorer: Pick<Scorer, 'current'>
  readonly time: Pick<Clock, 'now'>
  readonly chainWeights?: Pick<ChainWeights, 'of'> | undefined
}

const maxTasks = 100
const hourMs = 3_600_000
/** Targets of one validator's weights that are worth naming; a winner-takes-all subnet has one or two. */
const maxTargets = 8

/** Whether the validators work and agree, from settled tasks and from what the chain holds of them. */
export class ValidatorsView {
  readonly #deps: ValidatorsViewDeps

  constructor(deps: ValidatorsViewDeps) {
    this.#deps = deps
  }

  read(): ValidatorsBody {
    const {store, scorer, time, chainWeights} = this.#deps
    const tasks = listTaskFigures(store, {limit: maxTasks})
    const votes = new Map(sumVotes(store, tasks.at(-1)?.taskId ?? 1).map((row) => [row.validator, row]))
    const lastHour = countVerdictsSince(store, time.now() - hourMs)
    const current = scorer.current()
    const ranking = current?.ranking
    const winner = ranking && winnerOf(ranking)
    const reigns = ranking ? listReigns(store, ranking.mechanism, 50) : []
    const hotkeys = new Map<number, Hotkey>(current?.view.neurons.map(({uid, hotkey}) => [uid, hotkey]))
    return {
      tasks: tasks.length,
      expected: winner ? {hotkey: winner.hotkey, uid: winner.uid, block: reigns[0]?.block ?? ranking.block} : null,
      validators: listValidators(store).map((validator) => {
        const figures = votes.get(validator.hotkey)
        const weights = chainWeights?.of(validator.hotkey)
        return {
          hotkey: validator.hotkey,
          uid: validator.uid,
          stake: Number(validator.stakeRao) / 1e9,
          pinned: validator.pinned,
          last_seen_at: time8601(validator.lastActiveAt),
          last_verdict_at: time8601(figures?.lastVerdictAt ?? null),
          verdicts_last_hour: lastHour.get(validator.hotkey) ?? 0,
          tasks: figures?.tasks ?? 0,
          verdicts: figures?.verdicts ?? 0,
          agreement: figures ? figures.agreed / figures.verdicts : null,
          deviation: figures?.deviation ?? null,
          ...(weights !== undefined && {weights: weights && compare(weights, hotkeys, reigns)}),
        }
      }),
    }
  }
}

type Weights = NonNullable<ValidatorsBody['validators'][number]['weights']>

/** What was set against who was ahead, now or at the block at which it was set. */
export function compare(
  {uids, values, lastUpdate}: StoredWeights,
  hotkeys: ReadonlyMap<number, Hotkey>,
  reigns: readonly Reign[],
): Weights {
  const sum = values.reduce((total, value) => total + value, 0)
  const top = uids
    .map((uid, index) => ({uid, hotkey: hotkeys.get(uid) ?? null, share: sum === 0 ? 0 : (values[index] ?? 0) / sum}))
    .filter(({share}) => share > 0)
    .sort((a, b) => b.share - a.share)
    .slice(0, maxTargets)
  const set = top.length === 1 ? top[0]?.hotkey : undefined
  const verdict = ((): Weights['verdict'] => {
    const [now] = reigns
    if (!now || now.hotkey === null || top.length === 0) return 'unknown'
    if (set === now.hotkey) return 'agrees'
    const then = reigns.find(({block}) => block <= lastUpdate)
    if (lastUpdate < now.block && (!then || then.hotkey === null || then.hotkey === set)) return 'earlier'
    return 'differs'
  })()
  return {block: lastUpdate, top, verdict}
}

const time8601 = (at: number | null) => (at === null ? null : new Date(at).toISOString())
