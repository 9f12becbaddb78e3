import {rm} from 'node:fs/promises'
import path from 'node:path'
import {z} from 'zod'
import {hashOf} from '../../domain/canonical.js'
import {BlockNumber, compareText, Sha256} from '../../domain/ids.js'
import {type EvidenceRecord, signRecord} from '../../domain/record.js'
import {LeomaError} from '../../errors.js'
import type {BlockRef} from '../../runtime/clock.js'
import type {Service} from '../../runtime/service.js'
import {type ExamInForce, examInForce} from '../own-exam.js'
import type {ExecutorPorts, Ports} from '../types.js'
import {candidateOf} from './candidate.js'
import {type ChallengeSet, drawChallenges, readChallenges} from './challenge-set.js'
import {ImageResult, type Round, roundOf} from './evidence.js'
import {executorRoutes} from './executor-routes.js'
import {type LineUp, lineUp} from './line-up.js'
import {defaults, TalkingHeadParams} from './params.js'
import {shownOf} from './published-metrics.js'
import {fold, initial} from './rules.js'
import {runImage} from './run-image.js'
import {ruleVersion, type TalkingHeadState} from './state.js'

/** The round that is open, as it is written down. */
const OpenRound = z.strictObject({
  examHash: Sha256,
  block: z.strictObject({number: BlockNumber, hash: z.string()}),
  startedAtBlock: BlockNumber,
  setSha256: Sha256,
})
type OpenRound = z.infer<typeof OpenRound>

type Deps = Pick<Ports, 'api' | 'chain' | 'clock' | 'log' | 'media' | 'netuid' | 'records' | 'signer' | 'verify'> &
  ExecutorPorts

const name = 'talking-head'
const pageSize = 50

/**
 * An executor: it is told what is submitted, runs round after round, and signs what it found. What it does next follows
 * from what is written down, so that it may be killed at any line.
 */
export class Executor {
  readonly #deps: Deps
  #folded: {examHash: string; sequence: number; state: TalkingHeadState} | undefined
  #running: {readonly hotkey: string; readonly since: number} | undefined

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /** One look: does what there is to do of a round, up to its end. */
  async turn(signal: AbortSignal): Promise<void> {
    const {book, chain} = this.#deps
    const exam = await this.#exam(signal)
    const params = TalkingHeadParams.parse(exam.exam.params)
    this.#refuseUnfit(params)
    const head = await chain.head(signal)
    const open = await this.#resume(exam, signal)
    const round = open ?? (await this.#begin(exam, params, head, signal))
    if (!round) return
    for (;;) {
      // Asked again after each image: whoever came meanwhile still takes part, whoever is banned no longer does.
      const next = this.#waiting(exam, params).at(0)
      if (!next) break
      this.#running = {hotkey: next.hotkey, since: this.#deps.clock.now()}
      try {
        await this.#measure(next, round, params, signal)
      } finally {
        this.#running = undefined
      }
    }
    await this.#commit(exam, params, round, signal)
    if (book.round() === undefined) await rm(this.#folder(), {recursive: true, force: true})
  }

  /** For whoever wants to know what is going on. */
  progress(): {
    round: OpenRound | null
    done: number
    running: {hotkey: string; since: number} | null
    version: number
  } {
    const {book} = this.#deps
    const text = book.round()
    return {
      round: text === undefined ? null : OpenRound.parse(JSON.parse(text)),
      done: book.staged().length,
      running: this.#running ?? null,
      version: book.version(),
    }
  }

  #exam(signal: AbortSignal): Promise<ExamInForce> {
    const {examMemory: memory} = this.#deps
    return examInForce({...this.#deps, mechanism: {name, version: ruleVersion, defaults}, memory}, signal)
  }

  /** What cannot be measured as the exam wants it is not measured otherwise. */
  #refuseUnfit({quality: asked, limits}: TalkingHeadParams): void {
    const {quality, sandbox} = this.#deps
    if (asked.metrics !== quality.name || asked.version !== quality.version)
      throw new LeomaError(
        'config',
        'METRICS_UNFIT',
        `the exam asks for metrics ${asked.metrics} ${asked.version}, this executor has ${quality.name} ${quality.version}`,
        {hints: ['METRIC_FACE_URL, METRIC_SPEECH_URL and METRIC_LIPSYNC_URL decide: all of them, or none']},
      )
    const {isolation} = sandbox.info
    if (limits.gpu && (isolation === 'bwrap' || isolation === 'process'))
      throw new LeomaError(
        'config',
        'SANDBOX_WITHOUT_GPU',
        `the exam asks for a graphics card, and ${isolation} gives none`,
        {
          hints: ['install Podman or Docker'],
        },
      )
  }

  async #resume({examHash}: ExamInForce, signal: AbortSignal): Promise<(OpenRound & {set: ChallengeSet}) | undefined> {
    const {book, log} = this.#deps
    const text = book.round()
    if (text === undefined) return undefined
    const round = OpenRound.parse(JSON.parse(text))
    const set = await readChallenges(this.#folder(), round.setSha256)
    signal.throwIfAborted()
    if (round.examHash === examHash && set) return {...round, set}
    // Half of a ranking by one set and half by another would compare nothing.
    log.warn({block: round.block.number}, 'the open round is given up: its exam or its challenges are gone')
    book.abandon()
    return undefined
  }

  async #begin(
    exam: ExamInForce,
    params: TalkingHeadParams,
    head: BlockRef,
    signal: AbortSignal,
  ): Promise<(OpenRound & {set: ChallengeSet}) | undefined> {
    const {book, chain, challenges: pool, log, media} = this.#deps
    const number = head.number - (head.number % params.rounds.everyBlocks)
    // One round for each such block, and none for nobody: nothing here ever runs in circles.
    if (number <= this.#lastRoundBlock() || this.#waiting(exam, params).length === 0) return undefined
    const block = number === head.number ? head : await chain.blockAt(number, signal)
    if (!block) return undefined
    const {warmUp, scored, maxSeconds, seed} = params.challenges
    const folder = this.#folder()
    const set = await drawChallenges({pool, media, block, count: warmUp + scored, maxSeconds, seed, folder}, signal)
    const round = {
      examHash: exam.examHash,
      block: {number: block.number, hash: block.hash},
      startedAtBlock: head.number,
      setSha256: set.setSha256,
    }
    book.open(JSON.stringify(round))
    log.info({block: block.number, images: this.#waiting(exam, params).length}, 'a round begins')
    return {...round, set}
  }

  async #measure(
    entrant: LineUp['field'][number],
    {set}: {readonly set: ChallengeSet},
    params: TalkingHeadParams,
    signal: AbortSignal,
  ): Promise<void> {
    const {book, clock, log, quality, sandbox, workDir} = this.#deps
    const {hotkey, imageRef} = entrant
    const deps = {sandbox, quality, time: clock, workDir, challengesDir: this.#folder(), params}
    const result = await runImage(deps, entrant, set, signal)
    log.info({hotkey, outcome: result.outcome, score: result.finalScore, reason: result.reason}, 'image measured')
    // Under the image that was measured: if another one is submitted meanwhile, this says nothing of that.
    book.stage(hotkey, imageRef, JSON.stringify(result))
  }

  async #commit(
    exam: ExamInForce,
    params: TalkingHeadParams,
    open: OpenRound & {set: ChallengeSet},
    signal: AbortSignal,
  ): Promise<void> {
    const {book, chain, clock, log, netuid, quality, records, signer} = this.#deps
    const staged = this.#staged()
    const results = this.#field(exam, params).flatMap(({hotkey, imageRef}) => staged.get(`${hotkey} ${imageRef}`) ?? [])
    if (results.length === 0) return book.abandon()
    const head = await chain.head(signal)
    const last = records.last(name, signer.hotkey)?.record
    const round: Round = {
      type: 'round',
      challenges: {
        setSha256: open.setSha256,
        ids: open.set.challenges.map(({id}) => id),
        warmUp: params.challenges.warmUp,
        block: open.block,
      },
      quality: {metrics: quality.name, version: quality.version},
      startedAtBlock: open.startedAtBlock,
      results: results.sort((a, b) => compareText(a.hotkey, b.hotkey)),
    }
    const record: EvidenceRecord = {
      version: 1,
      mechanism: name,
      netuid,
      examHash: exam.examHash,
      author: signer.hotkey,
      sequence: (last?.sequence ?? 0) + 1,
      previous: last ? hashOf(last) : null,
      block: Math.max(head.number, last?.block ?? 0),
      createdAt: new Date(clock.now()).toISOString(),
      // A round is JSON by its schema; a copy without what is undefined.
      body: JSON.parse(JSON.stringify(round)) as EvidenceRecord['body'],
    }
    const after = fold(this.#state(exam, params), roundOf(record), params)
    book.commit(signRecord(record, signer), shownOf(after, results, clock.now()))
    log.info({sequence: record.sequence, images: results.length, winner: after.winner?.hotkey ?? null}, 'a round ends')
  }

  /** Who is in the field and has not been measured yet in the open round. */
  #waiting(exam: ExamInForce, params: TalkingHeadParams): LineUp['field'] {
    const staged = this.#staged()
    return this.#field(exam, params).filter(({hotkey, imageRef}) => !staged.has(`${hotkey} ${imageRef}`))
  }

  #field(exam: ExamInForce, params: TalkingHeadParams): LineUp['field'] {
    return lineUp(
      this.#state(exam, params),
      this.#deps.book.rows().flatMap((row) => candidateOf(row) ?? []),
    ).field
  }

  #staged(): Map<string, ImageResult> {
    return new Map(
      this.#deps.book
        .staged()
        .map(({hotkey, imageRef, result}) => [`${hotkey} ${imageRef}`, ImageResult.parse(JSON.parse(result))]),
    )
  }

  /** What its own log adds up to under the exam in force; only what is new is folded. */
  #state({examHash}: ExamInForce, params: TalkingHeadParams): TalkingHeadState {
    const {records, signer} = this.#deps
    let folded = this.#folded?.examHash === examHash ? this.#folded : {examHash, sequence: 0, state: initial()}
    for (;;) {
      const page = records.after(name, signer.hotkey, folded.sequence, pageSize)
      for (const {record} of page) {
        const state = record.examHash === examHash ? fold(folded.state, roundOf(record), params) : folded.state
        folded = {examHash, sequence: record.sequence, state}
      }
      if (page.length < pageSize) break
    }
    this.#folded = folded
    return folded.state
  }

  #lastRoundBlock(): number {
    const {records, signer} = this.#deps
    const last = records.last(name, signer.hotkey)
    return last ? roundOf(last.record).challenges.block.number : -1
  }

  #folder(): string {
    return path.join(this.#deps.dataDir, 'challenges')
  }
}

export function executorService(ports: Ports): Service {
  const {executor: own} = ports
  if (!own) throw new Error('this process was not given what an executor needs')
  const executor = new Executor({...ports, ...own})
  own.serve(executorRoutes({book: own.book, records: ports.records, author: ports.signer.hotkey, executor}))
  return {
    name: 'executor',
    start: async (clock) => {
      let isSwept = false
      clock.every('executor-rounds', {ms: own.pollMs}, async ({signal}) => {
        if (!isSwept) {
          const swept = await own.sandbox.sweep(signal)
          if (swept > 0) ports.log.warn({swept}, 'runs of an executor that was killed are cleared away')
          isSwept = true
        }
        await executor.turn(signal)
      })
    },
  }
}
