import {LeomaError} from '../errors.js'

/** Networks whose chain this program can speak to. */
export const supportedNetworks = ['localnet'] as const

/** Throws when a part that needs the chain is about to be built for one that cannot be reached yet. */
export function requireSupportedNetwork(network: string): void {
  if (supportedNetworks.some((name) => name === network)) return
  throw new LeomaError('config', 'NETWORK_UNSUPPORTED', `network ${network.slice(0, 80)} is not supported yet`, {
    hints: [
      'NETWORK=localnet uses the chain embedded in this program',
      'leoma localnet runs a whole subnet on this machine',
    ],
  })
}
