import type {Hotkey, Uid} from '../domain/ids.js'
import type {Models} from '../models/port.js'
import type {StoredMiner} from '../store/miners.js'
import {type Candidate, type Facts, type MinerCheckOptions, modelHash, rules} from './miner-check-rules.js'

export type {Candidate, MinerCheckOptions} from './miner-check-rules.js'

/** The published reasons in the published order; the first that applies wins. Null reason means valid. */
export async function checkMiner(
  candidate: Candidate,
  models: Models,
  options: MinerCheckOptions,
  signal: AbortSignal,
): Promise<StoredMiner> {
  const facts: Facts = {candidate, models, options, signal}
  for (const rule of rules) {
    const finding = await rule.check(facts)
    if (finding.outcome === 'wrong') return {...rowOf(facts), invalidReason: finding.reason}
    if (finding.outcome === 'doubtful') {
      const kept = keepForNow(rowOf(facts), earlierOf(facts), finding.reason, options.toleratedFailures)
      return facts.chute ? {...kept, chuteSlug: facts.chute.slug} : kept
    }
  }
  return {...rowOf(facts), isValid: true}
}

/** What is known of the miner at this point, neither valid nor invalid yet. */
export function rowOf(facts: Facts): StoredMiner {
  const {candidate, submission, isNamed, chute, model} = facts
  const empty = emptyRow(candidate.hotkey, candidate.uid)
  if (candidate.isBlacklisted) return empty
  const placed = {...empty, block: candidate.commitments.at(-1)?.block ?? null}
  if (!submission || !isNamed) return placed
  // What is already known of the same weights, so that a copy stays a copy while its original cannot be asked.
  const {modelHash: hash = null, weightFiles = []} = earlierOf(facts) ?? {}
  return {
    ...placed,
    ...submission,
    modelHash: model ? modelHash(model) : hash,
    weightFiles: model?.weights.map(({sha256, sizeBytes}) => ({sha256, sizeBytes})) ?? weightFiles,
    chuteSlug: chute?.slug ?? null,
  }
}

export function emptyRow(hotkey: Hotkey, uid: Uid): StoredMiner {
  return {
    hotkey,
    uid,
    modelName: null,
    modelRevision: null,
    modelHash: null,
    weightFiles: [],
    chuteId: null,
    chuteSlug: null,
    isValid: false,
    invalidReason: null,
    block: null,
    failures: 0,
    lastValidatedAt: null,
  }
}

/** One failed probe never dethrones: the earlier finding on the same offer stands until the failures repeat. */
export function keepForNow(
  row: StoredMiner,
  earlier: StoredMiner | undefined,
  reason: string,
  toleratedFailures: number,
): StoredMiner {
  const failures = (earlier?.failures ?? 0) + 1
  if (earlier?.isValid && failures <= toleratedFailures)
    return {...row, chuteSlug: earlier.chuteSlug, isValid: true, failures}
  return {...row, chuteSlug: earlier?.chuteSlug ?? null, invalidReason: reason, failures}
}

/** What was found before of exactly this offer. */
function earlierOf({candidate: {previous, commitments}, submission}: Facts): StoredMiner | undefined {
  if (!previous || !submission) return undefined
  const isSame =
    previous.uid !== null &&
    previous.block === (commitments.at(-1)?.block ?? null) &&
    previous.modelName === submission.modelName &&
    previous.modelRevision === submission.modelRevision &&
    previous.chuteId === submission.chuteId
  return isSame ? previous : undefined
}
