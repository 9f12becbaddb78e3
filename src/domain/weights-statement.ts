import {z} from 'zod'
import {BlockNumber, Hotkey, Netuid, Sha256, Uid} from './ids.js'
import {Decision} from './ranking.js'
import {isSignedBy, signValue} from './signed.js'

/** Who gets the emission and what it follows from, in the owner's words: all that a validator acts on. */
export const WeightsStatement = z.strictObject({
  version: z.literal(1),
  netuid: Netuid,
  mechanism: z.string().max(64),
  examHash: Sha256,
  /** Hash of the folded state: whoever folds the same evidence gets the same. */
  stateHash: Sha256,
  /** Hash of the whole ranking as `/ranking` serves it. */
  rankingHash: Sha256,
  /** Tasks that count. */
  window: z.array(z.number().int()),
  /** Block of the subnet view that was weighed. */
  block: BlockNumber,
  decision: Decision,
  winner: z.strictObject({hotkey: Hotkey, uid: Uid}).nullable(),
  /** Only those with a share; the shares sum to 1, or there are none. */
  weights: z.array(z.strictObject({hotkey: Hotkey, uid: Uid, weight: z.number().gt(0).max(1)})),
  summary: z.string(),
})
export type WeightsStatement = z.infer<typeof WeightsStatement>

/** The signature covers `statement` with purpose `weights`; the signer is the subnet owner's hotkey. */
export const SignedWeights = z.strictObject({
  statement: WeightsStatement,
  signer: Hotkey,
  signature: z.string().regex(/^0x[0-9a-f]{128}$/),
})
export type SignedWeights = z.infer<typeof SignedWeights>

type Sign = {readonly hotkey: Hotkey; sign(message: Uint8Array): Uint8Array}
type Verify = (message: Uint8Array, signature: Uint8Array, hotkey: string) => boolean

export function signWeights(statement: WeightsStatement, signer: Sign): SignedWeights {
  return {statement, signer: signer.hotkey, signature: signValue('weights', statement, signer)}
}

/** Why signed weights do not hold, for a log line; undefined when they do. */
export function weightsFault(
  {statement, signer, signature}: SignedWeights,
  expected: {readonly ownerHotkey: string | null | undefined; readonly netuid: number; readonly mechanism: string},
  verify: Verify,
): string | undefined {
  if (signer !== expected.ownerHotkey) return `signed by ${signer}, the subnet's owner is ${expected.ownerHotkey}`
  if (statement.netuid !== expected.netuid) return `they are of subnet ${statement.netuid}`
  if (statement.mechanism !== expected.mechanism) return `they are of mechanism ${statement.mechanism}`
  return isSignedBy('weights', statement, signature, signer, verify) ? undefined : 'their signature does not verify'
}
