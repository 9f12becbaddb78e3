import type {z} from 'zod'
import type {Findings} from './findings.js'

export interface PieceName {
  readonly check: string
  /** As findings name it. */
  readonly object: string
  readonly who?: string | null
  readonly task?: number | null
}

/**
 * Reads one piece of evidence, or says what is wrong with it. A text must be exactly what its value is written as: one that
 * says the same in other bytes was changed by somebody after it was made.
 */
export function readPiece<T>(
  text: string,
  schema: z.ZodType<T>,
  {check, object, who = null, task = null}: PieceName,
  findings: Findings,
): T | undefined {
  const remedy = 'ask the owner of the subnet for this piece as it was signed'
  const unreadable = (found: string) =>
    findings.error(check, {
      code: 'PIECE_UNREADABLE',
      object,
      who,
      task,
      expected: 'what its signer wrote',
      found,
      remedy,
    })
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    unreadable('text that is no JSON')
    return undefined
  }
  const parsed = schema.safeParse(json)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    unreadable(`${issue?.path.join('.') || 'it'}: ${issue?.message ?? 'is not of this form'}`)
    return undefined
  }
  if (JSON.stringify(json) !== text) {
    findings.error(check, {
      ...{code: 'PIECE_REWRITTEN', object, who, task, remedy},
      expected: 'the bytes that its signer wrote',
      found: 'the same in other bytes',
    })
  }
  return parsed.data
}

/** Hashes are long, and their beginning tells them apart. */
export const short = (hash: string) => `${hash.slice(0, 16)}…`
