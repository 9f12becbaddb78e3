import {hashOf, type SigningPurpose, signingMessage} from './canonical.js'
import type {SignedExam} from './exam.js'
import type {Hotkey} from './ids.js'
import type {SignedManifest} from './task.js'
import type {SignedVerdict} from './verdict.js'

type Verify = (message: Uint8Array, signature: Uint8Array, hotkey: string) => boolean
type Sign = {readonly hotkey: Hotkey; sign(message: Uint8Array): Uint8Array}

/** `0x` and 128 hex digits over `signingMessage(purpose, value)`. */
export function signValue(purpose: SigningPurpose, value: unknown, signer: Sign): string {
  return `0x${Buffer.from(signer.sign(signingMessage(purpose, value))).toString('hex')}`
}

export function isSignedBy(
  purpose: SigningPurpose,
  value: unknown,
  signature: string,
  hotkey: string,
  verify: Verify,
): boolean {
  return verify(signingMessage(purpose, value), Buffer.from(signature.replace(/^0x/, ''), 'hex'), hotkey)
}

/** Reasons why something signed does not hold, for an error or a log line; undefined when it does. */
export function examFault(signed: SignedExam, ownerHotkey: Hotkey, verify: Verify): string | undefined {
  if (signed.signer !== ownerHotkey) return `signed by ${signed.signer}, the subnet's owner is ${ownerHotkey}`
  if (hashOf(signed.exam) !== signed.examHash) return 'its hash is not that of its content'
  if (!isSignedBy('exam', signed.exam, signed.signature, signed.signer, verify)) return 'its signature does not verify'
  return undefined
}

export function manifestFault(
  {manifest, signer, signature}: SignedManifest,
  {exam, examHash}: SignedExam,
  verify: Verify,
): string | undefined {
  if (manifest.examHash !== examHash) return `it belongs to exam ${manifest.examHash.slice(0, 12)}…`
  if (manifest.mechanism !== exam.mechanism || manifest.netuid !== exam.netuid)
    return 'it is of another mechanism or subnet'
  if (!exam.samplers.includes(signer)) return `${signer} is not a sampler of this exam`
  if (!isSignedBy('task', manifest, signature, signer, verify)) return 'its signature does not verify'
  return undefined
}

export function verdictFault({verdict, signature}: SignedVerdict, verify: Verify): string | undefined {
  return isSignedBy('verdict', verdict, signature, verdict.validator, verify)
    ? undefined
    : 'its signature does not verify'
}
