import type {ToldSubmission} from '../../store/executor-port.js'
import type {Candidate} from './line-up.js'
import {parseImageRef} from './submission.js'
import {blacklisted} from './wire.js'

/** What was told of one hotkey, as the rule of the field takes it. Undefined for what is no image. */
export function candidateOf(told: ToldSubmission): Candidate | undefined {
  const {hotkey, imageRef, submitBlock: block, claimBlock} = told
  if (imageRef === blacklisted) return {hotkey, imageRef, digest: '', block, claimBlock, isBlacklisted: true}
  const parsed = parseImageRef(imageRef)
  return parsed.ok
    ? {hotkey, imageRef, digest: parsed.value.digest, block, claimBlock, isBlacklisted: false}
    : undefined
}
