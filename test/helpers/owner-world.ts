import {mkdtempSync, rmSync} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type {FastifyInstance, InjectOptions, LightMyRequestResponse} from 'fastify'
import {sampleOf} from '../../src/api/sample.js'
import type {SampleSubmission} from '../../src/api/schemas.js'
import {evaluationEntry, signEvaluation, signRequest, signRequest2} from '../../src/api/signature.js'
import type {Chain, Commitment, Metagraph, Neuron} from '../../src/chain/port.js'
import {sha256} from '../../src/domain/canonical.js'
import {formatModelCommitment} from '../../src/domain/commitment.js'
import type {SignedExam} from '../../src/domain/exam.js'
import type {Hotkey} from '../../src/domain/ids.js'
import type {SignedManifest, TaskManifest} from '../../src/domain/task.js'
import type {SignedVerdict, Verdict} from '../../src/domain/verdict.js'
import {buildServer, type ServerDeps} from '../../src/http/server.js'
import {mechanism} from '../../src/mechanisms/registry.js'
import {defaults, type VideoParams} from '../../src/mechanisms/video/params.js'
import type {Chute, Model, Models} from '../../src/models/port.js'
import {Health} from '../../src/runtime/health.js'
import {silentLogger} from '../../src/runtime/logger.js'
import {ensureExam} from '../../src/services/exam.js'
import {validateMinersOnce} from '../../src/services/miner-validation.js'
import {Scorer} from '../../src/services/scorer.js'
import {settleOnce} from '../../src/services/settlement.js'
import {syncValidatorsOnce} from '../../src/services/validator-sync.js'
import {openStore, type Store} from '../../src/store/open.js'
import {verifyEd25519} from '../../src/wallet/ed25519.js'
import {createSigner, verify} from '../../src/wallet/keypair.js'
import type {Signer} from '../../src/wallet/port.js'
import {answerOf, manifestOf, netuid, signedTask, signedVerdict, verdictOf} from './written-evidence.js'

export {netuid}
export const owner = createSigner({uri: '//Owner'})
export const validators = ['//Alice', '//Bob', '//Charlie'].map((uri) => createSigner({uri}))
export const miners = ['//Dave', '//Eve', '//Ferdie', '//One'].map((uri) => createSigner({uri}))
export const stranger = createSigner({uri: '//Two'})
export const video = mechanism('video')
export const never = new AbortController().signal

export const params: VideoParams = {
  ...defaults,
  ranking: {...defaults.ranking, window: 10, memory: 10, minTasks: 2, settleBlocks: 20},
}

export const oneAlpha = 1_000_000_000n
export const minStakeRao = 1000n * oneAlpha

/** A chain whose people and commitments a test writes down as it likes. */
export class WrittenChain implements Pick<Chain, 'blockTimeMs' | 'head' | 'metagraph' | 'commitments'> {
  readonly blockTimeMs = 12_000
  block = 100
  neurons: Neuron[] = []
  offers: Commitment[] = []
  fails = false

  async head() {
    this.#mayFail()
    return {number: this.block, hash: `0x${'0'.repeat(64)}`}
  }

  async metagraph(): Promise<Metagraph> {
    return {netuid, block: await this.head(), ownerHotkey: owner.hotkey, neurons: this.neurons}
  }

  async commitments(): Promise<Commitment[]> {
    this.#mayFail()
    return this.offers
  }

  #mayFail(): void {
    if (this.fails) throw new Error('no answer from the chain')
  }
}

/** Deployments and models by name; an error stands for a provider that does not answer. */
export class WrittenModels implements Models {
  readonly chutes = new Map<string, Chute | Error>()
  readonly models = new Map<string, Model | Error>()
  asked = 0

  async chute(chuteId: string): Promise<Chute | undefined> {
    this.asked++
    const chute = this.chutes.get(chuteId)
    if (chute instanceof Error) throw chute
    return chute
  }

  async model(name: string): Promise<Model | undefined> {
    const model = this.models.get(name)
    if (model instanceof Error) throw model
    return model
  }
}

export const revisionOf = (name: string) => sha256(name).slice(0, 40)

export class OwnerWorld {
  readonly dir = mkdtempSync(path.join(os.tmpdir(), 'leoma-owner-'))
  readonly storePath = path.join(this.dir, 'owner.db')
  readonly netuid = netuid
  readonly mechanism = video
  readonly chain = new WrittenChain()
  readonly models = new WrittenModels()
  readonly health = new Health()
  readonly log = silentLogger()
  /** 2026-01-01. */
  nowMs = 1_767_225_600_000
  readonly time = {now: () => this.nowMs, sleep: async () => {}}
  store: Store = openStore(this.storePath, {durability: 'none'})
  readonly #servers: FastifyInstance[] = []

  /** Owner at uid 0, validators from 1, miners from 10, each miner with a model of its own. */
  constructor() {
    this.chain.neurons = [
      this.neuron(0, owner.hotkey),
      ...validators.map(({hotkey}, index) => this.neuron(index + 1, hotkey, BigInt(1000 * (index + 1)) * oneAlpha)),
      ...miners.map(({hotkey}, index) => this.neuron(10 + index, hotkey)),
    ]
    for (const [index, {hotkey}] of miners.entries()) this.offer(hotkey, 10 + index)
  }

  neuron(uid: number, hotkey: Hotkey, stakeRao = 0n): Neuron {
    return {
      uid,
      hotkey,
      coldkey: owner.hotkey,
      stakeRao,
      validatorPermit: stakeRao > 0n,
      lastUpdate: 0,
      registeredAtBlock: 0,
    }
  }

  /** A commitment with everything behind it that makes it valid. */
  offer(
    hotkey: Hotkey,
    block: number,
    files: readonly (readonly [content: string, sizeBytes: number])[] = [[hotkey, 100]],
  ) {
    const modelName = `user/leoma-${hotkey}`
    const modelRevision = revisionOf(modelName)
    const chuteId = `chute-${hotkey}`
    this.chain.offers = [
      ...this.chain.offers.filter((offer) => offer.hotkey !== hotkey),
      {hotkey, block, text: formatModelCommitment({modelName, modelRevision, chuteId})},
    ]
    this.models.chutes.set(chuteId, {
      chuteId,
      slug: `slug-${block}`,
      hot: true,
      revision: modelRevision,
      endpoint: 'http://127.0.0.1:1',
    })
    this.models.models.set(modelName, {
      sha: modelRevision,
      isPublic: true,
      weights: files.map(([content, sizeBytes], index) => ({
        path: `part-${index}.safetensors`,
        sha256: sha256(content),
        sizeBytes,
      })),
    })
  }

  exam(changes: Partial<VideoParams> = {}): SignedExam {
    return ensureExam({
      store: this.store,
      mechanism: video,
      params: {...params, ...changes},
      netuid,
      samplers: [owner.hotkey],
      signer: owner,
      at: this.nowMs,
    })
  }

  validate() {
    const {store, chain, models, time, log} = this
    return validateMinersOnce({store, chain, models, netuid, time, log}, never)
  }

  sync() {
    const {store, chain, time, log} = this
    return syncValidatorsOnce({store, chain, netuid, minStakeRao, time, log}, never)
  }

  settle(): number[] {
    const {store, log} = this
    return settleOnce({store, mechanism: video, block: this.chain.block, at: this.nowMs, log})
  }

  scorer(): Scorer {
    const {store, chain, time, log} = this
    return new Scorer({store, mechanism: video, chain, netuid, time, log})
  }

  /** As after the first turns of every job. */
  async ready(): Promise<this> {
    this.exam()
    await this.sync()
    await this.validate()
    return this
  }

  /** Closes the file and opens it again, as a new process would. */
  reopen(): void {
    this.store.close()
    this.store = openStore(this.storePath, {durability: 'none'})
  }

  server(changes: Partial<ServerDeps> = {}): FastifyInstance {
    const {store, time, health, log} = this
    const app = buildServer({
      ...{store, time, health, log, verify, verifyEd25519, netuid},
      mechanism: video,
      signer: owner,
      scorer: this.scorer(),
      version: '0.0.0-test',
      admins: [owner.hotkey],
      ...changes,
    })
    this.#servers.push(app)
    return app
  }

  /** Sends a request as `signer` would: in version 1 where that is taken, so that both are in use. */
  send(
    app: FastifyInstance,
    signer: Signer | undefined,
    method: 'GET' | 'POST' | 'DELETE',
    url: string,
    body?: unknown,
  ): Promise<LightMyRequestResponse> {
    const bytes = body === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(body))
    const options: InjectOptions = {
      method,
      url,
      headers: {
        ...(body === undefined ? {} : {'content-type': 'application/json'}),
        ...(signer ? this.#signature(signer, method, url, bytes) : {}),
      },
      ...(body === undefined ? {} : {payload: bytes}),
    }
    return app.inject(options)
  }

  #signature(signer: Signer, method: string, target: string, body: Buffer): Record<string, string> {
    return method === 'DELETE'
      ? signRequest2(signer, {netuid, method, target, body}, this.nowMs)
      : signRequest(signer, body, this.nowMs)
  }

  manifest(taskId: number, changes: Partial<TaskManifest> = {}): SignedManifest {
    const answers = miners.map(({hotkey}, index) =>
      answerOf(taskId, {hotkey, uid: 10 + index}, {latencyMs: 1000 + index}),
    )
    const voters = validators.map(({hotkey}, index) => ({
      hotkey,
      uid: index + 1,
      stakeRao: String(BigInt(1000 * (index + 1)) * oneAlpha),
    }))
    const manifest = manifestOf({
      taskId,
      examHash: this.exam().examHash,
      block: {number: 100 + taskId, hash: `0x${'ab'.repeat(32)}`},
      createdAt: new Date(this.nowMs).toISOString(),
      prompt: {text: 'a boat turns left', author: 'measured'},
      answers,
      voters,
    })
    // As a test wrote them, also where no honest sampler would.
    return this.signed({...manifest, ...changes})
  }

  signed(manifest: TaskManifest, signer = owner): SignedManifest {
    return signedTask(manifest, signer)
  }

  verdict(
    task: SignedManifest,
    validator: Signer,
    miner: Hotkey,
    passed: boolean,
    changes: Partial<Verdict> = {},
  ): SignedVerdict {
    const standard = {
      aspects: {motion_quality: passed ? 90 : 40},
      reasoning: 'moves like the original',
      strengths: ['steady'],
      issues: [],
    }
    const verdict = verdictOf(task, {validator: validator.hotkey, miner, passed}, {...standard, ...changes})
    return signedVerdict(verdict, validator)
  }

  sample(task: SignedManifest, validator: Signer, miner: Hotkey, passed: boolean): SampleSubmission {
    return sampleOf(this.verdict(task, validator, miner, passed), task, 'samples')
  }

  /** All samples of one validator on one task, signed as a batch. */
  batch(task: SignedManifest, validator: Signer, passes: (miner: Hotkey) => boolean) {
    const samples = task.manifest.answers
      .filter(({outcome}) => outcome === 'ok')
      .map(({hotkey}) => this.sample(task, validator, hotkey, passes(hotkey)))
    return {signature: signEvaluation(validator, samples.map(evaluationEntry)), samples}
  }

  /** Publishes a task and has every validator judge it alike. */
  async judgedTask(app: FastifyInstance, taskId: number, passes: (miner: Hotkey) => boolean): Promise<SignedManifest> {
    const task = this.manifest(taskId)
    await this.expectOk(this.send(app, owner, 'POST', '/tasks', task))
    for (const validator of validators)
      await this.expectOk(this.send(app, validator, 'POST', '/samples/batch', this.batch(task, validator, passes)))
    return task
  }

  async expectOk(answer: Promise<LightMyRequestResponse>): Promise<LightMyRequestResponse> {
    const {statusCode, body} = await answer
    if (statusCode !== 200) throw new Error(`expected 200, got ${statusCode}: ${body}`)
    return answer
  }

  async close(): Promise<void> {
    for (const server of this.#servers) await server.close()
    this.store.close()
    rmSync(this.dir, {recursive: true, force: true})
  }
}
