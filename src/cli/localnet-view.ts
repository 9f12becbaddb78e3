import {styleText} from 'node:util'
import type {
  AttackResult,
  JudgeName,
  LocalnetEvent,
  LocalnetFacts,
  LocalnetResult,
  MinerResult,
  StepName,
  Trouble,
} from '../services/localnet/events.js'
import {headsTable} from './localnet-heads.js'
import {profileOf, RoundStory, validatorOf} from './localnet-round.js'
import {isNews, recoveredLine, troubleLines} from './localnet-trouble.js'
import {printable} from './printable.js'
import {type Column, renderTable} from './table.js'

const titles: Readonly<Record<StepName, string>> = {
  clips: 'source clips',
  subnet: 'chain and wallets',
  miners: 'miners',
  images: 'images',
  submissions: 'submissions',
  api: 'owner API',
  validators: 'validators',
}

const columns: readonly Column<MinerResult & {readonly weight: number; readonly why: string}>[] = [
  {name: 'rank', value: ({rank}) => rank ?? '-', align: 'right'},
  {name: 'uid', value: ({uid}) => uid, align: 'right'},
  {name: 'miner', value: ({profile}) => profile},
  {name: 'passed', value: ({passed, evaluated}) => `${passed}/${evaluated}`, align: 'right'},
  {name: 'weight', value: ({weight}) => `${Math.round(weight * 100)} %`, align: 'right'},
  {name: 'why', value: ({why}) => why, flexible: true},
]

type RankingEvent = Extract<LocalnetEvent, {type: 'ranking'}>

/** The part of `log-update` that is used: text that stays, and text that is redrawn. */
export interface LiveRegion {
  (text: string): void
  persist(text: string): void
  clear(): void
}

export interface ViewOptions {
  readonly stream: NodeJS.WriteStream
  /** Redraws in place; undefined where the stream is no terminal, then every event is a line. */
  readonly live: LiveRegion | undefined
}

/** Tells what happens on a localnet, on stderr. */
export class LocalnetView {
  readonly #options: ViewOptions
  readonly #rounds = new Map<number, RoundStory>()
  #facts: LocalnetFacts | undefined
  #working = ''
  readonly #lastWeights = new Map<string, string>()
  /** By validator and mechanism: the reasons that were told since its weights last changed. */
  readonly #lastRefusals = new Map<string, Set<string>>()
  /** By part and job: as it was last told. */
  readonly #troubles = new Map<string, Trouble>()
  #settledRounds = 0
  /** Rounds in a row that could not be held, and why the last one could not. */
  #skips = 0
  #skipReason = ''

  constructor(options: ViewOptions) {
    this.#options = options
  }

  /** Everything that happens goes through here, in order. */
  readonly show = (given: LocalnetEvent): void => {
    const event = printableEvent(given)
    switch (event.type) {
      case 'step':
        this.#step(event)
        break
      case 'progress':
        this.#progress(`${titles[event.step]} ${event.done}/${event.total}`)
        break
      case 'source-skipped':
        this.#say(`  ${this.#style('yellow', 'skipped')} ${event.file}: ${event.reason}`)
        break
      case 'ready':
        this.#facts = event
        this.#say(readyText(event))
        break
      case 'service':
        if (this.#facts) this.#service(event.progress, this.#facts)
        break
      case 'task-settled':
        this.#settled(event.taskId, event.block)
        break
      case 'trouble':
        this.#trouble(event)
        break
      case 'recovered':
        if (this.#troubles.delete(`${event.part} ${event.job}`))
          this.#say(recoveredLine(event.part, event.job, event.afterMs))
        break
      case 'head-round': {
        const {validator, round, ranking, miners} = event
        this.#say(
          `${this.#style('bold', `${validator}: round ${round} of images; ${ranking.summary}`)}\n${headsTable(miners, this.#options.stream).trimEnd()}`,
        )
        break
      }
      case 'ranking':
        // The last one is the command's answer, on stdout.
        if (!event.isLast) this.#say(rankingText(event, this.#options.stream, this.#facts?.judge))
        break
    }
    this.#redraw()
  }

  /** A line of somebody else (a log) that must not tear the live region. */
  readonly note = (line: string): void => {
    this.#say(line.replace(/\n$/, ''))
    this.#redraw()
  }

  stop(): void {
    this.#options.live?.clear()
  }

  #step({step, state, note}: Extract<LocalnetEvent, {type: 'step'}>): void {
    if (state === 'started') this.#progress(`${titles[step]}: ${note}`)
    else {
      this.#working = ''
      this.#say(`${this.#style('green', '✓')} ${titles[step].padEnd(17)}  ${note}`)
    }
  }

  #service(progress: Extract<LocalnetEvent, {type: 'service'}>['progress'], facts: LocalnetFacts): void {
    const {live} = this.#options
    switch (progress.event) {
      case 'round-skipped':
        this.#skipped(progress.reason)
        break
      case 'round-started': {
        const {taskId, source, clipStartS, miners} = progress
        const headline = `task ${taskId}: 5 s of ${source} from ${clipStartS.toFixed(1)} s, ${miners} miners`
        this.#rounds.set(taskId, new RoundStory(facts, taskId, headline))
        if (!live) this.#say(headline)
        break
      }
      case 'miner-answered': {
        const {taskId, hotkey, outcome, latencyMs, reason, done, of} = progress
        this.#rounds.get(taskId)?.answered(hotkey, {outcome, latencyMs, reason}, `${done}/${of}`)
        if (!live) this.#say(`task ${taskId}: [${done}/${of}] ${profileOf(facts, hotkey)} answered ${outcome}`)
        break
      }
      case 'task-published':
        this.#skips = 0
        this.#rounds.get(progress.taskId)?.published()
        this.#say(
          `task ${progress.taskId}: published, ${progress.outputs} outputs to judge; prompt: ${progress.prompt}`,
        )
        break
      case 'output-judged': {
        const {taskId, validator, miner, passed, overall, done, of} = progress
        const name = validatorOf(facts, validator)
        this.#rounds.get(taskId)?.judged(name, miner, {passed, overall}, `${done}/${of}`)
        if (!live)
          this.#say(
            `task ${taskId}: [${done}/${of}] ${name} says ${profileOf(facts, miner)} ${passed ? 'passed' : 'failed'} with ${overall}`,
          )
        break
      }
      case 'verdicts-sent':
        break
      case 'weights-set': {
        const {mechanism, validator, block, uids, values, reason} = progress
        // The same weights are set again every epoch; only a change is news.
        const key = `${validator} ${mechanism}`
        if (this.#lastWeights.get(key) === reason) break
        this.#lastWeights.set(key, reason)
        this.#lastRefusals.delete(key)
        const whole = values.reduce((sum, value) => sum + value, 0)
        const shares = uids.map((uid, at) => `${percent((values[at] ?? 0) / whole)} to ${this.#named(uid, facts)}`)
        this.#say(
          `${this.#style('green', '✓')} ${validatorOf(facts, validator)} set weights${ofMechanism(mechanism, facts)} at block ${block}: ` +
            `${shares.join(', ')} (${reason})`,
        )
        break
      }
      case 'weights-not-set': {
        const {mechanism, validator, reason} = progress
        // It is refused block after block, with other numbers in the same words; the words are the news.
        const key = `${validator} ${mechanism}`
        const words = reason.replaceAll(/\d+|\bone\b/g, 'n').replaceAll('blocks', 'block')
        const known = this.#lastRefusals.get(key) ?? new Set<string>()
        if (known.has(words)) break
        this.#lastRefusals.set(key, known.add(words))
        this.#say(`${validatorOf(facts, validator)} set no weights${ofMechanism(mechanism, facts)}: ${reason}`)
        break
      }
    }
  }

  #named(uid: number, facts: LocalnetFacts): string {
    const member = [...facts.cast, ...(facts.heads?.cast ?? [])].find((candidate) => candidate.uid === uid)
    return `uid ${uid}${member ? ` (${member.profile})` : ''}`
  }

  /** A sampler tries again with each block: what lasts is told ever more rarely. */
  #skipped(reason: string): void {
    this.#skips++
    const isNew = reason !== this.#skipReason
    this.#skipReason = reason
    if (isNew || this.#skips === 1) this.#say(`no round: ${reason}`)
    else if (/^[13]0*$/.test(String(this.#skips))) this.#say(`no round, ${this.#skips} times in a row: ${reason}`)
  }

  /** On a terminal it is redrawn while it lasts; elsewhere a line says it again only when there is more to say. */
  #trouble(trouble: Trouble): void {
    const key = `${trouble.part} ${trouble.job}`
    if (!this.#options.live) {
      if (!isNews(trouble, this.#troubles.get(key))) return
      this.#say(this.#troubleText(trouble).join('\n'))
    }
    this.#troubles.set(key, trouble)
  }

  #troubleText(trouble: Trouble): string[] {
    return troubleLines(trouble, {rounds: this.#facts?.rounds, settled: this.#settledRounds})
  }

  #settled(taskId: number, block: number): void {
    this.#settledRounds++
    const round = this.#rounds.get(taskId)
    if (!round) return
    round.settled(block)
    this.#rounds.delete(taskId)
    this.#say([this.#style('bold', `${round.headline}; ${round.status()}`), ...round.table()].join('\n'))
  }

  #progress(text: string): void {
    this.#working = text
    if (!this.#options.live) this.#say(`  ${text}`)
  }

  #say(text: string): void {
    const {live, stream} = this.#options
    if (live) live.persist(text)
    else stream.write(`${text}\n`)
  }

  #redraw(): void {
    const {live, stream} = this.#options
    if (!live) return
    const [oldest, ...others] = [...this.#rounds.values()]
    const lines = this.#working === '' ? [] : [`… ${this.#working}`]
    for (const trouble of this.#troubles.values()) lines.push(...this.#troubleText(trouble))
    if (oldest) lines.push(`… ${oldest.headline}; ${oldest.status()}`, ...oldest.table())
    for (const round of others) lines.push(`… ${round.headline}; ${round.status()}`)
    const fitting = lines.slice(0, Math.max(3, (stream.rows ?? 24) - 2)).map((line) => cut(line, stream.columns))
    live(fitting.join('\n'))
  }

  #style(format: 'bold' | 'green' | 'yellow', text: string): string {
    return styleText(format, text, {stream: this.#options.stream, validateStream: true})
  }
}

/** Names, prompts and reasons come from files and miners: none of them may move the cursor. Colours are added later. */
function printableEvent(event: LocalnetEvent): LocalnetEvent {
  return printableValue(event) as LocalnetEvent // same shape, only texts are changed
}

function printableValue(value: unknown): unknown {
  if (typeof value === 'string') return printable(value)
  if (Array.isArray(value)) return value.map(printableValue)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, printableValue(inner)]))
}

function cut(line: string, width: number | undefined): string {
  const room = (width ?? 80) - 1
  return [...line].length <= room ? line : `${[...line].slice(0, room - 1).join('')}…`
}

/** Only where there is more than one. */
const ofMechanism = (mechanism: string, {heads}: LocalnetFacts) => (heads ? ` of ${mechanism}` : '')

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}

/** How any other command of this program is pointed at this localnet. */
export function pointAt({api, dataDir, env}: Pick<LocalnetFacts, 'api' | 'dataDir' | 'env'>): string {
  const {NETWORK = '', NETUID = '', BT_WALLET_PATH, MODELS_FILE} = env
  const files = {...(BT_WALLET_PATH && {BT_WALLET_PATH}), ...(MODELS_FILE && {MODELS_FILE})}
  const own = NETWORK === 'localnet' ? {} : {NETUID, ...files}
  const variables = Object.entries({NETWORK, ...own, LEOMA_DATA: dataDir, API_URL: api})
  return `${variables.map(([name, value]) => `${name}=${quoted(value)}`).join(' ')} npx leoma get-rank`
}

function quoted(text: string): string {
  return /^[\w./:-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

function readyText(facts: LocalnetFacts): string {
  const {api, rounds, isTemporary, dataDir, outside, judge, cast} = facts
  const lines = [
    '',
    `the subnet is alive${rounds === undefined ? '; Ctrl-C stops it' : `; it stops after ${rounds} rounds`}`,
    `  watch it in a browser:         ${api}/`,
    `  ask it from another terminal:  ${pointAt(facts)}`,
    // The page knows miners by their uids alone, as on every subnet.
    `  its miners there:              ${cast.map(({profile, uid}) => `uid ${uid} ${profile}`).join(', ')}`,
    `  its data:                      ${dataDir}${isTemporary ? ' (removed at the end; --data DIR keeps it)' : ''}`,
    ...(outside?.objects === undefined ? [] : [`  its objects:                   ${outside.objects}`]),
    ...(outside?.models === undefined ? [] : [`  its models:                    ${outside.models}`]),
    ...(judge === undefined ? [] : [`  its judge:                     ${judgeName(judge)}`]),
    '',
  ]
  return lines.join('\n')
}

/** The ranking with its winner, as a table and a sentence. */
export function rankingText(
  {ranking, miners}: RankingEvent,
  stream: NodeJS.WriteStream,
  judge: LocalnetFacts['judge'],
): string {
  const rows = miners
    .map((miner) => {
      const row = ranking.rows.find(({hotkey}) => hotkey === miner.hotkey)
      return {...miner, weight: row?.weight ?? 0, why: row?.sentence ?? 'not ranked: not seen by the ranking yet'}
    })
    .sort((a, b) => (a.rank ?? Number.POSITIVE_INFINITY) - (b.rank ?? Number.POSITIVE_INFINITY) || a.uid - b.uid)
  const table = renderTable(columns, rows, {width: stream.isTTY ? stream.columns : undefined, stream})
  return `${table}${ranking.summary}\n${judgeText(judge)}`
}

function judgeText(judge: LocalnetFacts['judge']): string {
  return judge ? `judged by ${judgeName(judge)}\n` : ''
}

function judgeName({name, model}: JudgeName): string {
  return model === undefined ? name : `${name}, model ${model}`
}

/** Who was paid in the end, as it stands on the chain. */
export function weightsText(facts: LocalnetFacts, {weights, winner}: LocalnetResult): string {
  if (!weights) return 'no validator has set weights yet\n'
  const validators = facts.validators.map(({name}) => name).join(', ')
  const whom = winner
    ? `uid ${winner.uid} (${winner.profile})`
    : `uid ${weights.uids.join(', ')}, which recycles the emission`
  return `weights on the chain since block ${weights.block}, set by ${validators}: all to ${whom}\n`
}

/** What each attack brought; nothing where none was carried out. */
export function attacksText(results: readonly AttackResult[]): string {
  return results
    .map(({attack, outcomes, passed, evaluated, weight}) => {
      const said = Object.entries(outcomes).map(([outcome, times]) => `${times} × ${outcome}`)
      const paid = weight > 0 ? `takes ${(100 * weight).toFixed(0)} % of the emission` : 'earns nothing'
      return `attack ${attack}: ${said.join(', ') || 'never asked'}; passed ${passed} of ${evaluated}, ${paid}\n`
    })
    .join('')
}
