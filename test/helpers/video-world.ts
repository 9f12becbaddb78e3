import {mkdtempSync, rmSync} from 'node:fs'
import {mkdir} from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import {z} from 'zod'
import {LocalChain} from '../../src/chain/local.js'
import {hashOf} from '../../src/domain/canonical.js'
import type {Exam} from '../../src/domain/exam.js'
import {signValue} from '../../src/domain/signed.js'
import {type Aspect, aspects, type Judge, type JudgeRequest} from '../../src/judge/port.js'
import type {Ports, Progress} from '../../src/mechanisms/types.js'
import {defaults, type VideoParams} from '../../src/mechanisms/video/params.js'
import {FfmpegMedia} from '../../src/media/ffmpeg.js'
import {lazyFfmpeg} from '../../src/media/resolve.js'
import {createRunner, fileArgument} from '../../src/media/run.js'
import type {Chute, Generation, GenerationLimits, GenerationRequest} from '../../src/models/port.js'
import {FolderObjects} from '../../src/objects/folder.js'
import {silentLogger} from '../../src/runtime/logger.js'
import {openJournal} from '../../src/store/journal.js'
import {createSigner, verify} from '../../src/wallet/keypair.js'
import {ChainTime} from '../fakes/chain-time.js'
import {FakeOwnerApi} from '../fakes/owner-api.js'

export const netuid = 99
export const blockMs = 1000
export const run = createRunner({ffmpeg: lazyFfmpeg({})})
export const owner = createSigner({uri: '//Owner'})
export const miners = ['One', 'Two', 'Three'].map((name) => createSigner({uri: `//${name}`}))

/** Miners here answer with the same clip, which is none of these tests' business. */
const {duplicateOutputs: _, ...gates} = defaults.gates
/** The gates of the shipped exam, but for the rule against copies. */
export const gatesWithCopies: VideoParams['gates'] = gates

/** Small pictures and few frames: what is tested here is who is asked what and when, not how videos look. */
export const params: VideoParams = {
  ...defaults,
  everyBlocks: 10,
  clip: {...defaults.clip, minSourceBytes: 0, restTasks: 2},
  request: {...defaults.request, width: 208, height: 120, frames: 17, deadlineMs: 60_000, maxBytes: 5_000_000},
  gates: {...gatesWithCopies, sizeTolerance: 2},
}

/** Answers with the hidden clip, which lies in the folder of the round, unless a test says otherwise. */
export type Answering = (
  chute: Chute,
  request: GenerationRequest,
  limits: GenerationLimits,
) => Promise<Generation | undefined>

/** Scores everything alike and counts; a test makes it fail. */
export class FakeJudge implements Judge {
  readonly name = 'reference'
  readonly version = defaults.judge.version
  readonly options = z.strictObject({})
  readonly asked: JudgeRequest[] = []
  before: (request: JudgeRequest) => void = () => {}

  async score(request: JudgeRequest) {
    this.before(request)
    this.asked.push(request)
    const scores = Object.fromEntries(aspects.map((aspect) => [aspect, 80]))
    return {
      aspects: scores as Record<Aspect, number>,
      confidence: 90,
      reasoning: 'looks well',
      strengths: [],
      issues: [],
      measurements: {},
    }
  }
}

/** A subnet on one machine with everything real but the owner's API, the judge and the miners. */
export class VideoWorld {
  readonly dir = mkdtempSync(path.join(os.tmpdir(), 'leoma-video-'))
  readonly time = new ChainTime()
  readonly api = new FakeOwnerApi()
  readonly judge = new FakeJudge()
  readonly progress: Progress[] = []
  readonly requests: GenerationRequest[] = []
  readonly source = new FolderObjects({root: path.join(this.dir, 'objects'), bucket: 'source'})
  readonly samples = new FolderObjects({root: path.join(this.dir, 'objects'), bucket: 'samples'})
  readonly media = new FfmpegMedia({run})
  readonly chain: LocalChain
  readonly stop = new AbortController()
  answering: Answering = async () => undefined

  constructor(changes: Partial<VideoParams> = {}) {
    this.chain = LocalChain.open({
      path: path.join(this.dir, 'chain.db'),
      time: this.time,
      verify,
      blockTimeMs: blockMs,
      seed: 'test',
    })
    this.chain.registerSubnet({netuid, ownerHotkey: owner.hotkey})
    this.setExam({...params, ...changes})
    this.api.minersInForce = miners.map(({hotkey}, index) => ({
      uid: index + 1,
      hotkey,
      model_name: `user/leoma-${hotkey}`,
      model_revision: 'a'.repeat(40),
      model_hash: null,
      chute_id: `chute-${index}`,
      chute_slug: null,
      is_valid: true,
      invalid_reason: null,
      block: index,
      last_validated_at: null,
    }))
  }

  setExam(changed: VideoParams): void {
    const exam: Exam = {
      version: 1,
      mechanism: 'video',
      mechanismVersion: 1,
      netuid,
      fromTask: 1,
      samplers: [owner.hotkey],
      params: {...changed},
    }
    this.api.examInForce = {
      exam,
      examHash: hashOf(exam),
      signer: owner.hotkey,
      signature: signValue('exam', exam, owner),
    }
  }

  /** A clip that moves all the time, as an object of the source bucket. */
  async addSource(key: string, hue: number, seconds = 9): Promise<void> {
    const file = path.join(this.dir, key)
    const graph = `testsrc2=size=320x184:rate=16:duration=${seconds},hue=h=${hue}`
    await run(['-f', 'lavfi', '-i', graph, '-c:v', 'libx264', '-preset', 'ultrafast', '-y', fileArgument(file)], {
      signal: this.stop.signal,
      what: 'a test source',
    })
    await this.source.putFile(key, file, 'video/mp4', this.stop.signal)
  }

  async ports(name: string, signer = owner): Promise<Ports & {close(): void}> {
    const workDir = path.join(this.dir, `work-${name}`)
    await mkdir(workDir, {recursive: true})
    const journal = openJournal(path.join(this.dir, `${name}.db`))
    return {
      clock: {...this.time, now: () => this.time.now(), sleep: async () => {}, every: () => {}, start: async () => {}},
      log: silentLogger(),
      netuid,
      signer,
      verify,
      chain: this.chain,
      api: this.api,
      source: this.source,
      samples: this.samples,
      media: this.media,
      captioner: {caption: async () => ({text: 'a bar moves to the right', author: 'test'})},
      judges: [this.judge],
      models: {
        chute: async (chuteId) => ({chuteId, slug: chuteId, hot: true, revision: null, endpoint: `http://${chuteId}`}),
        model: async () => undefined,
      },
      generator: {generate: (chute, request, limits) => this.#generate(chute, request, limits)},
      journal,
      records: {append: () => {}, last: () => undefined, after: () => []},
      workDir,
      settings: {pollMs: 1000, maxConcurrentMiners: 2, maxConcurrentJudgements: 2},
      report: (progress) => this.progress.push(progress),
      close: () => journal.close(),
    }
  }

  async #generate(chute: Chute, request: GenerationRequest, limits: GenerationLimits): Promise<Generation> {
    this.requests.push(request)
    return (await this.answering(chute, request, limits)) ?? this.deliver(request, limits)
  }

  /** What an honest miner does: the continuation, at the size, rate and length that were asked for. */
  async deliver({width, height, frames, fps}: GenerationRequest, {to}: GenerationLimits): Promise<Generation> {
    const clip = fileArgument(path.join(path.dirname(to), 'original_clip.mp4'))
    const filter = `fps=${fps},scale=${width}:${height}:force_original_aspect_ratio=increase,crop=${width}:${height}`
    await run(
      [
        '-i',
        clip,
        '-vf',
        filter,
        '-frames:v',
        String(frames),
        '-c:v',
        'libx264',
        '-preset',
        'ultrafast',
        '-y',
        fileArgument(to),
      ],
      {signal: this.stop.signal, what: 'a test output'},
    )
    const {sha256, sizeBytes} = await this.samples.putFile('scratch/output.mp4', to, 'video/mp4', this.stop.signal)
    return {outcome: 'ok', reason: null, latencyMs: 5, attempts: 1, file: {sha256, sizeBytes}}
  }

  /** To the next block that may choose a clip. */
  nextRound(): void {
    this.time.advance(10 * blockMs)
  }

  async close(): Promise<void> {
    this.stop.abort()
    await this.chain.close()
    rmSync(this.dir, {recursive: true, force: true})
  }
}
