import {compareText} from '../../src/domain/ids.js'
import type {SignedRecord} from '../../src/domain/record.js'
import {signCall} from '../../src/domain/signed-call.js'
import type {SubmissionProof} from '../../src/domain/submission-proof.js'
import type {ChallengeResult, ImageResult, Round} from '../../src/mechanisms/talking-head/evidence.js'
import {defaults} from '../../src/mechanisms/talking-head/params.js'
import {efficiencyOf, figuresOf} from '../../src/mechanisms/talking-head/scores.js'
import type {Signer} from '../../src/wallet/port.js'
import {aRecordLog} from './record-log.js'
import {aHotkey, aSha} from './video.js'

/** A result in short form: who, what it scored, and what differs from a good run of an image of its own. */
export interface ResultSetup extends Partial<Omit<ImageResult, 'hotkey' | 'digest' | 'contentSha256'>> {
  readonly name: string
  /** What its runs come to by the default exam; `claims` says otherwise. */
  readonly finalScore?: number
  /** What the record says, whatever its runs come to. */
  readonly claims?: Partial<ImageResult>
  /** Names an image; the miner's own when absent. */
  readonly image?: string
  /** Names what an image holds; the image itself when absent. */
  readonly content?: string | null
}

/** A run whose metrics come to `quality`. */
export function aRun(quality: number, cost: Pick<ChallengeResult, 'timeS' | 'peakVramGb' | 'peakMemoryGb'>, id = 'a') {
  return {
    ...{id, success: true, reason: null, outputSha256: aSha(`output ${id}`), ...cost},
    metrics: {
      ...{identity: 1, lipsync: 1, audio: 1, video: 1, temporal: 1, penalty: 1 - quality},
      ...{wer: null, faceRatio: null, syncC: null, quality},
    },
  } satisfies ChallengeResult
}

export function aResult({name, image = name, content = image, claims, ...changed}: ResultSetup): ImageResult {
  const digest = aSha(`image ${image}`)
  const {finalScore = 0.72, timeS = 5, peakVramGb = 6, peakMemoryGb = 2, outcome = 'scored'} = changed
  const {factor} = efficiencyOf([{timeS: timeS ?? 0, memoryGb: peakVramGb}], defaults.efficiency)
  const {scored} = defaults.challenges
  const runs = Array.from({length: scored}, (_, at) =>
    aRun(finalScore / factor, {timeS, peakVramGb, peakMemoryGb}, `c${at}`),
  )
  const challenges = changed.challenges ?? (outcome === 'scored' ? runs : [])
  return {
    hotkey: aHotkey(name),
    imageRef: `registry.example/${image}@sha256:${digest}`,
    digest,
    submittedAtBlock: 1,
    claimedAtBlock: changed.submittedAtBlock ?? 1,
    entered: 'new',
    outcome,
    reason: null,
    isolation: 'podman',
    contentSha256: content === null ? null : aSha(`content ${content}`),
    ...changed,
    ...figuresOf(challenges, defaults),
    challenges,
    ...claims,
  }
}

export function aRound(results: readonly ResultSetup[], block = 10): Round {
  return {
    type: 'round',
    challenges: {
      setSha256: aSha(`challenges of ${block}`),
      ids: ['a', 'b', 'c'],
      warmUp: 1,
      block: {number: block, hash: `0x${aSha(`block ${block}`)}`},
    },
    quality: {metrics: 'service', version: 1},
    startedAtBlock: block,
    results: results.map(aResult).sort((a, b) => compareText(a.hotkey, b.hotkey)),
  }
}

export interface RecordSetup {
  readonly results: readonly ResultSetup[]
  readonly block?: number
}

/** A whole log of one author: numbered, each naming the one before. Signed by `signer`, or with an empty signature. */
export function aLog(rounds: readonly RecordSetup[], signer?: Signer, examHash = aSha('exam')): SignedRecord[] {
  const bodies = rounds.map((round, index) => {
    const block = round.block ?? 10 * (index + 1)
    return {block, body: aRound(round.results, block)}
  })
  return aRecordLog('talking-head', bodies, signer, examHash)
}

let nonces = 0

/** The signed request with which `signer` submits an image at `atMs`. */
export function aProof(signer: Signer, imageRef: string, atMs: number): SubmissionProof {
  const target = '/submit'
  const body = JSON.stringify({hotkey: signer.hotkey, image_ref: imageRef})
  const nonce = `proof-nonce-${String(nonces++).padStart(8, '0')}`
  const headers = signCall(signer, {method: 'POST', target, body: Buffer.from(body)}, atMs, nonce)
  const {'X-Timestamp': timestamp = '', 'X-Signature': signature = ''} = headers
  return {target, body, timestamp, nonce, signature}
}
