import {z} from 'zod'

/** Alphabet and length only; the checksum is tested where a person types an address (`wallet/ss58.ts`). */
const ss58 = /^[1-9A-HJ-NP-Za-km-z]{47,48}$/

/** SS58 address of an sr25519 hotkey. Branded because it could be swapped with a coldkey or a model name. */
export const Hotkey = z.string().regex(ss58, 'Invalid SS58 address format').brand<'Hotkey'>()
export type Hotkey = z.infer<typeof Hotkey>

/** 64 lower-case hex digits. */
export const Sha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .brand<'Sha256'>()
export type Sha256 = z.infer<typeof Sha256>

/** Numbers stay plain: they are compared and added all the time, and a brand does not survive arithmetic. */
export const Uid = z.number().int().min(0).max(65_535)
export type Uid = number
export const Netuid = z.number().int().min(0).max(65_535)
export type Netuid = number
export const BlockNumber = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)
export type BlockNumber = number
/** The wire type is a 32-bit integer; the first task is 1. */
export const TaskId = z.number().int().min(1).max(2_147_483_647)
export type TaskId = number

/** Rao (10⁻⁹ TAO or alpha) as a decimal string: JSON has no 64-bit integers. */
export const Rao = z.string().regex(/^\d{1,20}$/)
export type Rao = string

/** Hotkeys order by code point, as the published ranking does; never by locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
