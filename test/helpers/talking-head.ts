import {hashOf} from '../../src/domain/canonical.js'
import {compareText} from '../../src/domain/ids.js'
import {type EvidenceRecord, type SignedRecord, signRecord} from '../../src/domain/record.js'
import type {ImageResult, Round} from '../../src/mechanisms/talking-head/evidence.js'
import type {Signer} from '../../src/wallet/port.js'
import {aHotkey, aSha} from './video.js'

/** A result in short form: who, what it scored, and what differs from a good run of an image of its own. */
export interface ResultSetup extends Partial<Omit<ImageResult, 'hotkey' | 'digest' | 'contentSha256'>> {
  readonly name: string
  /** Names an image; the miner's own when absent. */
  readonly image?: string
  /** Names what an image holds; the image itself when absent. */
  readonly content?: string | null
}

export function aResult({name, image = name, content = image, ...changed}: ResultSetup): ImageResult {
  const digest = aSha(`image ${image}`)
  const base: ImageResult = {
    hotkey: aHotkey(name),
    imageRef: `registry.example/${image}@sha256:${digest}`,
    digest,
    submittedAtBlock: 1,
    claimedAtBlock: changed.submittedAtBlock ?? 1,
    entered: 'new',
    outcome: 'scored',
    reason: null,
    isolation: 'podman',
    contentSha256: content === null ? null : aSha(`content ${content}`),
    challenges: [],
    quality: 0.8,
    timeS: 5,
    peakVramGb: 6,
    peakMemoryGb: 2,
    timeNorm: 0.2,
    memoryNorm: 0.75,
    factor: 0.9,
    capViolation: false,
    finalScore: 0.72,
  }
  return {...base, ...changed}
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
  const log: SignedRecord[] = []
  for (const [index, {results, block = 10 * (index + 1)}] of rounds.entries()) {
    const last = log.at(-1)
    const record: EvidenceRecord = {
      version: 1,
      mechanism: 'talking-head',
      netuid: 99,
      examHash,
      author: signer?.hotkey ?? aHotkey('author'),
      sequence: index + 1,
      previous: last ? hashOf(last.record) : null,
      block,
      createdAt: '2026-11-01T00:00:00.000Z',
      body: JSON.parse(JSON.stringify(aRound(results, block))),
    }
    log.push(signer ? signRecord(record, signer) : {record, signature: `0x${'0'.repeat(128)}`})
  }
  return log
}
