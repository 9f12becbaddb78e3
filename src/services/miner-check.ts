import {type ModelSubmission, parseModelCommitment} from '../domain/commitment.js'
import {fingerprint} from '../domain/fingerprint.js'
import type {Hotkey, Uid} from '../domain/ids.js'
import type {Chute, Model, Models} from '../models/port.js'
import {withDeadline} from '../runtime/deadline.js'
import type {StoredMiner} from '../store/miners.js'

/** What is known of one miner before it is asked about. */
export interface Candidate {
  readonly hotkey: Hotkey
  readonly uid: Uid
  /** Oldest first, at least one. */
  readonly commitments: readonly {readonly text: string; readonly block: number}[]
  readonly isBlacklisted: boolean
  readonly previous: StoredMiner | undefined
}

export interface MinerCheckOptions {
  /** Longest wait for one answer of a provider, in milliseconds. */
  readonly probeTimeoutMs: number
  readonly maxCommits: number
  /** Failed probes in a row during which an earlier finding stands. */
  readonly toleratedFailures: number
}

/** The published reasons in the published order; the first that applies wins. Null reason means valid. */
export async function checkMiner(
  candidate: Candidate,
  models: Models,
  options: MinerCheckOptions,
  signal: AbortSignal,
): Promise<StoredMiner> {
  const {hotkey, uid, commitments} = candidate
  const empty = emptyRow(hotkey, uid)
  if (candidate.isBlacklisted) return {...empty, invalidReason: 'blacklisted'}
  const last = commitments.at(-1)
  const placed = {...empty, block: last?.block ?? null}
  if (commitments.length > options.maxCommits)
    return {...placed, invalidReason: `max_commits_exceeded_${options.maxCommits}`}
  const parsed = parseModelCommitment(last?.text ?? '')
  if (!parsed.ok) return {...placed, invalidReason: parsed.reason}
  const nameFault = faultOfName(parsed.value.modelName, hotkey)
  if (nameFault) return {...placed, invalidReason: nameFault}
  return probe({...placed, ...parsed.value}, parsed.value, candidate, models, options, signal)
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

/** Hotkeys compare exactly: Base58 tells upper from lower case. */
function faultOfName(modelName: string, hotkey: string): string | undefined {
  const repo = modelName.slice(modelName.lastIndexOf('/') + 1).trim()
  if (!repo.toLowerCase().startsWith('leoma')) return 'model_name_must_start_with_leoma'
  return repo.endsWith(hotkey) ? undefined : 'model_name_must_end_with_hotkey'
}

async function probe(
  row: StoredMiner,
  submission: ModelSubmission,
  {previous}: Candidate,
  models: Models,
  options: MinerCheckOptions,
  signal: AbortSignal,
): Promise<StoredMiner> {
  const earlier = previous && isSameOffer(previous, row) ? previous : undefined
  // What is already known of the same weights, so that a copy stays a copy while its original cannot be asked.
  const known = {...row, modelHash: earlier?.modelHash ?? null, weightFiles: earlier?.weightFiles ?? []}
  const doubtful = (reason: string) => keepForNow(known, earlier, reason, options.toleratedFailures)

  const chute = await ask<Chute>('the chute', options, signal, (inner) => models.chute(submission.chuteId, inner))
  if (!chute) return doubtful('chute_fetch_failed')
  const deployed = {...known, chuteSlug: chute.slug}
  if (!chute.hot) return {...doubtful('chute_not_running'), chuteSlug: chute.slug}
  if (chute.revision && chute.revision !== submission.modelRevision)
    return {...deployed, invalidReason: `revision_mismatch:chute=${chute.revision.slice(0, 64)}`}

  const model = await ask<Model>('the model', options, signal, (inner) =>
    models.model(submission.modelName, submission.modelRevision, inner),
  )
  if (!model?.isPublic || model.weights.length === 0)
    return {...doubtful('hf_model_fetch_failed'), chuteSlug: chute.slug}
  const found = {
    ...deployed,
    modelHash: fingerprint(model.weights) ?? null,
    weightFiles: model.weights.map(({sha256, sizeBytes}) => ({sha256, sizeBytes})),
  }
  if (model.sha !== submission.modelRevision)
    return {...found, invalidReason: `revision_mismatch:hf=${model.sha.slice(0, 64)}`}
  return {...found, isValid: true}
}

/** Undefined for "is not there" and for "did not answer" alike: both are doubts, and only repetition makes them facts. */
async function ask<T>(
  what: string,
  {probeTimeoutMs}: MinerCheckOptions,
  signal: AbortSignal,
  question: (signal: AbortSignal) => Promise<T | undefined>,
): Promise<T | undefined> {
  try {
    return await withDeadline(what, probeTimeoutMs, signal, question)
  } catch (error) {
    if (signal.aborted) throw error
    return undefined
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

function isSameOffer(previous: StoredMiner, row: StoredMiner): boolean {
  return (
    previous.uid !== null &&
    previous.block === row.block &&
    previous.modelName === row.modelName &&
    previous.modelRevision === row.modelRevision &&
    previous.chuteId === row.chuteId
  )
}
