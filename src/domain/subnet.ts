import {z} from 'zod'
import {BlockNumber, Hotkey, Rao, Uid} from './ids.js'

/** A miner as the owner's API sees it: the commitment, and whether it may be asked. */
export const MinerView = z.object({
  uid: Uid,
  hotkey: Hotkey,
  isValid: z.boolean(),
  /** Null when valid; else the documented reason. */
  invalidReason: z.string().nullable(),
  /** Block of the commitment in force; null when there is none that could be read. */
  block: BlockNumber.nullable(),
})
export type MinerView = z.infer<typeof MinerView>

export const NeuronView = z.object({uid: Uid, hotkey: Hotkey, stakeRao: Rao, validatorPermit: z.boolean()})
export type NeuronView = z.infer<typeof NeuronView>

/** A snapshot of the subnet: all that a mechanism sees of the chain while weighing. */
export const SubnetView = z.object({
  block: BlockNumber,
  neurons: z.array(NeuronView),
  miners: z.array(MinerView),
})
export type SubnetView = z.infer<typeof SubnetView>
