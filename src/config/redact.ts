import {type Variable, variableNames, variables} from './variables.js'

const secretNames = variableNames.filter((name) => (variables[name] as Variable).secret === true) // widened: few have it

/** Keys that the logger never writes: every secret variable, and what libraries call such things. */
export const secretKeys: readonly string[] = [
  ...secretNames,
  'apiKey',
  'authorization',
  'mnemonic',
  'password',
  'privateKey',
  'secretPhrase',
  'secretSeed',
  'token',
]

/** The secrets themselves, so that one inside a message or an address is hidden as well. */
export function secretValues(env: NodeJS.ProcessEnv): string[] {
  const passwords = Object.keys(env).filter((name) => name.startsWith('BT_PW_'))
  return [...secretNames, ...passwords].flatMap((name) => env[name]?.trim() || [])
}
