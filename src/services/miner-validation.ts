import pLimit from 'p-limit'
import type {Chain, Commitment} from '../chain/port.js'
import type {Models} from '../models/port.js'
import type {Clock} from '../runtime/clock.js'
import type {Logger} from '../runtime/logger.js'
import {listBlacklist} from '../store/blacklist.js'
import {getMeta, setMeta} from '../store/meta.js'
import {listMiners, type MinerRow, replaceMiners, type StoredMiner, weightFilesOf} from '../store/miners.js'
import type {Store} from '../store/open.js'
import {markDuplicatesInTurns} from './duplicates.js'
import {type Candidate, checkMiner, emptyRow, keepForNow, type MinerCheckOptions} from './miner-check.js'

export const lastMinerSyncKey = 'miners.last_sync'
const emptyRunsKey = 'miners.empty_runs'

export interface MinerValidationOptions {
  readonly store: Store
  readonly chain: Pick<Chain, 'metagraph' | 'commitments'>
  readonly models: Models
  readonly netuid: number
  readonly time: Pick<Clock, 'now' | 'sleep'>
  readonly log: Logger
  readonly limits?: Partial<ValidationLimits>
}

export interface ValidationLimits extends MinerCheckOptions {
  /** Miners looked at side by side. */
  readonly maxConcurrent: number
  /** Share of a model's bytes that makes it a copy, 0..1. */
  readonly duplicateShare: number
}

export const validationDefaults: ValidationLimits = {
  maxCommits: 2,
  probeTimeoutMs: 30_000,
  toleratedFailures: 3,
  maxConcurrent: 8,
  duplicateShare: 0.9,
}

/** Looks at every commitment once, and replaces what is known of all miners. What one miner wrote harms only itself. */
export async function validateMinersOnce(
  options: MinerValidationOptions,
  signal: AbortSignal,
): Promise<{total: number; valid: number}> {
  const {store, chain, models, netuid, time, log} = options
  const limits = {...validationDefaults, ...options.limits}
  const [{neurons}, commitments] = await Promise.all([
    chain.metagraph(netuid, signal),
    chain.commitments(netuid, signal),
  ])
  const previous = new Map(listMiners(store).map((miner) => [miner.hotkey as string, miner]))
  if (isNoAnswer(store, neurons.length, commitments.length, previous.size, limits.toleratedFailures)) {
    log.warn({neurons: neurons.length}, 'the chain lists no commitments, miners stay as they were')
    return count([...previous.values()])
  }

  const blacklist = new Set<string>(listBlacklist(store).map(({hotkey}) => hotkey))
  const offers = byHotkey(commitments)
  const found = neurons.flatMap(({hotkey, uid}) => {
    const own = offers.get(hotkey)
    return own ? [{hotkey, uid, commitments: own, isBlacklisted: blacklist.has(hotkey)}] : []
  })

  const limit = pLimit(limits.maxConcurrent)
  const checked = await Promise.all(
    found.map((facts) =>
      limit(async () => {
        await time.sleep(0, signal)
        const earlier = previous.get(facts.hotkey)
        const weightFiles = weightFilesOf(store, facts.hotkey)
        const candidate: Candidate = {...facts, previous: earlier && {...earlier, weightFiles}}
        try {
          return await checkMiner(candidate, models, limits, signal)
        } catch (error) {
          if (signal.aborted) throw error
          log.error({hotkey: candidate.hotkey, err: error}, 'miner not checked')
          return unchecked(candidate, limits)
        }
      }),
    ),
  )
  const marked = await markDuplicatesInTurns(checked, limits.duplicateShare, () => time.sleep(0, signal))
  const at = time.now()
  const miners = marked.map((miner) => ({...miner, lastValidatedAt: at}))
  logChanges(miners, previous, log)
  replaceMiners(store, miners, at)
  setMeta(store, lastMinerSyncKey, String(at))
  return count(miners)
}

const count = (miners: readonly MinerRow[]) => ({
  total: miners.length,
  valid: miners.filter(({isValid}) => isValid).length,
})

/**
 * A chain that suddenly lists nothing has most likely not answered; when it says so again and again it is a fact, and
 * rows must not stay valid for ever.
 */
function isNoAnswer(store: Store, neurons: number, commitments: number, known: number, tolerated: number): boolean {
  if ((neurons > 0 && commitments > 0) || known === 0) {
    setMeta(store, emptyRunsKey, '0')
    return false
  }
  const runs = Number(getMeta(store, emptyRunsKey) ?? 0) + 1
  setMeta(store, emptyRunsKey, String(runs))
  return runs <= tolerated
}

function byHotkey(commitments: readonly Commitment[]): Map<string, Commitment[]> {
  const offers = new Map<string, Commitment[]>()
  for (const commitment of commitments) {
    const own = offers.get(commitment.hotkey)
    if (own) own.push(commitment)
    else offers.set(commitment.hotkey, [commitment])
  }
  for (const own of offers.values()) own.sort((a, b) => a.block - b.block)
  return offers
}

/** A fault of this program on one miner: what was found before stands for a while. */
function unchecked({hotkey, uid, commitments, previous}: Candidate, limits: MinerCheckOptions): StoredMiner {
  const block = commitments.at(-1)?.block ?? null
  const earlier = previous?.block === block ? previous : undefined
  return keepForNow(
    {...(earlier ?? emptyRow(hotkey, uid)), uid, block, isValid: false},
    earlier,
    'chute_fetch_failed',
    limits.toleratedFailures,
  )
}

function logChanges(miners: readonly MinerRow[], previous: ReadonlyMap<string, MinerRow>, log: Logger): void {
  for (const {hotkey, uid, isValid, invalidReason} of miners) {
    const before = previous.get(hotkey)
    if (before?.isValid === isValid && before.invalidReason === invalidReason) continue
    log.info({hotkey, uid, isValid, invalidReason}, 'miner validity changed')
  }
}
