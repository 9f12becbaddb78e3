import {developmentAccounts} from '../domain/known-accounts.js'
import {isFor, type Role, type Variable, variableNames, variables} from './variables.js'

/** What people leave standing where a secret belongs. */
const placeholder =
  /^(admin|change[-_ ]?me|default|dummy|example|leoma|none|pass(word)?|placeholder|postgres|root|secret|test|todo|your[-_ ].*|x+|<.*>|\*+)$/i

const accountLists = ['ADMIN_HOTKEYS', 'SAMPLER_HOTKEYS'] as const
/** Without it the owner can neither look at chutes nor call them. */
const needed = {CHUTES_API_KEY: ['api', 'sampler']} as const satisfies Record<string, readonly Role[]>

/**
 * What must not go into production though it can be read: secrets that everybody knows, and missing ones that the work
 * cannot be done without. One line each.
 */
export function productionFaults(
  env: NodeJS.ProcessEnv,
  asked: readonly Role[] | 'all',
  {usesChutes}: {readonly usesChutes: boolean},
): string[] {
  const faults: string[] = []
  for (const name of variableNames) {
    const {secret, about}: Variable = variables[name]
    const value = env[name]?.trim() ?? ''
    if (secret && isFor(name, asked) && placeholder.test(value))
      faults.push(`${name} is a placeholder that everybody knows: ${about}`)
  }
  for (const name of accountLists) {
    if (!isFor(name, asked)) continue
    const known = (env[name] ?? '').split(',').filter((address) => developmentAccounts.has(address.trim()))
    if (known.length > 0)
      faults.push(`${name} names a development account, whose key everybody has: ${known[0]?.trim()}`)
  }
  for (const [name, roles] of Object.entries(needed)) {
    const isAsked = asked !== 'all' && roles.some((role) => asked.includes(role))
    if (usesChutes && isAsked && !env[name]?.trim()) faults.push(`${name} is empty`)
  }
  return faults
}
