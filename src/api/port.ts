import type {z} from 'zod'
import type {SignedExam} from '../domain/exam.js'
import type {Hotkey, Sha256, TaskId} from '../domain/ids.js'
import type {Ranking} from '../domain/ranking.js'
import type {SignedRecord} from '../domain/record.js'
import type {SubmissionProof} from '../domain/submission-proof.js'
import type {SubnetView} from '../domain/subnet.js'
import type {SignedManifest, Voter} from '../domain/task.js'
import type {SettledTask, SignedVerdict} from '../domain/verdict.js'
import type {BlacklistEntryBody, ExamTakenBody, HealthBody, MinersList, RankBody, WeightsBody} from './schemas.js'

/**
 * One service of this operator's own, asked with signed requests: JSON both ways, bounded, with deadlines. Failures are
 * kind `upstream`, or `auth` when it refuses the signature.
 */
export interface SignedHttp {
  readonly url: string
  get<T>(target: string, schema: z.ZodType<T>, signal: AbortSignal): Promise<T>
  post<T>(target: string, body: unknown, schema: z.ZodType<T>, signal: AbortSignal): Promise<T>
}

/** The submission of a hotkey that is in force. */
export interface SubmissionInForce {
  readonly hotkey: Hotkey
  /** As the mechanism's codec reads it. */
  readonly text: string
  readonly block: number
  /** When this hotkey first offered this very thing; of two that offer it the earlier owns it. */
  readonly claimBlock: number
  /** Milliseconds since 1970. */
  readonly at: number
  readonly isBlacklisted: boolean
  /** Who offered this very thing before; null for the first. */
  readonly copyOf: Hotkey | null
  /** The signed request it came by; null on the chain, which proves itself, and where nothing proves it. */
  readonly proof: SubmissionProof | null
}

export interface SubmitVerdicts {
  readonly verdicts: readonly SignedVerdict[]
  /** The task's prompt and bucket, which the published sample repeats. */
  readonly manifest: SignedManifest
  readonly bucket: string
}

/**
 * The owner's API as our own programs call it. Failures: kind `auth` for 401/403, `upstream` with a code for everything
 * else; 404 is undefined where absence is an answer. Safe calls are retried, with a fresh signature each time.
 */
export interface OwnerApi {
  readonly url: string
  health(signal: AbortSignal): Promise<HealthBody>
  /** The exam that the next task is set under, or the one with this hash. */
  exam(signal: AbortSignal, hash?: Sha256): Promise<SignedExam | undefined>
  latestTask(signal: AbortSignal): Promise<TaskId | undefined>
  /** Manifests of published tasks with `after < taskId`, ascending. */
  tasksAfter(after: TaskId | 0, limit: number, signal: AbortSignal): Promise<readonly SignedManifest[]>
  /** Admin. Publishing the identical manifest twice is one publication. */
  publishTask(task: SignedManifest, signal: AbortSignal): Promise<void>
  validMiners(signal: AbortSignal): Promise<MinersList>
  miners(signal: AbortSignal): Promise<MinersList>
  /** Hotkeys that the owner has barred. */
  blacklist(signal: AbortSignal): Promise<readonly string[]>
  /** Who may vote on the next task, with the stake that counts. */
  voters(signal: AbortSignal): Promise<readonly Voter[]>
  /** All verdicts of one task, at most 100; accepted whole or refused whole. */
  submitVerdicts(batch: SubmitVerdicts, signal: AbortSignal): Promise<void>
  /** Settled tasks with `after < taskId`, ascending. */
  settledAfter(after: TaskId | 0, limit: number, signal: AbortSignal): Promise<readonly SettledTask[]>
  rank(signal: AbortSignal): Promise<RankBody>
  weights(signal: AbortSignal): Promise<WeightsBody>
  /** The full ranking with its sentences, and the subnet view it was weighed over. */
  ranking(signal: AbortSignal): Promise<{ranking: Ranking; view: SubnetView} | undefined>
  /** The exam of a mechanism of scope `own`; undefined when the owner does not run it. */
  ownExam(mechanism: string, signal: AbortSignal): Promise<SignedExam | undefined>
  /** What is submitted to it and in force. For validators. */
  submissions(mechanism: string, signal: AbortSignal): Promise<readonly SubmissionInForce[]>
  /** Appends to the caller's own log. Publishing the same record twice is one publication. */
  publishRecord(record: SignedRecord, signal: AbortSignal): Promise<void>
  /** The ranking by one validator's evidence, or by that of the one with the most stake. */
  ownRanking(
    mechanism: string,
    author: Hotkey | undefined,
    signal: AbortSignal,
  ): Promise<{author: Hotkey; ranking: Ranking; view: SubnetView} | undefined>
}

/** Who may neither call nor be asked. Reading is for everybody, writing for the subnet's administrators. */
export interface BlacklistApi {
  readonly url: string
  bans(signal: AbortSignal): Promise<readonly BlacklistEntryBody[]>
  /** Adding again replaces the reason. */
  ban(hotkey: Hotkey, reason: string | null, signal: AbortSignal): Promise<BlacklistEntryBody>
  /** False when it was not there. */
  unban(hotkey: Hotkey, signal: AbortSignal): Promise<boolean>
}

/**
 * What an auditor reads, as the texts that the owner serves: they are looked at piece by piece, so that one that is damaged
 * can be named. Undefined where there is no such thing.
 */
export interface EvidenceApi {
  readonly url: string
  /** Signed exams, one JSON text each, in the order of publication; undefined at an API without them. */
  examTexts(signal: AbortSignal): Promise<readonly string[] | undefined>
  manifestText(taskId: TaskId, signal: AbortSignal): Promise<string | undefined>
  /** The pieces of one settled task: manifest, verdicts, settlement. */
  evidenceTexts(taskId: TaskId, signal: AbortSignal): Promise<readonly string[] | undefined>
  rankingText(signal: AbortSignal): Promise<string | undefined>
  weightsText(signal: AbortSignal): Promise<string | undefined>
}

/** Admin. What has been signed once, from this machine or another, is given to the owner's API. */
export interface ExamApi {
  readonly url: string
  publishExam(exam: SignedExam, signal: AbortSignal): Promise<ExamTakenBody>
}
