import {sampleOf} from '../../src/api/sample.js'
import type {SampleSubmission} from '../../src/api/schemas.js'
import {sha256} from '../../src/domain/canonical.js'
import {compareText} from '../../src/domain/ids.js'
import {signValue} from '../../src/domain/signed.js'
import type {SignedManifest, TaskManifest} from '../../src/domain/task.js'
import type {SignedVerdict} from '../../src/domain/verdict.js'
import {mechanism} from '../../src/mechanisms/registry.js'
import {defaults} from '../../src/mechanisms/video/params.js'
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

export const netuid = 99
export const owner = createSigner({uri: '//Owner'})
export const people = (what: string, count: number) =>
  Array.from({length: count}, (_, index) => createSigner({uri: `//${what}//${index}`}))
export const validators = people('validator', 16)
export const miners = people('miner', 256)
export const settledTasks = 25
export const openTasks = 16
const stakeRao = 1_000_000_000_000n
export const video = mechanism('video')

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
      modelName: `user/leoma-${hotkey}`,
      modelRevision: sha256(hotkey).slice(0, 40),
      modelHash: sha256(hotkey),
      weightFiles: Array.from({length: 8}, (_, part) => ({sha256: sha256(`${hotkey} ${part}`), sizeBytes: 5e9})),
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
        const signed = {...unsigned(task, validator, hotkey, passed), signature: `0x${'ab'.repeat(64)}`}
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
  const artefact = (key: string) => ({key: `${taskId}/${key}`, sha256: sha256(`${taskId} ${key}`), sizeBytes: 10})
  const value: TaskManifest = {
    version: 1,
    mechanism: 'video',
    netuid,
    taskId,
    kind: 'ti2v',
    examHash,
    block: {number: 1000 + taskId, hash: `0x${'ab'.repeat(32)}`},
    createdAt: '2026-01-01T00:00:00.000Z',
    source: {
      key: 'clip.mp4',
      sha256: sha256('clip'),
      index: 0,
      corpusSha256: sha256('corpus'),
      corpusSize: 1,
      durationS: 10,
      clipStartS: 2,
      clipDurationS: 5,
      shotStartS: 0,
      shotEndS: 10,
      cutCount: 0,
    },
    prompt: {text: 'a boat turns left while the camera follows it along the harbour wall', author: 'measured'},
    clip: artefact('original_clip.mp4'),
    firstFrame: artefact('first_frame.png'),
    answers: miners
      .map(({hotkey}, uid) => ({
        ...{hotkey, uid, commitmentBlock: uid, outcome: 'ok' as const, reason: null, latencyMs: 41_250, attempts: 1},
        output: artefact(`generated_videos/${hotkey}.mp4`),
      }))
      .sort((a, b) => compareText(a.hotkey, b.hotkey)),
    voters: validators
      .map(({hotkey}, index) => ({hotkey, uid: 300 + index, stakeRao: String(stakeRao)}))
      .sort((a, b) => compareText(a.hotkey, b.hotkey)),
  }
  return {manifest: value, signer: owner.hotkey, signature: signValue('task', value, owner)}
}

function unsigned({manifest}: SignedManifest, validator: Signer, miner: Signer['hotkey'], passed: boolean) {
  const answer = manifest.answers.find(({hotkey}) => hotkey === miner)
  if (!answer?.output) throw new Error('no such answer')
  const verdict: SignedVerdict['verdict'] = {
    version: 1,
    mechanism: 'video',
    netuid,
    taskId: manifest.taskId,
    examHash: manifest.examHash,
    validator: validator.hotkey,
    miner,
    artefacts: {
      output: answer.output.sha256,
      clip: manifest.clip.sha256,
      firstFrame: manifest.firstFrame?.sha256 ?? null,
    },
    judge: {name: 'reference', version: 1},
    passed,
    overall: passed ? 90 : 40,
    aspects: {
      first_frame_fidelity: 90,
      prompt_adherence: 88,
      temporal_consistency: 91,
      motion_quality: 85,
      visual_quality: 93,
      camera_composition: 80,
    },
    confidence: 80,
    gate: null,
    reasoning:
      'The video follows the original closely: the boat turns at the same time and the wall stays where it was.',
    strengths: ['steady camera', 'the boat keeps its shape'],
    issues: ['the water is a little soft towards the end'],
  }
  return {verdict}
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
          const {verdict} = unsigned(task, validator, hotkey, true)
          return sampleOf({verdict, signature: signValue('verdict', verdict, validator)}, task, 'samples')
        })
        yield {validator, samples}
      }
    }
  }
}
