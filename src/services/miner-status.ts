import type {OwnerApi} from '../api/port.js'
import type {Chain, Commitment, Neuron} from '../chain/port.js'
import {type ModelSubmission, parseModelCommitment} from '../domain/commitment.js'
import type {Hotkey, Netuid} from '../domain/ids.js'
import {LeomaError} from '../errors.js'
import type {Chute, Model, Models} from '../models/port.js'
import {validationDefaults} from './miner-validation.js'
import {fetchRankTable, type RankTableRow} from './rank-table.js'

export type Verdict = 'ok' | 'bad' | 'waiting' | 'unknown'

export interface StatusLine {
  readonly about: 'registration' | 'commitment' | 'model' | 'chute' | 'validity' | 'rank'
  readonly verdict: Verdict
  readonly says: string
}

export interface MinerStatus {
  readonly hotkey: Hotkey
  readonly netuid: Netuid
  readonly network: string
  readonly lines: readonly StatusLine[]
  /** What to do next; the first thing that stands in the way. */
  readonly next: string
}

export interface MinerStatusDeps {
  readonly chain: () => Promise<Pick<Chain, 'metagraph' | 'commitments' | 'network'>>
  readonly api: Pick<OwnerApi, 'miners' | 'ranking' | 'rank' | 'url'>
  readonly models: Models
  readonly netuid: Netuid
  readonly network: string
}

interface Finding extends StatusLine {
  readonly next?: string
}

/** What the chain, the providers and the owner's API say about a hotkey. Who does not answer hides only its own part. */
export async function minerStatus(hotkey: Hotkey, deps: MinerStatusDeps, signal: AbortSignal): Promise<MinerStatus> {
  const {models, netuid, network} = deps
  const [subnet, validity, rank] = await Promise.all([
    ask(() => readChain(deps, hotkey, signal), signal),
    ask(() => deps.api.miners(signal), signal),
    ask(() => fetchRankTable(deps.api, signal), signal),
  ])
  const offer = 'value' in subnet ? submissionOf(subnet.value.own) : undefined
  const [chute, model] = await Promise.all([
    ask(async () => (offer ? models.chute(offer.chuteId, signal) : undefined), signal),
    ask(async () => (offer ? models.model(offer.modelName, offer.modelRevision, signal) : undefined), signal),
  ])
  const findings: Finding[] = [
    ...('failure' in subnet
      ? [unknown('registration', subnet.failure), unknown('commitment', subnet.failure)]
      : [registration(subnet.value.neuron, {netuid, network}), commitment(subnet.value.own)]),
    ...(offer ? [modelLine(model, offer), chuteLine(chute, offer)] : []),
    'failure' in validity
      ? unknown('validity', validity.failure)
      : validityLine(
          validity.value.miners.find((row) => row.hotkey === hotkey),
          offer,
        ),
    'failure' in rank ? unknown('rank', rank.failure) : rankLine(rank.value.ranks.find((row) => row.hotkey === hotkey)),
  ]
  return {
    ...{hotkey, netuid, network},
    lines: findings.map(({about, verdict, says}) => ({about, verdict, says})),
    next:
      findings.find(({next}) => next !== undefined)?.next ?? 'nothing: leoma get-rank shows how far ahead others are',
  }
}

type Answer<T> = {readonly value: T} | {readonly failure: LeomaError}

async function ask<T>(question: () => Promise<T>, signal: AbortSignal): Promise<Answer<T>> {
  try {
    return {value: await question()}
  } catch (error) {
    if (signal.aborted) throw error
    return {failure: LeomaError.from(error)}
  }
}

async function readChain({chain, netuid}: MinerStatusDeps, hotkey: Hotkey, signal: AbortSignal) {
  const opened = await chain()
  const [{neurons}, commitments] = await Promise.all([
    opened.metagraph(netuid, signal),
    opened.commitments(netuid, signal),
  ])
  return {
    neuron: neurons.find((candidate) => candidate.hotkey === hotkey),
    own: commitments.filter((candidate) => candidate.hotkey === hotkey),
  }
}

function submissionOf(own: readonly Commitment[]): ModelSubmission | undefined {
  const last = own.at(-1)
  const parsed = parseModelCommitment(last?.text ?? '', last?.hotkey ?? '')
  return parsed.ok ? parsed.value : undefined
}

function unknown(about: StatusLine['about'], {code, message}: LeomaError): Finding {
  return {about, verdict: 'unknown', says: `${message} [${code}]`}
}

function registration(neuron: Neuron | undefined, {netuid, network}: {netuid: Netuid; network: string}): Finding {
  const about = 'registration'
  if (neuron) {
    return {about, verdict: 'ok', says: `uid ${neuron.uid} on subnet ${netuid} since block ${neuron.registeredAtBlock}`}
  }
  const next = `register it: btcli subnets register --netuid ${netuid}`
  return {about, verdict: 'bad', says: `not on subnet ${netuid} of ${network}`, next}
}

function commitment(own: readonly Commitment[]): Finding {
  const about = 'commitment'
  const {maxCommits} = validationDefaults
  const last = own.at(-1)
  if (!last) {
    return {
      about,
      verdict: 'bad',
      says: 'none yet',
      next: 'deploy a model and announce it: leoma miner push, leoma miner commit',
    }
  }
  const used = `${own.length} of ${maxCommits} commitments used`
  if (own.length > maxCommits) {
    return {
      about,
      verdict: 'bad',
      says: `${used}: invalid for good`,
      next: 'register another hotkey: this one has committed too often',
    }
  }
  const parsed = parseModelCommitment(last.text, last.hotkey)
  if (!parsed.ok) {
    const kept = own.filter(({isOpen}) => !isOpen).length
    const next = kept < maxCommits ? 'commit again with leoma miner commit' : 'register another hotkey'
    return {about, verdict: 'bad', says: `block ${last.block} cannot be read (${parsed.reason}); ${used}`, next}
  }
  const {modelName, modelRevision} = parsed.value
  return {
    about,
    verdict: 'ok',
    says: `${modelName} at ${modelRevision}, block ${last.block}${last.isOpen ? ', in the open' : ''}; ${used}`,
  }
}

function modelLine(model: Answer<Model | undefined>, {modelName, modelRevision}: ModelSubmission): Finding {
  const about = 'model'
  if ('failure' in model) return unknown(about, model.failure)
  const next = `make ${modelName} public, with its weights at revision ${modelRevision}`
  if (!model.value) return {about, verdict: 'bad', says: 'there is no such model or revision', next}
  const {isPublic, restriction, weights} = model.value
  if (!isPublic) return {about, verdict: 'bad', says: `it is ${restriction ?? 'not public'}`, next}
  if (weights.length === 0) return {about, verdict: 'bad', says: 'it has no weights', next}
  const gigabytes = weights.reduce((sum, {sizeBytes}) => sum + sizeBytes, 0) / 1e9
  return {about, verdict: 'ok', says: `public, ${weights.length} weight files, ${gigabytes.toFixed(2)} GB`}
}

function chuteLine(chute: Answer<Chute | undefined>, {chuteId}: ModelSubmission): Finding {
  const about = 'chute'
  if ('failure' in chute) return unknown(about, chute.failure)
  if (!chute.value) {
    const next = 'share the chute with the accounts of the subnet, or deploy it again: leoma miner push'
    return {about, verdict: 'bad', says: `there is no chute ${chuteId}, or it may not be seen`, next}
  }
  if (chute.value.hot) return {about, verdict: 'ok', says: `${chute.value.slug} is running`}
  return {
    about,
    verdict: 'waiting',
    says: `${chute.value.slug} is asleep`,
    next: 'wake it: leoma miner check --generate',
  }
}

interface Validity {
  readonly is_valid: boolean
  readonly invalid_reason: string | null
  readonly last_validated_at: string | null
}

function validityLine(row: Validity | undefined, offer: ModelSubmission | undefined): Finding {
  const about = 'validity'
  if (!row)
    return {about, verdict: 'waiting', says: 'not looked at yet: the subnet checks new commitments every few minutes'}
  const when = row.last_validated_at === null ? '' : `, checked ${row.last_validated_at}`
  if (row.is_valid) return {about, verdict: 'ok', says: `valid${when}`}
  const flags = offer
    ? ` --model-name ${offer.modelName} --model-revision ${offer.modelRevision} --chute-id ${offer.chuteId}`
    : ''
  const says = `invalid: ${row.invalid_reason ?? 'no reason given'}${when}`
  return {about, verdict: 'bad', says, next: `see every rule with its remedy: leoma miner check${flags}`}
}

function rankLine(row: RankTableRow | undefined): Finding {
  const about = 'rank'
  if (!row) return {about, verdict: 'waiting', says: 'not ranked yet'}
  if (row.rank === null)
    return {about, verdict: 'waiting', says: row.sentence, next: `be judged more often: ${row.sentence}`}
  return {about, verdict: 'ok', says: `rank ${row.rank}: ${row.sentence}`}
}
