import {Hotkey} from '../../domain/ids.js'
import {Refusal} from '../refusal.js'
import type {Caller} from '../route.js'
import type {ServerDeps} from '../server.js'

export interface RouteDeps extends ServerDeps {
  readonly maxBodyBytes: number
}

/** Published as 400, not 422, for an address in a path or a query. */
export function hotkeyOf(text: string): Hotkey {
  const hotkey = Hotkey.safeParse(text)
  if (hotkey.success) return hotkey.data
  throw new Refusal(400, 'Invalid SS58 address format')
}

/** The server has checked the caller of every route that is not public. */
export function callerOf(caller: Caller | undefined): Caller {
  if (!caller) throw new Error('a signed route was reached without a caller')
  return caller
}

export const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole)
