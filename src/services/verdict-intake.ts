import type {SampleSubmission} from '../api/schemas.js'
import {evaluationDigest, evaluationEntry, evaluationPayload, parseSignature, wrapped} from '../api/signature.js'
import {hashOf, messageOfHash} from '../domain/canonical.js'
import type {Hotkey, Sha256, TaskId} from '../domain/ids.js'
import type {SignedManifest, TaskManifest} from '../domain/task.js'
import type {SignedVerdict} from '../domain/verdict.js'
import type {Clock} from '../runtime/clock.js'
import type {Logger} from '../runtime/logger.js'
import type {Store} from '../store/open.js'
import {findSample, type NewSample, putSample, type StoredSample} from '../store/samples.js'
import {findManifest, findTaskFacts} from '../store/tasks.js'
import {addEvaluationSignature, addVerdict, verdictHashes} from '../store/verdicts.js'
import type {Check, Verify, VerifyAll} from '../wallet/port.js'

/** Samples looked at before requests are answered in between. */
const samplesPerTurn = 25

export interface VerdictIntakeDeps {
  readonly store: Store
  readonly verify: Verify
  /** Beside the event loop; one after the other in slices when absent. */
  readonly verifyAll?: VerifyAll | undefined
  readonly time: Pick<Clock, 'now' | 'sleep'>
  readonly log: Logger
}

export interface Submission {
  readonly validator: Hotkey
  readonly samples: readonly SampleSubmission[]
  /** The published signature over all samples together. */
  readonly signature: string | null
}

export type VerdictIntake =
  | {readonly ok: true; readonly samples: readonly StoredSample[]; readonly added: number}
  | {readonly ok: false; readonly status: 409 | 422; readonly detail: string}

interface Fault {
  readonly status: 409 | 422
  readonly reason: string
}

/**
 * Takes in samples, all or none. A sample that carries our signed verdict votes; one without is kept for display, as the
 * published API would, and never votes. What was taken in is not changed any more: the same again is fine, anything else
 * under the same task, validator and miner is refused.
 */
export async function takeVerdicts(
  submission: Submission,
  deps: VerdictIntakeDeps,
  signal: AbortSignal,
): Promise<VerdictIntake> {
  const {store, time, log} = deps
  const {validator, samples} = submission
  const refuse = (index: number, {status, reason}: Fault): VerdictIntake => ({
    ok: false,
    status,
    detail: samples.length === 1 ? reason : `Sample ${index}: ${reason}`,
  })

  const repeated = findRepeated(samples)
  if (repeated !== -1) return refuse(repeated, {status: 422, reason: 'this output stands in the batch twice'})
  for (const [index, sample] of samples.entries()) {
    const fault = sampleFault(sample, validator, findManifest(store, sample.task_id))
    if (fault) return refuse(index, {status: 422, reason: fault})
    if (index % samplesPerTurn === samplesPerTurn - 1) await time.sleep(0, signal)
  }
  const entries = samples.map((sample) => ({sample, hash: sample.verdict && hashOf(sample.verdict.verdict)}))
  await time.sleep(0, signal)
  const checked = await checkSignatures(entries, submission, deps, signal)
  if ('unsigned' in checked)
    return refuse(checked.unsigned, {status: 422, reason: 'the signature of the verdict does not verify'})
  const {signed} = checked
  if (!signed)
    return {ok: false, status: 422, detail: 'The evaluation signature does not verify over the samples as sent'}

  await time.sleep(0, signal)
  const result = store.sql.transaction(() => append(entries, submission, signed, {store, at: time.now(), refuse}))
  if (result.ok && result.added > 0)
    log.info({validator, samples: samples.length, added: result.added, task: samples[0]?.task_id}, 'verdicts taken in')
  return result
}

interface Entry {
  readonly sample: SampleSubmission
  /** Of the signed verdict, if there is one. */
  readonly hash: Sha256 | undefined
}

/** Under the write lock: what was looked at before may have changed while signatures were checked. */
function append(
  entries: readonly Entry[],
  {validator}: Submission,
  signed: readonly EvaluationSignature[],
  {store, at, refuse}: {store: Store; at: number; refuse: (index: number, fault: Fault) => VerdictIntake},
): VerdictIntake {
  const open = perTask((taskId) => findTaskFacts(store, taskId)?.isSettled === false)
  const hashes = perTask((taskId) => verdictHashes(store, taskId, validator))
  const known = entries.map((entry) => knownAs(entry, validator, hashes(entry.sample.task_id), store))
  for (const [index, {sample}] of entries.entries()) {
    if (known[index] === 'another')
      return refuse(index, {status: 409, reason: 'this validator has already judged this output, differently'})
    if (known[index] === undefined && !open(sample.task_id))
      return refuse(index, {status: 409, reason: `task ${sample.task_id} has settled, no more verdicts are taken`})
  }
  const stored = entries.flatMap(({sample, hash}, index) => {
    if (known[index] === 'the same') return findSample(store, keyOf(sample, validator)) ?? []
    if (sample.verdict) addVerdict(store, sample.verdict, at, hash)
    return putSample(store, newSample(sample, validator, at))
  })
  for (const {taskId, text, payload} of signed)
    addEvaluationSignature(store, {taskId, validator, signature: text, payload, at})
  return {ok: true, added: known.filter((state) => state === undefined).length, samples: stored}
}

function perTask<T>(read: (taskId: TaskId) => T): (taskId: TaskId) => T {
  const known = new Map<TaskId, T>()
  return (taskId) => {
    const value = known.has(taskId) ? (known.get(taskId) as T) /* just found */ : read(taskId)
    known.set(taskId, value)
    return value
  }
}

/** What is wrong with one sample, whatever else is known; undefined when nothing is. */
function sampleFault(
  sample: SampleSubmission,
  validator: Hotkey,
  task: SignedManifest | undefined,
): string | undefined {
  if (!task) return `task ${sample.task_id} has not been published`
  const {manifest} = task
  const answer = manifest.answers.find(({hotkey}) => hotkey === sample.miner_hotkey)
  if (!answer) return `${sample.miner_hotkey} was not asked in task ${sample.task_id}`
  if (answer.outcome !== 'ok')
    return `${sample.miner_hotkey} has no output in task ${sample.task_id} (${answer.outcome})`
  if (sample.s3_prefix !== String(sample.task_id)) return `s3_prefix of task ${sample.task_id} is "${sample.task_id}"`
  if (sample.prompt !== manifest.prompt.text) return `this is not the prompt of task ${sample.task_id}`
  return sample.verdict && verdictMismatch(sample.verdict, sample, validator, manifest)
}

/** Where a verdict is not about this sample, this task and these bytes. */
function verdictMismatch(
  {verdict}: SignedVerdict,
  sample: SampleSubmission,
  validator: Hotkey,
  manifest: TaskManifest,
): string | undefined {
  const answer = manifest.answers.find(({hotkey}) => hotkey === verdict.miner)
  const claims: readonly (readonly [what: string, got: unknown, wanted: unknown])[] = [
    ['validator', verdict.validator, validator],
    ['task', verdict.taskId, sample.task_id],
    ['miner', verdict.miner, sample.miner_hotkey],
    ['result', verdict.passed, sample.passed],
    ['subnet', verdict.netuid, manifest.netuid],
    ['mechanism', verdict.mechanism, manifest.mechanism],
    ['exam', verdict.examHash, manifest.examHash],
    ['output', verdict.artefacts.output, answer?.output?.sha256],
    ['clip', verdict.artefacts.clip, manifest.clip.sha256],
    ['first frame', verdict.artefacts.firstFrame, manifest.firstFrame?.sha256 ?? null],
  ]
  const wrong = claims.find(([, got, wanted]) => got !== wanted)
  if (wrong) return `the verdict names another ${wrong[0]}: ${String(wrong[1])}`
  if (!manifest.voters.some(({hotkey}) => hotkey === validator))
    return `${validator} is not a voter of task ${manifest.taskId}`
  return undefined
}

interface EvaluationSignature {
  readonly taskId: TaskId
  readonly text: string
  /** The exact text that the signature covers. */
  readonly payload: string
}

/** All signatures of a submission at once: the index of the first verdict whose own does not hold, or the others. */
async function checkSignatures(
  entries: readonly Entry[],
  submission: Submission,
  {verify, verifyAll, time}: VerdictIntakeDeps,
  signal: AbortSignal,
): Promise<{readonly unsigned: number} | {readonly signed: EvaluationSignature[] | undefined}> {
  const verdicts = entries.flatMap(({sample: {verdict}, hash}, index) =>
    verdict && hash ? [{index, check: checkOf(verdict, hash)}] : [],
  )
  const claims = evaluationClaims(submission)
  const checks = [...verdicts.map(({check}) => check), ...claims.flatMap((claim) => claim.checks)]
  const valid = await (verifyAll ?? inSlices(verify, time))(checks, signal)

  const wrong = verdicts.find((_, position) => valid[position] !== true)
  if (wrong) return {unsigned: wrong.index}
  let position = verdicts.length
  const signed = claims.map(({taskId, text, payloads, checks: own}) => {
    const results = valid.slice(position, position + own.length)
    position += own.length
    // Each payload was tried plain and wrapped.
    const payload = payloads[Math.floor(results.indexOf(true) / 2)]
    return payload === undefined ? undefined : {taskId, text, payload}
  })
  return {signed: signed.every((claim) => claim !== undefined) ? signed : undefined}
}

function checkOf({verdict, signature}: SignedVerdict, hash: Sha256): Check {
  return {
    message: messageOfHash('verdict', hash),
    signature: Buffer.from(signature.slice(2), 'hex'),
    hotkey: verdict.validator,
  }
}

function inSlices(verify: Verify, time: Pick<Clock, 'sleep'>): VerifyAll {
  return async (checks, signal) => {
    const valid: boolean[] = []
    for (const {message, signature, hotkey} of checks) {
      if (valid.length % samplesPerTurn === samplesPerTurn - 1) await time.sleep(0, signal)
      valid.push(verify(message, signature, hotkey))
    }
    return valid
  }
}

interface Claim {
  readonly taskId: TaskId
  readonly text: string
  /** What the signature may cover. */
  readonly payloads: readonly string[]
  /** Each payload plain, then wrapped as browsers sign; none when the text is no signature. */
  readonly checks: readonly Check[]
}

/**
 * The published signature covers the entries of one task in the order sent; one that stands at a sample may cover that
 * sample alone.
 */
function evaluationClaims({samples, signature, validator}: Submission): Claim[] {
  const wholes = new Map<TaskId, string>()
  const whole = (taskId: TaskId) => {
    const known =
      wholes.get(taskId) ?? evaluationPayload(samples.filter(({task_id}) => task_id === taskId).map(evaluationEntry))
    wholes.set(taskId, known)
    return known
  }
  const claims = new Map<string, Claim>()
  const add = (taskId: TaskId, text: string, payloads: readonly string[]) => {
    const bytes = parseSignature(text)
    const messages = payloads.map(evaluationDigest).flatMap((digest) => [digest, wrapped(digest)])
    const checks = bytes ? messages.map((message) => ({message, signature: bytes, hotkey: validator})) : []
    claims.set(`${taskId} ${text}`, {taskId, text, payloads, checks})
  }
  const [first] = samples
  if (signature !== null && first) add(first.task_id, signature, [whole(first.task_id)])
  for (const sample of samples) {
    const {evaluation_signature: text, task_id: taskId} = sample
    if (text === null) continue
    const own = evaluationPayload([evaluationEntry(sample)])
    add(taskId, text, [...new Set([whole(taskId), own])])
  }
  return [...claims.values()]
}

function findRepeated(samples: readonly SampleSubmission[]): number {
  const seen = new Set<string>()
  return samples.findIndex(({task_id, miner_hotkey}) => {
    const key = `${task_id} ${miner_hotkey}`
    if (seen.has(key)) return true
    seen.add(key)
    return false
  })
}

const keyOf = ({task_id, miner_hotkey}: SampleSubmission, validator: Hotkey) => ({
  taskId: task_id,
  validator,
  miner: miner_hotkey,
})

function knownAs(
  {sample, hash}: Entry,
  validator: Hotkey,
  hashes: ReadonlyMap<string, string>,
  store: Store,
): 'the same' | 'another' | undefined {
  if (hash !== undefined) {
    const before = hashes.get(sample.miner_hotkey)
    // A row without a signed verdict never voted; the signed one may still come and takes its place.
    if (before === undefined) return undefined
    return before === hash ? 'the same' : 'another'
  }
  const stored = findSample(store, keyOf(sample, validator))
  if (!stored) return undefined
  const {id: _, evaluatedAt: at, ...before} = stored
  const {evaluatedAt: __, ...now} = newSample(sample, validator, at)
  return hashOf(before) === hashOf(now) ? 'the same' : 'another'
}

function newSample(sample: SampleSubmission, validator: Hotkey, at: number): NewSample {
  return {
    taskId: sample.task_id,
    validator,
    miner: sample.miner_hotkey,
    prompt: sample.prompt,
    bucket: sample.s3_bucket,
    prefix: sample.s3_prefix,
    passed: sample.passed,
    confidence: sample.confidence,
    reasoning: sample.reasoning,
    latencyMs: sample.latency_ms,
    originalArtifacts: sample.original_artifacts,
    generatedArtifacts: sample.generated_artifacts,
    presentationOrder: sample.presentation_order,
    evaluatedAt: at,
  }
}
