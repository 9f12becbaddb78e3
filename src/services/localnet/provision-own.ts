import {mkdir} from 'node:fs/promises'
import path from 'node:path'
import type {Chain} from '../../chain/port.js'
import {SubtensorChain} from '../../chain/subtensor/chain.js'
import {MetadataCache} from '../../chain/subtensor/metadata-cache.js'
import {OwnChain} from '../../chain/subtensor/own-chain.js'
import {publicGenesis} from '../../config/networks.js'
import type {Hotkey, Netuid} from '../../domain/ids.js'
import {LeomaError} from '../../errors.js'
import type {Clock} from '../../runtime/clock.js'
import type {Logger} from '../../runtime/logger.js'
import type {Shutdown} from '../../runtime/shutdown.js'
import {createSigner} from '../../wallet/keypair.js'
import {planCommit, sendCommit} from '../miner-commit.js'
import type {CastMember} from './events.js'
import {chainUnreachable, ownNetwork, publicChain} from './own-network.js'
import {readPlace, writePlace} from './place.js'
import {
  defaultBlockTimeMs,
  headWallets,
  isCopy,
  offerOf,
  type Provisioned,
  type ProvisionOptions,
  signerOf,
} from './provision.js'
import {ensureWallets, type Wallets} from './wallets.js'

export interface OwnChainChoice {
  /** As `NETWORK` takes it. */
  readonly network: string
  /** Phrase, seed or `//Name` of the account that pays and is the chain's root. */
  readonly fundingSecret: string
}

/** Staked on each validator; how much of the subnet's own token that buys is the chain's business. */
const stakeRao = 1_000n * 1_000_000_000n
/** What a subnet needs so that a winner is crowned within minutes instead of days. */
const settings = {
  TargetRegistrationsPerInterval: 300,
  MaxRegistrationsPerBlock: 300,
  WeightsSetRateLimit: 2,
  MinAllowedWeights: 1,
  CommitRevealWeightsEnabled: false,
  Tempo: 20,
}

/**
 * As `provision`, on a subtensor chain that is one's own: a subnet is registered there, everybody on it, and what miners
 * offer is committed as `miner commit` does it. What the data folder has is kept, as long as the chain still has it too.
 * Blocks are made until `shutdown`, where the node makes none by itself.
 */
export async function provisionOwn(
  choice: OwnChainChoice,
  options: ProvisionOptions & {readonly log: Logger},
  shutdown: Shutdown,
): Promise<Provisioned> {
  const {dataDir, profiles, chosen, validators, time, signal, log} = options
  const network = ownNetwork(choice.network)
  await mkdir(dataDir, {recursive: true, mode: 0o700})
  const root = createSigner({uri: choice.fundingSecret})
  const names = profiles.map(({name}) => name)
  const cache = new MetadataCache(path.join(dataDir, 'cache', 'metadata'))
  const shared = {...network, network: network.name, cache, time, log}
  const own = new OwnChain({...shared, root}, options.blockTimeMs ?? defaultBlockTimeMs)
  shutdown.add("the chain of one's own", () => own.close())
  const genesis = await own.genesis(signal).catch((error: unknown) => {
    throw chainUnreachable(choice.network, error)
  })
  if (publicGenesis.has(genesis)) throw publicChain(choice.network)
  const onDemand = await own.makesBlocksOnDemand(signal)
  const blockTimeMs = options.blockTimeMs ?? (onDemand ? defaultBlockTimeMs : await own.plannedBlockTimeMs(signal))
  if (onDemand) {
    await own.leaveGenesis(signal)
    keepMakingBlocks(own, {blockTimeMs, time, log}, shutdown)
  }

  const {mechanismCount = 1} = options
  if (mechanismCount > 1 && !(await own.canSet('MechanismCount', signal))) throw tooManyMechanisms('this chain')
  await own.fund(signal)
  const wallets = await ensureWallets(path.join(dataDir, 'wallets'), names, validators, root.hotkey)
  const netuid = await findOrMakeSubnet(own, {dataDir, genesis, owner: wallets.owner.hotkey}, signal)
  const chain = new SubtensorChain({...shared, blockTimeMs, resendMs: 30_000})
  try {
    await own.configure(netuid, {...settings, MechanismCount: mechanismCount}, signal)
    await requireSettings(chain, {netuid, mechanismCount}, signal)
    await own.startSubnet(netuid, signal)
    const {heads} = await headWallets(options, root.hotkey)
    const miners = [...chosen.map(({name}) => signerOf(wallets, name).hotkey), ...heads.map(({hotkey}) => hotkey)]
    await register(own, chain, {netuid, wallets, miners}, signal)
    const {neurons} = await chain.metagraph(netuid, signal)
    const uidOf = (hotkey: Hotkey) => {
      const neuron = neurons.find((candidate) => candidate.hotkey === hotkey)
      if (neuron) return neuron.uid
      throw new LeomaError('chain', 'HOTKEY_NOT_REGISTERED', `${hotkey} was registered, but is not on subnet ${netuid}`)
    }
    const cast = chosen.map(({name, about}): CastMember => {
      const {hotkey} = signerOf(wallets, name)
      return {profile: name, about, uid: uidOf(hotkey), hotkey}
    })
    const validatorStakes = wallets.validators.map(
      ({hotkey}) => neurons.find((neuron) => neuron.hotkey === hotkey)?.stakeRao ?? 0n,
    )
    await commitAll(chain, {netuid, cast, wallets, time}, signal)
    return {
      ...{wallets, blockTimeMs, cast, netuid},
      heads: heads.map((head) => ({...head, uid: uidOf(head.hotkey)})),
      validators: wallets.validators.map((signer, index) => ({
        name: `validator-${index}`,
        uid: uidOf(signer.hotkey),
        signer,
      })),
      env: {
        NETWORK: choice.network,
        NETUID: String(netuid),
        BT_WALLET_PATH: path.join(dataDir, 'wallets'),
        MODELS_FILE: path.join(dataDir, 'models.json'),
        SOURCE_DIR: path.join(dataDir, 'objects', 'source'),
        SAMPLES_DIR: path.join(dataDir, 'objects', 'samples'),
        API_RATE_LIMIT: '0',
        API_RATE_LIMIT_HOTKEY: '0',
        // How much stake the money buys is the chain's business; who was given none must not be waited for.
        MIN_VALIDATOR_STAKE: halfOf(validatorStakes),
      },
    }
  } finally {
    await chain.close()
  }
}

/** Half of the smallest, in whole units with nine decimals. */
function halfOf(stakesRao: readonly bigint[]): string {
  const [smallest = 0n] = [...stakesRao].sort((a, b) => Number(a - b))
  const least = smallest / 2n
  const unit = 1_000_000_000n
  return `${least / unit}.${String(least % unit).padStart(9, '0')}`
}

/** The subnet of an earlier run on the same data, or a new one. */
async function findOrMakeSubnet(
  own: OwnChain,
  {dataDir, genesis, owner}: {readonly dataDir: string; readonly genesis: string; readonly owner: Hotkey},
  signal: AbortSignal,
): Promise<Netuid> {
  const place = await readPlace(dataDir)
  if (place) {
    if (place.genesis === genesis && (await own.hasSubnet(place.netuid, signal))) return place.netuid
    throw new LeomaError(
      'usage',
      'LOCALNET_ELSEWHERE',
      `${dataDir} belongs to a subnet that this chain does not have`,
      {
        hints: [
          'begin another one with a new --data folder',
          'a node that keeps its blocks in memory forgets its subnets',
        ],
      },
    )
  }
  const netuid = await own.registerSubnet(owner, signal)
  await writePlace(dataDir, {genesis, netuid})
  return netuid
}

/** Root's calls are in a block even when what they ask for is refused. */
async function requireSettings(
  chain: Chain,
  {netuid, mechanismCount}: {readonly netuid: Netuid; readonly mechanismCount: number},
  signal: AbortSignal,
): Promise<void> {
  const set = await chain.hyperparameters(netuid, signal)
  const {commitRevealEnabled, minAllowedWeights, weightsRateLimit} = set
  if (set.mechanismCount < mechanismCount) throw tooManyMechanisms('the root of this chain')
  if (
    commitRevealEnabled === settings.CommitRevealWeightsEnabled &&
    minAllowedWeights === settings.MinAllowedWeights &&
    weightsRateLimit === settings.WeightsSetRateLimit
  ) {
    return
  }
  throw new LeomaError('chain', 'EXTRINSIC_REJECTED', `the chain does not let its root set up subnet ${netuid}`, {
    hints: ['use another runtime'],
    retryable: false,
  })
}

function tooManyMechanisms(who: string): LeomaError {
  return new LeomaError('usage', 'MECHANISMS_TOO_MANY', `${who} cannot give a subnet more than one mechanism`, {
    hints: ['name one with --mechanism', 'or use a runtime that has several mechanisms on a subnet'],
  })
}

/** Whoever is not on the subnet yet; stake for the validators that have none. */
async function register(
  own: OwnChain,
  chain: Chain,
  {netuid, wallets, miners}: {readonly netuid: Netuid; readonly wallets: Wallets; readonly miners: readonly Hotkey[]},
  signal: AbortSignal,
): Promise<void> {
  const validators = wallets.validators.map(({hotkey}) => hotkey)
  const {neurons} = await chain.metagraph(netuid, signal)
  const isHere = (hotkey: Hotkey) => neurons.some((neuron) => neuron.hotkey === hotkey)
  const hasStake = (hotkey: Hotkey) => neurons.some((neuron) => neuron.hotkey === hotkey && neuron.stakeRao > 0n)
  await own.register(
    netuid,
    [...validators, ...miners].filter((hotkey) => !isHere(hotkey)),
    signal,
  )
  await own.stake(
    netuid,
    validators.filter((hotkey) => !hasStake(hotkey)),
    stakeRao,
    signal,
  )
}

/**
 * Whoever copies commits after whom it copies, the others together: a block of a busy node takes its time. Nobody's second
 * commitment is spent.
 */
async function commitAll(
  chain: Chain,
  {
    netuid,
    cast,
    wallets,
    time,
  }: {
    readonly netuid: Netuid
    readonly cast: readonly CastMember[]
    readonly wallets: Wallets
    readonly time: Pick<Clock, 'now' | 'sleep'>
  },
  signal: AbortSignal,
): Promise<void> {
  const known = new Set((await chain.commitments(netuid, signal)).map(({hotkey}) => hotkey))
  const missing = cast.filter(({hotkey}) => !known.has(hotkey))
  const commit = async ({profile, hotkey}: CastMember) => {
    const plan = await planCommit(chain, netuid, hotkey, offerOf(hotkey), signal)
    await sendCommit({chain, signer: signerOf(wallets, profile), time}, plan, signal)
  }
  for (const together of [missing.filter((member) => !isCopy(member)), missing.filter(isCopy)]) {
    await Promise.all(together.map(commit))
  }
}

/** So many refused blocks in a row are no bad luck: the node has ended, or is too busy to be played on. */
const maxRefusals = 20

function keepMakingBlocks(
  own: OwnChain,
  {blockTimeMs, time, log}: {readonly blockTimeMs: number; readonly time: Pick<Clock, 'sleep'>; readonly log: Logger},
  shutdown: Shutdown,
): void {
  const {signal} = shutdown
  const run = async () => {
    for (let refusals = 0; !signal.aborted; await time.sleep(blockTimeMs, signal)) {
      try {
        await own.makeBlock(signal)
        refusals = 0
      } catch (error) {
        // On a busy machine the time of a block may fall into the slot after the one it was begun for.
        if (signal.aborted || ++refusals >= maxRefusals) throw error
        log.debug({err: error}, 'the node made no block')
      }
    }
  }
  const ended = run().catch((error: unknown) => {
    if (!signal.aborted) shutdown.stop(LeomaError.from(error))
  })
  shutdown.add('the blocks', () => ended)
}
