import {Flags} from '@oclif/core'
import type {Hotkey} from '../domain/ids.js'

/** An address that a person typed: its checksum is tested, since a mistyped one would only show much later. */
export const hotkeyFlag = Flags.custom<Hotkey>({
  description: 'SS58 address of the hotkey',
  helpValue: '<address>',
  parse: async (text) => {
    const {parseHotkey} = await import('../wallet/ss58.js')
    return parseHotkey(text)
  },
})

/** Of a flag that takes either: the address of a hotkey, or its name in the wallet. */
export async function hotkeyOrName(text: string | undefined): Promise<{address?: Hotkey; name?: string}> {
  if (text === undefined) return {}
  const {isHotkey} = await import('../wallet/ss58.js')
  return isHotkey(text) ? {address: text} : {name: text}
}

export const uidFlag = Flags.custom<number>({
  description: 'uid on the subnet',
  helpValue: '<number>',
  parse: async (text) => {
    const [{Uid}, {LeomaError}] = await Promise.all([import('../domain/ids.js'), import('../errors.js')])
    const uid = Uid.safeParse(/^\d{1,5}$/.test(text) ? Number(text) : Number.NaN)
    if (uid.success) return uid.data
    throw new LeomaError('usage', 'USAGE', `${JSON.stringify(text.slice(0, 40))} is not a uid (0 to 65535)`)
  },
})

export const yesFlag = Flags.boolean({description: 'do not ask'})

export const dryRunFlag = Flags.boolean({description: 'show what would be done, and do nothing'})

/** An amount in alpha as a person writes it; rao in the program. */
export const stakeFlag = Flags.custom<bigint>({
  description: 'stake in alpha',
  helpValue: '<amount>',
  parse: async (text) => {
    const [{decimalToRao}, {LeomaError}] = await Promise.all([import('../config/schemas.js'), import('../errors.js')])
    const rao = decimalToRao.safeParse(text)
    if (rao.success) return rao.data
    throw new LeomaError('usage', 'USAGE', `${JSON.stringify(text.slice(0, 40))} ${rao.error.issues[0]?.message}`)
  },
})

/** Whose store a command looks after. */
export const storeFlag = Flags.option({
  description: "whose store: the owner's, or that of the validator whose hotkey HOTKEY_NAME names",
  options: ['owner', 'validator'] as const,
  default: 'owner' as const,
})()

export const storeRole = (of: 'owner' | 'validator') => (of === 'owner' ? 'api' : 'validator')
