import {sha256} from '../domain/canonical.js'
import {type ModelSubmission, parseModelCommitment} from '../domain/commitment.js'
import type {DeploymentPolicy} from '../domain/deployment.js'
import type {Hotkey, Sha256, Uid} from '../domain/ids.js'
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
  /** What must tie a deployment to the committed model. */
  readonly binding?: Pick<DeploymentPolicy, 'images' | 'code'> | undefined
}

/** What the rules look at, and what they have found out so far for those after them. */
export interface Facts {
  readonly candidate: Candidate
  readonly models: Models
  readonly options: MinerCheckOptions
  readonly signal: AbortSignal
  submission?: ModelSubmission
  /** Set once the names of the submission are in order. */
  isNamed?: boolean
  chute?: Chute
  /** Public and with weights. */
  model?: Model
}

/**
 * `wrong` is a fact about the offer. `doubtful` may be an outage: only repetition makes it a fact; `cause` is there when
 * nobody answered.
 */
export type Finding =
  | {readonly outcome: 'ok'; readonly note?: string}
  | {readonly outcome: 'wrong' | 'doubtful'; readonly reason: string; readonly cause?: unknown; readonly note?: string}

export interface Rule {
  readonly name: string
  /** Findings of earlier rules without which there is nothing to look at. */
  readonly needs: readonly ('submission' | 'chute' | 'model')[]
  check(facts: Facts): Finding | Promise<Finding>
}

const ok = (note?: string): Finding => ({outcome: 'ok', ...(note === undefined ? {} : {note})})
const wrong = (reason: string): Finding => ({outcome: 'wrong', reason})

/** The published rules in the published order; those of the binding policy follow the chute's. */
export const rules: readonly Rule[] = [
  {
    name: 'not blacklisted',
    needs: [],
    check: ({candidate}) => (candidate.isBlacklisted ? wrong('blacklisted') : ok()),
  },
  {
    name: 'number of commitments',
    needs: [],
    check: ({candidate: {commitments}, options: {maxCommits}}) =>
      commitments.length > maxCommits
        ? wrong(`max_commits_exceeded_${maxCommits}`)
        : ok(`${commitments.length} of ${maxCommits}`),
  },
  {
    name: 'commitment',
    needs: [],
    check: (facts) => {
      const parsed = parseModelCommitment(facts.candidate.commitments.at(-1)?.text ?? '', facts.candidate.hotkey)
      if (!parsed.ok) return wrong(parsed.reason)
      facts.submission = parsed.value
      return ok()
    },
  },
  {
    name: 'repository name',
    needs: ['submission'],
    check: (facts) => {
      const fault = faultOfName(facts.submission?.modelName ?? '', facts.candidate.hotkey)
      if (fault) return wrong(fault)
      facts.isNamed = true
      return ok()
    },
  },
  {name: 'chute exists and is shared', needs: ['submission'], check: findChute},
  {
    name: 'chute is running',
    needs: ['chute'],
    check: ({chute}) => (chute?.hot ? ok() : {outcome: 'doubtful', reason: 'chute_not_running'}),
  },
  {
    name: 'chute serves the revision',
    needs: ['chute'],
    check: ({chute, submission}) => {
      const revision = chute?.revision
      if (!revision) return ok('Chutes does not say which')
      return revision === submission?.modelRevision ? ok() : wrong(`revision_mismatch:chute=${revision.slice(0, 64)}`)
    },
  },
  {name: 'chute runs an allowed image', needs: ['chute'], check: checkImage},
  {name: 'code of the chute', needs: ['chute'], check: checkCode},
  {name: 'model is public', needs: ['submission'], check: findModel},
  {
    name: 'model is at the revision',
    needs: ['model'],
    check: ({model, submission}) =>
      model?.sha === submission?.modelRevision
        ? ok()
        : wrong(`revision_mismatch:hf=${model?.sha.slice(0, 64) ?? 'unknown'}`),
  },
]

/** Hotkeys compare exactly: Base58 tells upper from lower case. */
function faultOfName(modelName: string, hotkey: string): string | undefined {
  const repo = modelName.slice(modelName.lastIndexOf('/') + 1).trim()
  if (!repo.toLowerCase().startsWith('leoma')) return 'model_name_must_start_with_leoma'
  return repo.endsWith(hotkey) ? undefined : 'model_name_must_end_with_hotkey'
}

async function findChute(facts: Facts): Promise<Finding> {
  const {chuteId = ''} = facts.submission ?? {}
  const answer = await ask('the chute', facts, (signal) => facts.models.chute(chuteId, signal))
  if (!answer.value) return {outcome: 'doubtful', reason: 'chute_fetch_failed', ...causeOf(answer)}
  facts.chute = answer.value
  return ok(answer.value.slug)
}

async function findModel(facts: Facts): Promise<Finding> {
  const {modelName = '', modelRevision = ''} = facts.submission ?? {}
  const answer = await ask('the model', facts, (signal) => facts.models.model(modelName, modelRevision, signal))
  const {value: model} = answer
  const doubtful = {outcome: 'doubtful', reason: 'hf_model_fetch_failed', ...causeOf(answer)} as const
  if (!model) return doubtful
  if (!model.isPublic) return {...doubtful, note: `it is ${model.restriction ?? 'private'}`}
  if (model.weights.length === 0) return {...doubtful, note: 'it has no weight file that is an LFS object'}
  facts.model = model
  const bytes = model.weights.reduce((sum, {sizeBytes}) => sum + sizeBytes, 0)
  return ok(`${model.weights.length} weight files, ${(bytes / 1e9).toFixed(1)} GB`)
}

function checkImage({chute, options: {binding}}: Facts): Finding {
  const {evidence} = chute ?? {}
  if (!binding || binding.images.length === 0) return ok('not asked for by the exam')
  const image = evidence?.image ?? null
  if (image === null) return {outcome: 'doubtful', reason: 'chute_image_unknown'}
  return binding.images.includes(image) ? ok(image) : wrong(`image_not_allowed:${image.slice(0, 64)}`)
}

function checkCode({chute, submission, options: {binding}}: Facts): Finding {
  const {evidence} = chute ?? {}
  if (!binding || binding.code === 'any') return ok('not asked for by the exam')
  const code = evidence?.code
  if (!code) return {outcome: 'doubtful', reason: 'chute_code_unreadable'}
  const {modelName = '', modelRevision = ''} = submission ?? {}
  const matches =
    binding.code === 'template'
      ? code.template?.modelName === modelName && code.template.modelRevision === modelRevision
      : code.repositories.includes(modelName) && code.revisions.includes(modelRevision)
  if (matches) return ok(code.template ? 'the published template, filled with this model' : 'names this model')
  return wrong(binding.code === 'template' ? 'code_is_not_the_template' : 'code_names_another_model')
}

interface Answer<T> {
  readonly value: T | undefined
  /** Why there is none, when nobody answered; absent when the answer was "there is none". */
  readonly failure?: unknown
}

async function ask<T>(
  what: string,
  {options: {probeTimeoutMs}, signal}: Facts,
  question: (signal: AbortSignal) => Promise<T | undefined>,
): Promise<Answer<T>> {
  try {
    return {value: await withDeadline(what, probeTimeoutMs, signal, question)}
  } catch (failure) {
    if (signal.aborted) throw failure
    return {value: undefined, failure}
  }
}

function causeOf({failure}: Answer<unknown>): {cause?: unknown} {
  return failure === undefined ? {} : {cause: failure}
}

/** The published fingerprint: SHA-256 of the concatenated sorted hashes of the weight files. */
export function modelHash({weights}: Model): Sha256 {
  return sha256([...new Set(weights.map(({sha256}) => sha256))].sort().join(''))
}
