import {isPublicEndpoint, publicGenesis, resolveNetwork, type SubtensorNetwork} from '../../config/networks.js'
import {LeomaError} from '../../errors.js'

/**
 * The node that `--chain` names. Throws `CHAIN_IS_PUBLIC` by the name or the address already, where they say it: nothing is
 * asked of a chain that must be left alone.
 */
export function ownNetwork(text: string): SubtensorNetwork {
  const network = resolveNetwork(text)
  if (!network) {
    throw new LeomaError('usage', 'CHAIN_ADDRESS_INVALID', `${JSON.stringify(text)} names no node`, {
      hints: ['--chain ws://127.0.0.1:9944; without --chain the localnet has a chain of its own'],
    })
  }
  const {endpoints, genesis} = network
  if ((genesis !== undefined && publicGenesis.has(genesis)) || endpoints.some(isPublicEndpoint)) throw publicChain(text)
  return network
}

export function publicChain(text: string): LeomaError {
  return new LeomaError('usage', 'CHAIN_IS_PUBLIC', `${JSON.stringify(text)} is a public chain; a localnet is a game`, {
    hints: [
      'name a node of your own: --chain ws://127.0.0.1:9944',
      'on a public chain run the services themselves, with NETWORK=finney',
    ],
  })
}

/** Of a node that is expected on this machine; any other error stays what it is. */
export function chainUnreachable(text: string, error: unknown): unknown {
  if (!(error instanceof LeomaError && error.code === 'CHAIN_UNREACHABLE')) return error
  return new LeomaError('chain', 'CHAIN_UNREACHABLE', error.message, {
    hints: [
      `start the node of ${text} first; the README shows how`,
      'or leave --chain out: the embedded chain needs none',
    ],
    cause: error,
  })
}
