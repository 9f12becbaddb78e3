import {Args} from '@oclif/core'
import type {Hotkey} from '../domain/ids.js'

/** As the flag of the same name: checked letter by letter before anything is done with it. */
export const hotkeyArg = Args.custom<Hotkey>({
  description: 'SS58 address of the hotkey',
  parse: async (text) => {
    const {parseHotkey} = await import('../wallet/ss58.js')
    return parseHotkey(text)
  },
})
