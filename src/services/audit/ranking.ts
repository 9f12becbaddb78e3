import {hashOf} from '../../domain/canonical.js'
import {type Hotkey, Sha256, type TaskId, type Uid} from '../../domain/ids.js'
import type {Ranking} from '../../domain/ranking.js'
import type {SubnetView} from '../../domain/subnet.js'
import type {SettledTask} from '../../domain/verdict.js'
import type {Rule, Weighing} from '../../mechanisms/types.js'
import type {Findings} from './findings.js'
import {short} from './pieces.js'
import type {ChainFacts} from './source.js'

/** What deserved the emission from a block on, as far as the evidence that was folded says. */
export interface Era {
  /** Block at which the last task of it settled. */
  readonly fromBlock: number
  /** Weighed when somebody asks for the first time: mostly nobody does. */
  weighing(): Weighing
  /** False while fewer tasks were folded than a state follows from: then an earlier one might change it. */
  readonly isWhole: boolean
}

/** Folds the evidence once more, and compares what follows from it with what the owner says follows. */
export class RankingAudit {
  readonly #rule: Rule
  readonly #ranking: Ranking
  readonly #view: SubnetView
  readonly #eras: Era[] = []
  #state: unknown
  #folded: TaskId[] = []

  constructor(rule: Rule, ranking: Ranking, view: SubnetView) {
    this.#rule = rule
    this.#ranking = ranking
    this.#view = view
    this.#state = rule.initial()
  }

  /** In task order, tasks of the ranking's exam up to the last of its window. */
  fold(settled: SettledTask): void {
    const {taskId} = settled.task.manifest
    if (taskId > (this.#ranking.window.at(-1) ?? 0)) return
    this.#state = this.#rule.replay(this.#state, [settled])
    this.#folded.push(taskId)
    const state = this.#state
    let weighing: Weighing | undefined
    this.#eras.push({
      fromBlock: settled.settledAtBlock,
      weighing: () => {
        weighing ??= this.#rule.weigh(state, this.#view)
        return weighing
      },
      isWhole: this.#isWhole,
    })
  }

  /** Oldest first. */
  get eras(): readonly Era[] {
    return this.#eras
  }

  /** The weighing over the state of now, for any view. */
  weigh(view: SubnetView): Weighing {
    return this.#rule.weigh(this.#state, view)
  }

  /** Whether as much was folded as the state follows from. */
  get #isWhole(): boolean {
    const [first = 0] = this.#folded
    const {memoryTasks} = this.#rule
    const isWithoutGaps = this.#folded.every((taskId, index) => taskId === first + index)
    const isLong = memoryTasks !== undefined && this.#folded.length >= memoryTasks
    return isWithoutGaps && (isLong || first === this.#rule.exam.fromTask)
  }

  /** True when all that the ranking must follow from was folded, so that the two can be compared at all. */
  get isComparable(): boolean {
    const last = this.#ranking.window.at(-1)
    return last === undefined || (this.#folded.at(-1) === last && this.#isWhole)
  }

  compare(findings: Findings, owner: Hotkey | null): Ranking {
    const own = rankingOf(this.#rule, this.#state, this.#view, this.#ranking.examHash)
    compareRankings(own, this.#ranking, findings, owner)
    return own
  }
}

/** The ranking as the owner makes it, from a folded state and a view of the subnet. */
export function rankingOf(rule: Rule, state: unknown, view: SubnetView, examHash: Sha256): Ranking {
  const {rows, decision, window, summary} = rule.weigh(state, view)
  const {mechanism, mechanismVersion} = rule.exam
  return {
    ...{mechanism, mechanismVersion, examHash, decision, summary},
    block: view.block,
    stateHash: Sha256.parse(rule.hash(state)),
    window: [...window],
    rows: [...rows],
  }
}

export function compareRankings(own: Ranking, published: Ranking, findings: Findings, owner: Hotkey | null): void {
  if (hashOf(own) === hashOf(published)) return
  if (differsInWords(own, published, findings, owner)) return
  const remedy = 'the ranking does not follow from the evidence: do not set these weights, ask the owner'
  const differ = (object: string, expected: string, found: string) =>
    findings.error('ranking', {code: 'RANKING_DIFFERS', object, who: owner, expected, found, remedy})
  if (own.stateHash !== published.stateHash)
    differ('ranking (GET /ranking), stateHash', short(own.stateHash), short(published.stateHash))
  for (const key of ['mechanism', 'mechanismVersion', 'examHash', 'block', 'window', 'decision', 'summary'] as const) {
    if (hashOf(own[key]) !== hashOf(published[key]))
      differ(`ranking (GET /ranking), ${key}`, JSON.stringify(own[key]), JSON.stringify(published[key]))
  }
  compareRows(own.rows, published.rows, differ)
}

/** No weight follows from words, and another version of the program may choose others. */
const wordless = ({summary: _, rows, ...rest}: Ranking) => ({
  ...rest,
  rows: rows.map(({sentence: __, ...row}) => row),
})

/** True when nothing but words differs; then that is what is said. */
function differsInWords(own: Ranking, published: Ranking, findings: Findings, who: Hotkey | null): boolean {
  if (hashOf(wordless(own)) !== hashOf(wordless(published))) return false
  const at = own.rows.findIndex((row, index) => row.sentence !== published.rows[index]?.sentence)
  const [expected, found] =
    at === -1 ? [own.summary, published.summary] : [own.rows[at]?.sentence, published.rows[at]?.sentence]
  findings.warning('ranking', {
    code: 'RANKING_WORDED_OTHERWISE',
    object: `ranking (GET /ranking), ${at === -1 ? 'summary' : `sentence of ${own.rows[at]?.hotkey}`}`,
    who,
    expected: expected ?? null,
    found: found ?? null,
    remedy: 'every figure agrees; the owner runs another version of leoma, which says it in other words',
  })
  return true
}

function compareRows(
  own: Ranking['rows'],
  published: Ranking['rows'],
  differ: (object: string, expected: string, found: string) => void,
): void {
  const theirs = new Map(published.map((row) => [row.hotkey, row]))
  for (const row of own) {
    const other = theirs.get(row.hotkey)
    theirs.delete(row.hotkey)
    const object = `ranking (GET /ranking), row of ${row.hotkey}`
    if (!other) differ(object, `rank ${row.rank ?? 'none'}`, 'no row')
    else if (hashOf(row) !== hashOf(other)) differ(object, ...difference(row, other))
  }
  for (const hotkey of theirs.keys()) differ(`ranking (GET /ranking), row of ${hotkey}`, 'no row', 'one')
  const order = (rows: Ranking['rows']) => rows.map(({hotkey}) => hotkey).join(' ')
  if (own.length === published.length && order(own) !== order(published))
    differ('ranking (GET /ranking), order of rows', order(own), order(published))
}

/** Only the fields that differ. */
function difference(own: object, other: object): [expected: string, found: string] {
  const a = flat(own)
  const b = flat(other)
  const keys = [...new Set([...a.keys(), ...b.keys()])].filter((key) => a.get(key) !== b.get(key))
  const pick = (of: ReadonlyMap<string, string>) => keys.map((key) => `${key} ${of.get(key) ?? 'none'}`).join(', ')
  return [pick(a), pick(b)]
}

function flat(value: object, prefix = ''): Map<string, string> {
  return new Map(
    Object.entries(value).flatMap(([key, inner]) =>
      typeof inner === 'object' && inner !== null
        ? [...flat(inner, `${prefix}${key}.`)]
        : [[`${prefix}${key}`, JSON.stringify(inner)] as const],
    ),
  )
}

/** Whether the subnet that was weighed is the one on the chain: who has which uid, and who committed when. */
export function checkView(
  view: SubnetView,
  facts: Pick<ChainFacts, 'ownerHotkey' | 'commitments'> & {
    readonly neurons: readonly {readonly uid: Uid; readonly hotkey: Hotkey}[]
  },
  findings: Findings,
): void {
  const check = 'view of the subnet'
  const who = facts.ownerHotkey
  const byUid = new Map(facts.neurons.map(({uid, hotkey}) => [uid, hotkey]))
  const committed = new Map(facts.commitments.map(({hotkey, block}) => [hotkey, block]))
  const remedy = 'ask the owner whether the ranking was made from an old view; else which chain it looks at'
  for (const {uid, hotkey, isValid, block} of view.miners) {
    findings.looked(check)
    if (!isValid) continue
    const object = `view of miner ${hotkey}`
    const found = byUid.get(uid)
    if (found !== hotkey) {
      const expected = `uid ${uid}, as the ranking says`
      findings.warning(check, {
        code: 'VIEW_UID',
        object,
        who,
        expected,
        found: `that is ${found ?? 'nobody'} now`,
        remedy,
      })
    }
    const onChain = committed.get(hotkey)
    // One that came after the ranking was made says nothing about it.
    if (onChain === undefined || onChain <= view.block) {
      if (onChain === block) continue
      findings.error(check, {
        ...{code: 'VIEW_COMMITMENT', object, who, remedy},
        expected: onChain === undefined ? 'no commitment on the chain' : `committed at block ${onChain}`,
        found: block === null ? 'no block' : `committed at block ${block}`,
      })
    }
  }
}
