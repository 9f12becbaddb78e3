import {type LookupAddress, type LookupOptions, lookup} from 'node:dns'
import {BlockList, isIP} from 'node:net'

/** Everything that IANA keeps out of the public internet: this machine, its networks, cloud metadata, tunnels, the rest. */
const kept = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const)
  kept.addSubnet(network, prefix, 'ipv4')

/** Of IPv6 only global unicast is public, and of that neither documentation nor tunnels into IPv4. */
const globalUnicast = new BlockList()
globalUnicast.addSubnet('2000::', 3, 'ipv6')
for (const [network, prefix] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const)
  kept.addSubnet(network, prefix, 'ipv6')

export class PrivateAddressError extends Error {}

/** For an IP address in any spelling; IPv4 inside IPv6 counts as what it stands for. */
export function isPrivateAddress(address: string): boolean {
  if (isIP(address) === 4) return kept.check(address, 'ipv4')
  if (isIP(address) !== 6) return true
  if (!globalUnicast.check(address, 'ipv6')) {
    const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
    return mapped === undefined || kept.check(mapped, 'ipv4')
  }
  return kept.check(address, 'ipv6')
}

/** For the host of a URL: a name says nothing yet, an address does. */
export function isPrivateHost(hostname: string): boolean {
  const bare = hostname.replace(/^\[|\]$/g, '')
  return isIP(bare) !== 0 ? isPrivateAddress(bare) : /^localhost\.?$|\.localhost\.?$/i.test(bare)
}

type Found = (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void

/**
 * Resolves a name for a connection, and fails when any address is private: checked here, because here is where the
 * connection goes, and a name may resolve to another address the next time.
 */
export function publicLookup(hostname: string, options: LookupOptions, found: Found): void {
  lookup(hostname, {...options, all: true}, (error, addresses) => {
    if (error) return found(error, '')
    const [first] = addresses
    if (!first || addresses.some(({address}) => isPrivateAddress(address)))
      return found(new PrivateAddressError(`${hostname.slice(0, 100)} is not a public host`), '')
    return options.all ? found(null, addresses) : found(null, first.address, first.family)
  })
}
