import type {Chain, Metagraph} from '../chain/port.js'
import type {Netuid} from '../domain/ids.js'
import {LeomaError} from '../errors.js'
import type {WalletView} from '../wallet/port.js'

export interface WalletRow {
  readonly wallet: string
  /** Null for a wallet without hotkeys. */
  readonly hotkey: string | null
  readonly address: string | null
  readonly coldkey: string | null
  readonly isEncrypted: boolean
  /** Null when the hotkey is not on the subnet, undefined when the chain could not be asked. */
  readonly uid: number | null | undefined
  /** Alpha on the subnet, in rao; null when it is not there. */
  readonly stakeRao: string | null
  readonly validatorPermit: boolean
  /** What is wrong with the file, with the remedy. */
  readonly problem: string | null
}

export interface WalletList {
  readonly netuid: Netuid
  readonly wallets: readonly WalletRow[]
  /** Why the chain was not asked, or did not answer; null when it did. */
  readonly chainProblem: string | null
}

/** What is in the folder of wallets, and where it is registered. A chain that does not answer hides only its own part. */
export async function listWalletRows(
  views: readonly WalletView[],
  netuid: Netuid,
  chain: Pick<Chain, 'metagraph'> | undefined,
  signal: AbortSignal,
): Promise<WalletList> {
  const found = await subnetOf(chain, netuid, signal)
  const wallets = views.flatMap(({name: wallet, coldkey, hotkeys}): WalletRow[] => {
    if (hotkeys.length === 0) return [{...nothing, wallet, coldkey, uid: undefined}]
    return hotkeys.map(({name, address, isEncrypted, problem}) => {
      const neuron = found.subnet?.neurons.find((candidate) => candidate.hotkey === address)
      const uid = found.subnet ? (neuron?.uid ?? null) : undefined
      return {
        ...{wallet, hotkey: name, address, coldkey, isEncrypted, problem, uid},
        stakeRao: neuron ? String(neuron.stakeRao) : null,
        validatorPermit: neuron?.validatorPermit ?? false,
      }
    })
  })
  return {netuid, wallets, chainProblem: found.problem}
}

const nothing = {
  hotkey: null,
  address: null,
  isEncrypted: false,
  stakeRao: null,
  validatorPermit: false,
  problem: null,
}

async function subnetOf(
  chain: Pick<Chain, 'metagraph'> | undefined,
  netuid: Netuid,
  signal: AbortSignal,
): Promise<{subnet?: Metagraph; problem: string | null}> {
  if (!chain) return {problem: 'not asked'}
  try {
    return {subnet: await chain.metagraph(netuid, signal), problem: null}
  } catch (error) {
    if (signal.aborted) throw error
    const {code, message} = LeomaError.from(error)
    return {problem: `${message} [${code}]`}
  }
}
