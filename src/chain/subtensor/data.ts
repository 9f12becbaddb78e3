import {z} from 'zod'
import {LeomaError} from '../../errors.js'
import {timelockOverheadBytes} from './timelock.js'

/** Limits of one field of a commitment, as the pallet declares them; its client does not check them. */
export const maxRawBytes = 128
const maxBigRawBytes = 512
const maxTimelockedBytes = 1024

/** Longest text that fits into a timelocked field: the ciphertext and the text's own length take the rest. */
export const maxTimelockedTextBytes = maxTimelockedBytes - timelockOverheadBytes - 2

/** One field as the codec takes it: the name of the variant says how many bytes are in it. */
export type Field = Readonly<Record<string, unknown>>

export function plainField(bytes: Uint8Array, has: {readonly bigRaw: boolean}): Field {
  const hex = `0x${Buffer.from(bytes).toString('hex')}`
  if (bytes.length <= maxRawBytes) return {[`Raw${bytes.length}`]: hex}
  const fits = has.bigRaw ? maxBigRawBytes : maxRawBytes
  if (bytes.length > fits) throw tooLong(bytes.length, fits)
  return {BigRaw: hex}
}

export function timelockedField(encrypted: Uint8Array, revealRound: number): Field {
  return {TimelockEncrypted: {encrypted: `0x${Buffer.from(encrypted).toString('hex')}`, revealRound}}
}

/** Throws `COMMIT_TOO_LONG`. */
export function checkTimelockedText(sizeBytes: number): void {
  if (sizeBytes > maxTimelockedTextBytes) throw tooLong(sizeBytes, maxTimelockedTextBytes)
}

function tooLong(sizeBytes: number, fits: number): LeomaError {
  return new LeomaError('chain', 'COMMIT_TOO_LONG', `a commitment of ${sizeBytes} bytes; ${fits} fit`, {
    hints: ['shorten the model name'],
    retryable: false,
  })
}

/** A text as the Python tools read it: with its length in front, in the compact form. */
export function withCompactLength(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([compactLength(bytes.length), bytes])
}

export function compactLength(length: number): Uint8Array {
  if (length < 64) return Uint8Array.of(length << 2)
  if (length < 16_384) return Uint8Array.of(((length & 63) << 2) | 1, length >> 6)
  throw new RangeError(`no commitment has ${length} bytes`)
}

/**
 * The text of a revealed commitment. Its author may have left the length away: then the whole is the text. Bytes that are
 * no UTF-8 become replacement characters; nothing of it is trusted anyway.
 */
export function revealedText(bytes: Uint8Array): string {
  const first = bytes[0] ?? 0
  const mode = first & 3
  const length = mode === 0 ? first >> 2 : mode === 1 ? (first | ((bytes[1] ?? 0) << 8)) >> 2 : -1
  const prefix = mode === 0 ? 1 : 2
  const body = length === bytes.length - prefix ? bytes.subarray(prefix) : bytes
  return new TextDecoder().decode(body)
}

const HexText = z.string().regex(/^0x[0-9a-f]*$/i)
/** As the codec prints a stored commitment: every field is an object with the name of its variant. */
export const Registration = z.object({
  block: z.number().int(),
  info: z.object({fields: z.array(z.record(z.string(), z.unknown()))}),
})

/** The open bytes of a commitment, joined; undefined when nothing of it is open. */
export function openBytes({info}: z.infer<typeof Registration>): Uint8Array | undefined {
  const parts = info.fields.flatMap((field) =>
    Object.entries(field).flatMap(([variant, value]) => {
      if (!/^(raw\d+|bigRaw)$/i.test(variant)) return []
      const hex = HexText.safeParse(value)
      return [hex.success ? Buffer.from(hex.data.slice(2), 'hex') : Buffer.alloc(0)]
    }),
  )
  return parts.length === 0 ? undefined : Buffer.concat(parts)
}

/** What the pallet counts of a commitment against the space of an epoch. */
export function commitCost(sizeBytes: number): number {
  return Math.max(100, sizeBytes)
}
