import {existsSync} from 'node:fs'
import {z} from 'zod'
import {canonicalJson, sha256} from '../domain/canonical.js'
import type {BlockNumber, Hotkey, Netuid} from '../domain/ids.js'
import {LeomaError} from '../errors.js'
import type {BlockRef, Clock} from '../runtime/clock.js'
import type {Signer, Verify} from '../wallet/port.js'
import {LocalBlocks} from './local-blocks.js'
import {
  checkLocalWeights,
  checkSpace,
  commitCost,
  maxCommitBytes,
  requireNeuron,
  requireSubnet,
  spaceLeft,
} from './local-rules.js'
import {LocalState, type SubnetSettings, type WeightEvent} from './local-state.js'
import type {
  Chain,
  CommitAllowance,
  Commitment,
  Hyperparameters,
  Metagraph,
  Receipt,
  StoredWeights,
  WeightsCall,
} from './port.js'
import {scaleWeights} from './weights.js'

export interface LocalChainOptions {
  /** The SQLite file; made, with its folder, when it is not there. */
  readonly path: string
  readonly time: Pick<Clock, 'now' | 'sleep'>
  /** Checks every signature, as a chain does. */
  readonly verify: Verify
  /** False: a chain that is not there is an error (`CHAIN_MISSING`), not a new chain. True unless given. */
  readonly create?: boolean
  /** The rest is for the first opening only; later ones find it in the file. 12,000 unless given. */
  readonly blockTimeMs?: number
  /** Makes the block hashes; random unless given. */
  readonly seed?: string
  /** Milliseconds since 1970 at which block 0 began; the present unless given. */
  readonly genesisAt?: number
}

export interface NewSubnet {
  readonly netuid: Netuid
  readonly ownerHotkey: Hotkey
  readonly hyperparameters?: Partial<SubnetSettings>
}

export interface Registration {
  readonly netuid: Netuid
  readonly hotkey: Hotkey
  readonly coldkey: string
  readonly stakeRao: bigint
  /** Undefined: whoever has stake has a permit. */
  readonly validatorPermit?: boolean
}

/** The real chain's defaults, but with weights in the clear and no minimum number of them. */
export const defaultSettings: SubnetSettings = {
  tempo: 360,
  weightsRateLimit: 100,
  weightsVersion: 0,
  minAllowedWeights: 1,
  commitRevealEnabled: false,
  mechanismCount: 1,
  maxUids: 256,
  immunityPeriod: 4096,
}

const whole = (min: number, max = 65_535) => z.number().int().min(min).max(max)
const Settings = z.strictObject({
  tempo: whole(0),
  weightsRateLimit: whole(0, Number.MAX_SAFE_INTEGER),
  weightsVersion: whole(0, Number.MAX_SAFE_INTEGER),
  minAllowedWeights: whole(0),
  commitRevealEnabled: z.boolean(),
  mechanismCount: whole(1, 16),
  maxUids: whole(1),
  immunityPeriod: whole(0),
})

const defaultBlockTimeMs = 12_000
/** Commitments of one hotkey that the chain remembers. */
const keptCommitments = 10
const blocksUntilReveal = 1

/**
 * A chain in a file. Its block number follows from the time since genesis and its block hash from the number, so every
 * process that opens the file sees the same chain, and nothing has to run for it to go on.
 */
export class LocalChain implements Chain {
  readonly network = 'localnet'
  readonly #state: LocalState
  readonly #blocks: LocalBlocks
  readonly #verify: Verify

  private constructor(state: LocalState, {time, verify}: LocalChainOptions) {
    this.#state = state
    this.#blocks = new LocalBlocks(state.constants, time)
    this.#verify = verify
  }

  static open(options: LocalChainOptions): LocalChain {
    const {path, time, create = true, blockTimeMs = defaultBlockTimeMs, genesisAt = time.now(), seed} = options
    if (!Number.isInteger(blockTimeMs) || blockTimeMs < 1) throw new TypeError(`block time of ${blockTimeMs} ms`)
    if (!create && !existsSync(path)) {
      throw new LeomaError('config', 'CHAIN_MISSING', `there is no local chain at ${path}`, {
        hints: ['make one: leoma localnet --data DIR', 'check NETWORK and LEOMA_DATA'],
      })
    }
    return new LocalChain(
      guard(() => new LocalState(path, {blockTimeMs, genesisAt: Math.floor(genesisAt), seed})),
      options,
    )
  }

  get blockTimeMs(): number {
    return this.#state.constants.blockTimeMs
  }

  async head(signal: AbortSignal): Promise<BlockRef> {
    signal.throwIfAborted()
    return this.#blocks.head()
  }

  async blockAt(number: BlockNumber, signal: AbortSignal): Promise<BlockRef | undefined> {
    signal.throwIfAborted()
    return this.#blocks.find(number)
  }

  watchHeads(signal: AbortSignal): AsyncGenerator<BlockRef, void, void> {
    return this.#blocks.watch(signal)
  }

  async metagraph(netuid: Netuid, signal: AbortSignal): Promise<Metagraph> {
    return this.#read(signal, (block) => {
      const {ownerHotkey} = requireSubnet(this.#state, netuid)
      return {netuid, block, ownerHotkey, neurons: this.#state.neurons(netuid)}
    })
  }

  async hyperparameters(netuid: Netuid, signal: AbortSignal): Promise<Hyperparameters> {
    return this.#read(signal, () => {
      const {maxUids, immunityPeriod, ...hyperparameters} = requireSubnet(this.#state, netuid).settings
      return hyperparameters
    })
  }

  async commitments(netuid: Netuid, signal: AbortSignal): Promise<readonly Commitment[]> {
    return this.#read(signal, (block) => {
      requireSubnet(this.#state, netuid)
      return this.#state.commitments(netuid, block.number, keptCommitments)
    })
  }

  async commit(netuid: Netuid, text: string, signer: Signer, signal: AbortSignal): Promise<Receipt> {
    const sizeBytes = Buffer.byteLength(text)
    if (sizeBytes > maxCommitBytes) {
      throw new LeomaError('chain', 'COMMIT_TOO_LONG', `a commitment of ${sizeBytes} bytes; ${maxCommitBytes} fit`, {
        hints: ['shorten the model name'],
        retryable: false,
      })
    }
    return this.#write(signal, (block) => {
      const extrinsic = this.#signed('commit', {netuid, text}, signer)
      const subnet = requireSubnet(this.#state, netuid)
      requireNeuron(this.#state, netuid, signer.hotkey)
      const costBytes = checkSpace(this.#state, subnet, {hotkey: signer.hotkey, sizeBytes, block: block.number})
      this.#state.saveCommitment({
        netuid,
        hotkey: signer.hotkey,
        text,
        costBytes,
        block: block.number,
        revealBlock: block.number + blocksUntilReveal,
        extrinsic,
      })
      return {extrinsic, block}
    })
  }

  async commitAllowance(netuid: Netuid, hotkey: Hotkey, signal: AbortSignal): Promise<CommitAllowance> {
    return this.#read(signal, (block) => ({
      isPlain: false,
      maxTextBytes: maxCommitBytes,
      cost: commitCost,
      bytesLeft: spaceLeft(this.#state, requireSubnet(this.#state, netuid), {hotkey, block: block.number}),
      notBefore: undefined,
    }))
  }

  async setWeights(call: WeightsCall, signer: Signer, signal: AbortSignal): Promise<Receipt> {
    const {netuid, mecid, versionKey} = call
    const weights = scaleWeights(call.uids, call.values)
    return this.#write(signal, (block) => {
      const {uids, values} = weights
      const extrinsic = this.#signed('setWeights', {netuid, mecid, uids, values, versionKey}, signer)
      const {hotkey} = signer
      const {uid} = checkLocalWeights(this.#state, call, weights, {hotkey, block: block.number})
      this.#state.saveWeights({block: block.number, netuid, mecid, uid, hotkey, uids, values, versionKey, extrinsic})
      return {extrinsic, block}
    })
  }

  async weights(netuid: Netuid, mecid: number, uid: number, signal: AbortSignal): Promise<StoredWeights | undefined> {
    return this.#read(signal, () => {
      requireSubnet(this.#state, netuid)
      return this.#state.weights(netuid, mecid, uid)
    })
  }

  async close(): Promise<void> {
    this.#state.close()
  }

  /** Makes a subnet; one that is there already is left as it is. Throws `SUBNET_TAKEN` when it is another owner's. */
  registerSubnet({netuid, ownerHotkey, hyperparameters = {}}: NewSubnet): void {
    if (netuid === 0) throw new TypeError('subnet 0 is the root network')
    const settings = Settings.parse({...defaultSettings, ...hyperparameters})
    this.#change(() => {
      const found = this.#state.findSubnet(netuid)
      if (!found) this.#state.saveSubnet({netuid, ownerHotkey, settings})
      else if (found.ownerHotkey !== ownerHotkey) {
        throw new LeomaError('data', 'SUBNET_TAKEN', `subnet ${netuid} of this chain belongs to ${found.ownerHotkey}`)
      }
    })
  }

  /** What an owner may do at any time. Settings that are not named stay. */
  setHyperparameters(netuid: Netuid, changes: Partial<SubnetSettings>): void {
    this.#change(() => {
      const subnet = requireSubnet(this.#state, netuid)
      this.#state.saveSubnet({...subnet, settings: Settings.parse({...subnet.settings, ...changes})})
    })
  }

  /**
   * Registers a hotkey and returns its uid; one that is registered keeps its uid and everything else. On a full subnet
   * the neuron with the least stake that is not immune, and is not the owner's, makes room; `SUBNET_FULL` without one.
   */
  registerNeuron({netuid, hotkey, coldkey, stakeRao, validatorPermit}: Registration): number {
    return this.#change((block) => {
      const subnet = requireSubnet(this.#state, netuid)
      const neurons = this.#state.neurons(netuid)
      const known = neurons.find((neuron) => neuron.hotkey === hotkey)
      if (known) return known.uid
      const {maxUids, immunityPeriod, mechanismCount} = subnet.settings
      const leaving = neurons
        .filter((neuron) => neuron.hotkey !== subnet.ownerHotkey)
        .filter((neuron) => block.number - neuron.registeredAtBlock >= immunityPeriod)
        .reduce<(typeof neurons)[number] | undefined>((a, b) => (a && a.stakeRao <= b.stakeRao ? a : b), undefined)
      const uid = neurons.length < maxUids ? neurons.length : leaving?.uid
      if (uid === undefined) {
        throw new LeomaError('chain', 'SUBNET_FULL', `subnet ${netuid} has ${maxUids} neurons, all of them immune`)
      }
      const neuron = {netuid, uid, hotkey, coldkey, stakeRao, validatorPermit, block: block.number}
      this.#state.putNeuron(neuron, mechanismCount)
      return uid
    })
  }

  setStake(netuid: Netuid, hotkey: Hotkey, stakeRao: bigint): void {
    this.#change(() => {
      const {uid} = requireNeuron(this.#state, netuid, hotkey)
      this.#state.saveStake(netuid, uid, stakeRao)
    })
  }

  /** Settings of weights that were accepted, newest first. */
  weightHistory(netuid: Netuid, mecid: number, limit = 100): readonly WeightEvent[] {
    return guard(() => this.#state.weightEvents(netuid, mecid, limit))
  }

  /** Hash of the signed call. The text names this chain, so that a signature is worth nothing on another. */
  #signed(call: string, args: object, signer: Signer): string {
    const nonce = this.#state.nextNonce(signer.hotkey)
    const payload = new TextEncoder().encode(
      canonicalJson({chain: this.#blocks.genesisHash(), call, args, hotkey: signer.hotkey, nonce}),
    )
    const signature = signer.sign(payload)
    if (!this.#verify(payload, signature, signer.hotkey)) {
      throw new LeomaError('auth', 'EXTRINSIC_REJECTED', `the call has a bad signature for ${signer.hotkey}`)
    }
    return `0x${sha256(Buffer.concat([payload, signature]))}`
  }

  #read<T>(signal: AbortSignal, work: (block: BlockRef) => T): T {
    signal.throwIfAborted()
    return guard(() => this.#state.read(() => work(this.#blocks.head())))
  }

  #write<T>(signal: AbortSignal, work: (block: BlockRef) => T): T {
    signal.throwIfAborted()
    return this.#change(work)
  }

  /** The head is asked inside the transaction: whoever waited for the lock must not write into an old block. */
  #change<T>(work: (block: BlockRef) => T): T {
    return guard(() => this.#state.write(() => work(this.#blocks.head())))
  }
}

function guard<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && String(error.code).startsWith('SQLITE_'))) throw error
    throw new LeomaError('chain', 'CHAIN_UNREACHABLE', 'the local chain’s file cannot be read or written', {
      hints: ['check the disk and the owner of the data folder', 'another program may hold the file: end it'],
      cause: error,
    })
  }
}
