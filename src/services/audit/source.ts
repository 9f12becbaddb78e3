import {z} from 'zod'
import type {EvidenceApi} from '../../api/port.js'
import {BlockNumber, Hotkey, Netuid, Rao, type TaskId, Uid} from '../../domain/ids.js'
import type {Objects} from '../../objects/port.js'

const Hash = z.string().regex(/^0x[0-9a-f]{64}$/)
const Counted = z.number().int().min(0).max(65_535)

/** What the chain says of a subnet at one block, as far as an audit asks. */
export const ChainFacts = z.strictObject({
  version: z.literal(1),
  network: z.string().max(300),
  netuid: Netuid,
  /** Mechanism index of the weights. */
  mecid: z.number().int().min(0).max(255),
  block: z.strictObject({number: BlockNumber, hash: Hash}),
  ownerHotkey: Hotkey.nullable(),
  /** Weights stay hidden for a while after they were set. */
  hidesWeights: z.boolean(),
  neurons: z.array(
    z.strictObject({uid: Uid, hotkey: Hotkey, stakeRao: Rao, validatorPermit: z.boolean(), lastUpdate: BlockNumber}),
  ),
  /** Newest commitment of each hotkey. */
  commitments: z.array(z.strictObject({hotkey: Hotkey, block: BlockNumber})),
  /** Of every neuron with a permit that has set any. */
  weights: z.array(z.strictObject({uid: Uid, uids: z.array(Uid), values: z.array(Counted), lastUpdate: BlockNumber})),
})
export type ChainFacts = z.infer<typeof ChainFacts>

export interface AuditChain {
  facts(signal: AbortSignal): Promise<ChainFacts>
  /** `0x…`; undefined for a block that cannot be had any more. */
  blockHash(number: BlockNumber, signal: AbortSignal): Promise<string | undefined>
}

/** Where an audit reads: a running API, a bucket and a chain, or an archive of all three. */
export interface AuditSource extends Omit<EvidenceApi, 'url'> {
  /** For the report. */
  readonly name: string
  /** What is read now may be another in a second, such as the ranking. */
  readonly isLive: boolean
  /** Newest task that was published; 0 when there is none. */
  latestTask(signal: AbortSignal): Promise<TaskId | 0>
  /** Undefined where artefacts cannot be had at all. */
  readonly objects: Pick<Objects, 'getFile' | 'getBytes'> | undefined
  readonly chain: AuditChain
}
