import {z} from 'zod'

/** Readers of environment text. Each message completes the sentence "NAME …". */

export const boundedText = (max: number) => z.string().trim().min(1).max(max, `is longer than ${max} characters`)

/** Becomes part of a path, so it must not be able to leave its folder. */
export const fileName = z
  .string()
  .trim()
  .regex(/^(?!\.{1,2}$)[^/\\]{1,255}$/, 'is not a file name')

export const integer = ({min, max}: {min: number; max: number}) =>
  z
    .string()
    .trim()
    .regex(/^-?\d{1,15}$/, 'is not a whole number')
    .transform(Number)
    .refine((value) => value >= min && value <= max, `is not between ${min} and ${max}`)

/** Seconds in the environment, as published; milliseconds in the program. */
export const seconds = ({min, max}: {min: number; max: number}) =>
  z
    .string()
    .trim()
    .regex(/^\d{1,9}(\.\d+)?$/, 'is not a number of seconds')
    .transform(Number)
    .refine((value) => value >= min && value <= max, `is not between ${min} and ${max} seconds`)
    .transform((value) => Math.round(value * 1000))

/** A base address; the trailing slash goes, so that paths can be appended. */
export const url = z
  .string()
  .trim()
  .regex(/^https?:\/\/[^\s/]+/, 'is not an http:// or https:// address')
  .transform((text) => text.replace(/\/+$/, ''))

/** Where a page comes from, or `*` for everywhere. */
export const origin = z
  .string()
  .trim()
  .regex(/^(\*|https?:\/\/[^\s/]+\/?)$/, 'is neither * nor a list of http:// or https:// addresses')
  .transform((text) => text.replace(/\/$/, ''))

/** One address, or a network of them as `10.0.0.0/8`. */
export const addressRange = z
  .string()
  .trim()
  .regex(/^[0-9a-f.:]{2,45}(\/\d{1,3})?$/i, 'is not a list of addresses or networks')

/** An address with `{slug}` in it: over TLS, or on this machine. */
export const slugUrl = z
  .string()
  .trim()
  .regex(/^https?:\/\/[^\s?#]+$/, 'is not an http:// or https:// address')
  .refine((text) => text.split('{slug}').length === 2, 'is an address without {slug} in it, or with several')
  .refine(
    (text) => text.startsWith('https://') || /^http:\/\/(127\.\d+\.\d+\.\d+|localhost|\[::1\])[:/]/.test(text),
    'is an address without TLS, which only this machine may have',
  )
  .transform((text) => text.replace(/\/+$/, ''))

/** A host alone means https. */
export const endpoint = z
  .string()
  .trim()
  .regex(/^(https?:\/\/)?[A-Za-z0-9.-]+(:\d{1,5})?\/?$/, 'is not a host or an https:// address')
  .transform((text) => (text.includes('://') ? text : `https://${text}`).replace(/\/$/, ''))

export const bucketName = z
  .string()
  .trim()
  .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'is not a name of a bucket: 3 to 63 of a-z, 0-9, dot and hyphen')

export const list = <T extends z.ZodType<string, string>>(item: T) =>
  z
    .string()
    .transform((text) =>
      text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    )
    .pipe(z.array(item))

/** One of the words, in any case; aliases are spellings that other programs use. */
export const oneOf = <const T extends string>(words: readonly [T, ...T[]], aliases: Readonly<Record<string, T>> = {}) =>
  z
    .string()
    .transform((text) => text.trim().toLowerCase())
    .transform((text) => aliases[text] ?? text)
    .pipe(z.enum(words, `is not one of ${words.join(', ')}`))

/** Exact: a stake must not pass through floating point. */
export const decimalToRao = z
  .string()
  .trim()
  .regex(/^\d{1,11}(\.\d{1,9})?$/, 'is not a number with at most nine decimals')
  .transform((text) => {
    const [whole = '0', fraction = ''] = text.split('.')
    return BigInt(whole) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0'))
  })

export const mechanisms = z
  .string()
  .transform((text) => text.split(',').map((part) => part.trim()))
  .pipe(z.array(z.string().regex(/^[a-z][a-z0-9-]*:\d{1,3}$/, 'is not a list like video:0')))
  .transform((parts) =>
    parts.map((part) => {
      const [name = '', mecid] = part.split(':')
      return {name, mecid: Number(mecid)}
    }),
  )
  .refine((all) => new Set(all.map(({name}) => name)).size === all.length, 'names a mechanism twice')
  .refine((all) => new Set(all.map(({mecid}) => mecid)).size === all.length, 'names a mechanism index twice')

/** `name=file` pairs. */
export const files = z
  .string()
  .transform((text) => text.split(',').map((part) => part.trim()))
  .pipe(z.array(z.string().regex(/^[a-z][a-z0-9-]*=.{1,4096}$/, 'is not a list like talking-head=exam.json')))
  .transform(
    (parts): Record<string, string> =>
      Object.fromEntries(parts.map((part) => [part.slice(0, part.indexOf('=')), part.slice(part.indexOf('=') + 1)])),
  )
