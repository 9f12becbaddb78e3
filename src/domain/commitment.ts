import {z} from 'zod'
import {formatShortCommitment, parseShortCommitment, shortPrefix} from './short-commitment.js'

/** Longest text we look at; the chain allows 1,024 bytes of ciphertext. */
const maxTextLength = 4096

const part = (max: number) => z.string().trim().min(1).max(max)
const ModelCommitment = z.object({model_name: part(255), model_revision: part(64), chute_id: part(255)})

/** What a video miner offers: a Hugging Face model at a revision, and the chute that serves it. */
export interface ModelSubmission {
  readonly modelName: string
  readonly modelRevision: string
  readonly chuteId: string
}

export type Parsed<T> = {readonly ok: true; readonly value: T} | {readonly ok: false; readonly reason: string}

/** How a submission is written down: the published JSON, or the short form for chains that it does not fit. */
export const commitForms = ['json', 'short'] as const
export type CommitForm = (typeof commitForms)[number]

/**
 * Reads a commitment in either form. Never throws: a commitment of any type, size or encoding harms only its author.
 * Reasons are the published `missing_<field>` in the published order; a value of the wrong type counts as missing.
 */
export function parseModelCommitment(text: string, author: string): Parsed<ModelSubmission> {
  if (text.startsWith(shortPrefix)) return parseShortCommitment(text, author)
  let json: unknown = {}
  if (text.length <= maxTextLength) {
    try {
      json = JSON.parse(text)
    } catch {
      // Text that is no JSON has no fields, as in the published API.
    }
  }
  const fields = ModelCommitment.safeParse(
    typeof json === 'object' && json !== null && !Array.isArray(json) ? json : {},
  )
  if (!fields.success) {
    const order = ['model_name', 'model_revision', 'chute_id']
    const bad = new Set(fields.error.issues.map((issue) => String(issue.path[0])))
    return {ok: false, reason: `missing_${order.find((field) => bad.has(field)) ?? 'model_name'}`}
  }
  const {model_name, model_revision, chute_id} = fields.data
  return {ok: true, value: {modelName: model_name, modelRevision: model_revision, chuteId: chute_id}}
}

/** The published text: three keys in this order, with Python's default separators. */
export function formatModelCommitment({modelName, modelRevision, chuteId}: ModelSubmission): string {
  const pairs = [
    ['model_name', modelName],
    ['model_revision', modelRevision],
    ['chute_id', chuteId],
  ]
  return `{${pairs.map(([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)}`).join(', ')}}`
}

/** The text that its author commits; undefined for a submission that cannot be written so. */
export function commitmentText(form: CommitForm, submission: ModelSubmission, author: string): string | undefined {
  return form === 'json' ? formatModelCommitment(submission) : formatShortCommitment(submission, author)
}
