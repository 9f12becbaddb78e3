import type {OwnerApi, SubmissionInForce, SubmitVerdicts} from '../../src/api/port.js'
import type {MinersList} from '../../src/api/schemas.js'
import {canonicalJson} from '../../src/domain/canonical.js'
import type {SignedExam} from '../../src/domain/exam.js'
import type {SignedRecord} from '../../src/domain/record.js'
import type {SignedManifest, Voter} from '../../src/domain/task.js'
import {LeomaError} from '../../src/errors.js'

/** The owner's API in memory, for tests of the services that call it. Only the calls that those make are there. */
export class FakeOwnerApi implements OwnerApi {
  readonly url = 'memory'
  readonly tasks: SignedManifest[] = []
  readonly submitted: SubmitVerdicts[] = []
  examInForce: SignedExam | undefined
  earlierExams: SignedExam[] = []
  minersInForce: MinersList['miners'] = []
  votersInForce: Voter[] = []
  barred: string[] = []
  offered: SubmissionInForce[] = []
  records: SignedRecord[] = []
  /** Consulted before each call; a test throws from it to make the owner fail. */
  before: (call: string) => void = () => {}

  async exam(_signal?: AbortSignal, hash?: string) {
    this.before('exam')
    return hash === undefined ? this.examInForce : this.earlierExams.find(({examHash}) => examHash === hash)
  }

  async blacklist() {
    this.before('blacklist')
    return this.barred
  }

  async latestTask() {
    this.before('latestTask')
    return this.tasks.at(-1)?.manifest.taskId
  }

  async tasksAfter(after: number, limit: number) {
    this.before('tasksAfter')
    return this.tasks.filter(({manifest}) => manifest.taskId > after).slice(0, limit)
  }

  async publishTask(task: SignedManifest) {
    this.before('publishTask')
    const latest = this.tasks.at(-1)
    if (latest && canonicalJson(latest) === canonicalJson(task)) return
    if (task.manifest.taskId !== (latest?.manifest.taskId ?? 0) + 1)
      throw new LeomaError('upstream', 'API_CONFLICT', 'not the next task')
    this.tasks.push(task)
  }

  async validMiners() {
    this.before('validMiners')
    return {miners: this.minersInForce, total: this.minersInForce.length, valid_count: this.minersInForce.length}
  }

  async voters() {
    this.before('voters')
    return this.votersInForce
  }

  async ownExam() {
    this.before('ownExam')
    return this.examInForce
  }

  async submissions() {
    this.before('submissions')
    return this.offered
  }

  async publishRecord(record: SignedRecord) {
    this.before('publishRecord')
    this.records.push(record)
  }

  async submitVerdicts(batch: SubmitVerdicts) {
    this.before('submitVerdicts')
    this.submitted.push(batch)
  }

  async health(): Promise<never> {
    throw new Error('not part of this fake')
  }
  async miners(): Promise<never> {
    throw new Error('not part of this fake')
  }
  async settledAfter(): Promise<never> {
    throw new Error('not part of this fake')
  }
  async rank(): Promise<never> {
    throw new Error('not part of this fake')
  }
  async weights(): Promise<never> {
    throw new Error('not part of this fake')
  }
  async ownRanking(): Promise<never> {
    throw new Error('not part of this fake')
  }
  async ranking(): Promise<never> {
    throw new Error('not part of this fake')
  }
}
