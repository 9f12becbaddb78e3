import type {BlockNumber, Hotkey, Netuid, Uid} from '../domain/ids.js'
import type {BlockRef, BlockSource} from '../runtime/clock.js'
import type {Signer} from '../wallet/port.js'

export interface Neuron {
  readonly uid: Uid
  readonly hotkey: Hotkey
  readonly coldkey: string
  /** Alpha stake on this subnet, in rao. */
  readonly stakeRao: bigint
  readonly validatorPermit: boolean
  /** Block of the neuron's last weights; registration counts as one. */
  readonly lastUpdate: BlockNumber
  readonly registeredAtBlock: BlockNumber
}

export interface Metagraph {
  readonly netuid: Netuid
  readonly block: BlockRef
  readonly ownerHotkey: Hotkey | null
  /** By uid, contiguous from 0. */
  readonly neurons: readonly Neuron[]
}

export interface Hyperparameters {
  readonly tempo: number
  /** Blocks between two weight settings of one neuron. */
  readonly weightsRateLimit: number
  /** A smaller version key is refused; 0 accepts all. */
  readonly weightsVersion: number
  readonly minAllowedWeights: number
  readonly commitRevealEnabled: boolean
  readonly mechanismCount: number
}

/** One revealed commitment of one hotkey. The text is whatever its author wrote: parse it as hostile. */
export interface Commitment {
  readonly hotkey: Hotkey
  readonly text: string
  /** Block of the reveal; of the last time it was set, for one that is open. */
  readonly block: BlockNumber
  /**
   * Was never hidden. The chain keeps the present one only: the next commitment of the hotkey, of either kind, takes its
   * place, where revealed ones add up.
   */
  readonly isOpen?: true
}

export interface WeightsCall {
  readonly netuid: Netuid
  /** Mechanism index; 0 is the subnet's first. */
  readonly mecid: number
  readonly uids: readonly Uid[]
  /** Any scale; the chain keeps ratios in 1/65,535 of the largest. Same length as `uids`. */
  readonly values: readonly number[]
  readonly versionKey: number
}

export interface Receipt {
  /** Hash of the extrinsic, `0x…`. */
  readonly extrinsic: string
  readonly block: BlockRef
  /**
   * Only for what the chain keeps hidden at first (commit-reveal): about the first block in which it opens it. Until then
   * `weights` still shows what was there before.
   */
  readonly revealBlock?: BlockNumber
}

export interface CommitOptions {
  /** In the open, readable at once, instead of hidden until the next blocks. Fewer bytes fit. */
  readonly plain?: boolean
}

/** How much a hotkey may still commit. */
export interface CommitAllowance {
  /** In the open, because it was asked for or because the chain cannot hide anything. */
  readonly isPlain: boolean
  /** Bytes of one text. */
  readonly maxTextBytes: number
  /** Bytes of space that a text of this many bytes would take. */
  cost(textBytes: number): number
  /** Bytes left in this epoch; undefined where only the time between two commitments counts. */
  readonly bytesLeft: number | undefined
  /** First block in which the next commitment is accepted; undefined for "now". */
  readonly notBefore: BlockNumber | undefined
}

export interface StoredWeights {
  readonly uids: readonly Uid[]
  /** u16, the largest 65,535. */
  readonly values: readonly number[]
  readonly lastUpdate: BlockNumber
}

/**
 * What leoma needs from a chain, in leoma's words. Adapters own timeouts, retries, decoding and units; what fails is a
 * `LeomaError` of kind `chain` (or `auth` for a hotkey that may not do this), with a code per refusal of the real chain:
 * `WEIGHTS_TOO_SOON`, `HOTKEY_NOT_REGISTERED`, `NO_VALIDATOR_PERMIT`, `WEIGHTS_VERSION_TOO_OLD`, `WEIGHTS_INVALID`,
 * `COMMIT_SPACE_EXCEEDED`, `COMMIT_TOO_LONG`, `SUBNET_UNKNOWN`, `CHAIN_UNREACHABLE`, `EXTRINSIC_REJECTED`.
 */
export interface Chain extends BlockSource {
  /** Name for people and links, such as `finney` or `localnet`. */
  readonly network: string
  /** Expected milliseconds between blocks. */
  readonly blockTimeMs: number
  head(signal: AbortSignal): Promise<BlockRef>
  /** Undefined for a block that does not exist yet, or that the node no longer has. */
  blockAt(number: BlockNumber, signal: AbortSignal): Promise<BlockRef | undefined>
  /** New heads as they come, the present one first; ends only with the signal or the connection. */
  watchHeads(signal: AbortSignal): AsyncIterable<BlockRef>
  metagraph(netuid: Netuid, signal: AbortSignal): Promise<Metagraph>
  hyperparameters(netuid: Netuid, signal: AbortSignal): Promise<Hyperparameters>
  /** All revealed commitments, oldest first per hotkey (the chain keeps the last ten). */
  commitments(netuid: Netuid, signal: AbortSignal): Promise<readonly Commitment[]>
  /** Resolves when the commitment is in a block; the reveal comes one or a few blocks later, or at once for plain ones. */
  commit(netuid: Netuid, text: string, signer: Signer, signal: AbortSignal, options?: CommitOptions): Promise<Receipt>
  commitAllowance(
    netuid: Netuid,
    hotkey: Hotkey,
    signal: AbortSignal,
    options?: CommitOptions,
  ): Promise<CommitAllowance>
  /** Resolves when the chain has accepted the weights. */
  setWeights(call: WeightsCall, signer: Signer, signal: AbortSignal): Promise<Receipt>
  /** What the chain holds for this uid now; undefined when it never set any. */
  weights(netuid: Netuid, mecid: number, uid: Uid, signal: AbortSignal): Promise<StoredWeights | undefined>
  /** A page about a block for people, where there is one. */
  explorerUrl?(block: BlockRef): string | undefined
  close(): Promise<void>
}
