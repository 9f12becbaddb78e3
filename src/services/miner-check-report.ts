import pLimit from 'p-limit'
import type {OwnerApi} from '../api/port.js'
import type {MinerBody} from '../api/schemas.js'
import type {Chain} from '../chain/port.js'
import {formatModelCommitment, type ModelSubmission} from '../domain/commitment.js'
import {deploymentPolicy} from '../domain/deployment.js'
import type {Hotkey} from '../domain/ids.js'
import {remedyFor} from '../domain/miner-remedies.js'
import {LeomaError} from '../errors.js'
import type {Chute, Models} from '../models/port.js'
import type {StoredMiner} from '../store/miners.js'
import {markDuplicates} from './duplicates.js'
import {emptyRow, rowOf} from './miner-check.js'
import {type Candidate, type Facts, type Finding, type Rule, rules} from './miner-check-rules.js'
import {validationDefaults} from './miner-validation.js'

export interface CheckLine {
  readonly check: string
  /** `unknown`: it could not be checked. `skipped`: there is nothing to check yet. */
  readonly status: 'ok' | 'fails' | 'unknown' | 'skipped'
  /** What validation would write, in its own words. */
  readonly reason: string | null
  readonly note: string | null
  /** What helps. */
  readonly hint: string | null
}

export interface Offer extends Omit<ModelSubmission, 'chuteId'> {
  readonly hotkey: Hotkey
  /** Undefined before there is one. */
  readonly chuteId: string | undefined
}

export interface CheckDeps {
  readonly chain: () => Promise<Pick<Chain, 'metagraph' | 'commitments' | 'network'>>
  readonly api: Pick<OwnerApi, 'exam' | 'miners' | 'blacklist' | 'url'>
  readonly models: Models
  readonly netuid: number
}

export interface Checked {
  readonly lines: readonly CheckLine[]
  /** As far as it was found. */
  readonly chute: Chute | undefined
}

/** An answer, or why there is none. */
type Known<T> = {readonly value: T} | {readonly failure: unknown}

/**
 * What validation would find if this offer were committed now: its own rules in its own order, all of them instead of up
 * to the first that fails. Nothing is written or paid.
 */
export async function checkOffer(
  offer: Offer,
  deps: CheckDeps,
  onLine: (line: CheckLine) => void,
  signal: AbortSignal,
): Promise<Checked> {
  const lines: CheckLine[] = []
  const say = (line: CheckLine) => {
    lines.push(line)
    onLine(line)
  }
  const {models, api, netuid} = deps
  const [subnet, barred, exam] = await Promise.all([
    known(async () => {
      const chain = await deps.chain()
      const [{neurons, block}, commitments] = await Promise.all([
        chain.metagraph(netuid, signal),
        chain.commitments(netuid, signal),
      ])
      return {neuron: neurons.find(({hotkey}) => hotkey === offer.hotkey), block, commitments, network: chain.network}
    }, signal),
    known(() => api.blacklist(signal), signal),
    known(() => api.exam(signal), signal),
  ])

  say(registration(offer, subnet, netuid))
  const candidate = candidateOf(offer, subnet, barred)
  const binding = 'value' in exam ? deploymentPolicy(exam.value?.exam.params) : undefined
  const facts: Facts = {candidate, models, options: {...validationDefaults, binding}, signal}
  const sources: Readonly<Record<string, Known<unknown>>> = {
    'not blacklisted': barred,
    'number of commitments': subnet,
    'chute runs an allowed image': exam,
    'code of the chute': exam,
  }
  for (const rule of rules) say(await lineOf(rule, facts, offer, sources[rule.name]))
  say(await originality(facts, deps, signal))
  return {lines, chute: facts.chute}
}

function registration(
  {hotkey}: Offer,
  subnet: Known<{neuron: {uid: number} | undefined; network: string}>,
  netuid: number,
): CheckLine {
  const check = 'registered'
  if ('failure' in subnet) return unknown(check, subnet.failure)
  const {neuron, network} = subnet.value
  if (neuron) return line(check, 'ok', {note: `uid ${neuron.uid} on subnet ${netuid} of ${network}`})
  return line(check, 'fails', {
    note: `${hotkey} is not on subnet ${netuid} of ${network}`,
    hint: 'btcli subnets register',
  })
}

function candidateOf(
  offer: Offer,
  subnet: Known<{neuron: {uid: number} | undefined; block: {number: number}; commitments: readonly Committed[]}>,
  barred: Known<readonly string[]>,
): Candidate {
  const {hotkey, modelName, modelRevision, chuteId = 'not-deployed-yet'} = offer
  const text = formatModelCommitment({modelName, modelRevision, chuteId})
  const found = 'value' in subnet ? subnet.value : undefined
  const own = found?.commitments.filter((commitment) => commitment.hotkey === hotkey) ?? []
  const isCommitted = own.at(-1)?.text === text
  return {
    hotkey,
    uid: found?.neuron?.uid ?? 0,
    commitments: isCommitted
      ? own
      : [...own.filter(({isOpen}) => !isOpen), {text, block: (found?.block.number ?? 0) + 1}],
    isBlacklisted: 'value' in barred && barred.value.includes(hotkey),
    previous: undefined,
  }
}

interface Committed {
  readonly hotkey: Hotkey
  readonly text: string
  readonly block: number
  readonly isOpen?: true
}

async function lineOf(rule: Rule, facts: Facts, {chuteId}: Offer, source: Known<unknown> | undefined) {
  const aboutChute = rule.needs.includes('chute') || rule.name === 'chute exists and is shared'
  if (aboutChute && chuteId === undefined)
    return line(rule.name, 'skipped', {note: 'no chute yet; leoma miner push makes one'})
  if (source && 'failure' in source) return unknown(rule.name, source.failure)
  if (rule.needs.some((fact) => facts[fact] === undefined))
    return line(rule.name, 'skipped', {note: 'there is nothing to look at, see above'})
  return findingLine(rule.name, await rule.check(facts), facts)
}

function findingLine(check: string, finding: Finding, facts: Facts): CheckLine {
  if (finding.outcome === 'ok') return line(check, 'ok', {note: finding.note ?? null})
  const {reason, cause, note} = finding
  if (cause !== undefined) return {...unknown(check, cause), reason}
  return line(check, 'fails', {reason, note: note ?? null, hint: remedyOf(reason, facts)})
}

/** Copies are found among everybody's weights, which takes a question per miner. */
async function originality(facts: Facts, {api, models}: CheckDeps, signal: AbortSignal): Promise<CheckLine> {
  const check = 'not a copy'
  if (!facts.model) return line(check, 'skipped', {note: 'there is nothing to compare, see above'})
  const listed = await known(() => api.miners(signal), signal)
  if ('failure' in listed) return unknown(check, listed.failure)
  const own: StoredMiner = {...rowOf(facts), isValid: true}
  const others = listed.value.miners.filter(({hotkey}) => hotkey !== own.hotkey)
  const limit = pLimit(validationDefaults.maxConcurrent)
  let silent = 0
  const rows = await Promise.all(
    others.map((miner) =>
      limit(async () => {
        const row = rowOfListed(miner)
        if (!row.modelName || !row.modelRevision || row.modelHash === null) return row
        const {modelName, modelRevision} = row
        const model = await known(() => models.model(modelName, modelRevision, signal), signal)
        if ('failure' in model) silent++
        return 'value' in model && model.value ? {...row, weightFiles: [...model.value.weights]} : row
      }),
    ),
  )
  const marked = markDuplicates([own, ...rows], validationDefaults.duplicateShare)
  const reason = marked.find(({hotkey}) => hotkey === own.hotkey)?.invalidReason ?? null
  if (reason) return line(check, 'fails', {reason, hint: remedyOf(reason, facts)})
  if (silent > 0) return line(check, 'unknown', {note: `${silent} of ${others.length} models could not be looked at`})
  return line(check, 'ok', {note: `compared with ${others.length} others`})
}

function rowOfListed(miner: MinerBody): StoredMiner {
  return {
    ...emptyRow(miner.hotkey, miner.uid),
    modelName: miner.model_name,
    modelRevision: miner.model_revision,
    modelHash: miner.model_hash,
    chuteId: miner.chute_id,
    chuteSlug: miner.chute_slug,
    isValid: miner.is_valid,
    invalidReason: miner.invalid_reason,
    block: miner.block,
  }
}

/** Here the miner is still about to commit, so one commitment too many can be left undone. */
function remedyOf(reason: string, {candidate, submission}: Facts): string | null {
  if (reason.startsWith('max_commits_exceeded'))
    return 'one more commitment makes this hotkey invalid: register another'
  return remedyFor(reason, {hotkey: candidate.hotkey, modelName: submission?.modelName})
}

async function known<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<Known<T>> {
  try {
    return {value: await ask()}
  } catch (failure) {
    signal.throwIfAborted()
    return {failure}
  }
}

function unknown(check: string, failure: unknown): CheckLine {
  const error = LeomaError.from(failure)
  const hint = error.kind === 'bug' ? null : (error.hints[0] ?? null)
  return line(check, 'unknown', {note: error.message, hint})
}

function line(check: string, status: CheckLine['status'], more: Partial<CheckLine> = {}): CheckLine {
  return {check, status, reason: null, note: null, hint: null, ...more}
}
