import {z} from 'zod'
import type {Parsed} from '../../domain/commitment.js'

/** Longest reference that is looked at; registries allow 255 characters of name. */
export const maxReferenceLength = 400

const component = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const label = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?'
const reference = new RegExp(
  `^(?:(${label}(?:\\.${label})*(?::[0-9]{1,5})?)/)?(${component}(?:/${component})*)(?::([A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?@sha256:([0-9a-f]{64})$`,
)

/** A container image, named by the digest of its manifest: `[registry/]repository[:tag]@sha256:<64 hex>`. */
export interface ImageSubmission {
  /** Exactly what the miner sent; only ever passed on as one argument of a program. */
  readonly imageRef: string
  readonly repository: string
  /** 64 lower-case hex digits. */
  readonly digest: string
}

/** Why a reference is refused, in the words that stand in commitments' reasons and error messages. */
export type ReferenceFault = 'image_ref_too_long' | 'image_ref_without_digest' | 'image_ref_invalid'

/**
 * The grammar of the distribution specification, whole: nothing that begins with a dash, holds a blank or leaves the
 * alphabet gets through, so a reference cannot become an option or a path of the program that pulls it. Never throws.
 */
export function parseImageRef(text: string): Parsed<ImageSubmission> {
  const refuse = (reason: ReferenceFault) => ({ok: false, reason}) as const
  if (text.length > maxReferenceLength) return refuse('image_ref_too_long')
  const found = reference.exec(text)
  const [, host, path = '', , digest = ''] = found ?? []
  if (!found) return refuse(/@sha256:[0-9a-f]{64}$/.test(text) ? 'image_ref_invalid' : 'image_ref_without_digest')
  return {ok: true, value: {imageRef: text, repository: host === undefined ? path : `${host}/${path}`, digest}}
}

/** The longest commitment text that is looked at, as for every mechanism. */
const maxTextLength = 4096
const Committed = z.object({image_ref: z.string()})

/**
 * Reads a commitment: a JSON object with `image_ref`, whose other fields are none of ours, or the reference alone, for
 * chains on which every byte counts.
 */
export function parseImageCommitment(text: string): Parsed<ImageSubmission> {
  if (text.length > maxTextLength) return {ok: false, reason: 'missing_image_ref'}
  const alone = parseImageRef(text)
  if (alone.ok) return alone
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    // Text that is no JSON has no fields.
  }
  const fields = Committed.safeParse(json)
  return fields.success ? parseImageRef(fields.data.image_ref) : {ok: false, reason: 'missing_image_ref'}
}

/** As Python's default JSON writes it, like the published commitment of models. */
export function formatImageCommitment({imageRef}: ImageSubmission): string {
  return `{"image_ref": ${JSON.stringify(imageRef)}}`
}
