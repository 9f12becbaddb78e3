import {mkdtempSync, rmSync} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type {FastifyInstance} from 'fastify'
import {sha256} from '../../src/domain/canonical.js'
import type {Hotkey} from '../../src/domain/ids.js'
import type {Answer, SignedManifest, TaskManifest} from '../../src/domain/task.js'
import type {SignedVerdict} from '../../src/domain/verdict.js'
import {buildServer, type ServerDeps} from '../../src/http/server.js'
import {mechanism} from '../../src/mechanisms/registry.js'
import {defaults} from '../../src/mechanisms/video/params.js'
import {systemTime} from '../../src/runtime/clock.js'
import {Health} from '../../src/runtime/health.js'
import {silentLogger} from '../../src/runtime/logger.js'
import {ensureExam} from '../../src/services/exam.js'
import {emptyRow} from '../../src/services/miner-check.js'
import {Scorer} from '../../src/services/scorer.js'
import {settleOnce} from '../../src/services/settlement.js'
import {replaceMiners} from '../../src/store/miners.js'
import {openStore, type Store} from '../../src/store/open.js'
import {addTask} from '../../src/store/tasks.js'
import {syncValidators} from '../../src/store/validators.js'
import {addVerdict} from '../../src/store/verdicts.js'
import {createSigner, verify} from '../../src/wallet/keypair.js'
import type {Signer} from '../../src/wallet/port.js'
import {
  answerOf,
  artefactOf,
  manifestOf,
  netuid,
  people,
  signedTask,
  signedVerdict,
  verdictOf,
} from './written-evidence.js'

const video = mechanism('video')
const stakeRao = 1_000_000_000_000n
const sizeBytes = 400_000

export interface WebWorldOptions {
  readonly miners: number
  readonly validators: number
  /** Settled tasks, the newest of them with everything that is signed. */
  readonly tasks: number
  /** Tasks before those, of which only the figures are there, as after `db prune`. */
  readonly older?: number
  /** Stands in for every text that a stranger writes. */
  readonly text?: string
}

/** A subnet that exists only in its owner's store, behind the real API on a port: as large or as hostile as wanted. */
export class WebWorld {
  readonly dir = mkdtempSync(path.join(os.tmpdir(), 'leoma-web-'))
  readonly store: Store
  readonly owner = createSigner({uri: '//Owner'})
  readonly miners: readonly Signer[]
  readonly validators: readonly Signer[]
  readonly time = systemTime()
  readonly scorer: Scorer
  readonly #options: WebWorldOptions
  readonly #neurons
  #server: FastifyInstance | undefined

  constructor(options: WebWorldOptions) {
    this.#options = options
    this.store = openStore(path.join(this.dir, 'owner.db'), {durability: 'none'})
    this.miners = people('miner', options.miners)
    this.validators = people('validator', options.validators)
    this.#neurons = [this.owner, ...this.validators, ...this.miners].map(({hotkey}, uid) => ({
      ...{
        uid,
        hotkey,
        coldkey: this.owner.hotkey,
        stakeRao: 0n,
        validatorPermit: false,
        lastUpdate: 0,
        registeredAtBlock: 0,
      },
    }))
    const {store, time} = this
    const chain = {
      blockTimeMs: 12_000,
      metagraph: async () => ({
        netuid,
        block: {number: 2000, hash: ''},
        ownerHotkey: this.owner.hotkey,
        neurons: this.#neurons,
      }),
    }
    this.scorer = new Scorer({store, mechanism: video, chain, netuid, time, log: silentLogger()})
    this.#fill()
  }

  uidOf(hotkey: string): number {
    return this.#neurons.find((neuron) => neuron.hotkey === hotkey)?.uid ?? -1
  }

  /** Where it listens. */
  async listen(changes: Partial<ServerDeps> = {}): Promise<string> {
    await this.scorer.turn(new AbortController().signal)
    this.#server = this.server(changes)
    return this.#server.listen({port: 0, host: '127.0.0.1'})
  }

  server(changes: Partial<ServerDeps> = {}): FastifyInstance {
    const {store, scorer, time, owner} = this
    return buildServer({
      ...{store, scorer, time, netuid, verify, mechanism: video},
      signer: owner,
      health: new Health(),
      log: silentLogger(),
      version: '0.0.0-test',
      admins: [owner.hotkey],
      chainState: () => ({block: 2000, movedAt: time.now(), answeredAt: time.now(), error: null}),
      ...changes,
    })
  }

  async down(): Promise<void> {
    await this.#server?.close()
    this.#server = undefined
  }

  async close(): Promise<void> {
    await this.down()
    this.store.close()
    rmSync(this.dir, {recursive: true, force: true})
  }

  #fill(): void {
    const {store, owner, miners, validators} = this
    const {tasks, older = 0, text} = this.#options
    const at = this.time.now() - 60_000 * (tasks + 1)
    const exam = ensureExam({
      ...{store, mechanism: video, params: {...defaults, ranking: {...defaults.ranking, minTasks: 1}}, netuid, at},
      samplers: [owner.hotkey],
      signer: owner,
    })
    if (miners.length === 0) return
    syncValidators(
      store,
      validators.map(({hotkey}) => ({hotkey, uid: this.uidOf(hotkey), stakeRao, qualifies: true})),
      at,
    )
    replaceMiners(
      store,
      miners.map(({hotkey}, index) => ({
        ...emptyRow(hotkey, this.uidOf(hotkey)),
        modelName: text ?? `user/leoma-${hotkey}`,
        modelRevision: text ?? sha256(hotkey).slice(0, 40),
        chuteId: text ?? `chute-${index}`,
        isValid: index % 9 !== 8,
        invalidReason: index % 9 === 8 ? (text ?? 'duplicate_model:earliest_uid=3') : null,
        block: 100 + index,
        lastValidatedAt: at,
      })),
      at,
    )
    this.#writeOlder(older, at)
    for (let index = 0; index < tasks; index++) {
      const taskId = older + index + 1
      const task = this.manifest(taskId, exam.examHash)
      addTask(store, task, at + 60_000 * index)
      store.sql.transaction(() => {
        for (const validator of validators)
          for (const answer of task.manifest.answers)
            if (answer.outcome === 'ok')
              addVerdict(store, this.verdict(task, validator, answer), at + 60_000 * (index + 1))
      })
      settleOnce({store, mechanism: video, block: 1000 + taskId, at: at + 60_000 * (index + 1), log: silentLogger()})
    }
  }

  #writeOlder(older: number, at: number): void {
    const {sql} = this.store
    const row = sql.prepare<number[]>(
      `INSERT INTO task_figures VALUES (?, ?, ?, ?, 'ti2v', 'a boat turns left', ?, ?, 1, ?, ?, 71.5, 9000000, 50000000, ?)`,
    )
    const {miners, validators} = this.#options
    sql.transaction(() => {
      for (let id = 1; id <= older; id++) {
        const time = at - 60_000 * (older - id)
        row.run(id, time, time + 50_000, 1000 + id, miners, miners - 1, miners - 1, miners >> 1, miners * validators)
      }
    })
  }

  manifest(taskId: number, examHash: TaskManifest['examHash']): SignedManifest {
    const {text} = this.#options
    const manifest = manifestOf({
      taskId,
      examHash,
      clip: artefactOf(taskId, 'original_clip.mp4', sizeBytes),
      firstFrame: artefactOf(taskId, 'first_frame.png', sizeBytes),
      ...(text !== undefined && {prompt: {text, author: text.slice(0, 64)}}),
      answers: this.miners.map(({hotkey}, index) => this.#answer(hotkey, index, taskId)),
      voters: this.validators.map(({hotkey}) => ({hotkey, uid: this.uidOf(hotkey), stakeRao: String(stakeRao)})),
    })
    return signedTask(manifest, this.owner)
  }

  /** Some are silent, some are refused by a gate, most deliver. */
  #answer(hotkey: Hotkey, index: number, taskId: number): Answer {
    const {text} = this.#options
    const uid = this.uidOf(hotkey)
    const output = artefactOf(taskId, `generated_videos/${hotkey}.mp4`, sizeBytes)
    const common = {commitmentBlock: 100 + index, output}
    const why = (standard: string) => text?.slice(0, 300) ?? standard
    if ((index + taskId) % 13 === 7)
      return answerOf(
        taskId,
        {hotkey, uid},
        {...common, outcome: 'transient', reason: why('no answer within 300 s'), latencyMs: null, output: null},
      )
    if ((index + taskId) % 11 === 5)
      return answerOf(
        taskId,
        {hotkey, uid},
        {...common, outcome: 'rejected:motion', reason: why('nothing moves in it'), latencyMs: 9_000},
      )
    return answerOf(taskId, {hotkey, uid}, common)
  }

  verdict(task: SignedManifest, validator: Signer, {hotkey: miner}: Answer): SignedVerdict {
    const {text} = this.#options
    const index = this.miners.findIndex(({hotkey}) => hotkey === miner)
    const overall = Math.max(5, 96 - 3 * (index % 24) - ((task.manifest.taskId * 7 + index * 3) % 9))
    const passed = overall >= 75
    const verdict = verdictOf(
      task,
      {validator: validator.hotkey, miner, passed},
      {
        overall,
        aspects: {
          first_frame_fidelity: overall,
          prompt_adherence: Math.max(0, overall - 4),
          temporal_consistency: overall,
          motion_quality: Math.max(0, overall - 9),
          visual_quality: Math.min(100, overall + 3),
          camera_composition: overall,
          ...(text !== undefined && {[text.slice(0, 64)]: 50}),
        },
        ...(text !== undefined && {
          judge: {name: text.slice(0, 64), version: 1},
          gate: text.slice(0, 64),
          reasoning: text,
          strengths: [text.slice(0, 200)],
          issues: [text.slice(0, 200)],
        }),
      },
    )
    return signedVerdict(verdict, validator)
  }
}
