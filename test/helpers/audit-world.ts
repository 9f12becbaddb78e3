import path from 'node:path'
import type {FastifyInstance} from 'fastify'
import {HttpOwnerApi} from '../../src/api/client.js'
import type {StoredWeights} from '../../src/chain/port.js'
import {canonicalJson, sha256} from '../../src/domain/canonical.js'
import {compareText, type Hotkey} from '../../src/domain/ids.js'
import {signValue} from '../../src/domain/signed.js'
import type {Answer, Artefact, SignedManifest, TaskManifest, Voter} from '../../src/domain/task.js'
import type {Verdict} from '../../src/domain/verdict.js'
import {buildServer} from '../../src/http/server.js'
import {aspects} from '../../src/judge/port.js'
import {mechanism} from '../../src/mechanisms/registry.js'
import {buildCorpus, chooseClip} from '../../src/mechanisms/video/choose.js'
import {defaults, type VideoParams} from '../../src/mechanisms/video/params.js'
import {overallOf, passes} from '../../src/mechanisms/video/scoring.js'
import {FolderObjects} from '../../src/objects/folder.js'
import {Health} from '../../src/runtime/health.js'
import {silentLogger} from '../../src/runtime/logger.js'
import {LiveChain, liveSource} from '../../src/services/audit/live.js'
import type {AuditSource} from '../../src/services/audit/source.js'
import {ensureExam} from '../../src/services/exam.js'
import {emptyRow} from '../../src/services/miner-check.js'
import {Scorer} from '../../src/services/scorer.js'
import {settleOnce} from '../../src/services/settlement.js'
import {replaceMiners} from '../../src/store/miners.js'
import {openStore, type Store} from '../../src/store/open.js'
import {addTask} from '../../src/store/tasks.js'
import {addVerdict} from '../../src/store/verdicts.js'
import {createSigner, verify} from '../../src/wallet/keypair.js'

const netuid = 99
const never = new AbortController().signal
export const owner = createSigner({uri: '//Owner'})
export const video = mechanism('video')
const people = (what: string, count: number) =>
  Array.from({length: count}, (_, index) => createSigner({uri: `//${what}//${index}`}))

export interface WorldSize {
  readonly miners: number
  readonly validators: number
  readonly tasks: number
  readonly ranking?: Partial<VideoParams['ranking']>
}

const everyBlocks = 10
const stakeRao = 1_000_000_000_000n
const hashOfBlock = (number: number) => `0x${sha256(`block ${number}`)}`
const time = {now: () => 1_767_225_600_000, sleep: async (ms: number) => void (ms > 0 && (await Promise.resolve()))}

/**
 * A subnet whose every piece is signed, chosen and folded by the real code, without any video: what an artefact holds does
 * not matter to whoever only hashes it. Miner 0 passes always, the others now and then; the last one is rejected.
 */
export class AuditWorld {
  readonly netuid = netuid
  readonly validators
  readonly miners
  readonly store: Store
  readonly objects: FolderObjects
  readonly params: VideoParams
  readonly scorer: Scorer
  readonly chain
  block = 1000
  /** What each validator put on the chain, by uid. */
  readonly onChain = new Map<number, StoredWeights>()
  #app: FastifyInstance | undefined
  #url: Promise<string> | undefined

  constructor(dir: string, {miners, validators, ranking}: WorldSize) {
    this.miners = people('miner', miners)
    this.validators = people('validator', validators)
    this.params = {
      ...defaults,
      everyBlocks,
      clip: {...defaults.clip, restTasks: 2},
      ranking: {...defaults.ranking, minTasks: 1, ...ranking},
    }
    this.store = openStore(path.join(dir, 'owner.db'))
    this.objects = new FolderObjects({root: dir, bucket: 'samples'})
    const neurons = [owner, ...this.validators, ...this.miners].map(({hotkey}, uid) => ({
      ...{uid, hotkey, coldkey: owner.hotkey, lastUpdate: 0, registeredAtBlock: 0},
      stakeRao: uid >= 1 && uid <= validators ? stakeRao * BigInt(uid) : 0n,
      validatorPermit: uid >= 1 && uid <= validators,
    }))
    this.chain = {
      network: 'written',
      head: async () => ({number: this.block, hash: hashOfBlock(this.block)}),
      blockAt: async (number: number) => ({number, hash: hashOfBlock(number)}),
      metagraph: async () => ({netuid, block: await this.chain.head(), ownerHotkey: owner.hotkey, neurons}),
      hyperparameters: async () => ({
        ...{tempo: 360, weightsRateLimit: 100, weightsVersion: 0, minAllowedWeights: 1},
        ...{commitRevealEnabled: false, mechanismCount: 1},
      }),
      commitments: async () => this.miners.map(({hotkey}, index) => ({hotkey, text: '', block: 10 + index})),
      weights: async (_netuid: number, _mecid: number, uid: number) => this.onChain.get(uid),
    }
    this.scorer = new Scorer({
      ...{store: this.store, mechanism: video, netuid, time},
      chain: this.chain,
      log: silentLogger(),
    })
    replaceMiners(
      this.store,
      this.miners.map(({hotkey}, index) => ({
        ...emptyRow(hotkey, 1 + validators + index),
        ...{isValid: true, block: 10 + index, lastValidatedAt: 0},
      })),
      0,
    )
    this.publishExam()
  }

  publishExam(changes: Partial<VideoParams> = {}) {
    return ensureExam({
      ...{store: this.store, mechanism: video, netuid, samplers: [owner.hotkey], signer: owner, at: 0},
      params: {...this.params, ...changes},
    })
  }

  /** Makes, judges and settles tasks, and ranks; every validator then pays the winner. */
  async run(tasks: number): Promise<void> {
    for (let count = 0; count < tasks; count++) await this.#task()
    await this.rank()
    this.pay()
  }

  async rank(): Promise<void> {
    this.block += 5
    await this.scorer.turn(never)
  }

  pay(uid = this.scorer.current()?.ranking.rows.find(({rank}) => rank === 1)?.uid ?? 0): void {
    for (const index of this.validators.keys())
      this.onChain.set(1 + index, {uids: [uid], values: [65_535], lastUpdate: this.block})
  }

  /** The owner's API, listening. */
  async api(): Promise<HttpOwnerApi> {
    this.#app ??= buildServer({
      ...{store: this.store, netuid, mechanism: video, scorer: this.scorer, verify, time, log: silentLogger()},
      ...{health: new Health(), signer: owner, version: '0.0.0-test', admins: [owner.hotkey]},
    })
    this.#url ??= this.#app.listen({port: 0, host: '127.0.0.1'})
    const url = await this.#url
    return new HttpOwnerApi({url, netuid, time, timeoutMs: 30_000, attempts: 1, log: silentLogger()})
  }

  async source(): Promise<AuditSource> {
    const chain = new LiveChain(this.chain, {netuid, mecid: 0})
    return liveSource({api: await this.api(), chain, objects: this.objects})
  }

  async close(): Promise<void> {
    await this.#app?.close()
    this.store.close()
  }

  async #put(key: string, text: string): Promise<Artefact> {
    return this.objects.putBytes(key, new TextEncoder().encode(text), 'video/mp4', never)
  }

  async #task(): Promise<void> {
    const before = this.#manifests.at(-1)
    const taskId = (before?.manifest.taskId ?? 0) + 1
    this.block = Math.max(this.block, (before?.manifest.block.number ?? 0) + everyBlocks)
    const task = await this.#manifest(taskId, Math.floor(this.block / everyBlocks) * everyBlocks)
    await this.objects.putBytes(
      `${taskId}/manifest.json`,
      new TextEncoder().encode(canonicalJson(task)),
      'application/json',
      never,
    )
    this.#manifests.push(task)
    addTask(this.store, task, 0)
    this.store.sql.transaction(() => {
      for (const [v, validator] of this.validators.entries()) {
        for (const {hotkey} of task.manifest.answers.filter(({outcome}) => outcome === 'ok')) {
          const m = this.miners.findIndex((miner) => miner.hotkey === hotkey)
          const verdict = this.#verdict(task, validator.hotkey, hotkey, m === 0 || (m + v + taskId) % 3 === 0)
          addVerdict(this.store, {verdict, signature: signValue('verdict', verdict, validator)}, 0)
        }
      }
    })
    this.block += 2
    settleOnce({store: this.store, mechanism: video, block: this.block, at: 0, log: silentLogger()})
  }
  readonly #manifests: SignedManifest[] = []

  async #manifest(taskId: number, block: number): Promise<SignedManifest> {
    const corpus = buildCorpus(
      ['harbour', 'street', 'forest'].map((name) => ({
        ...{key: `${name}.mp4`, sha256: sha256(name), sizeBytes: 5_000_000, durationS: 21.5, cuts: [9.25]},
      })),
      this.params.clip.sceneThreshold,
    )
    const recent = this.#manifests.map(({manifest}) => manifest.source.sha256)
    const choice = chooseClip({blockHash: hashOfBlock(block), taskId, corpus, recent}, this.params.clip)
    if (!choice) throw new Error('no clip can be chosen')
    await this.#put(`corpus/${choice.corpusSha256}.json`, canonicalJson(corpus))
    const {entry, window} = choice
    const answers = await Promise.all(
      this.miners.map(async ({hotkey}, index): Promise<Answer> => {
        const isRejected = index > 0 && index === this.miners.length - 1
        return {
          ...{
            hotkey,
            uid: 1 + this.validators.length + index,
            commitmentBlock: 10 + index,
            latencyMs: 1000,
            attempts: 1,
          },
          ...(isRejected
            ? {outcome: 'rejected:motion' as const, reason: 'nothing moves'}
            : {outcome: 'ok' as const, reason: null}),
          output: await this.#put(`${taskId}/generated_videos/${hotkey}.mp4`, `video of ${hotkey} for task ${taskId}`),
        }
      }),
    )
    const manifest: TaskManifest = {
      ...{version: 1, mechanism: 'video', netuid, taskId, kind: 'ti2v'},
      examHash: this.publishExam().examHash,
      block: {number: block, hash: hashOfBlock(block)},
      createdAt: '2026-01-01T00:00:00.000Z',
      source: {
        ...{key: entry.key, sha256: entry.sha256, index: choice.index, corpusSha256: choice.corpusSha256},
        ...{corpusSize: choice.corpusSize, durationS: entry.durationS, clipStartS: window.clipStartS},
        ...{clipDurationS: this.params.clip.durationS, shotStartS: window.startS, shotEndS: window.endS},
        cutCount: entry.cuts.length,
      },
      prompt: {text: 'a boat — “Möwe” — turns left', author: 'measured'},
      clip: await this.#put(`${taskId}/original_clip.mp4`, `clip ${taskId}`),
      firstFrame: await this.#put(`${taskId}/first_frame.png`, `frame ${taskId}`),
      answers: answers.sort((a, b) => compareText(a.hotkey, b.hotkey)),
      voters: this.validators
        .map(({hotkey}, index): Voter => ({hotkey, uid: 1 + index, stakeRao: String(stakeRao * BigInt(1 + index))}))
        .sort((a, b) => compareText(a.hotkey, b.hotkey)),
    }
    return {manifest, signer: owner.hotkey, signature: signValue('task', manifest, owner)}
  }

  #verdict({manifest}: SignedManifest, validator: Hotkey, miner: Hotkey, good: boolean): Verdict {
    const scores = Object.fromEntries(
      aspects.map((aspect, index) => [aspect, good ? 90 - index : 40 + index]),
    ) as Record<(typeof aspects)[number], number> // Made from that very list.
    const overall = overallOf(scores, this.params.judge.weights)
    const output = manifest.answers.find(({hotkey}) => hotkey === miner)?.output?.sha256 ?? sha256('none')
    return {
      ...{
        version: 1,
        mechanism: 'video',
        netuid,
        taskId: manifest.taskId,
        examHash: manifest.examHash,
        validator,
        miner,
      },
      artefacts: {output, clip: manifest.clip.sha256, firstFrame: manifest.firstFrame?.sha256 ?? null},
      judge: {name: 'reference', version: defaults.judge.version},
      ...{passed: passes(scores, overall, this.params.judge), overall, aspects: scores, confidence: 80, gate: null},
      ...{reasoning: 'the boat turns as it should', strengths: ['steady'], issues: ['soft towards the end']},
    }
  }
}
