import {LeomaError} from '../errors.js'

/** The longest key that every S3 provider takes. */
const maxKeyBytes = 1024
const piece = /^[A-Za-z0-9._-]+$/

/**
 * Keys may come from a signed manifest that somebody else wrote, so they are checked before any adapter acts on them.
 * Throws `OBJECT_KEY_INVALID`.
 */
export function requireKey(key: string): string {
  if (isKey(key)) return key
  throw new LeomaError('data', 'OBJECT_KEY_INVALID', `${JSON.stringify(key.slice(0, 120))} is no object key`)
}

/** True for `/`-separated pieces of letters, digits, `-`, `_` and `.`, none of them empty, `.` or `..`. */
export function isKey(key: string): boolean {
  return key.length <= maxKeyBytes && key.split('/').every((part) => piece.test(part) && part !== '.' && part !== '..')
}

/** A prefix is the beginning of a key, and may end anywhere in it. */
export function requirePrefix(prefix: string): string {
  if (prefix.length <= maxKeyBytes && /^[A-Za-z0-9._/-]*$/.test(prefix)) return prefix
  throw new LeomaError('data', 'OBJECT_KEY_INVALID', `${JSON.stringify(prefix.slice(0, 120))} is no object prefix`)
}

/** False when no key can begin so; some stores refuse to be asked. */
export function canBeginKey(prefix: string): boolean {
  const parent = prefix.slice(0, prefix.lastIndexOf('/') + 1)
  return parent === '' || isKey(parent.slice(0, -1))
}

export function objectMissing(bucket: string, key: string, cause?: unknown): LeomaError {
  return new LeomaError('upstream', 'OBJECT_MISSING', `${bucket} has no object ${key}`, {retryable: false, cause})
}

export function objectTooLarge(bucket: string, key: string, maxBytes: number): LeomaError {
  return new LeomaError('data', 'OBJECT_TOO_LARGE', `${key} in ${bucket} has more than ${maxBytes} bytes`)
}
