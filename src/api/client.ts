import {z} from 'zod'
import {SignedExam} from '../domain/exam.js'
import type {Hotkey, Sha256, TaskId} from '../domain/ids.js'
import type {Ranking} from '../domain/ranking.js'
import type {SignedRecord} from '../domain/record.js'
import type {SubnetView} from '../domain/subnet.js'
import type {SignedManifest, Voter} from '../domain/task.js'
import type {SettledTask} from '../domain/verdict.js'
import {KnownSubmissionsBody, OwnRankingBody, RecordTakenBody} from './mechanism-schemas.js'
import type {BlacklistApi, EvidenceApi, ExamApi, OwnerApi, SubmissionInForce, SubmitVerdicts} from './port.js'
import {sampleOf} from './sample.js'
import {
  BlacklistEntryBody,
  ExamTakenBody,
  HealthBody,
  LatestTaskBody,
  MinersList,
  RankBody,
  RankingBody,
  RemovalBody,
  type SampleSubmission,
  SettledBody,
  TasksBody,
  VotersBody,
  WeightsBody,
} from './schemas.js'
import {evaluationEntry, signEvaluation} from './signature.js'
import {Transport, type TransportOptions} from './transport.js'

/** Published limit of a batch. */
const maxBatch = 100
/** Below the server's default body limit, with room for the rest of the body. */
const maxBatchBytes = 1_500_000

/** The owner's API over HTTP. */
export class HttpOwnerApi implements OwnerApi, BlacklistApi, EvidenceApi, ExamApi {
  readonly #options: TransportOptions
  readonly #transport: Transport

  constructor(options: TransportOptions) {
    this.#options = options
    this.#transport = new Transport(options)
  }

  get url(): string {
    return this.#transport.url
  }

  health(signal: AbortSignal): Promise<HealthBody> {
    return this.#transport.get({method: 'GET', path: '/health', signed: false}, HealthBody, signal)
  }

  exam(signal: AbortSignal, hash?: Sha256): Promise<SignedExam | undefined> {
    const path = hash === undefined ? '/exam' : `/exams/${hash}`
    return this.#transport.find({method: 'GET', path, signed: false, keeps: true}, SignedExam, signal)
  }

  publishExam(exam: SignedExam, signal: AbortSignal): Promise<ExamTakenBody> {
    const call = {method: 'POST', path: '/exams', signed: true, body: exam, refusedCode: 'EXAM_REFUSED'} as const
    return this.#transport.get(call, ExamTakenBody, signal)
  }

  async examTexts(signal: AbortSignal): Promise<readonly string[] | undefined> {
    return linesOf(await this.#text('/exams', signal))
  }

  manifestText(taskId: TaskId, signal: AbortSignal): Promise<string | undefined> {
    return this.#text(`/tasks/${taskId}/manifest`, signal)
  }

  async evidenceTexts(taskId: TaskId, signal: AbortSignal): Promise<readonly string[] | undefined> {
    return linesOf(await this.#text(`/tasks/${taskId}/evidence`, signal))
  }

  rankingText(signal: AbortSignal): Promise<string | undefined> {
    return this.#text('/ranking', signal)
  }

  weightsText(signal: AbortSignal): Promise<string | undefined> {
    return this.#text('/weights', signal)
  }

  #text(path: string, signal: AbortSignal): Promise<string | undefined> {
    return this.#transport.text({method: 'GET', path, signed: false}, signal)
  }

  async latestTask(signal: AbortSignal): Promise<TaskId | undefined> {
    const call = {method: 'GET', path: '/tasks/latest', signed: false, keeps: true} as const
    return (await this.#transport.find(call, LatestTaskBody, signal))?.task_id
  }

  async tasksAfter(after: TaskId | 0, limit: number, signal: AbortSignal): Promise<readonly SignedManifest[]> {
    const path = `/tasks/log?after=${after}&limit=${limit}`
    return (await this.#transport.get({method: 'GET', path, signed: false}, TasksBody, signal)).tasks
  }

  async publishTask(task: SignedManifest, signal: AbortSignal): Promise<void> {
    await this.#transport.get({method: 'POST', path: '/tasks', signed: true, body: task}, LatestTaskBody, signal)
  }

  validMiners(signal: AbortSignal): Promise<MinersList> {
    return this.#transport.get({method: 'GET', path: '/miners/valid', signed: true}, MinersList, signal)
  }

  miners(signal: AbortSignal): Promise<MinersList> {
    return this.#transport.get({method: 'GET', path: '/miners/list', signed: false}, MinersList, signal)
  }

  blacklist(signal: AbortSignal): Promise<readonly string[]> {
    return this.#transport.get({method: 'GET', path: '/blacklist/miners', signed: false}, z.array(z.string()), signal)
  }

  async voters(signal: AbortSignal): Promise<readonly Voter[]> {
    return (await this.#transport.get({method: 'GET', path: '/voters', signed: false}, VotersBody, signal)).voters
  }

  async submitVerdicts({verdicts, manifest, bucket}: SubmitVerdicts, signal: AbortSignal): Promise<void> {
    for (const samples of batches(verdicts.map((verdict) => sampleOf(verdict, manifest, bucket)))) {
      const {signer} = this.#options
      const signature = signer ? signEvaluation(signer, samples.map(evaluationEntry)) : null
      await this.#transport.get(
        {
          method: 'POST',
          path: '/samples/batch',
          signed: true,
          body: {signature, samples},
          refusedCode: 'VERDICTS_REFUSED',
        },
        // Accepted is all there is to know; the rows that come back repeat what was sent.
        z.array(z.unknown()),
        signal,
      )
    }
  }

  async settledAfter(after: TaskId | 0, limit: number, signal: AbortSignal): Promise<readonly SettledTask[]> {
    const path = `/tasks/settled?after=${after}&limit=${limit}`
    return (await this.#transport.get({method: 'GET', path, signed: false}, SettledBody, signal)).settled
  }

  rank(signal: AbortSignal): Promise<RankBody> {
    return this.#transport.get({method: 'GET', path: '/scores/rank', signed: false, keeps: true}, RankBody, signal)
  }

  weights(signal: AbortSignal): Promise<WeightsBody> {
    return this.#transport.get({method: 'GET', path: '/weights', signed: false, keeps: true}, WeightsBody, signal)
  }

  ranking(signal: AbortSignal): Promise<{ranking: Ranking; view: SubnetView} | undefined> {
    return this.#transport.find({method: 'GET', path: '/ranking', signed: false, keeps: true}, RankingBody, signal)
  }

  ownExam(mechanism: string, signal: AbortSignal): Promise<SignedExam | undefined> {
    const path = `/mechanisms/${mechanism}/exam`
    return this.#transport.find({method: 'GET', path, signed: false}, SignedExam, signal)
  }

  async submissions(mechanism: string, signal: AbortSignal): Promise<readonly SubmissionInForce[]> {
    const path = `/mechanisms/${mechanism}/submissions`
    const {submissions} = await this.#transport.get({method: 'GET', path, signed: true}, KnownSubmissionsBody, signal)
    return submissions.map(({hotkey, text, block, claim_block, submitted_at, is_blacklisted, copy_of, proof}) => ({
      ...{hotkey, text, block, proof},
      claimBlock: claim_block,
      at: submitted_at,
      isBlacklisted: is_blacklisted,
      copyOf: copy_of,
    }))
  }

  async publishRecord(record: SignedRecord, signal: AbortSignal): Promise<void> {
    const path = `/mechanisms/${record.record.mechanism}/records`
    const call = {method: 'POST', path, signed: true, body: record, refusedCode: 'RECORD_REFUSED'} as const
    await this.#transport.get(call, RecordTakenBody, signal)
  }

  ownRanking(
    mechanism: string,
    author: Hotkey | undefined,
    signal: AbortSignal,
  ): Promise<{author: Hotkey; ranking: Ranking; view: SubnetView} | undefined> {
    const path = `/mechanisms/${mechanism}/ranking${author === undefined ? '' : `?author=${author}`}`
    return this.#transport.find({method: 'GET', path, signed: false}, OwnRankingBody, signal)
  }

  bans(signal: AbortSignal): Promise<BlacklistEntryBody[]> {
    return this.#transport.get({method: 'GET', path: '/blacklist', signed: false}, z.array(BlacklistEntryBody), signal)
  }

  ban(hotkey: Hotkey, reason: string | null, signal: AbortSignal): Promise<BlacklistEntryBody> {
    const call = {method: 'POST', path: '/blacklist', signed: true, body: {hotkey, reason}} as const
    return this.#transport.get(call, BlacklistEntryBody, signal)
  }

  async unban(hotkey: Hotkey, signal: AbortSignal): Promise<boolean> {
    const call = {method: 'DELETE', path: `/blacklist/${hotkey}`, signed: true} as const
    return (await this.#transport.find(call, RemovalBody, signal))?.success ?? false
  }
}

/** One piece a line; the last line ends like the others. */
function linesOf(text: string | undefined): string[] | undefined {
  return text?.split('\n').filter((line, index, all) => line !== '' || index < all.length - 1)
}

/** Pieces of at most 100 samples that each fit the server's body limit; one piece in all but the largest subnets. */
function batches(samples: readonly SampleSubmission[]): SampleSubmission[][] {
  const pieces: SampleSubmission[][] = []
  let piece: SampleSubmission[] = []
  let bytes = 0
  for (const sample of samples) {
    const size = Buffer.byteLength(JSON.stringify(sample))
    if (piece.length > 0 && (piece.length === maxBatch || bytes + size > maxBatchBytes)) {
      pieces.push(piece)
      piece = []
      bytes = 0
    }
    piece.push(sample)
    bytes += size
  }
  return piece.length > 0 ? [...pieces, piece] : pieces
}
