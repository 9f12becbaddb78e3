import type {OwnerApi} from '../api/port.js'
import type {RankBody} from '../api/schemas.js'
import type {Hotkey} from '../domain/ids.js'
import type {Ranking} from '../domain/ranking.js'

export interface RankTableRow {
  /** 1 is the winner; null for miners that are not eligible. */
  readonly rank: number | null
  readonly uid: number | null
  readonly hotkey: string
  readonly eligible: boolean
  /** 0..1. */
  readonly passRate: number
  readonly passed: number
  /** Null when the API is one that does not say. */
  readonly evaluated: number | null
  /** Share of the emission, 0..1; null when the API does not say. */
  readonly weight: number | null
  /** Block of the commitment: of two equal miners the earlier one is ahead. */
  readonly block: number | null
  readonly sentence: string
}

/** What `get-rank` prints and returns. */
export interface RankTable {
  readonly api: string
  readonly mechanism: string | null
  readonly examHash: string | null
  /** Block at which the ranking was made. */
  readonly block: number | null
  readonly summary: string
  readonly ranks: readonly RankTableRow[]
}

/** Asks for the full ranking, and at an owner who runs the published API, which has none, for its rank list. */
export async function fetchRankTable(
  api: Pick<OwnerApi, 'url' | 'ranking' | 'rank'>,
  signal: AbortSignal,
): Promise<RankTable> {
  const full = await api.ranking(signal)
  if (full) return {api: api.url, ...fromRanking(full.ranking)}
  return {api: api.url, ...fromRanks(await api.rank(signal))}
}

function fromRanking(ranking: Ranking): Omit<RankTable, 'api'> {
  const {mechanism, examHash, block, summary} = ranking
  const ranks = ranking.rows.map(({rank, uid, hotkey, eligible, weight, block, numbers, sentence}) => {
    const {passRate = 0, passed = 0, evaluated = 0, charged = 0} = numbers
    // Missed tasks beyond what is forgiven count as evaluated and not passed: the rate is over both.
    return {rank, uid, hotkey, eligible, passRate, passed, evaluated: evaluated + charged, weight, block, sentence}
  })
  return {mechanism, examHash, block, summary, ranks}
}

function fromRanks({ranks}: RankBody): Omit<RankTable, 'api'> {
  const rows = ranks.map((row) => ({
    rank: row.eligible ? row.rank : null,
    uid: row.uid,
    hotkey: row.miner_hotkey,
    eligible: row.eligible,
    passRate: row.pass_rate,
    passed: row.passed_count,
    evaluated: null,
    weight: null,
    block: row.block,
    sentence: row.explain,
  }))
  const winner = rows.find(({rank}) => rank === 1)
  const summary = winner
    ? `uid ${winner.uid ?? '-'} leads`
    : rows.length === 0
      ? 'there is no ranking yet: it is made once enough tasks have been judged'
      : 'nobody is eligible'
  return {mechanism: null, examHash: null, block: null, summary, ranks: rows}
}

export interface OwnRankRow {
  readonly rank: number | null
  readonly uid: number | null
  readonly hotkey: string
  readonly eligible: boolean
  /** Null before it was measured. */
  readonly score: number | null
  /** Share of the emission, 0..1. */
  readonly weight: number
  readonly block: number | null
  /** The mechanism's own figures by name. */
  readonly numbers: Readonly<Record<string, number>>
  readonly sentence: string
}

export interface OwnRankTable {
  readonly api: string
  readonly mechanism: string
  /** Whose evidence it is; null when nobody has published any. */
  readonly author: string | null
  readonly examHash: string | null
  readonly block: number | null
  readonly summary: string
  readonly ranks: readonly OwnRankRow[]
}

/** The ranking of a mechanism whose evidence is each validator's own. */
export async function fetchOwnRankTable(
  api: Pick<OwnerApi, 'url' | 'ownRanking'>,
  mechanism: string,
  author: Hotkey | undefined,
  signal: AbortSignal,
): Promise<OwnRankTable> {
  const found = await api.ownRanking(mechanism, author, signal)
  const base = {api: api.url, mechanism}
  if (!found) {
    const summary = 'there is no ranking yet: it is made once a validator has published a round'
    return {...base, author: null, examHash: null, block: null, summary, ranks: []}
  }
  const {examHash, block, summary, rows, burnShare = 0} = found.ranking
  const ranks = rows.map(({rank, uid, hotkey, eligible, weight, block, numbers, sentence}) => ({
    ...{rank, uid, hotkey, eligible, block, numbers, sentence},
    score: numbers.score ?? null,
    weight: weight * (1 - burnShare),
  }))
  return {...base, author: found.author, examHash, block, summary, ranks}
}
