import {mkdir, readFile, rm, writeFile} from 'node:fs/promises'
import path from 'node:path'
import type {MinersList} from '../../api/schemas.js'
import {canonicalJson} from '../../domain/canonical.js'
import type {SignedExam} from '../../domain/exam.js'
import {compareText, type TaskId} from '../../domain/ids.js'
import {examFault, signValue} from '../../domain/signed.js'
import type {Answer, Artefact, SignedManifest, TaskKind, TaskManifest} from '../../domain/task.js'
import {LeomaError} from '../../errors.js'
import type {BlockRef, Tick} from '../../runtime/clock.js'
import {withDeadline} from '../../runtime/deadline.js'
import type {Service} from '../../runtime/service.js'
import {paramsOf} from '../close.js'
import type {Ports} from '../types.js'
import {type Asked, askMiners} from './ask.js'
import {type Choice, chooseClip, choosingBlock, generationSeed} from './choose.js'
import {CorpusIndex, fetchSource} from './corpus.js'
import {duplicateGate, duplicateReason, duplicatesAmong} from './duplicates.js'
import {hashClip} from './gates.js'
import {kindOf, kinds} from './kinds.js'
import {publishedMetadata} from './metadata.js'
import {VideoParams} from './params.js'
import {ruleVersion} from './rules.js'

const mediaDeadlineMs = 120_000
const uploadDeadlineMs = 600_000
/** A cold start takes minutes; who is not up by then is asked all the same, and has the request's own deadline left. */
const wakingMs = 180_000

/** Makes tasks: one turn is one look at the chain, and at most one round. */
export function samplerService(ports: Ports): Service {
  const sampler = new Sampler(ports)
  return {
    name: 'sampler',
    start: (clock) => clock.every('sampling', {blocks: 1}, (tick) => sampler.turn(tick)),
  }
}

interface Round {
  readonly taskId: TaskId
  readonly kind: TaskKind
  readonly block: BlockRef
  readonly choice: Choice
  readonly exam: SignedExam
  readonly params: VideoParams
  /** Folder that holds everything of this round, removed when it ends. */
  readonly dir: string
}

interface Challenge {
  readonly clip: string
  readonly firstFrame: string | undefined
  readonly prompt: {readonly text: string; readonly author: string}
  /** Of the clip; see `video-hash.ts`. */
  readonly perceptualHash: string
}

/** Outputs that repeat one of an earlier-committed miner, as the exam has it, are rejected for that. */
function withoutCopies(asked: readonly Asked[], {perceptualHash}: Challenge, {gates}: VideoParams): readonly Asked[] {
  const rule = gates.duplicateOutputs
  if (!rule) return asked
  const looks = asked.flatMap(({answer: {hotkey, commitmentBlock, outcome}, file}) =>
    outcome === 'ok' && file
      ? [{hotkey, commitmentBlock, sha256: file.sha256, perceptualHash: file.perceptualHash}]
      : [],
  )
  const copies = new Map(duplicatesAmong(looks, perceptualHash, rule).map((found) => [found.copy, found]))
  return asked.map(({answer, file}) => {
    const found = copies.get(answer.hotkey)
    if (!found) return {answer, file}
    return {answer: {...answer, outcome: `rejected:${duplicateGate}`, reason: duplicateReason(found)}, file}
  })
}

/** With the hash that copies are found by, where there is one. */
function marked(artefact: Artefact, {perceptualHash}: {readonly perceptualHash?: string}): Artefact {
  return perceptualHash === undefined ? artefact : {...artefact, perceptualHash}
}

export class Sampler {
  readonly #ports: Ports
  readonly #corpus: CorpusIndex
  /** Manifests of the last tasks, to know which sources rest; rebuilt from the API after a restart. */
  #recent: {readonly taskId: TaskId; readonly sha256: string; readonly block: number}[] = []

  constructor(ports: Ports) {
    this.#ports = ports
    this.#corpus = new CorpusIndex(ports)
  }

  async turn({signal}: Tick): Promise<void> {
    const {api, chain, clock, log, report} = this.#ports
    const {exam, params} = await this.#exam(signal)
    const latest = (await api.latestTask(signal)) ?? 0
    await this.#remember(latest, params, signal)
    const head = await chain.head(signal)
    const due = choosingBlock(head.number, params.everyBlocks)
    if (due <= (this.#recent.at(-1)?.block ?? -1)) return

    const skip = (reason: string) => {
      log.warn({task: latest + 1, reason}, 'round skipped')
      report({event: 'round-skipped', reason})
    }
    const block = await chain.blockAt(due, signal)
    if (!block) return skip(`block ${due} is not known to the chain`)
    const {miners} = await api.validMiners(signal)
    if (miners.length === 0) return skip('no valid miner')
    const corpus = await this.#corpus.load(params.clip, signal)
    const taskId = latest + 1
    const choice = chooseClip(
      {blockHash: block.hash, taskId, corpus, recent: this.#recent.map(({sha256}) => sha256)},
      params.clip,
    )
    if (!choice) return skip(`no usable source among ${corpus.entries.length}`)

    const dir = path.join(this.#ports.workDir, `task-${taskId}`)
    const round = {taskId, kind: kindOf(taskId, params.kinds), block, choice, exam, params, dir}
    report({
      event: 'round-started',
      taskId,
      source: choice.entry.key,
      clipStartS: choice.window.clipStartS,
      miners: miners.length,
    })
    // What an earlier attempt at this task left behind is not part of this one.
    await rm(dir, {recursive: true, force: true})
    await mkdir(dir, {recursive: true})
    try {
      // Sleeping deployments wake while the clip is being prepared, and for a while after it.
      const [challenge] = await Promise.all([this.#challenge(round, signal), this.#wake(miners, signal)])
      const createdAt = new Date(clock.now()).toISOString()
      const asked = withoutCopies(await this.#ask(round, challenge, miners, signal), challenge, params)
      if (!asked.some(({answer}) => answer.outcome === 'ok' || answer.outcome.startsWith('rejected:'))) {
        return skip('no miner delivered anything, which is more likely our fault than theirs')
      }
      await withDeadline('publishing', uploadDeadlineMs, signal, (inner) =>
        this.#publish(round, challenge, asked, createdAt, corpus, inner),
      )
    } catch (error) {
      if (!(error instanceof LeomaError) || error.code !== 'SOURCE_UNSUITABLE') {
        // The clock logs it; whoever only watches must not wait for a task that will never come.
        if (!signal.aborted) report({event: 'round-skipped', reason: LeomaError.from(error).message})
        throw error
      }
      // The next turn draws from what is left.
      this.#corpus.refuse(choice.entry.key, error.message)
      skip(error.message)
    } finally {
      await rm(dir, {recursive: true, force: true})
    }
  }

  async #wake(miners: MinersList['miners'], signal: AbortSignal): Promise<void> {
    const {clock, log, models} = this.#ports
    const chutes = miners.flatMap(({chute_id: chuteId}) => chuteId ?? [])
    try {
      await models.warm?.(chutes, clock.now() + wakingMs, signal)
    } catch (error) {
      signal.throwIfAborted()
      log.warn({err: error}, 'sleeping chutes could not be woken')
    }
  }

  async #exam(signal: AbortSignal): Promise<{exam: SignedExam; params: VideoParams}> {
    const {api, chain, netuid, signer, verify} = this.#ports
    const exam = await api.exam(signal)
    if (!exam)
      throw new LeomaError('upstream', 'EXAM_MISSING', 'the owner has not published an exam yet', {
        hints: ['start servers api first'],
      })
    const {ownerHotkey} = await chain.metagraph(netuid, signal)
    const fault = ownerHotkey ? examFault(exam, ownerHotkey, verify) : 'the subnet has no owner'
    if (fault) throw new LeomaError('auth', 'EXAM_UNTRUSTED', `the exam cannot be trusted: ${fault}`)
    if (!exam.exam.samplers.includes(signer.hotkey)) {
      throw new LeomaError('auth', 'NOT_A_SAMPLER', `${signer.hotkey} may not make tasks under this exam`, {
        hints: ['use the hotkey of a sampler that the exam lists'],
      })
    }
    return {
      exam,
      params: paramsOf({name: 'video', version: ruleVersion, params: VideoParams}, exam.exam),
    }
  }

  async #remember(latest: TaskId | 0, params: VideoParams, signal: AbortSignal): Promise<void> {
    const keep = Math.max(1, params.clip.restTasks)
    const known = this.#recent.at(-1)?.taskId ?? Math.max(0, latest - keep)
    for (let after = known; after < latest; ) {
      const page = await this.#ports.api.tasksAfter(after, 100, signal)
      if (page.length === 0) break
      for (const {manifest} of page) {
        this.#recent.push({taskId: manifest.taskId, sha256: manifest.source.sha256, block: manifest.block.number})
        after = manifest.taskId
      }
    }
    this.#recent = this.#recent.slice(-keep)
  }

  async #challenge({choice, dir, kind, params}: Round, signal: AbortSignal): Promise<Challenge> {
    const {captioner, media} = this.#ports
    return withDeadline('preparing the clip', mediaDeadlineMs, signal, async (inner) => {
      const {width, height} = params.request
      const source = await fetchSource(choice.entry, dir, this.#ports.source, inner)
      const clip = path.join(dir, 'original_clip.mp4')
      await media.cut(source, clip, {startS: choice.window.clipStartS, durationS: params.clip.durationS}, inner)
      let firstFrame: string | undefined
      if (kinds[kind].sendsFrame) {
        firstFrame = path.join(dir, 'first_frame.png')
        await writeFile(firstFrame, await media.firstFrame(clip, {width, height}, inner))
      }
      const caption = await captioner.caption({clip, sourceKey: choice.entry.key}, inner)
      if (!caption) throw new LeomaError('upstream', 'CAPTION_MISSING', `nobody could describe ${choice.entry.key}`)
      const perceptualHash = await hashClip(clip, {media, request: params.request}, inner)
      return {clip, firstFrame, prompt: caption, perceptualHash}
    })
  }

  async #ask(
    round: Round,
    {firstFrame, prompt}: Challenge,
    miners: Parameters<typeof askMiners>[0],
    signal: AbortSignal,
  ): Promise<Asked[]> {
    const {width, height, fps, frames} = round.params.request
    const image = firstFrame === undefined ? undefined : await readFile(firstFrame)
    const request = {
      prompt: kinds[round.kind].sendsPrompt ? prompt.text : '',
      image,
      width,
      height,
      fps,
      frames,
      seed: generationSeed(round.block.hash, round.taskId),
    }
    const {taskId, kind, params, dir} = round
    return askMiners(miners, {taskId, kind, request, firstFrame, params, dir}, this.#ports, signal)
  }

  /** Artefacts, then the manifest that names them, then the API: a task exists only when everything it names does. */
  async #publish(
    round: Round,
    challenge: Challenge,
    asked: readonly Asked[],
    createdAt: string,
    corpus: object,
    signal: AbortSignal,
  ): Promise<void> {
    const {api, log, report, samples, signer} = this.#ports
    const {taskId, exam} = round
    const put = async (name: string, file: string, type: string): Promise<Artefact> =>
      samples.putFile(`${taskId}/${name}`, file, type, signal)
    const putJson = (key: string, value: unknown) =>
      samples.putBytes(key, new TextEncoder().encode(canonicalJson(value)), 'application/json', signal)

    const clip = marked(await put('original_clip.mp4', challenge.clip, 'video/mp4'), challenge)
    const firstFrame = challenge.firstFrame ? await put('first_frame.png', challenge.firstFrame, 'image/png') : null
    const answers: Answer[] = []
    for (const {answer, file} of asked) {
      const output = file && marked(await put(`generated_videos/${answer.hotkey}.mp4`, file.path, 'video/mp4'), file)
      answers.push({...answer, output: output ?? null})
    }
    const corpusKey = `corpus/${round.choice.corpusSha256}.json`
    if (!(await samples.has(corpusKey, signal))) await putJson(corpusKey, corpus)

    const manifest = await this.#manifest(round, {challenge, clip, firstFrame, answers, createdAt}, signal)
    const signed: SignedManifest = {manifest, signer: signer.hotkey, signature: signValue('task', manifest, signer)}
    await putJson(`${taskId}/metadata.json`, publishedMetadata(manifest, round.params, this.#ports.source.bucket))
    await putJson(`${taskId}/manifest.json`, signed)
    await api.publishTask(signed, signal)

    const outputs = answers.filter(({outcome}) => outcome === 'ok').length
    log.info({task: taskId, source: manifest.source.key, asked: answers.length, outputs}, 'task published')
    report({event: 'task-published', taskId, examHash: exam.examHash, prompt: manifest.prompt.text, outputs})
  }

  async #manifest(
    {taskId, kind, block, choice, exam, params}: Round,
    made: {challenge: Challenge; clip: Artefact; firstFrame: Artefact | null; answers: Answer[]; createdAt: string},
    signal: AbortSignal,
  ): Promise<TaskManifest> {
    const voters = await this.#ports.api.voters(signal)
    const {entry, index, corpusSha256, corpusSize, window} = choice
    return {
      version: 1,
      mechanism: exam.exam.mechanism,
      netuid: exam.exam.netuid,
      taskId,
      kind,
      examHash: exam.examHash,
      block,
      createdAt: made.createdAt,
      source: {
        key: entry.key,
        sha256: entry.sha256,
        index,
        corpusSha256,
        corpusSize,
        durationS: entry.durationS,
        clipStartS: window.clipStartS,
        clipDurationS: params.clip.durationS,
        shotStartS: window.startS,
        shotEndS: window.endS,
        cutCount: entry.cuts.length,
      },
      prompt: made.challenge.prompt,
      clip: made.clip,
      firstFrame: made.firstFrame,
      answers: made.answers,
      voters: [...voters].sort((a, b) => compareText(a.hotkey, b.hotkey)),
    }
  }
}
