import {z} from 'zod'
import {Hotkey, type Netuid} from '../../domain/ids.js'
import {LeomaError} from '../../errors.js'
import type {BlockRef} from '../../runtime/clock.js'
import type {Hyperparameters, Metagraph, Neuron} from '../port.js'
import {Hex, type Node} from './connection.js'
import type {Runtime} from './runtime.js'
import type {EpochState} from './scheduler.js'
import {Big, Num, StorageBatch} from './storage-batch.js'

/** Everything about one subnet at one block that leoma looks at. */
export interface Subnet {
  readonly metagraph: Metagraph
  readonly hyperparameters: Hyperparameters
  readonly epochs: EpochState
  /** Epochs between a hidden commit of weights and its reveal. */
  readonly revealPeriodEpochs: number
  /** Undefined on runtimes without timelocked weights. */
  readonly commitRevealVersion: number | undefined
  /** Total stake below which the chain takes no weights. */
  readonly stakeThresholdRao: bigint
  /** By uid, counted as the chain does for permits; undefined where the runtime does not say. */
  readonly totalStakeRao: readonly bigint[] | undefined
  /** The newest round of the beacon that the chain has. */
  readonly lastDrandRound: number | undefined
}

/** The chain's "nothing here" for accounts. */
const zeroAccount = '5C4hrfjw9DjXZTzV3MwzrrAr9P1MJhSrvWGWqi1eSuyUpnhM'
/** The chain's own default for `MaxAllowedUids`. */
const usualUids = 256

const selective = {trait: 'SubnetInfoRuntimeApi', method: 'get_selective_metagraph'}
/** Columns of the selective metagraph: hotkeys, coldkeys, permits, last updates, registrations, alpha and total stake. */
const columns = [52, 53, 57, 59, 66, 67, 69]

const Selected = z.object({
  hotkeys: z.array(Hotkey),
  coldkeys: z.array(z.string()),
  validatorPermit: z.array(z.boolean()),
  lastUpdate: z.array(Num),
  blockAtRegistration: z.array(Num),
  alphaStake: z.array(Big),
  totalStake: z.array(Big),
})

/** Reads a subnet at a block: in two requests side by side, or three in a row where the runtime has no such call. */
export async function readSubnet(node: Node, netuid: Netuid, block: BlockRef, signal: AbortSignal): Promise<Subnet> {
  const {rpc, runtime} = node
  const call = runtime.runtimeApi(selective.trait, selective.method)
  const settings = new StorageBatch(runtime)
  const take = addSettings(settings, netuid)
  if (!call) {
    const old = addOldColumns(settings, netuid, usualUids)
    await settings.read(rpc, block.hash, signal)
    const found = take()
    const neurons = await readOldNeurons(node, netuid, block, old, signal)
    return assemble(netuid, block, found, neurons, undefined)
  }
  const argument = call.encode([netuid, columns])
  const [answer] = await Promise.all([
    rpc.request('state_call', [call.name, argument, block.hash], signal),
    settings.read(rpc, block.hash, signal),
  ])
  const found = take()
  const selected = Selected.nullable().parse(call.decode(Hex.parse(answer)).toJSON())
  if (!selected) throw subnetUnknown(netuid)
  const neurons = selected.hotkeys.map((hotkey, uid) => ({
    uid,
    hotkey,
    coldkey: selected.coldkeys[uid] ?? zeroAccount,
    stakeRao: selected.alphaStake[uid] ?? 0n,
    validatorPermit: selected.validatorPermit[uid] ?? false,
    lastUpdate: selected.lastUpdate[uid] ?? 0,
    registeredAtBlock: selected.blockAtRegistration[uid] ?? 0,
  }))
  return assemble(netuid, block, found, neurons, selected.totalStake)
}

type Settings = ReturnType<ReturnType<typeof addSettings>>

function assemble(
  netuid: Netuid,
  block: BlockRef,
  {settings: hyperparameters, ownerHotkey, ...rest}: Settings,
  neurons: readonly Neuron[],
  totalStakeRao: readonly bigint[] | undefined,
): Subnet {
  return {metagraph: {netuid, block, ownerHotkey, neurons}, hyperparameters, totalStakeRao, ...rest}
}

/** Throws `SUBNET_UNKNOWN` when what was read says that there is none. */
function addSettings(batch: StorageBatch, netuid: Netuid) {
  const get = <T>(item: string, schema: z.ZodType<T>, args: readonly unknown[] = [netuid]) =>
    batch.add('subtensorModule', item, args, schema)
  const exists = get('networksAdded', z.boolean())
  const ownerHotkey = get('subnetOwnerHotkey', z.string())
  const tempo = get('tempo', Num)
  const weightsRateLimit = get('weightsSetRateLimit', Num)
  const weightsVersion = get('weightsVersionKey', Num)
  const minAllowedWeights = get('minAllowedWeights', Num)
  const commitRevealEnabled = get('commitRevealWeightsEnabled', z.boolean())
  const mechanismCount = get('mechanismCountCurrent', Num)
  const revealPeriodEpochs = get('revealPeriodEpochs', Num)
  const commitRevealVersion = get('commitRevealWeightsVersion', Num, [])
  const stakeThreshold = get('stakeThreshold', Big, [])
  const oldStakeThreshold = get('weightsMinStake', Big, [])
  const epochIndex = get('subnetEpochIndex', Num)
  const lastEpochBlock = get('lastEpochBlock', Num)
  const pendingEpochAt = get('pendingEpochAt', Num)
  const lastDrandRound = batch.add('drand', 'lastStoredRound', [], Num)
  return () => {
    if (!exists()) throw subnetUnknown(netuid)
    const owner = ownerHotkey()
    const index = epochIndex()
    const settings: Hyperparameters = {
      tempo: tempo() ?? 0,
      weightsRateLimit: weightsRateLimit() ?? 0,
      weightsVersion: weightsVersion() ?? 0,
      minAllowedWeights: minAllowedWeights() ?? 0,
      commitRevealEnabled: commitRevealEnabled() ?? false,
      mechanismCount: mechanismCount() ?? 1,
    }
    const epochs: EpochState = {
      netuid,
      tempo: settings.tempo,
      ...(index === undefined
        ? {}
        : {counted: {index, lastEpochBlock: lastEpochBlock() ?? 0, pendingAt: pendingEpochAt() ?? 0}}),
    }
    return {
      settings,
      epochs,
      ownerHotkey: owner === undefined || owner === zeroAccount ? null : Hotkey.parse(owner),
      revealPeriodEpochs: revealPeriodEpochs() ?? 1,
      commitRevealVersion: commitRevealVersion(),
      stakeThresholdRao: stakeThreshold() ?? oldStakeThreshold() ?? 0n,
      lastDrandRound: lastDrandRound(),
    }
  }
}

interface UidColumns {
  readonly hotkey: () => string | undefined
  readonly registeredAt: () => number | undefined
}

/** The number of neurons is not known yet: as many are asked for as a subnet usually has, and the rest later if need be. */
function addOldColumns(batch: StorageBatch, netuid: Netuid, uids: number) {
  return {
    count: batch.add('subtensorModule', 'subnetworkN', [netuid], Num),
    lastUpdate: batch.add('subtensorModule', 'lastUpdate', [netuid], z.array(Num)),
    permits: batch.add('subtensorModule', 'validatorPermit', [netuid], z.array(z.boolean())),
    byUid: addUids(batch, netuid, 0, uids),
  }
}

function addUids(batch: StorageBatch, netuid: Netuid, from: number, to: number): UidColumns[] {
  return Array.from({length: Math.max(0, to - from)}, (_, index) => ({
    hotkey: batch.add('subtensorModule', 'keys', [netuid, from + index], z.string()),
    registeredAt: batch.add('subtensorModule', 'blockAtRegistration', [netuid, from + index], Num),
  }))
}

async function readOldNeurons(
  {rpc, runtime}: Node,
  netuid: Netuid,
  block: BlockRef,
  old: ReturnType<typeof addOldColumns>,
  signal: AbortSignal,
): Promise<Neuron[]> {
  const count = old.count() ?? 0
  const rest = new StorageBatch(runtime)
  const byUid = [...old.byUid, ...addUids(rest, netuid, old.byUid.length, count)].slice(0, count)
  await rest.read(rpc, block.hash, signal)
  const hotkeys = byUid.map(({hotkey}) => Hotkey.parse(hotkey()))
  const accounts = new StorageBatch(runtime)
  const byHotkey = hotkeys.map((hotkey) => ({
    coldkey: accounts.add('subtensorModule', 'owner', [hotkey], z.string()),
    stake: accounts.add('subtensorModule', 'totalHotkeyAlpha', [hotkey, netuid], Big),
  }))
  await accounts.read(rpc, block.hash, signal)
  const [lastUpdate, permits] = [old.lastUpdate() ?? [], old.permits() ?? []]
  return hotkeys.map((hotkey, uid) => ({
    uid,
    hotkey,
    coldkey: byHotkey[uid]?.coldkey() ?? zeroAccount,
    stakeRao: byHotkey[uid]?.stake() ?? 0n,
    validatorPermit: permits[uid] ?? false,
    lastUpdate: lastUpdate[uid] ?? 0,
    registeredAtBlock: byUid[uid]?.registeredAt() ?? 0,
  }))
}

/** Storage index of a mechanism: the netuid itself for the first one. */
export function mechanismIndex(netuid: Netuid, mecid: number): number {
  return mecid * 4096 + netuid
}

export function hasMechanisms(runtime: Runtime): boolean {
  return runtime.storage('subtensorModule', 'mechanismCountCurrent') !== undefined
}

export function subnetUnknown(netuid: Netuid): LeomaError {
  return new LeomaError('chain', 'SUBNET_UNKNOWN', `subnet ${netuid} does not exist on this chain`, {
    hints: ['check NETUID and NETWORK'],
    retryable: false,
  })
}
