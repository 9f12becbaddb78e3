export interface ByteRange {
  /** First and last byte, both included. */
  readonly from: number
  readonly to: number
}

/**
 * The one range that a `Range` header asks for, of `sizeBytes` (RFC 9110, 14). Undefined for the whole: no header, another
 * unit, several ranges, or a header that makes no sense; `unsatisfiable` when no byte of it is there.
 */
export function parseRange(header: string | undefined, sizeBytes: number): ByteRange | 'unsatisfiable' | undefined {
  const [, first = '', last = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '') ?? []
  if (first === '' && last === '') return undefined
  if (first === '') {
    const length = Math.min(Number(last), sizeBytes)
    return length === 0 ? 'unsatisfiable' : {from: sizeBytes - length, to: sizeBytes - 1}
  }
  const from = Number(first)
  if (last !== '' && Number(last) < from) return undefined
  if (from >= sizeBytes) return 'unsatisfiable'
  return {from, to: last === '' ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1)}
}
