import type {z} from 'zod'
import type {OwnerApi, SignedHttp, SubmissionInForce} from '../api/port.js'
import type {Captioner} from '../caption/port.js'
import type {Chain} from '../chain/port.js'
import type {Parsed} from '../domain/commitment.js'
import type {Exam} from '../domain/exam.js'
import type {Hotkey, Sha256, TaskId, Uid} from '../domain/ids.js'
import type {Decision, RankingRow} from '../domain/ranking.js'
import type {SignedRecord} from '../domain/record.js'
import type {SubnetView} from '../domain/subnet.js'
import type {Outcome} from '../domain/task.js'
import type {SettledTask} from '../domain/verdict.js'
import type {Judge} from '../judge/port.js'
import type {Media} from '../media/port.js'
import type {Generator, Models} from '../models/port.js'
import type {Objects} from '../objects/port.js'
import type {Quality} from '../quality/port.js'
import type {Clock} from '../runtime/clock.js'
import type {Logger} from '../runtime/logger.js'
import type {Service} from '../runtime/service.js'
import type {Sandbox} from '../sandbox/port.js'
import type {ExecutorBook} from '../store/executor-port.js'
import type {Journal} from '../store/journal-port.js'
import type {Records} from '../store/record-port.js'
import type {Signer, Verify} from '../wallet/port.js'
import type {TaskAuditor} from './audit.js'
import type {ExamMemory} from './own-exam.js'

/** Position of a piece of evidence in the log: block first, then ids. Compared element by element. */
export type EvidenceKey = readonly (number | string)[]

export interface Weighing {
  /** In rank order, then the miners that are not eligible by hotkey. Weights sum to 1, or are all 0 unless `pay`. */
  readonly rows: readonly RankingRow[]
  readonly decision: Decision
  /** Tasks (or rounds) that count. */
  readonly window: readonly number[]
  readonly summary: string
  /** Share of the emission that is burned though somebody is paid, 0..1; the rows share the rest. 0 when absent. */
  readonly burnShare?: number
}

/** What a rule is folded from: everyone's settled tasks, or the records of one author. */
export type Logged = SettledTask | SignedRecord

/** What a service of a mechanism may reach. Each factory names the part it needs. */
export interface Ports {
  readonly clock: Clock
  readonly log: Logger
  readonly netuid: number
  readonly signer: Signer
  readonly verify: Verify
  readonly chain: Chain
  readonly api: OwnerApi
  readonly source: Objects
  readonly samples: Objects
  readonly media: Media
  readonly captioner: Captioner
  readonly judges: readonly Judge[]
  readonly models: Models
  readonly generator: Generator
  readonly journal: Journal
  /** The logs of own evidence, for mechanisms of scope `own`. */
  readonly records: Records
  /** Only in the process of an executor. */
  readonly executor?: ExecutorPorts
  /** Private to this process; made and removed by `app.ts`. */
  readonly workDir: string
  readonly settings: ServiceSettings
  readonly report: Report
}

/** What runs strangers' programs and measures what they make. */
export interface ExecutorPorts {
  readonly sandbox: Sandbox
  readonly quality: Quality
  /** The pool of challenges. */
  readonly challenges: Objects
  readonly book: ExecutorBook
  readonly examMemory: ExamMemory
  /** Private, and kept from one start to the next. */
  readonly dataDir: string
  /** Private to this process. */
  readonly workDir: string
  /** Pause between two looks for something to do. */
  readonly pollMs: number
  /** Listens for this executor's validator, who is asked to prove itself before anything is handled. */
  serve(routes: readonly ServedRoute[]): void
}

export interface ServedRequest {
  readonly query: Readonly<Record<string, unknown>>
  /** Parsed JSON; undefined when there is none. */
  readonly body: unknown
  readonly ifNoneMatch: string | undefined
}

export interface ServedAnswer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** JSON; nothing when absent. */
  readonly body?: unknown
}

export interface ServedRoute {
  readonly method: 'GET' | 'POST'
  readonly path: string
  handle(request: ServedRequest): ServedAnswer
}

/** What a running service tells whoever watches (a terminal, a test); nothing depends on anyone listening. */
export type Progress =
  | {readonly event: 'round-skipped'; readonly reason: string}
  | {
      readonly event: 'round-started'
      readonly taskId: TaskId
      readonly source: string
      readonly clipStartS: number
      readonly miners: number
    }
  | {
      readonly event: 'miner-answered'
      readonly taskId: TaskId
      readonly uid: Uid
      readonly hotkey: Hotkey
      readonly outcome: Outcome
      readonly reason: string | null
      readonly latencyMs: number | null
      readonly done: number
      readonly of: number
    }
  | {
      readonly event: 'task-published'
      readonly taskId: TaskId
      readonly examHash: Sha256
      readonly prompt: string
      readonly outputs: number
    }
  | {
      readonly event: 'output-judged'
      readonly taskId: TaskId
      readonly validator: Hotkey
      readonly miner: Hotkey
      readonly passed: boolean
      readonly overall: number
      readonly done: number
      readonly of: number
    }
  | {readonly event: 'verdicts-sent'; readonly taskId: TaskId; readonly validator: Hotkey; readonly count: number}
  | {
      readonly event: 'weights-set'
      readonly mechanism: string
      readonly validator: Hotkey
      readonly block: number
      readonly uids: readonly Uid[]
      readonly values: readonly number[]
      readonly reason: string
    }
  | {
      readonly event: 'weights-not-set'
      readonly mechanism: string
      readonly validator: Hotkey
      readonly reason: string
    }

export type Report = (progress: Progress) => void

/** Knobs that cannot change a verdict or a rank: how fast, how many at once. Everything else is in the exam. */
export interface ServiceSettings {
  readonly pollMs: number
  readonly maxConcurrentMiners: number
  readonly maxConcurrentJudgements: number
}

export type Role = 'sampler' | 'evaluator' | 'executor'

/** As shared services know it: equal in form to what the owner's API says, wherever it was heard of. */
export type KnownSubmission = SubmissionInForce

/** Where a validator's own evidence comes from: a program beside it, which may be away. */
export interface Instrument {
  /** All that is submitted; the instrument keeps what it already knows. */
  update(submissions: readonly KnownSubmission[], signal: AbortSignal): Promise<void>
  /** Its signed records with `after < sequence`, ascending. */
  recordsAfter(after: number, limit: number, signal: AbortSignal): Promise<readonly SignedRecord[]>
}

/** A local miner with known strengths and faults: what `localnet` runs and the simulation asserts. */
export interface Profile {
  readonly name: string
  /** One line for the table and the README. */
  readonly about: string
  /** What the simulation must see. */
  readonly expects: 'wins' | 'passes' | 'fails' | 'invalid' | 'absent' | `rejected:${string}`
}

export interface SubmissionCodec<Params, Submission> {
  /** Text of a commitment or a request, and the hotkey that signed it, to submission, or a reason why not. Never throws. */
  parse(text: string, author: string): Parsed<Submission>
  format(submission: Submission): string
  /** For submissions by signed request; a mechanism without it takes commitments alone. */
  readonly requests?: {
    /** Equal for two submissions that offer the same thing: only the first to offer it is paid for it. */
    identity(submission: Submission): string
    /** Seconds between two submissions of one hotkey. */
    windowS(params: Params): number
    /** What clients of the mechanism's own ecosystem call at the root of the owner's API. */
    readonly published: PublishedRequests
  }
}

export interface PublishedRequests {
  /** `POST` of `{hotkey, [field]: …}`. */
  readonly submit: string
  /** `GET` of `[{hotkey, [field]: …, submit_time}]`, for validators. */
  readonly list: string
  /** `GET` of `{burn_ratio}`, for validators. */
  readonly burnRatio: string
  /** Name of what is offered; in a commitment too. */
  readonly field: string
  /** What stands in its place for a hotkey that is banned. */
  readonly banned: string
}

/**
 * The contract. The pure half (`params`, `submission`, `initial`, `fold`, `weigh`) sees no clock, network, store or
 * randomness; the service half is factories that are given ports.
 */
export interface Mechanism<Params, Submission, Evidence, State> {
  /** kebab-case; the folder has the same name. */
  readonly name: string
  /** Bumped by anything that can move a weight. */
  readonly version: number
  /** Whose evidence a validator folds: everyone's, once settled, or its own. */
  readonly scope: 'shared' | 'own'
  readonly params: z.ZodType<Params>
  readonly defaults: Params
  readonly submission: SubmissionCodec<Params, Submission>
  readonly evidence: z.ZodType<Evidence>
  /** Refuses a state of another version of the rule. */
  readonly state: z.ZodType<State>
  /** The evidence that one settled task, or one record, is made of; none from what is not this mechanism's kind. */
  toEvidence(logged: Logged): Evidence[]
  key(evidence: Evidence): EvidenceKey
  initial(params: Params): State
  /** Key of the last evidence that was folded; undefined at the beginning. */
  watermark(state: State): EvidenceKey | undefined
  /** Called in key order. Returns a new state; the given one is left alone. */
  fold(state: State, evidence: Evidence, params: Params): State
  weigh(state: State, subnet: SubnetView, params: Params): Weighing
  /** Blocks after a task's for which verdicts are taken, unless every voter has judged every output before. */
  settleBlocks(params: Params): number
  /** Share of the emission that is burned whoever wins, 0..1; 0 when absent. */
  burnShare?(params: Params): number
  /** The newest tasks that a state follows from: folding no more than these from nothing gives it. All when absent. */
  readonly memoryTasks?: (params: Params) => number
  /** What an audit of its tasks repeats. */
  readonly auditor?: (params: Params) => TaskAuditor
  readonly services: Partial<Record<Role, (ports: Ports) => Service>>
  /** Only for scope `own`. */
  readonly instrument?: (http: SignedHttp) => Instrument
  readonly cast: readonly Profile[]
}

/** The contract with its types closed over, as shared services see it. */
export interface AnyMechanism {
  readonly name: string
  readonly version: number
  readonly scope: 'shared' | 'own'
  readonly defaults: unknown
  readonly cast: readonly Profile[]
  readonly services: Partial<Record<Role, (ports: Ports) => Service>>
  readonly instrument?: (http: SignedHttp) => Instrument
  /** Absent when submissions are commitments alone. */
  readonly requests?: PublishedRequests
  /** Throws `EXAM_UNSUPPORTED` when the exam is not one that this program can run. */
  rule(exam: Exam): Rule
  parseSubmission(text: string, author: string): Parsed<unknown>
  /** The text in its one form, and what it offers; a reason for what cannot be submitted. */
  identify(text: string, author: string): Parsed<{readonly text: string; readonly identity: string}>
}

/** A mechanism under one exam. States are opaque JSON to everyone else. */
export interface Rule {
  readonly exam: Exam
  readonly settleBlocks: number
  /** Seconds between two submissions of one hotkey; 0 where they are commitments alone. */
  readonly submissionWindowS: number
  /** Share of the emission that is burned whoever wins, 0..1. */
  readonly burnShare: number
  /** The newest tasks that a state follows from; undefined for all of the exam. */
  readonly memoryTasks: number | undefined
  readonly auditor: TaskAuditor | undefined
  initial(): unknown
  /** Sorts, drops what is at or below the watermark, folds the rest. */
  replay(state: unknown, logged: readonly Logged[]): unknown
  hash(state: unknown): string
  /** The text that the hash covers; `load` takes it back once it is parsed. */
  text(state: unknown): string
  /** Parses a stored state; throws `STATE_UNSUPPORTED` for one of another version. */
  load(json: unknown): unknown
  weigh(state: unknown, view: SubnetView): Weighing
}
