import {RankingBody, WeightsBody} from '../../api/schemas.js'
import {hashOf} from '../../domain/canonical.js'
import {type Ranking, winnerOf} from '../../domain/ranking.js'
import type {SubnetView} from '../../domain/subnet.js'
import {weightsFault} from '../../domain/weights-statement.js'
import type {Clock} from '../../runtime/clock.js'
import type {Verify} from '../../wallet/port.js'
import type {Findings} from './findings.js'
import {readPiece, short} from './pieces.js'
import type {AuditSource, ChainFacts} from './source.js'

export interface Published {
  readonly ranking: Ranking | undefined
  readonly view: SubnetView | undefined
  readonly weights: WeightsBody | undefined
}

/** A ranking is remade while it is being read: two answers that belong together come within so many tries. */
const tries = 6
const pauseMs = 1_000

/** The owner's ranking and weights, of one moment. */
export async function readPublished(
  source: Pick<AuditSource, 'weightsText' | 'rankingText' | 'isLive'>,
  {time, findings}: {readonly time: Pick<Clock, 'sleep'>; readonly findings: Findings},
  signal: AbortSignal,
): Promise<Published> {
  for (let attempt = 1; ; attempt++) {
    // Both at once: one after the other, on a machine that is busy, there is always a new block between them.
    const texts = await Promise.all([source.weightsText(signal), source.rankingText(signal)])
    const isLast = attempt === tries || !source.isLive
    if (!isLast && !belongTogether(...texts)) {
      await time.sleep(pauseMs, signal)
      continue
    }
    const [weightsText, rankingText] = texts
    const name = (check: string, object: string) => ({check, object, who: 'owner'})
    findings.looked('ranking')
    findings.looked('published weights')
    const body =
      rankingText === undefined
        ? undefined
        : readPiece(rankingText, RankingBody, name('ranking', 'ranking (GET /ranking)'), findings)
    const weights =
      weightsText === undefined
        ? undefined
        : readPiece(weightsText, WeightsBody, name('published weights', 'weights (GET /weights)'), findings)
    return {ranking: body?.ranking, view: body?.view, weights}
  }
}

function belongTogether(weightsText: string | undefined, rankingText: string | undefined): boolean {
  if (weightsText === undefined || rankingText === undefined) return true
  try {
    const {ranking} = RankingBody.parse(JSON.parse(rankingText))
    const {signed} = WeightsBody.parse(JSON.parse(weightsText))
    if (!signed) return true
    const winner = ranking.decision === 'pay' ? winnerOf(ranking)?.hotkey : undefined
    return signed.statement.rankingHash === hashOf(ranking) && signed.statement.winner?.hotkey === winner
  } catch {
    // What is wrong with them is found where they are looked at.
    return true
  }
}

/** Whether `/weights` says what the ranking says, over the owner's signature. */
export function checkWeights(
  {ranking, weights}: Published,
  {
    facts,
    mechanism,
    verify,
    findings,
  }: {
    readonly facts: Pick<ChainFacts, 'ownerHotkey' | 'netuid'>
    readonly mechanism: string
    readonly verify: Verify
    readonly findings: Findings
  },
): void {
  if (!weights || !ranking) return
  const check = 'published weights'
  const {ownerHotkey, netuid} = facts
  const who = ownerHotkey
  const {signed} = weights
  const remedy = 'do not set these weights: ask the owner'
  const differ = (object: string, expected: unknown, found: unknown) =>
    findings.error(check, {
      ...{code: 'WEIGHTS_DIFFER', object: `weights (GET /weights), ${object}`, who, remedy},
      expected: textOf(expected),
      found: textOf(found),
    })
  if (!signed) {
    const expected = 'weights that the owner of the subnet signed'
    findings.error(check, {
      code: 'WEIGHTS_UNSIGNED',
      object: 'weights (GET /weights)',
      who,
      expected,
      found: 'no signature',
      remedy,
    })
    return
  }
  const fault = weightsFault(signed, {ownerHotkey, netuid, mechanism}, verify)
  if (fault) {
    const expected = `weights signed by ${ownerHotkey ?? 'the owner'}`
    findings.error(check, {
      code: 'WEIGHTS_UNTRUSTED',
      object: 'weights (GET /weights), signed',
      who,
      expected,
      found: fault,
      remedy,
    })
    return
  }
  const {statement} = signed
  const expected = expectedStatement(ranking)
  for (const key of Object.keys(expected) as (keyof typeof expected)[]) {
    if (hashOf(expected[key]) !== hashOf(statement[key])) differ(`signed ${key}`, expected[key], statement[key])
  }
  // What stands beside the signed part repeats it, for clients of the published API.
  const beside: Omit<WeightsBody, 'signed'> = {
    winner_uid: statement.winner?.uid ?? 0,
    miners: ranking.rows.flatMap((row) =>
      row.rank === null
        ? []
        : [
            {
              miner_hotkey: row.hotkey,
              uid: row.uid ?? 0,
              pass_rate: row.numbers.passRate ?? 0,
              weight: statement.weights.find(({hotkey}) => hotkey === row.hotkey)?.weight ?? 0,
            },
          ],
    ),
    burn: statement.decision === 'burn',
    exam_hash: statement.examHash,
    state_hash: statement.stateHash,
    ranking_hash: statement.rankingHash,
    window: statement.window,
    block: statement.block,
    summary: statement.summary,
  }
  for (const key of Object.keys(beside) as (keyof typeof beside)[]) {
    if (hashOf(beside[key] ?? null) !== hashOf(weights[key] ?? null)) differ(key, beside[key], weights[key])
  }
}

/** What the owner must have signed, by the ranking. */
export function expectedStatement(ranking: Ranking) {
  const winner = ranking.decision === 'pay' ? winnerOf(ranking) : undefined
  return {
    examHash: ranking.examHash,
    stateHash: ranking.stateHash,
    rankingHash: hashOf(ranking),
    window: ranking.window,
    block: ranking.block,
    decision: ranking.decision,
    winner: winner && winner.uid !== null ? {hotkey: winner.hotkey, uid: winner.uid} : null,
    weights: ranking.rows.flatMap(({hotkey, uid, weight}) =>
      weight > 0 && uid !== null ? [{hotkey, uid, weight}] : [],
    ),
    summary: ranking.summary,
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value) ? short(value) : JSON.stringify(value ?? null)
}
