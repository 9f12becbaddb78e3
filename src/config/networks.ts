import {LeomaError} from '../errors.js'

/** A chain that is reached over the network of this machine. */
export interface SubtensorNetwork {
  /** For people and logs. */
  readonly name: string
  /** Tried in turn. */
  readonly endpoints: readonly string[]
  /** Hash of block 0, where it is known. */
  readonly genesis?: string
  /** A node whose head is older is passed over; undefined where blocks may stand still. */
  readonly maxHeadAgeMs?: number
}

interface Known {
  readonly endpoints: readonly string[]
  readonly genesis?: string
}

const finneyGenesis = '0x2f0555cc76fc2840a25a6ea3b9637146806f1f44b090c175ffde2a7e5ab36c03'
const testGenesis = '0x8f9cf856bf558a14440e75569c9e58594757048d7b3a84b5d25f6bd978263105'
/** Of the chains that belong to everybody. */
export const publicGenesis: ReadonlySet<string> = new Set([finneyGenesis, testGenesis])
/** Names as in Bittensor's own tools. */
const known: Readonly<Record<string, Known>> = {
  finney: {
    endpoints: ['wss://entrypoint-finney.opentensor.ai:443', 'wss://lite.sub.latent.to:443'],
    genesis: finneyGenesis,
  },
  archive: {endpoints: ['wss://archive.chain.opentensor.ai:443'], genesis: finneyGenesis},
  'latent-lite': {endpoints: ['wss://lite.sub.latent.to:443'], genesis: finneyGenesis},
  test: {endpoints: ['wss://test.finney.opentensor.ai:443'], genesis: testGenesis},
  local: {endpoints: ['ws://127.0.0.1:9944']},
}

/** The chain inside this program. */
export const embeddedNetwork = 'localnet'

/** A public chain has a block every 12 seconds; a node this far behind is still catching up. */
const maxHeadAgeMs = 10 * 60_000
const loopback = /^wss?:\/\/(127\.\d+\.\d+\.\d+|localhost|\[::1\])(:\d+)?(\/|$)/

/**
 * What `NETWORK` names: `undefined` for the embedded chain, else one network. The text is a name or an address, or several
 * of them separated by commas, used in turn; names fix which chain it has to be. Throws `NETWORK_UNKNOWN`.
 */
export function resolveNetwork(text: string): SubtensorNetwork | undefined {
  if (text === embeddedNetwork) return undefined
  const parts = text.split(',').map((part) => part.trim())
  const found = parts.map((part) => {
    const named = Object.hasOwn(known, part) ? known[part] : undefined
    if (named) return named
    if (isAddress(part)) return {endpoints: [part]}
    throw unknown(part)
  })
  const [genesis] = found.flatMap((network) => network.genesis ?? [])
  const endpoints = [...new Set(found.flatMap((network) => network.endpoints))]
  return {
    name: parts.find((part) => Object.hasOwn(known, part)) ?? hostOf(endpoints[0] ?? text),
    endpoints,
    ...(genesis === undefined ? {} : {genesis}),
    ...(endpoints.every((endpoint) => loopback.test(endpoint)) ? {} : {maxHeadAgeMs}),
  }
}

function isAddress(text: string): boolean {
  return /^wss?:\/\//.test(text) && URL.canParse(text)
}

/** Whether an address is on a host of a chain that belongs to everybody. */
export function isPublicEndpoint(endpoint: string): boolean {
  const {hostname} = new URL(endpoint)
  return Object.values(known).some(
    ({endpoints, genesis}) => genesis !== undefined && endpoints.some((other) => new URL(other).hostname === hostname),
  )
}

/** Without what may stand before the host or after it: some nodes are paid for with a key in the address. */
function hostOf(endpoint: string): string {
  return URL.canParse(endpoint) ? new URL(endpoint).host : endpoint
}

function unknown(part: string): LeomaError {
  const shown = JSON.stringify(part.slice(0, 80))
  return new LeomaError('config', 'NETWORK_UNKNOWN', `${shown} is neither a known network nor a ws:// address`, {
    hints: [
      `NETWORK is one of ${[embeddedNetwork, ...Object.keys(known)].join(', ')}, or the address of a node: wss://…`,
      'several of them, separated by commas, are used in turn',
    ],
  })
}
