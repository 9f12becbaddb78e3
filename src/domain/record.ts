import {z} from 'zod'
import {hashOf, type SigningPurpose} from './canonical.js'
import {BlockNumber, Hotkey, Netuid, Sha256} from './ids.js'
import {isSignedBy, signValue} from './signed.js'

/**
 * One entry in the log of one validator's own evidence, for mechanisms of scope `own`: what its instrument found, in the
 * mechanism's words. Entries are numbered from 1 without gaps and each names the hash of the one before, so that nobody,
 * the author included, can change or drop one later without everybody seeing it.
 */
export const EvidenceRecord = z.strictObject({
  version: z.literal(1),
  mechanism: z.string().max(64),
  netuid: Netuid,
  examHash: Sha256,
  /** Whose evidence it is, and who signs. */
  author: Hotkey,
  sequence: z.number().int().min(1).max(2_147_483_647),
  /** `hashOf` the record before; null for the first. */
  previous: Sha256.nullable(),
  /** The chain's head when it was made. */
  block: BlockNumber,
  createdAt: z.iso.datetime(),
  /** Checked by the mechanism's own schema. */
  body: z.record(z.string(), z.json()),
})
export type EvidenceRecord = z.infer<typeof EvidenceRecord>

/** The signature covers `record` with purpose `record`; the signer is `record.author`. */
export const SignedRecord = z.strictObject({
  record: EvidenceRecord,
  signature: z.string().regex(/^0x[0-9a-f]{128}$/),
})
export type SignedRecord = z.infer<typeof SignedRecord>

/** Bytes of one record's JSON. A round of 256 images with seven challenges each takes about a third of it. */
export const maxRecordBytes = 4 * 1024 * 1024

const purpose: SigningPurpose = 'record'

type Verify = (message: Uint8Array, signature: Uint8Array, hotkey: string) => boolean
type Sign = {readonly hotkey: Hotkey; sign(message: Uint8Array): Uint8Array}

export function signRecord(record: EvidenceRecord, signer: Sign): SignedRecord {
  return {record, signature: signValue(purpose, record, signer)}
}

/** Why a record does not hold, for an error or a log line; undefined when it does. The chain of hashes is not looked at. */
export function recordFault(
  {record, signature}: SignedRecord,
  expected: {readonly mechanism: string; readonly netuid: Netuid},
  verify: Verify,
): string | undefined {
  if (record.mechanism !== expected.mechanism) return `it is of mechanism ${record.mechanism}`
  if (record.netuid !== expected.netuid) return `it is of subnet ${record.netuid}`
  return isSignedBy(purpose, record, signature, record.author, verify) ? undefined : 'its signature does not verify'
}

/** Why `record` cannot follow `last` in its author's log; undefined when it can. */
export function successionFault(record: EvidenceRecord, last: EvidenceRecord | undefined): string | undefined {
  const next = (last?.sequence ?? 0) + 1
  if (record.sequence !== next) return `it is number ${record.sequence}, the next one is ${next}`
  if (last === undefined) return record.previous === null ? undefined : 'the first record names one before it'
  if (record.author !== last.author) return 'it is of another author'
  if (record.previous !== hashOf(last)) return 'it does not name the record before it'
  return record.block < last.block ? `its block ${record.block} is before block ${last.block}` : undefined
}
