import {mkdir, rm} from 'node:fs/promises'
import path from 'node:path'
import pLimit, {type LimitFunction} from 'p-limit'
import type {SignedExam} from '../../domain/exam.js'
import type {Hotkey, TaskId} from '../../domain/ids.js'
import {examFault, manifestFault, signValue} from '../../domain/signed.js'
import type {Answer, Artefact, SignedManifest, TaskManifest} from '../../domain/task.js'
import type {SignedVerdict, Verdict} from '../../domain/verdict.js'
import {LeomaError} from '../../errors.js'
import type {Judge} from '../../judge/port.js'
import {release} from '../../media/port.js'
import type {Tick} from '../../runtime/clock.js'
import {withDeadline} from '../../runtime/deadline.js'
import type {Service} from '../../runtime/service.js'
import {paramsOf} from '../close.js'
import type {Ports} from '../types.js'
import {type Duplicate, duplicateGate, duplicateReason, duplicatesAmong} from './duplicates.js'
import {checkGates, hashClip} from './gates.js'
import {VideoParams} from './params.js'
import {ruleVersion} from './rules.js'
import {overallOf, passes} from './scoring.js'
import {isSameHash} from './video-hash.js'

const fetchDeadlineMs = 300_000
const judgeDeadlineMs = 600_000
const pageSize = 50

/** Judges what has been published and what this validator has not judged yet. */
export function evaluatorService(ports: Ports): Service {
  const evaluator = new Evaluator(ports)
  return {
    name: 'evaluator',
    start: (clock) => clock.every('evaluation', {ms: ports.settings.pollMs}, (tick) => evaluator.turn(tick)),
  }
}

interface Sitting {
  readonly exam: SignedExam
  readonly params: VideoParams
  readonly judge: Judge
}

interface Exercise {
  readonly task: SignedManifest
  readonly manifest: TaskManifest
  readonly params: VideoParams
  readonly judge: Judge
  readonly clip: string
  readonly firstFrame: string | undefined
  readonly dir: string
  /** Keeps what burdens this machine within its processors. */
  readonly working: LimitFunction
  /** By the copying miner; rejects when the clip is not what the manifest says. */
  readonly copies: Promise<ReadonlyMap<string, Duplicate>>
}

/** Decides from the journal alone, so that killing it at any line and starting it again changes no verdict. */
export class Evaluator {
  readonly #ports: Ports

  constructor(ports: Ports) {
    this.#ports = ports
  }

  async turn({signal}: Tick): Promise<void> {
    const {api, chain, journal, log, netuid} = this.#ports
    await this.#flush(signal)
    const exam = await api.exam(signal)
    if (!exam) return
    const {ownerHotkey, block: head} = await chain.metagraph(netuid, signal)
    const current = this.#sitting(exam, ownerHotkey)

    const failures: unknown[] = []
    for (let after: TaskId | 0 = journal.evaluatedUpTo(); ; ) {
      const page = await api.tasksAfter(after, pageSize, signal)
      for (const task of page) {
        after = task.manifest.taskId
        signal.throwIfAborted()
        try {
          await this.#task(task, {current, ownerHotkey, head: head.number}, signal)
        } catch (error) {
          signal.throwIfAborted()
          // One task that cannot be judged now must not keep the later ones waiting.
          log.warn({task: after, err: error}, 'task not judged yet')
          failures.push(error)
        }
      }
      if (page.length < pageSize) break
    }
    if (failures.length > 0) throw failures[0]
  }

  /** An exam that may be judged under; throws a reason why not. */
  #sitting(exam: SignedExam, ownerHotkey: Hotkey | null): Sitting {
    const fault = ownerHotkey ? examFault(exam, ownerHotkey, this.#ports.verify) : 'the subnet has no owner'
    if (fault) throw new LeomaError('auth', 'EXAM_UNTRUSTED', `the exam cannot be trusted: ${fault}`)
    const params = paramsOf({name: 'video', version: ruleVersion, params: VideoParams}, exam.exam)
    return {exam, params, judge: this.#judge(params)}
  }

  /** Tasks of an earlier exam that have not settled are judged under that one; a reason where that cannot be. */
  async #sittingOf(
    {examHash}: TaskManifest,
    {current, ownerHotkey}: {readonly current: Sitting; readonly ownerHotkey: Hotkey | null},
    signal: AbortSignal,
  ): Promise<Sitting | string> {
    if (examHash === current.exam.examHash) return current
    const exam = await this.#ports.api.exam(signal, examHash)
    if (exam?.examHash !== examHash) return `of an exam that the owner does not show, ${examHash.slice(0, 12)}`
    try {
      return this.#sitting(exam, ownerHotkey)
    } catch (error) {
      return `of another exam, ${examHash.slice(0, 12)}: ${LeomaError.from(error).message}`
    }
  }

  #judge(params: VideoParams): Judge {
    const {name, version, options} = params.judge
    const judge = this.#ports.judges.find((candidate) => candidate.name === name && candidate.version === version)
    const refuse = (why: string) =>
      new LeomaError('config', 'EXAM_UNSUPPORTED', `this program cannot judge under this exam: ${why}`, {
        hints: ['upgrade leoma'],
      })
    if (!judge) throw refuse(`it asks for judge ${name} ${version}`)
    if (!judge.options.safeParse(options).success) throw refuse(`judge ${name} does not know its options`)
    return judge
  }

  async #task(
    task: SignedManifest,
    context: {current: Sitting; ownerHotkey: Hotkey | null; head: number},
    signal: AbortSignal,
  ): Promise<void> {
    const {journal, log, signer, verify, workDir} = this.#ports
    const {manifest} = task
    const {taskId} = manifest
    if (journal.isEvaluated(taskId)) return
    const close = (note: string) => {
      journal.closeTask(taskId, note)
      log.info({task: taskId, note}, 'task closed')
    }
    const sitting = await this.#sittingOf(manifest, context, signal)
    if (typeof sitting === 'string') return close(sitting)
    const {exam, params, judge} = sitting
    const fault = manifestFault(task, exam, verify)
    if (fault) throw new LeomaError('auth', 'MANIFEST_UNTRUSTED', `task ${taskId} cannot be trusted: ${fault}`)
    if (!manifest.voters.some(({hotkey}) => hotkey === signer.hotkey)) return close('not a voter of this task')
    const judged = new Set(journal.verdictsOf(taskId).map(({verdict}) => verdict.miner))
    const outputs = manifest.answers.filter(({outcome}) => outcome === 'ok')
    const open = outputs.filter(({hotkey}) => !judged.has(hotkey))
    if (open.length > 0) {
      if (context.head >= manifest.block.number + params.ranking.settleBlocks)
        return close('settled before it was judged')
      const dir = path.join(workDir, `judge-${taskId}`)
      await mkdir(dir, {recursive: true})
      try {
        await this.#outputs(open, {task, params, judge, dir, done: judged.size, of: outputs.length}, signal)
      } finally {
        await rm(dir, {recursive: true, force: true})
      }
    }
    close(`${outputs.length} outputs judged`)
    await this.#submit(task, signal)
  }

  /** All open outputs, some at a time. What was judged is in the journal even when another output failed. */
  async #outputs(
    open: readonly Answer[],
    {
      task,
      params,
      judge,
      dir,
      done,
      of,
    }: {task: SignedManifest; params: VideoParams; judge: Judge; dir: string; done: number; of: number},
    signal: AbortSignal,
  ): Promise<void> {
    const {journal, report, settings, signer} = this.#ports
    const {manifest} = task
    const [clip, firstFrame] = await bothOf(
      this.#fetch(manifest.clip, path.join(dir, 'original_clip.mp4'), signal),
      manifest.firstFrame && this.#fetch(manifest.firstFrame, path.join(dir, 'first_frame.png'), signal),
    )
    const atOnce = settings.maxConcurrentJudgements
    // One more than processors: what is decoded keeps them busy while another one's figures are worked out in here.
    // Whoever wants one at a time gets one at a time.
    const working = pLimit(atOnce > 1 ? atOnce + 1 : 1)
    const copies = working(() => this.#copies(manifest, params, clip, signal))
    // Told to whoever awaits it.
    copies.catch(() => {})
    const exercise = {task, manifest, params, judge, clip, firstFrame, dir, working, copies}
    // While some are looked at, another is fetched or written down. A judge that waits for somebody else's machine may
    // be asked about more than this one can check.
    const limit = pLimit(Math.max(atOnce > 1 ? atOnce + 2 : 1, judge.concurrency ?? 0))
    let finished = done
    const results = await Promise.allSettled(
      open.map((answer, place) =>
        limit(async () => {
          // Only the first ones are looked at for nothing when the clip is not what it should be.
          if (place >= atOnce) await copies
          const verdict = await this.#verdict(answer, exercise, signal)
          journal.addVerdict({verdict, signature: signValue('verdict', verdict, signer)})
          finished++
          const {taskId, miner, passed, overall} = verdict
          report({event: 'output-judged', taskId, validator: signer.hotkey, miner, passed, overall, done: finished, of})
        }),
      ),
    )
    for (const result of results) if (result.status === 'rejected') throw result.reason
  }

  /** Copies that the sampler let through: its own figures show them. Throws when the clip is not what they say. */
  async #copies(
    {answers, clip}: TaskManifest,
    {gates, request}: VideoParams,
    file: string,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, Duplicate>> {
    const rule = gates.duplicateOutputs
    if (!rule) return new Map()
    this.#checkHash(clip, await hashClip(file, {media: this.#ports.media, request}, signal))
    const looks = answers.flatMap(({hotkey, commitmentBlock, outcome, output}) =>
      outcome === 'ok' && output
        ? [{hotkey, commitmentBlock, sha256: output.sha256, perceptualHash: output.perceptualHash}]
        : [],
    )
    return new Map(duplicatesAmong(looks, clip.perceptualHash, rule).map((found) => [found.copy, found]))
  }

  /** A sampler that hides a copy must say something false about what it looks like. */
  #checkHash({key, perceptualHash}: Artefact, seen: string): void {
    if (perceptualHash !== undefined && isSameHash(perceptualHash, seen)) return
    throw new LeomaError('data', 'HASH_MISMATCH', `${key} does not look as the task's manifest says`, {
      hints: ['tell the subnet owner: its sampler publishes hashes that are not those of the videos'],
      retryable: true,
    })
  }

  async #verdict(answer: Answer, exercise: Exercise, signal: AbortSignal): Promise<Verdict> {
    const {journal, media, netuid, signer} = this.#ports
    const {manifest, params, judge, clip, firstFrame, dir, working} = exercise
    const {output} = answer
    if (!output)
      throw new LeomaError('data', 'MANIFEST_INCOMPLETE', `task ${manifest.taskId} names no output of ${answer.hotkey}`)
    const frame: Verdict = {
      version: 1,
      mechanism: manifest.mechanism,
      netuid,
      taskId: manifest.taskId,
      examHash: manifest.examHash,
      validator: signer.hotkey,
      miner: answer.hotkey,
      artefacts: {output: output.sha256, clip: manifest.clip.sha256, firstFrame: manifest.firstFrame?.sha256 ?? null},
      judge: {name: judge.name, version: judge.version},
      passed: false,
      overall: 0,
      aspects: {},
      confidence: 100,
      gate: null,
      reasoning: '',
      strengths: [],
      issues: [],
    }
    // The same bytes against the same clip under the same exam: two miners with one output, or a task judged before.
    const known = journal.findScore(manifest.examHash, output.sha256, manifest.clip.sha256)
    // What was said of a copy does not hold for its original.
    if (
      known &&
      known.verdict.gate !== duplicateGate &&
      known.verdict.artefacts.firstFrame === frame.artefacts.firstFrame &&
      !(await exercise.copies).has(answer.hotkey)
    ) {
      const {passed, overall, aspects, confidence, gate, reasoning, strengths, issues} = known.verdict
      return {...frame, passed, overall, aspects, confidence, gate, reasoning, strengths, issues}
    }

    const file = await this.#fetch(output, path.join(dir, `${answer.hotkey}.mp4`), signal)
    try {
      return await withDeadline('judging', judgeDeadlineMs, signal, async (inner) => {
        const {width, height, frames, fps} = params.request
        const asked = {frames, fps, width, height, options: params.judge.options}
        const views = judge.views?.(asked) ?? []
        const given = firstFrame === undefined ? {} : {firstFrame}
        const gates = await working(() =>
          checkGates(file, {media, params, kind: manifest.kind, views, ...given}, inner),
        )
        if (!gates.ok)
          return {...frame, gate: gates.gate, reasoning: gates.reason, issues: [gates.reason.slice(0, 200)]}
        if (params.gates.duplicateOutputs) this.#checkHash(output, gates.perceptualHash)
        const copied = (await exercise.copies).get(answer.hotkey)
        if (copied) return {...frame, gate: duplicateGate, reasoning: duplicateReason(copied)}
        const scored = await judge.score(
          {
            ...{output: file, clip, firstFrame, prompt: manifest.prompt.text, ...asked, seen: gates.seen},
            criteria: params.judge,
            task: String(manifest.taskId),
          },
          inner,
        )
        release(gates.seen ?? [])
        const overall = overallOf(scored.aspects, params.judge.weights)
        return {
          ...frame,
          passed: passes(scored.aspects, overall, params.judge),
          overall,
          aspects: {...scored.aspects},
          confidence: scored.confidence,
          reasoning: scored.reasoning.slice(0, 2000),
          strengths: scored.strengths.slice(0, 20).map((text) => text.slice(0, 200)),
          issues: scored.issues.slice(0, 20).map((text) => text.slice(0, 200)),
        }
      })
    } finally {
      await rm(file, {force: true})
    }
  }

  /** Throws `DIGEST_MISMATCH` when the bucket holds other bytes than the manifest names: then there is no verdict. */
  async #fetch(artefact: Artefact, to: string, signal: AbortSignal): Promise<string> {
    const got = await withDeadline(`fetching ${artefact.key}`, fetchDeadlineMs, signal, (inner) =>
      this.#ports.samples.getFile(artefact.key, to, artefact.sizeBytes, inner),
    )
    if (got.sha256 === artefact.sha256) return to
    await rm(to, {force: true})
    throw new LeomaError('data', 'DIGEST_MISMATCH', `${artefact.key} is not what the task's manifest names`, {
      hints: ['tell the subnet owner: the samples bucket has been changed after publication'],
      retryable: true,
    })
  }

  /** Sends what an earlier turn or an earlier life of this process could not. */
  async #flush(signal: AbortSignal): Promise<void> {
    const {api, journal, log} = this.#ports
    for (const taskId of journal.unsentTasks()) {
      if (!journal.isEvaluated(taskId)) continue
      const [task] = await api.tasksAfter(taskId - 1, 1, signal)
      if (task?.manifest.taskId === taskId) await this.#submit(task, signal)
      else log.warn({task: taskId}, 'verdicts wait: the owner does not list this task')
    }
  }

  async #submit(task: SignedManifest, signal: AbortSignal): Promise<void> {
    const {api, journal, log, report, samples, signer} = this.#ports
    const {taskId} = task.manifest
    const verdicts: readonly SignedVerdict[] = journal.verdictsOf(taskId)
    if (verdicts.length === 0) return
    try {
      await api.submitVerdicts({verdicts, manifest: task, bucket: samples.bucket}, signal)
    } catch (error) {
      const failure = LeomaError.from(error)
      // Only a refusal that no later try can change ends the matter; everything else stays in the outbox.
      if (failure.code !== 'VERDICTS_REFUSED') throw error
      journal.markRefused(taskId, failure.message)
      log.error({task: taskId, err: failure}, 'the owner refuses these verdicts for good')
      return
    }
    journal.markSent(taskId)
    log.info({task: taskId, verdicts: verdicts.length}, 'verdicts submitted')
    report({event: 'verdicts-sent', taskId, validator: signer.hotkey, count: verdicts.length})
  }
}

/** Neither is left at work when the other has failed. */
async function bothOf<A, B>(a: Promise<A>, b: Promise<B> | null): Promise<[A, B | undefined]> {
  await Promise.allSettled([a, b])
  return [await a, (await b) ?? undefined]
}
