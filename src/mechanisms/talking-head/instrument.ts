import type {SignedHttp} from '../../api/port.js'
import type {Instrument, KnownSubmission} from '../types.js'
import {parseImageCommitment} from './submission.js'
import {blacklisted, maxSubmissions, RecordsAnswer, recordsPath, type SubmissionRow, UpdateAnswer} from './wire.js'

/** The executor as its validator sees it. */
export function executorInstrument(http: SignedHttp): Instrument {
  return {
    update: async (submissions, signal) => {
      const rows = submissions.flatMap((submission) => rowOf(submission) ?? []).slice(0, maxSubmissions)
      await http.post('/update', rows, UpdateAnswer, signal)
    },
    recordsAfter: async (after, limit, signal) =>
      (await http.get(`${recordsPath}?after=${after}&limit=${limit}`, RecordsAnswer, signal)).records,
  }
}

/** Undefined for what is no image, and for somebody else's: neither is run. */
export function rowOf({
  hotkey,
  text,
  block,
  claimBlock,
  at,
  isBlacklisted,
  copyOf,
}: KnownSubmission): SubmissionRow | undefined {
  const parsed = parseImageCommitment(text)
  if (!parsed.ok || copyOf !== null) return undefined
  return {
    hotkey,
    image_ref: isBlacklisted ? blacklisted : parsed.value.imageRef,
    submit_time: Math.floor(at / 1000),
    submit_block: block,
    claim_block: claimBlock,
  }
}
