import {hashOf} from '../../src/domain/canonical.js'
import {Hotkey} from '../../src/domain/ids.js'
import type {SubnetView} from '../../src/domain/subnet.js'
import type {Answer, TaskManifest} from '../../src/domain/task.js'
import type {SettledTask, SignedVerdict} from '../../src/domain/verdict.js'
import {defaults} from '../../src/mechanisms/video/params.js'

const alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
const noSignature = `0x${'0'.repeat(128)}`

/** A hotkey for rules that never look at its checksum; the same name gives the same one, and names keep their order. */
export function aHotkey(name: string): Hotkey {
  const text = [...name].map((letter) => (alphabet.includes(letter) ? letter : '1')).join('')
  return Hotkey.parse(`5${text}`.padEnd(48, '1'))
}

export function aSha(name: string) {
  return hashOf(name)
}

export interface TaskSetup {
  readonly taskId?: number
  readonly block?: number
  /** Name of the miner to its outcome. */
  readonly outcomes: Readonly<Record<string, Answer['outcome']>>
  /** Name of the validator to its stake in rao. */
  readonly stakes?: Readonly<Record<string, bigint>>
  /** Validator, miner, passed, overall. */
  readonly votes?: readonly (readonly [string, string, boolean, number?])[]
}

/** A settled task with real shapes; signatures are empty, because rules do not look at them. */
export function aSettledTask({
  taskId = 1,
  block = taskId * 10,
  outcomes,
  stakes = {v: 1000n},
  votes = [],
}: TaskSetup): SettledTask {
  const artefact = (key: string) => ({key, sha256: aSha(key), sizeBytes: 1})
  const manifest: TaskManifest = {
    version: 1,
    mechanism: 'video',
    netuid: 99,
    taskId,
    kind: 'ti2v',
    examHash: aSha('exam'),
    block: {number: block, hash: `0x${aSha(`block ${block}`)}`},
    createdAt: '2026-11-01T00:00:00.000Z',
    source: {
      key: 'a.mp4',
      sha256: aSha('source'),
      index: 0,
      corpusSha256: aSha('corpus'),
      corpusSize: 1,
      durationS: 12,
      clipStartS: 3,
      clipDurationS: 5,
      shotStartS: 0,
      shotEndS: 12,
      cutCount: 0,
    },
    prompt: {text: 'a thing moves to the left', author: 'test'},
    clip: artefact(`${taskId}/original_clip.mp4`),
    firstFrame: artefact(`${taskId}/first_frame.png`),
    answers: Object.entries(outcomes).map(([name, outcome], uid) => ({
      hotkey: aHotkey(name),
      uid,
      commitmentBlock: 1,
      outcome,
      reason: null,
      latencyMs: 1000,
      attempts: 1,
      output: outcome === 'ok' ? artefact(`${taskId}/generated_videos/${name}.mp4`) : null,
    })),
    voters: Object.entries(stakes).map(([name, stake], uid) => ({
      hotkey: aHotkey(name),
      uid: uid + 100,
      stakeRao: String(stake),
    })),
  }
  return {
    task: {manifest, signer: aHotkey('owner'), signature: noSignature},
    verdicts: votes.map(([validator, miner, passed, overall = passed ? 90 : 40]) =>
      aVerdict(manifest, validator, miner, passed, overall),
    ),
    settledAtBlock: block + 5,
  }
}

export function aVerdict(
  manifest: TaskManifest,
  validator: string,
  miner: string,
  passed: boolean,
  overall: number,
): SignedVerdict {
  return {
    verdict: {
      version: 1,
      mechanism: 'video',
      netuid: manifest.netuid,
      taskId: manifest.taskId,
      examHash: manifest.examHash,
      validator: aHotkey(validator),
      miner: aHotkey(miner),
      artefacts: {output: aSha(miner), clip: manifest.clip.sha256, firstFrame: manifest.firstFrame?.sha256 ?? null},
      judge: {name: 'reference', version: defaults.judge.version},
      passed,
      overall,
      aspects: {},
      confidence: 100,
      gate: null,
      reasoning: '',
      strengths: [],
      issues: [],
    },
    signature: noSignature,
  }
}

/** Miners in order of uid, all valid, committed at block 1, 2, 3, …, unless overridden. */
export function aView(
  names: readonly string[],
  overrides: Readonly<Record<string, Partial<SubnetView['miners'][number]>>> = {},
): SubnetView {
  return {
    block: 1000,
    neurons: names.map((name, uid) => ({uid, hotkey: aHotkey(name), stakeRao: '0', validatorPermit: false})),
    miners: names.map((name, uid) => ({
      uid,
      hotkey: aHotkey(name),
      isValid: true,
      invalidReason: null,
      block: uid + 1,
      ...overrides[name],
    })),
  }
}
