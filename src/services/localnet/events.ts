import type {BlockNumber, Hotkey, TaskId, Uid} from '../../domain/ids.js'
import type {Ranking} from '../../domain/ranking.js'
import type {Progress} from '../../mechanisms/types.js'

/** Work that takes longer than a second, in the order in which a person sees it. */
export type StepName = 'clips' | 'subnet' | 'miners' | 'images' | 'api' | 'submissions' | 'validators'

export interface CastMember {
  readonly profile: string
  readonly about: string
  readonly uid: Uid
  readonly hotkey: Hotkey
}

/** Everything that happens on a localnet that a person would want to see; the view and the tests read nothing else. */
export type LocalnetEvent =
  | {readonly type: 'step'; readonly step: StepName; readonly state: 'started' | 'finished'; readonly note: string}
  | {readonly type: 'progress'; readonly step: StepName; readonly done: number; readonly total: number}
  | {readonly type: 'source-skipped'; readonly file: string; readonly reason: string}
  | ({readonly type: 'ready'} & LocalnetFacts)
  /** What one of the services reported, with the name of the part that runs it (`owner`, `sampler`, `validator-0`). */
  | {readonly type: 'service'; readonly part: string; readonly progress: Progress}
  | {readonly type: 'task-settled'; readonly taskId: TaskId; readonly block: BlockNumber}
  | {
      readonly type: 'ranking'
      readonly ranking: Ranking
      readonly miners: readonly MinerResult[]
      /** True for the ranking that ends the run. */
      readonly isLast: boolean
    }
  /** A job of a part fails turn after turn, or takes strangely long to begin with anything. Told again as it goes on. */
  | ({readonly type: 'trouble'} & Trouble)
  /** What was in trouble works again. */
  | {readonly type: 'recovered'; readonly part: string; readonly job: string; readonly afterMs: number}
  /** A validator has published one more round of the mechanism that runs images. */
  | {
      readonly type: 'head-round'
      readonly validator: string
      readonly round: number
      readonly ranking: Ranking
      readonly miners: readonly HeadResult[]
    }

export interface Trouble {
  readonly part: string
  readonly job: string
  /** Milliseconds since 1970. */
  readonly since: number
  /** For how long by now, in milliseconds. */
  readonly forMs: number
  /** Turns that failed in a row; 0 for one that has not ended yet. */
  readonly failures: number
  readonly reason: string
  readonly hints: readonly string[]
}

export interface LocalnetFacts {
  readonly api: string
  readonly dataDir: string
  /** What another process must find in its environment to be on the same subnet. */
  readonly env: Readonly<Record<string, string>>
  readonly isTemporary: boolean
  readonly rounds: number | undefined
  readonly validators: readonly {readonly name: string; readonly uid: Uid; readonly hotkey: Hotkey}[]
  readonly cast: readonly CastMember[]
  /** Only where images are run. */
  readonly heads?: HeadsFacts
  /** When one was asked for. */
  readonly judge?: JudgeName
  /** Addresses of what is not on this machine or not in this process, where there is such. */
  readonly outside?: {readonly objects?: string; readonly models?: string}
}

export interface JudgeName {
  readonly name: string
  /** Of a judge that asks a vision model. */
  readonly model?: string
}

export interface MinerResult {
  readonly uid: Uid
  readonly hotkey: Hotkey
  readonly profile: string
  readonly isValid: boolean
  readonly invalidReason: string | null
  readonly evaluated: number
  readonly passed: number
  readonly passRate: number
  /** Null when not ranked. */
  readonly rank: number | null
  /** How often each outcome was seen in this run's tasks. */
  readonly outcomes: Readonly<Record<string, number>>
}

export interface TaskResult {
  readonly taskId: TaskId
  /** Object key of the source clip. */
  readonly source: string
  /** Seconds into the source. */
  readonly clipStart: number
  readonly prompt: string
  readonly examHash: string
}

export interface HeadsFacts {
  /** What the images run in: a plain process proves no isolation, and is for machines without an engine. */
  readonly isolation: string
  readonly cast: readonly CastMember[]
  /** What the API answered to each profile's submission. */
  readonly offered: Readonly<Record<string, string>>
}

/** One miner that offers an image. */
export interface HeadResult {
  readonly uid: Uid
  readonly hotkey: Hotkey
  readonly profile: string
  readonly rank: number | null
  /** Null before it was measured. */
  readonly score: number | null
  readonly weight: number
  readonly sentence: string
}

export interface HeadsResult {
  readonly mechanism: string
  readonly isolation: string
  /** Held in this run. */
  readonly rounds: number
  readonly miners: readonly HeadResult[]
  readonly winner: {readonly uid: Uid; readonly hotkey: Hotkey; readonly profile: string} | null
  /** As read back from the chain, on this mechanism's index, for the first validator. */
  readonly weights: {readonly block: number; readonly uids: readonly Uid[]; readonly values: readonly number[]} | null
}

/** What `leoma localnet --rounds N --json` prints. Its shape only grows. */
export interface LocalnetResult {
  readonly rounds: number
  readonly tasks: readonly TaskResult[]
  readonly miners: readonly MinerResult[]
  readonly winner: {readonly uid: Uid; readonly hotkey: Hotkey; readonly profile: string} | null
  /** As read back from the chain for the first validator; null before it has set any. */
  readonly weights: {readonly block: number; readonly uids: readonly Uid[]; readonly values: readonly number[]} | null
  /** Only when one was asked for. */
  readonly judge?: JudgeName
  /** What each attack brought, where some were carried out. */
  readonly attacks?: readonly AttackResult[]
  /** Only where images are run. */
  readonly heads?: HeadsResult
  readonly api: string
}

export interface AttackResult {
  readonly attack: string
  readonly outcomes: MinerResult['outcomes']
  readonly passed: number
  readonly evaluated: number
  /** Share of the emission, 0..1. */
  readonly weight: number
}
