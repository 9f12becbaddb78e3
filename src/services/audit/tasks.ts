import {z} from 'zod'
import {hashOf, messageOfHash} from '../../domain/canonical.js'
import {BlockNumber, compareText, type Hotkey, type TaskId} from '../../domain/ids.js'
import {manifestFault} from '../../domain/signed.js'
import {SignedManifest} from '../../domain/task.js'
import {type SettledTask, SignedVerdict} from '../../domain/verdict.js'
import type {Verify, VerifyAll} from '../../wallet/port.js'
import type {AuditedExam, ExamHistory} from './exams.js'
import type {Findings} from './findings.js'
import {readPiece, short} from './pieces.js'

export interface TaskDeps {
  readonly exams: ExamHistory
  readonly verify: Verify
  readonly verifyAll: VerifyAll
  readonly findings: Findings
}

/** One settled task after every signature, hash and reference in it was looked at. */
export interface AuditedTask {
  readonly taskId: TaskId
  /** Undefined when it could not be read, or is not what a sampler signed. */
  readonly task: SignedManifest | undefined
  readonly exam: AuditedExam | undefined
  /** With the verdicts that hold; undefined without a manifest. */
  readonly settled: SettledTask | undefined
  /** False when something of what the ranking follows from is damaged. */
  readonly isWhole: boolean
}

const Settlement = z.strictObject({settledAtBlock: BlockNumber, verdicts: z.number().int().min(0)})

/** The lines as the owner serves them: the manifest, the verdicts, and when it settled. */
export async function auditTask(
  taskId: TaskId,
  lines: readonly string[],
  deps: TaskDeps,
  signal: AbortSignal,
): Promise<AuditedTask> {
  const {findings} = deps
  const errors = () => findings.counts().error
  const before = errors()
  const [first, ...rest] = lines
  const manifest = auditManifest(taskId, first ?? '', deps)
  const settlement = auditSettlement(taskId, rest.at(-1), rest.length - 1, manifest?.task, findings)
  const verdicts = await auditVerdicts(taskId, rest.slice(0, -1), manifest, deps, signal)
  const isWhole = errors() === before
  if (manifest && settlement) checkMissing(manifest, verdicts, settlement.settledAtBlock, rest.length - 1, findings)
  const settled = manifest && {
    task: manifest.task,
    verdicts: verdicts.flatMap(({signed, holds}) => (holds ? signed : [])),
    settledAtBlock: settlement?.settledAtBlock ?? manifest.task.manifest.block.number,
  }
  return {taskId, task: manifest?.task, exam: manifest?.exam, settled, isWhole}
}

interface ReadManifest {
  readonly task: SignedManifest
  readonly exam: AuditedExam | undefined
}

/** A manifest that a sampler of its exam signed; undefined with a finding when it is not. */
export function auditManifest(
  taskId: TaskId,
  text: string,
  {exams, verify, findings}: Pick<TaskDeps, 'exams' | 'verify' | 'findings'>,
): ReadManifest | undefined {
  const object = `manifest of task ${taskId}`
  const name = {check: 'manifests', object, task: taskId}
  findings.looked('manifests')
  const task = readPiece(text, SignedManifest, name, findings)
  if (!task) return undefined
  const {manifest, signer} = task
  const refuse = (code: string, expected: string, found: string) => {
    const remedy = 'ask the owner of the subnet for the manifest as it was signed'
    findings.error('manifests', {code, object, who: signer, expected, found, remedy, task: taskId})
    return undefined
  }
  if (manifest.taskId !== taskId) return refuse('MANIFEST_OF_ANOTHER_TASK', `task ${taskId}`, `task ${manifest.taskId}`)
  const exam = exams.find(manifest.examHash)
  if (!exam) {
    if (exams.isWhole) return refuse('EXAM_UNKNOWN', 'one of the exams of this subnet', short(manifest.examHash))
    // The exam itself is what is damaged, and has its own finding.
    return {task, exam: undefined}
  }
  const fault = manifestFault(task, exam.signed, verify)
  if (fault) return refuse('MANIFEST_UNTRUSTED', `a manifest that ${signer} signed as a sampler`, fault)
  const due = exams.ofTask(taskId)
  if (exams.isWhole && due !== exam)
    return refuse('MANIFEST_WRONG_EXAM', `exam ${short(due?.signed.examHash ?? 'none')}`, short(manifest.examHash))
  return {task, exam}
}

function auditSettlement(
  taskId: TaskId,
  text: string | undefined,
  count: number,
  task: SignedManifest | undefined,
  findings: Findings,
): z.infer<typeof Settlement> | undefined {
  const object = `settlement of task ${taskId}`
  findings.looked('settlements')
  const settlement = readPiece(text ?? '', Settlement, {check: 'settlements', object, task: taskId}, findings)
  if (!settlement) return undefined
  const {settledAtBlock, verdicts} = settlement
  if (verdicts !== count) {
    const remedy = 'ask the owner of the subnet for the evidence of this task again'
    const expected = `${verdicts} verdicts`
    findings.error('settlements', {code: 'EVIDENCE_CUT', object, expected, found: String(count), remedy, task: taskId})
  }
  const made = task?.manifest.block.number ?? 0
  if (settledAtBlock < made) {
    const expected = `block ${made} or later`
    findings.error('settlements', {
      code: 'SETTLED_BEFORE_MADE',
      object,
      expected,
      found: `block ${settledAtBlock}`,
      task: taskId,
    })
  }
  return settlement
}

interface ReadVerdict {
  readonly signed: SignedVerdict
  readonly holds: boolean
}

const pairOf = (validator: string, miner: string) => `${validator} ${miner}`

async function auditVerdicts(
  taskId: TaskId,
  lines: readonly string[],
  manifest: ReadManifest | undefined,
  {verifyAll, findings}: TaskDeps,
  signal: AbortSignal,
): Promise<ReadVerdict[]> {
  const names = new VerdictNames(taskId, lines, manifest?.task)
  const seen = new Set<string>()
  findings.looked('verdicts', lines.length)
  const read = lines.map((text, index) => {
    const name = names.of(index)
    const before = findings.counts().error
    const signed = readPiece(text, SignedVerdict, {check: 'verdicts', ...name, task: taskId}, findings)
    return signed && {signed, name, hash: hashOf(signed.verdict), isOwn: findings.counts().error === before}
  })
  const verdicts = read.filter((item) => item !== undefined)
  const valid = await verifyAll(
    verdicts.map(({signed: {verdict, signature}, hash}) => ({
      message: messageOfHash('verdict', hash),
      signature: Buffer.from(signature.slice(2), 'hex'),
      hotkey: verdict.validator,
    })),
    signal,
  )
  return verdicts.map(({signed, name, isOwn}, index) => {
    const {verdict} = signed
    const refuse = (code: string, expected: string, found: string) => {
      const remedy = 'a validator signs what it says: ask it, and the owner, for the verdict as it was signed'
      findings.error('verdicts', {code, ...name, expected, found, remedy, task: taskId})
      return {signed, holds: false}
    }
    if (valid[index] !== true)
      return refuse(
        'VERDICT_UNTRUSTED',
        `a verdict that ${name.who ?? 'its validator'} signed`,
        'its signature does not verify',
      )
    const pair = pairOf(verdict.validator, verdict.miner)
    if (seen.has(pair)) return refuse('VERDICT_TWICE', 'one verdict of a validator on an output', 'another one')
    seen.add(pair)
    const mismatch = manifest && verdictMismatch(signed, manifest.task)
    if (mismatch) return refuse('VERDICT_OF_SOMETHING_ELSE', mismatch.expected, mismatch.found)
    const difference = manifest?.exam?.rule?.auditor?.checkVerdict(verdict, manifest.task.manifest)
    // Badly reckoned, but signed: it votes, and everybody can see who did it.
    if (difference) findings.warning('verdicts', {...difference, ...name, task: taskId})
    return {signed, holds: isOwn}
  })
}

/** Where a verdict is not about this task and these bytes. */
function verdictMismatch(
  {verdict}: SignedVerdict,
  {manifest}: SignedManifest,
): {readonly expected: string; readonly found: string} | undefined {
  const answer = manifest.answers.find(({hotkey}) => hotkey === verdict.miner)
  const claims: readonly (readonly [what: string, wanted: unknown, got: unknown])[] = [
    ['task', manifest.taskId, verdict.taskId],
    ['subnet', manifest.netuid, verdict.netuid],
    ['mechanism', manifest.mechanism, verdict.mechanism],
    ['exam', manifest.examHash, verdict.examHash],
    ['outcome', 'ok', answer?.outcome ?? 'not asked'],
    ['output', answer?.output?.sha256, verdict.artefacts.output],
    ['clip', manifest.clip.sha256, verdict.artefacts.clip],
    ['first frame', manifest.firstFrame?.sha256 ?? null, verdict.artefacts.firstFrame],
    ['voter', true, manifest.voters.some(({hotkey}) => hotkey === verdict.validator)],
  ]
  const wrong = claims.find(([, wanted, got]) => wanted !== got)
  return wrong && {expected: `${wrong[0]} ${String(wrong[1])}`, found: `${wrong[0]} ${String(wrong[2])}`}
}

/**
 * Verdicts that should be there and are not. A task settles when it has them all, or when their time is up: one that
 * settled before with some missing was closed on somebody.
 */
function checkMissing(
  {task: {manifest, signer}, exam}: ReadManifest,
  verdicts: readonly ReadVerdict[],
  settledAtBlock: number,
  count: number,
  findings: Findings,
): void {
  const expected = manifest.voters.length * manifest.answers.filter(({outcome}) => outcome === 'ok').length
  const dueBlock = manifest.block.number + (exam?.rule?.settleBlocks ?? 0)
  if (count >= expected || !exam?.rule || settledAtBlock >= dueBlock) return
  const voted = new Set(verdicts.map(({signed}) => signed.verdict.validator))
  const silent = manifest.voters.filter(({hotkey}) => !voted.has(hotkey)).map(({hotkey}) => hotkey)
  const {taskId} = manifest
  findings.error('settlements', {
    ...{code: 'SETTLED_EARLY', object: `settlement of task ${taskId}`, who: signer, task: taskId},
    expected: `${expected} verdicts, or block ${dueBlock}`,
    found: `${count} verdicts at block ${settledAtBlock}${silent.length > 0 ? `; nothing of ${silent.join(', ')}` : ''}`,
    remedy: 'ask the owner why, and the validators whether their verdicts were refused',
  })
}

/**
 * What a verdict is called, also when its own words cannot be trusted. Verdicts stand sorted by validator and miner, so
 * that between two that can be read only some can be missing.
 */
class VerdictNames {
  readonly #taskId: TaskId
  readonly #claimed: readonly (readonly [validator: string, miner: string] | undefined)[]
  /** Every pair that may be there, sorted; empty without a manifest. */
  readonly #pairs: readonly (readonly [validator: Hotkey, miner: Hotkey])[]
  readonly #known: ReadonlySet<string>

  constructor(taskId: TaskId, lines: readonly string[], task: SignedManifest | undefined) {
    this.#taskId = taskId
    const voters = [...(task?.manifest.voters ?? [])].sort((a, b) => compareText(a.hotkey, b.hotkey))
    const answered = [...(task?.manifest.answers ?? [])]
      .filter(({outcome}) => outcome === 'ok')
      .sort((a, b) => compareText(a.hotkey, b.hotkey))
    this.#pairs = voters.flatMap(({hotkey}) => answered.map((answer) => [hotkey, answer.hotkey] as const))
    this.#known = new Set(this.#pairs.map(([validator, miner]) => pairOf(validator, miner)))
    this.#claimed = lines.map((line) => {
      const validator = /"validator":"([1-9A-HJ-NP-Za-km-z]{47,48})"/.exec(line)?.[1]
      const miner = /"miner":"([1-9A-HJ-NP-Za-km-z]{47,48})"/.exec(line)?.[1]
      return validator !== undefined && miner !== undefined ? [validator, miner] : undefined
    })
  }

  of(index: number): {readonly object: string; readonly who: string | null} {
    const [validator, miner] = this.#trusted(index) ?? this.#between(index) ?? this.#claimed[index] ?? []
    if (validator === undefined) return {object: `verdict ${index + 1} of task ${this.#taskId}`, who: null}
    return {object: `verdict of ${validator} on ${miner} in task ${this.#taskId}`, who: validator}
  }

  #trusted(index: number): readonly [string, string] | undefined {
    const claim = this.#claimed[index]
    return claim && (this.#known.size === 0 || this.#known.has(pairOf(...claim))) ? claim : undefined
  }

  /** The only pair that can stand here; undefined when there are several. */
  #between(index: number): readonly [string, string] | undefined {
    const key = (at: number) => {
      const claim = this.#trusted(at)
      return claim && pairOf(...claim)
    }
    let from = index - 1
    while (from >= 0 && key(from) === undefined) from--
    let to = index + 1
    while (to < this.#claimed.length && key(to) === undefined) to++
    const [low, high] = [key(from) ?? '', key(to) ?? '~']
    const candidates = this.#pairs.filter((pair) => {
      const own = pairOf(...pair)
      return compareText(own, low) > 0 && compareText(own, high) < 0
    })
    const place = index - from - 1
    // As many as there are lines: then each line is the pair at its place.
    return candidates.length === to - from - 1 || candidates.length === 1
      ? (candidates[place] ?? candidates[0])
      : undefined
  }
}
