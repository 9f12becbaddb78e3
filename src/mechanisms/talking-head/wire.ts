import {z} from 'zod'
import {BlockNumber, Hotkey} from '../../domain/ids.js'
import {SignedRecord} from '../../domain/record.js'
import {maxReferenceLength} from './submission.js'

/** What stands in place of the image of a hotkey that is banned. */
export const blacklisted = 'blacklist'

/** `POST /submit`. */
export const SubmitBody = z.object({hotkey: Hotkey, image_ref: z.string().max(maxReferenceLength)})
export type SubmitBody = z.infer<typeof SubmitBody>

/** One row of `GET /submissions` and of `POST /update`. */
export const SubmissionRow = z.object({
  hotkey: Hotkey,
  /** An image by digest, or `blacklist`. */
  image_ref: z.string().max(maxReferenceLength),
  /** Unix seconds. */
  submit_time: z.number().int().min(0),
  /** Block of the submission; ours, absent in what the published API serves. */
  submit_block: z.exactOptional(BlockNumber),
  /** Block at which this hotkey first offered this image; that of the submission when absent. */
  claim_block: z.exactOptional(BlockNumber),
})
export type SubmissionRow = z.infer<typeof SubmissionRow>

/** Rows of one update; more hotkeys than a subnet has. */
export const maxSubmissions = 1024
export const SubmissionRows = z.array(SubmissionRow).max(maxSubmissions)

export const UpdateAnswer = z.object({count: z.number().int().min(0)})

/** One row of the executor's `GET /metrics`: the published form. */
export const MetricsRow = z.object({
  hotkey: Hotkey,
  image_ref: z.string(),
  submit_time: z.number(),
  metrics: z.record(z.string(), z.json()),
})
export type MetricsRow = z.infer<typeof MetricsRow>

/** The executor's `GET /records?after=N&limit=M`: its signed rounds, ascending. What our own validators weigh. */
export const RecordsAnswer = z.object({records: z.array(SignedRecord).max(100)})
export const recordsPath = '/records'
