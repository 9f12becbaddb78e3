import {sha256} from '../../src/domain/canonical.js'
import {compareText, type Hotkey} from '../../src/domain/ids.js'
import {signValue} from '../../src/domain/signed.js'
import type {Answer, SignedManifest, TaskManifest} from '../../src/domain/task.js'
import type {SignedVerdict, Verdict} from '../../src/domain/verdict.js'
import {defaults} from '../../src/mechanisms/video/params.js'
import {createSigner} from '../../src/wallet/keypair.js'
import type {Signer} from '../../src/wallet/port.js'

/** Tasks and verdicts that nobody made or judged, whole in form and signed: what a store, an API or a page is tried with. */

export const netuid = 99

/** `count` keys that are the same in every run. */
export function people(what: string, count: number): Signer[] {
  return Array.from({length: count}, (_, index) => createSigner({uri: `//${what}//${index}`}))
}

export function artefactOf(taskId: number, key: string, sizeBytes = 10) {
  return {key: `${taskId}/${key}`, sha256: sha256(`${taskId} ${key}`), sizeBytes}
}

/** A delivered output, unless `changes` say otherwise. */
export function answerOf(
  taskId: number,
  {hotkey, uid}: {readonly hotkey: Hotkey; readonly uid: number},
  changes: Partial<Answer> = {},
): Answer {
  return {
    hotkey,
    uid,
    commitmentBlock: uid,
    outcome: 'ok',
    reason: null,
    latencyMs: 41_250,
    attempts: 1,
    output: artefactOf(taskId, `generated_videos/${hotkey}.mp4`),
    ...changes,
  }
}

/** Answers and voters are put into the order that manifests have. */
export function manifestOf(
  changes: Partial<TaskManifest> & Pick<TaskManifest, 'taskId' | 'examHash' | 'answers' | 'voters'>,
): TaskManifest {
  const {taskId, answers, voters} = changes
  const byHotkey = (a: {hotkey: Hotkey}, b: {hotkey: Hotkey}) => compareText(a.hotkey, b.hotkey)
  return {
    version: 1,
    mechanism: 'video',
    netuid,
    kind: 'ti2v',
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
    clip: artefactOf(taskId, 'original_clip.mp4'),
    firstFrame: artefactOf(taskId, 'first_frame.png'),
    ...changes,
    answers: answers.toSorted(byHotkey),
    voters: voters.toSorted(byHotkey),
  }
}

export function signedTask(manifest: TaskManifest, signer: Signer): SignedManifest {
  return {manifest, signer: signer.hotkey, signature: signValue('task', manifest, signer)}
}

/** About the very files of the manifest; a miner without an output there is said to have sent one that nobody knows. */
export function verdictOf(
  {manifest}: SignedManifest,
  {validator, miner, passed}: {readonly validator: Hotkey; readonly miner: Hotkey; readonly passed: boolean},
  changes: Partial<Verdict> = {},
): Verdict {
  const answer = manifest.answers.find(({hotkey}) => hotkey === miner)
  return {
    version: 1,
    mechanism: 'video',
    netuid,
    taskId: manifest.taskId,
    examHash: manifest.examHash,
    validator,
    miner,
    artefacts: {
      output: answer?.output?.sha256 ?? sha256('nothing'),
      clip: manifest.clip.sha256,
      firstFrame: manifest.firstFrame?.sha256 ?? null,
    },
    judge: {name: 'reference', version: defaults.judge.version},
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
    reasoning: 'The boat turns when it should and the wall stays where it was.',
    strengths: ['steady camera', 'the boat keeps its shape'],
    issues: ['the water is a little soft towards the end'],
    ...changes,
  }
}

export function signedVerdict(verdict: Verdict, validator: Signer): SignedVerdict {
  return {verdict, signature: signValue('verdict', verdict, validator)}
}
