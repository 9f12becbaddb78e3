import path from 'node:path'
import pLimit from 'p-limit'
import type {MinerBody} from '../../api/schemas.js'
import {compareText} from '../../domain/ids.js'
import type {Answer, TaskKind} from '../../domain/task.js'
import {LeomaError} from '../../errors.js'
import type {Chute, GenerationRequest} from '../../models/port.js'
import {withDeadline} from '../../runtime/deadline.js'
import type {Ports} from '../types.js'
import {checkGates} from './gates.js'
import type {VideoParams} from './params.js'

export interface Asking {
  readonly taskId: number
  readonly kind: TaskKind
  readonly request: GenerationRequest
  /** The conditioning frame as a file; undefined for `t2v`. */
  readonly firstFrame: string | undefined
  readonly params: VideoParams
  /** Folder of the round; outputs are written here. */
  readonly dir: string
}

export interface Asked {
  /** Without artefact keys: nothing has been uploaded yet. */
  readonly answer: Omit<Answer, 'output'>
  /** The received body, if a whole one arrived. */
  readonly file: ReceivedFile | undefined
}

export interface ReceivedFile {
  readonly path: string
  readonly sha256: string
  readonly sizeBytes: number
  /** Of a video that passed the gates. */
  readonly perceptualHash?: string
}

type AskPorts = Pick<Ports, 'clock' | 'models' | 'generator' | 'media' | 'log' | 'report' | 'settings'>

const gateDeadlineMs = 120_000
const lookupDeadlineMs = 20_000

/**
 * Asks every miner, some at a time, and gates what comes back. A miner's failure is its outcome; ours (a lookup or a
 * decoder that did not work) is `transient`, never a failed video.
 */
export async function askMiners(
  miners: readonly MinerBody[],
  asking: Asking,
  ports: AskPorts,
  signal: AbortSignal,
): Promise<Asked[]> {
  const limit = pLimit(ports.settings.maxConcurrentMiners)
  // Decoding is what costs here; two at a time keep both the processor busy and the memory flat.
  const gating = pLimit(2)
  let done = 0
  const asked = await Promise.all(
    miners.map((miner) =>
      limit(async () => {
        const result = await askOne(miner, asking, gating, ports, signal)
        const {outcome, reason, latencyMs} = result.answer
        done++
        ports.log.info(
          {task: asking.taskId, uid: miner.uid, hotkey: miner.hotkey, outcome, latencyMs},
          'miner answered',
        )
        ports.report({
          event: 'miner-answered',
          taskId: asking.taskId,
          uid: miner.uid,
          hotkey: miner.hotkey,
          outcome,
          reason,
          latencyMs,
          done,
          of: miners.length,
        })
        return result
      }),
    ),
  )
  return asked.sort((a, b) => compareText(a.answer.hotkey, b.answer.hotkey))
}

async function askOne(
  miner: MinerBody,
  asking: Asking,
  gating: ReturnType<typeof pLimit>,
  ports: AskPorts,
  signal: AbortSignal,
): Promise<Asked> {
  const {clock, generator} = ports
  const identity = {hotkey: miner.hotkey, uid: miner.uid, commitmentBlock: miner.block ?? 0}
  const missed = (outcome: 'busy' | 'transient' | 'permanent', reason: string): Asked => ({
    answer: {...identity, outcome, reason, latencyMs: null, attempts: 0},
    file: undefined,
  })

  const chute = await findChute(miner, ports, signal)
  if ('missing' in chute) return missed(chute.outcome, chute.missing)
  const {deadlineMs, maxBytes} = asking.params.request
  const to = path.join(asking.dir, `${miner.hotkey}.mp4`)
  const generation = await generator.generate(
    chute,
    asking.request,
    {deadlineAt: clock.now() + deadlineMs, maxBytes, to},
    signal,
  )
  const {outcome, reason, latencyMs, attempts} = generation
  const file = generation.file ? {path: to, ...generation.file} : undefined
  const answer = {...identity, outcome, reason, latencyMs, attempts}
  if (outcome !== 'ok' || !file) return {answer, file}
  const {perceptualHash, ...gated} = await gating(() => gate(to, asking, ports, signal))
  return {answer: {...answer, ...gated}, file: perceptualHash === undefined ? file : {...file, perceptualHash}}
}

type Missing = {readonly missing: string; readonly outcome: 'busy' | 'transient' | 'permanent'}

async function findChute(miner: MinerBody, {models, log}: AskPorts, signal: AbortSignal): Promise<Chute | Missing> {
  const {chute_id: chuteId} = miner
  if (chuteId === null) return {missing: 'its commitment names no chute', outcome: 'permanent'}
  try {
    const chute = await withDeadline('chute lookup', lookupDeadlineMs, signal, (inner) => models.chute(chuteId, inner))
    if (!chute) return {missing: 'its chute does not exist or is not shared with the sampler', outcome: 'permanent'}
    if (!chute.hot) return {missing: 'its chute is not running', outcome: 'busy'}
    return chute
  } catch (error) {
    signal.throwIfAborted()
    log.warn({uid: miner.uid, err: error}, 'chute lookup failed')
    return {missing: 'its chute could not be looked up', outcome: 'transient'}
  }
}

async function gate(
  file: string,
  {params, kind, firstFrame}: Asking,
  {media, log}: AskPorts,
  signal: AbortSignal,
): Promise<Pick<Answer, 'outcome' | 'reason'> & {readonly perceptualHash?: string}> {
  try {
    const checked = await withDeadline('the gates', gateDeadlineMs, signal, (inner) =>
      checkGates(file, {media, params, kind, ...(firstFrame === undefined ? {} : {firstFrame})}, inner),
    )
    if (checked.ok) return {outcome: 'ok', reason: null, perceptualHash: checked.perceptualHash}
    return {outcome: `rejected:${checked.gate}`, reason: checked.reason.slice(0, 300)}
  } catch (error) {
    signal.throwIfAborted()
    // A decoder that failed for our own reasons must not be booked on the miner.
    log.error({file: path.basename(file), err: LeomaError.from(error)}, 'an output could not be checked')
    return {outcome: 'transient', reason: 'the sampler could not check this output'}
  }
}
