import type {SignedExam} from '../domain/exam.js'
import {stakeVote} from '../domain/stake-vote.js'
import type {SignedManifest} from '../domain/task.js'
import type {SignedVerdict} from '../domain/verdict.js'
import {hashOf, isSigned, messageOf, sha256Hex} from './verify-keys.js'

/** One thing that was looked at, and what came of it. */
export interface Check {
  readonly about: 'exam' | 'manifest' | 'file' | 'verdict' | 'vote'
  /** `skipped` for what this owner does not serve: nothing is known of it, for or against. */
  readonly state: 'holds' | 'fails' | 'skipped'
  readonly says: string
}

export interface VerifySource {
  readonly exam: SignedExam | undefined
  readonly task: SignedManifest
  /** Of every output that was judged; empty before the task has settled. */
  readonly verdicts: readonly SignedVerdict[]
  /** What the API says came of it, by hotkey. */
  readonly results: ReadonlyMap<string, boolean | null>
  /** Undefined when the file cannot be had. */
  readonly bytesOf: (path: string) => Promise<ArrayBuffer | undefined>
  readonly nameOf: (hotkey: string) => string
}

/**
 * Everything about one task, counted again in this browser from what is signed: the exam, the manifest, the files, every
 * verdict, and the vote that follows from them. Results come as they are found.
 */
export async function* verifyTask(source: VerifySource): AsyncGenerator<Check> {
  const {exam, task, verdicts} = source
  const {manifest, signer, signature} = task
  yield* examChecks(exam, task)
  const manifestHash = await hashOf(manifest)
  yield check('manifest', isSigned(messageOf('task', manifestHash), signature, signer), {
    holds: `The manifest has hash ${manifestHash.slice(0, 16)}… and the sampler ${signer.slice(0, 8)}… has signed it`,
    fails: `The signature of the manifest is not that of ${signer.slice(0, 8)}…`,
  })
  yield* fileChecks(source)
  for (const verdict of verdicts) yield await verdictCheck(verdict, source)
  if (verdicts.length > 0) yield* voteChecks(source)
}

async function* examChecks(signed: SignedExam | undefined, {manifest, signer}: SignedManifest): AsyncGenerator<Check> {
  if (!signed || signed.examHash !== manifest.examHash) {
    yield {
      about: 'exam',
      state: 'skipped',
      says: 'The exam of this task is no longer the one in force, and was not looked at',
    }
    return
  }
  const hash = await hashOf(signed.exam)
  yield check('exam', hash === signed.examHash && isSigned(messageOf('exam', hash), signed.signature, signed.signer), {
    holds: `The exam has hash ${hash.slice(0, 16)}… and ${signed.signer.slice(0, 8)}… has signed it`,
    fails: 'The exam is not what was signed',
  })
  yield check('exam', signed.exam.samplers.includes(signer), {
    holds: 'The exam names this sampler',
    fails: `The exam does not name ${signer.slice(0, 8)}… as a sampler`,
  })
}

async function* fileChecks({task: {manifest}, bytesOf, nameOf}: VerifySource): AsyncGenerator<Check> {
  const files = [
    ...(manifest.firstFrame ? [{name: 'conditioning frame', path: 'frame.png', artefact: manifest.firstFrame}] : []),
    {name: 'original clip', path: 'clip.mp4', artefact: manifest.clip},
    ...manifest.answers.flatMap(({hotkey, output}) =>
      output ? [{name: `output of ${nameOf(hotkey)}`, path: `outputs/${hotkey}.mp4`, artefact: output}] : [],
    ),
  ]
  for (const {name, path, artefact} of files) {
    const bytes = await bytesOf(path)
    if (!bytes) {
      yield {about: 'file', state: 'skipped', says: `The ${name} could not be had from here`}
      continue
    }
    yield check('file', (await sha256Hex(bytes)) === artefact.sha256, {
      holds: `The ${name} is the file that the manifest names (${artefact.sha256.slice(0, 12)}…)`,
      fails: `The ${name} is not the file that the manifest names`,
    })
  }
}

async function verdictCheck(
  {verdict, signature}: SignedVerdict,
  {task: {manifest}, nameOf}: VerifySource,
): Promise<Check> {
  const answer = manifest.answers.find(({hotkey}) => hotkey === verdict.miner)
  const isAboutThis =
    verdict.taskId === manifest.taskId &&
    verdict.netuid === manifest.netuid &&
    verdict.mechanism === manifest.mechanism &&
    verdict.examHash === manifest.examHash &&
    verdict.artefacts.output === answer?.output?.sha256 &&
    verdict.artefacts.clip === manifest.clip.sha256 &&
    verdict.artefacts.firstFrame === (manifest.firstFrame?.sha256 ?? null) &&
    manifest.voters.some(({hotkey}) => hotkey === verdict.validator)
  const what = `verdict of ${verdict.validator.slice(0, 8)}… on ${nameOf(verdict.miner)}`
  if (!isAboutThis) return {about: 'verdict', state: 'fails', says: `The ${what} is about something else`}
  return check('verdict', isSigned(messageOf('verdict', await hashOf(verdict)), signature, verdict.validator), {
    holds: `The ${what} is signed, and about these very files`,
    fails: `The ${what} does not bear that validator's signature`,
  })
}

/** Counts the stake behind each verdict, as the rule does. */
function* voteChecks({task: {manifest}, verdicts, results, nameOf}: VerifySource): Generator<Check> {
  const stakes = new Map<string, bigint>(manifest.voters.map(({hotkey, stakeRao}) => [hotkey, BigInt(stakeRao)]))
  for (const {hotkey, outcome} of manifest.answers) {
    if (outcome !== 'ok') continue
    let [forRao, allRao] = [0n, 0n]
    for (const {verdict} of verdicts) {
      if (verdict.miner !== hotkey) continue
      const stake = stakes.get(verdict.validator) ?? 0n
      allRao += stake
      if (verdict.passed) forRao += stake
    }
    const passed = stakeVote({forRao: String(forRao), allRao: String(allRao)}) ?? null
    const word = passed === null ? 'not judged' : passed ? 'passed' : 'failed'
    yield check('vote', passed === (results.get(hotkey) ?? null), {
      holds: `Counted again, ${nameOf(hotkey)} ${passed === null ? 'was ' : ''}${word}, as the API says`,
      fails: `Counted again, ${nameOf(hotkey)} ${passed === null ? 'was ' : ''}${word}; the API says otherwise`,
    })
  }
}

function check(about: Check['about'], isTrue: boolean, {holds, fails}: {holds: string; fails: string}): Check {
  return isTrue ? {about, state: 'holds', says: holds} : {about, state: 'fails', says: fails}
}
