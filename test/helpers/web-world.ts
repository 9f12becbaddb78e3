import {mkdtempSync, rmSync} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type {FastifyInstance} from 'fastify'
import {sha256} from '../../src/domain/canonical.js'
import {compareText, type Hotkey} from '../../src/domain/ids.js'
import {signValue} from '../../src/domain/signed.js'
import type {Answer, SignedManifest, TaskManifest} from '../../src/domain/task.js'
import type {SignedVerdict, Verdict} from '../../src/domain/verdict.js'
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

const netuid = 99
const video = mechanism('video')
const stakeRao = 1_000_000_000_000n

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
    const artefact = (key: string) => ({
      key: `${taskId}/${key}`,
      sha256: sha256(`${taskId} ${key}`),
      sizeBytes: 400_000,
    })
    const manifest: TaskManifest = {
      version: 1,
      mechanism: 'video',
      netuid,
      taskId,
      kind: 'ti2v',
      examHash,
      block: {number: 1000 + taskId, hash: `0x${'ab'.repeat(32)}`},
      createdAt: '2026-01-01T00:00:00.000Z',
      source: {
        ...{key: 'clip.mp4', sha256: sha256('clip'), index: 0, corpusSha256: sha256('corpus'), corpusSize: 1},
        ...{durationS: 10, clipStartS: 2, clipDurationS: 5, shotStartS: 0, shotEndS: 10, cutCount: 0},
      },
      prompt: {
        text: text ?? 'a boat turns left while the camera follows it along the harbour wall',
        author: (text ?? 'measured').slice(0, 64),
      },
      clip: artefact('original_clip.mp4'),
      firstFrame: artefact('first_frame.png'),
      answers: this.miners
        .map(({hotkey}, index) => this.#answer(hotkey, index, taskId, artefact(`generated_videos/${hotkey}.mp4`)))
        .sort((a, b) => compareText(a.hotkey, b.hotkey)),
      voters: this.validators
        .map(({hotkey}) => ({hotkey, uid: this.uidOf(hotkey), stakeRao: String(stakeRao)}))
        .sort((a, b) => compareText(a.hotkey, b.hotkey)),
    }
    return {manifest, signer: this.owner.hotkey, signature: signValue('task', manifest, this.owner)}
  }

  #answer(hotkey: Hotkey, index: number, taskId: number, output: Answer['output']): Answer {
    const uid = this.uidOf(hotkey)
    const common = {hotkey, uid, commitmentBlock: 100 + index, attempts: 1}
    if ((index + taskId) % 13 === 7)
      return {
        ...common,
        outcome: 'transient',
        reason: this.#options.text?.slice(0, 300) ?? 'no answer within 300 s',
        latencyMs: null,
        output: null,
      }
    if ((index + taskId) % 11 === 5)
      return {
        ...common,
        outcome: 'rejected:motion',
        reason: this.#options.text?.slice(0, 300) ?? 'nothing moves in it',
        latencyMs: 9_000,
        output,
      }
    return {...common, outcome: 'ok', reason: null, latencyMs: 41_250, output}
  }

  verdict({manifest}: SignedManifest, validator: Signer, answer: Answer): SignedVerdict {
    const {text} = this.#options
    const index = this.miners.findIndex(({hotkey}) => hotkey === answer.hotkey)
    const overall = Math.max(5, 96 - 3 * (index % 24) - ((manifest.taskId * 7 + index * 3) % 9))
    const verdict: Verdict = {
      version: 1,
      mechanism: 'video',
      netuid,
      taskId: manifest.taskId,
      examHash: manifest.examHash,
      validator: validator.hotkey,
      miner: answer.hotkey,
      artefacts: {
        output: answer.output?.sha256 ?? manifest.clip.sha256,
        clip: manifest.clip.sha256,
        firstFrame: manifest.firstFrame?.sha256 ?? null,
      },
      judge: {name: (text ?? 'reference').slice(0, 64), version: 1},
      passed: overall >= 75,
      overall,
      aspects: {
        ...{first_frame_fidelity: overall, prompt_adherence: Math.max(0, overall - 4), temporal_consistency: overall},
        ...{
          motion_quality: Math.max(0, overall - 9),
          visual_quality: Math.min(100, overall + 3),
          camera_composition: overall,
        },
        ...(text === undefined ? {} : {[text.slice(0, 64)]: 50}),
      },
      confidence: 80,
      gate: text?.slice(0, 64) ?? null,
      reasoning: text ?? 'The boat turns when it should and the wall stays where it was.',
      strengths: [text?.slice(0, 200) ?? 'steady camera'],
      issues: [text?.slice(0, 200) ?? 'the water is a little soft'],
    }
    return {verdict, signature: signValue('verdict', verdict, validator)}
  }
}

function people(what: string, count: number): Signer[] {
  return Array.from({length: count}, (_, index) => createSigner({uri: `//${what}//${index}`}))
}
