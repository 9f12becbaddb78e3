import {sampleOf} from '../../src/api/sample.js'
import type {SampleSubmission} from '../../src/api/schemas.js'
import {sha256} from '../../src/domain/canonical.js'
import {formatModelCommitment} from '../../src/domain/commitment.js'
import type {SignedManifest, TaskManifest} from '../../src/domain/task.js'
import {mechanism} from '../../src/mechanisms/registry.js'
import {defaults} from '../../src/mechanisms/video/params.js'
import type {Models} from '../../src/models/port.js'
import {ensureExam} from '../../src/services/exam.js'
import {emptyRow} from '../../src/services/miner-check.js'
import {replaceMiners} from '../../src/store/miners.js'
import {openStore, type Store} from '../../src/store/open.js'
import {putSample} from '../../src/store/samples.js'
import {addTask, settleTask} from '../../src/store/tasks.js'
import {syncValidators} from '../../src/store/validators.js'
import {addVerdict} from '../../src/store/verdicts.js'
import {createSigner} from '../../src/wallet/keypair.js'
import type {Signer} from '../../src/wallet/port.js'
import {
  answerOf,
  manifestOf,
  netuid,
  people,
  signedTask,
  signedVerdict,
  verdictOf,
} from '../helpers/written-evidence.js'

export {netuid}
export const owner = createSigner({uri: '//Owner'})
export const validators = people('validator', 16)
export const miners = people('miner', 256)
export const settledTasks = 25
export const openTasks = 16
const stakeRao = 1_000_000_000_000n
export const video = mechanism('video')

const modelOf = (hotkey: string) => `user/leoma-${hotkey}`
const revisionOf = (hotkey: string) => sha256(hotkey).slice(0, 40)
/** Every other one consists of many files, as some repositories do. */
const filesOf = (hotkey: string, uid: number) =>
  Array.from({length: uid % 2 === 0 ? 8 : 400}, (_, part) => ({sha256: sha256(`${hotkey} ${part}`), sizeBytes: 5e9}))

/** What every miner has committed, and what is found behind it. */
export const offered = {
  commitments: async () =>
    miners.map(({hotkey}, uid) => ({
      hotkey,
      block: uid,
      text: formatModelCommitment({
        modelName: modelOf(hotkey),
        modelRevision: revisionOf(hotkey),
        chuteId: `chute-${uid}`,
      }),
    })),
  models: {
    chute: async (chuteId: string) => {
      const uid = Number(chuteId.slice('chute-'.length))
      const revision = revisionOf(miners[uid]?.hotkey ?? '')
      return {chuteId, slug: `slug-${uid}`, hot: true, revision, endpoint: 'http://127.0.0.1:1'}
    },
    model: async (name: string) => {
      const hotkey = name.slice(modelOf('').length)
      const uid = miners.findIndex((miner) => miner.hotkey === hotkey)
      const weights = filesOf(hotkey, uid).map((file, part) => ({path: `${part}.safetensors`, ...file}))
      return {sha: revisionOf(hotkey), isPublic: true, weights}
    },
  } satisfies Models,
}

/** A subnet of full size with 102 400 settled verdicts, and some tasks that wait for theirs. */
export function fillStore(file: string): void {
  const store = openStore(file, {durability: 'none'})
  const at = Date.now()
  const exam = ensureExam({
    ...{store, mechanism: video, params: defaults, netuid, at},
    samplers: [owner.hotkey],
    signer: owner,
  })
  syncValidators(
    store,
    validators.map(({hotkey}, index) => ({hotkey, uid: 300 + index, stakeRao, qualifies: true})),
    at,
  )
  replaceMiners(
    store,
    miners.map(({hotkey}, uid) => ({
      ...emptyRow(hotkey, uid),
      modelName: modelOf(hotkey),
      modelRevision: revisionOf(hotkey),
      modelHash: sha256(hotkey),
      weightFiles: filesOf(hotkey, uid),
      chuteId: `chute-${uid}`,
      chuteSlug: `slug-${uid}`,
      isValid: true,
      block: uid,
      lastValidatedAt: at,
    })),
    at,
  )
  for (let taskId = 1; taskId <= settledTasks + openTasks; taskId++) {
    const task = manifest(taskId, exam.examHash)
    addTask(store, task, at)
    if (taskId <= settledTasks) settle(store, task, at)
  }
  store.close()
}

function settle(store: Store, task: SignedManifest, at: number): void {
  store.sql.transaction(() => {
    for (const [v, validator] of validators.entries()) {
      for (const [m, {hotkey}] of miners.entries()) {
        const passed = (v * 31 + m * 17 + task.manifest.taskId) % 5 !== 0
        // What is read back here is never verified again, and signing all of it would take half a minute.
        const verdict = verdictOf(task, {validator: validator.hotkey, miner: hotkey, passed})
        const signed = {verdict, signature: `0x${'ab'.repeat(64)}`}
        addVerdict(store, signed, at)
        putSample(store, storedSample(sampleOf(signed, task, 'samples'), validator, at))
      }
    }
    settleTask(store, {
      taskId: task.manifest.taskId,
      atBlock: task.manifest.block.number,
      at,
      verdicts: miners.length * validators.length,
      results: miners.map(({hotkey}) => ({miner: hotkey, passed: true, votes: validators.length, judgedAt: at})),
    })
  })
}

function manifest(taskId: number, examHash: TaskManifest['examHash']): SignedManifest {
  const value = manifestOf({
    taskId,
    examHash,
    answers: miners.map(({hotkey}, uid) => answerOf(taskId, {hotkey, uid})),
    voters: validators.map(({hotkey}, index) => ({hotkey, uid: 300 + index, stakeRao: String(stakeRao)})),
  })
  return signedTask(value, owner)
}

function storedSample(sample: SampleSubmission, validator: Signer, at: number) {
  return {
    taskId: sample.task_id,
    validator: validator.hotkey,
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

/** The next batches of 100 of every validator on the open tasks, each verdict signed. */
export function* batches(
  tasks: readonly SignedManifest[],
): Generator<{validator: Signer; samples: SampleSubmission[]}> {
  for (const task of tasks) {
    for (const validator of validators) {
      for (const from of [0, 100]) {
        const samples = miners.slice(from, from + 100).map(({hotkey}) => {
          const verdict = verdictOf(task, {validator: validator.hotkey, miner: hotkey, passed: true})
          return sampleOf(signedVerdict(verdict, validator), task, 'samples')
        })
        yield {validator, samples}
      }
    }
  }
}
