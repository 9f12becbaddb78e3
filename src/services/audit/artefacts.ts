import {mkdir, rm} from 'node:fs/promises'
import path from 'node:path'
import pLimit from 'p-limit'
import {canonicalJson, sha256} from '../../domain/canonical.js'
import {compareText} from '../../domain/ids.js'
import type {Answer, Artefact, SignedManifest} from '../../domain/task.js'
import type {SignedVerdict} from '../../domain/verdict.js'
import {LeomaError} from '../../errors.js'
import type {Judge} from '../../judge/port.js'
import type {Exhibit, Rejudged, TaskAuditor} from '../../mechanisms/audit.js'
import type {Media} from '../../media/port.js'
import {withDeadline} from '../../runtime/deadline.js'
import type {Findings} from './findings.js'
import {short} from './pieces.js'
import type {AuditSource} from './source.js'

const fetchDeadlineMs = 600_000
const judgeDeadlineMs = 600_000
const atOnce = 4
const maxManifestBytes = 16 * 1024 * 1024
/** Objects that did not answer before the rest is not asked for any more. */
const patience = 5

export interface Amounts {
  /** Objects of a task to fetch and hash. */
  readonly artefacts: boolean
  /** Outputs of this task whose gates are tried again, and that are judged again. */
  readonly regate: number
  readonly rejudge: number
}

export interface ArtefactDeps {
  readonly source: Pick<AuditSource, 'objects' | 'isLive'>
  readonly findings: Findings
  readonly workDir: string
  /** Needed for gates and judges only. */
  readonly media: (() => Promise<Media>) | undefined
  readonly judges: (() => Promise<readonly Judge[]>) | undefined
}

/** One output judged again, beside what the validators said of it. */
export interface RejudgedOutput {
  readonly rejudged: Rejudged
  readonly verdicts: readonly SignedVerdict[]
}

/** Fetches what a manifest names, compares it with its hash, and does with some of it what sampler and validators did. */
export class ArtefactAudit {
  readonly #deps: ArtefactDeps
  readonly #limit = pLimit(atOnce)
  #unanswered = 0

  constructor(deps: ArtefactDeps) {
    this.#deps = deps
  }

  async check(
    {task, verdicts}: {readonly task: SignedManifest; readonly verdicts: readonly SignedVerdict[]},
    auditor: TaskAuditor | undefined,
    amounts: Amounts,
    signal: AbortSignal,
  ): Promise<RejudgedOutput[]> {
    const {findings, source, workDir} = this.#deps
    const {manifest} = task
    const regated = new Set(chosen(manifest.answers.filter(isGated), amounts.regate, task.signature))
    const judgeable = manifest.answers.filter(({outcome}) => outcome === 'ok')
    const rejudged = new Set(chosen(judgeable, amounts.rejudge, task.signature))
    if (!amounts.artefacts && regated.size + rejudged.size === 0) return []
    if (!source.objects) {
      const remedy = 'audit with the bucket: SAMPLES_PUBLIC_URL, or an archive that holds it'
      const found = 'the bucket of samples is not to be had'
      findings.info('artefacts', {code: 'ARTEFACTS_NOT_READ', object: 'artefacts of all tasks', found, remedy})
      return []
    }
    const dir = path.join(workDir, `audit-${manifest.taskId}`)
    await mkdir(dir, {recursive: true})
    try {
      const needed = regated.size + rejudged.size > 0
      if (amounts.artefacts) await this.#copy(task, signal)
      const clip = await this.#fetch(manifest.clip, path.join(dir, 'clip.mp4'), task, signal)
      const firstFrame =
        manifest.firstFrame && (await this.#fetch(manifest.firstFrame, path.join(dir, 'first_frame.png'), task, signal))
      const results = await Promise.all(
        manifest.answers.map((answer) =>
          this.#limit(async (): Promise<RejudgedOutput[]> => {
            const {output, hotkey} = answer
            const isUsed = regated.has(answer) || rejudged.has(answer)
            if (!output || !(amounts.artefacts || isUsed)) return []
            const file = await this.#fetch(output, path.join(dir, `${hotkey}.mp4`), task, signal)
            try {
              if (file === undefined || clip === undefined || firstFrame === undefined || !needed || !auditor) return []
              const exhibit = {manifest, answer, output: file, clip, firstFrame: firstFrame ?? undefined}
              if (regated.has(answer)) await this.#regate(exhibit, {task, verdicts, auditor}, signal)
              if (!rejudged.has(answer)) return []
              return [await this.#rejudge(exhibit, {verdicts, auditor}, signal)]
            } finally {
              if (file !== undefined) await rm(file, {force: true})
            }
          }),
        ),
      )
      return results.flat()
    } finally {
      await rm(dir, {recursive: true, force: true})
    }
  }

  /** The bucket's own copy of the manifest, for those who read no API. */
  async #copy(task: SignedManifest, signal: AbortSignal): Promise<void> {
    const {findings, source} = this.#deps
    const {taskId} = task.manifest
    const key = `${taskId}/manifest.json`
    const object = `artefact ${key}`
    const {objects} = source
    if (!objects) return
    const bytes = await this.#ask(key, object, task, signal, () => objects.getBytes(key, maxManifestBytes, signal))
    if (!bytes) return
    const expected = sha256(canonicalJson(task))
    const found = sha256(bytes)
    if (found === expected) return
    const remedy = 'the bucket and the API must show the same manifest: ask the owner'
    findings.error('artefacts', {
      ...{code: 'ARTEFACT_ALTERED', object, who: task.signer, remedy, task: taskId},
      expected: `SHA-256 ${short(expected)}`,
      found: `SHA-256 ${short(found)}`,
    })
  }

  /** Undefined, with a finding, for what is not there or not what the manifest names. */
  async #fetch(
    {key, sha256: expected, sizeBytes}: Artefact,
    to: string,
    task: SignedManifest,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const {findings, source} = this.#deps
    const object = `artefact ${key}`
    const {objects} = source
    if (!objects) return undefined
    const got = await this.#ask(key, object, task, signal, () =>
      withDeadline(`fetching ${key}`, fetchDeadlineMs, signal, (inner) => objects.getFile(key, to, sizeBytes, inner)),
    )
    if (!got) return undefined
    if (got.sha256 === expected && got.sizeBytes === sizeBytes) return to
    await rm(to, {force: true})
    findings.error('artefacts', {
      ...{code: 'ARTEFACT_ALTERED', object, who: task.signer, task: task.manifest.taskId},
      expected: `SHA-256 ${short(expected)}, ${sizeBytes} bytes`,
      found: `SHA-256 ${short(got.sha256)}, ${got.sizeBytes} bytes`,
      remedy: 'the bucket was changed after publication: ask the owner for the bytes that were judged',
    })
    return undefined
  }

  async #ask<T>(
    key: string,
    object: string,
    {manifest, signer}: SignedManifest,
    signal: AbortSignal,
    work: () => Promise<T>,
  ): Promise<T | undefined> {
    const {findings} = this.#deps
    if (this.#unanswered >= patience) return undefined
    findings.looked('artefacts')
    try {
      const answer = await work()
      this.#unanswered = 0
      return answer
    } catch (error) {
      signal.throwIfAborted()
      const {code, message} = LeomaError.from(error)
      const common = {object, who: signer, found: message, task: manifest.taskId}
      if (code === 'OBJECT_MISSING') {
        const remedy = 'ask the owner of the subnet: what was judged must stay published'
        findings.error('artefacts', {code: 'ARTEFACT_MISSING', ...common, expected: key, remedy})
      } else if (code === 'OBJECT_TOO_LARGE' || code === 'OBJECT_KEY_INVALID') {
        findings.error('artefacts', {code: 'ARTEFACT_ALTERED', ...common, expected: 'what the manifest names'})
      } else {
        this.#unanswered++
        const isLast = this.#unanswered >= patience
        findings.warning('artefacts', {
          ...common,
          ...{code: 'ARTEFACT_NOT_READ', remedy: 'try again when the bucket answers'},
          ...(isLast && {found: `${message}; the other artefacts are not asked for`}),
        })
      }
      return undefined
    }
  }

  async #regate(
    exhibit: Exhibit,
    {task, verdicts, auditor}: {task: SignedManifest; verdicts: readonly SignedVerdict[]; auditor: TaskAuditor},
    signal: AbortSignal,
  ): Promise<void> {
    const {findings, media} = this.#deps
    if (!media) return
    const {answer, manifest} = exhibit
    const {taskId} = manifest
    const again = await withDeadline('the gates', judgeDeadlineMs, signal, async (inner) =>
      auditor.regate(exhibit, await media(), inner),
    )
    if (!again) return
    findings.looked('gates again')
    const object = `output of ${answer.hotkey} in task ${taskId}`
    const remedy = 'compare with another version of ffmpeg; then ask the sampler'
    if (again.outcome !== answer.outcome) {
      const expected = `${again.outcome}${again.reason && `: ${again.reason}`}`
      const found = `${answer.outcome}${answer.reason === null ? '' : `: ${answer.reason}`}`
      findings.error('gates again', {
        code: 'GATE_DIFFERS',
        object,
        who: task.signer,
        expected,
        found,
        remedy,
        task: taskId,
      })
    }
    for (const {verdict} of verdicts.filter((one) => one.verdict.miner === answer.hotkey)) {
      const own = verdict.gate === null ? 'ok' : `rejected:${verdict.gate}`
      if (own === again.outcome || again.outcome !== answer.outcome) continue
      findings.error('gates again', {
        ...{
          code: 'VERDICT_AGAINST_GATES',
          object: `verdict of ${verdict.validator} on ${verdict.miner} in task ${taskId}`,
        },
        ...{who: verdict.validator, expected: again.outcome, found: own, remedy, task: taskId},
      })
    }
  }

  async #rejudge(
    exhibit: Exhibit,
    {verdicts, auditor}: {verdicts: readonly SignedVerdict[]; auditor: TaskAuditor},
    signal: AbortSignal,
  ): Promise<RejudgedOutput> {
    const {findings, media, judges} = this.#deps
    if (!media || !judges) throw new Error('judging again takes media and judges')
    const {answer, manifest} = exhibit
    const tools = {media: await media(), judges: await judges()}
    const rejudged = await withDeadline('judging', judgeDeadlineMs, signal, (inner) =>
      auditor.rejudge(exhibit, tools, inner),
    )
    const own = verdicts.filter(({verdict}) => verdict.miner === answer.hotkey)
    findings.looked('verdicts again', own.length)
    for (const {verdict} of own.filter(({verdict}) => verdict.passed !== rejudged.passed)) {
      const say = (passed: boolean, overall: number) => `${passed ? 'passed' : 'failed'} with ${overall}`
      findings.warning('verdicts again', {
        code: 'VERDICT_NOT_REPEATED',
        object: `verdict of ${verdict.validator} on ${verdict.miner} in task ${manifest.taskId}`,
        ...{who: verdict.validator, task: manifest.taskId},
        expected: say(rejudged.passed, rejudged.overall),
        found: say(verdict.passed, verdict.overall),
        remedy: 'one difference may be the noise of the judge; many of one validator are not',
      })
    }
    return {rejudged, verdicts: own}
  }
}

const isGated = ({outcome, output}: Answer) => output !== null && (outcome === 'ok' || outcome.startsWith('rejected:'))

/** So many of them, drawn by what nobody could know before the manifest was signed. */
function chosen(answers: readonly Answer[], count: number, seed: string): readonly Answer[] {
  if (count <= 0) return []
  if (count >= answers.length) return answers
  return answers
    .map((answer) => ({answer, key: sha256(`${seed}:${answer.hotkey}`)}))
    .sort((a, b) => compareText(a.key, b.key))
    .slice(0, count)
    .map(({answer}) => answer)
}

/** Spreads `total` over `tasks`: what falls to the one at `index`. */
export function share(total: number, index: number, tasks: number): number {
  return Math.floor(((index + 1) * total) / tasks) - Math.floor((index * total) / tasks)
}
