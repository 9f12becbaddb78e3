import {createHash} from 'node:crypto'
import {mkdir, rename, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {LocalChain} from '../../chain/local.js'
import {sha256} from '../../domain/canonical.js'
import {formatModelCommitment, type ModelSubmission} from '../../domain/commitment.js'
import type {Netuid} from '../../domain/ids.js'
import {LeomaError} from '../../errors.js'
import type {Profile} from '../../mechanisms/types.js'
import {LocalModels} from '../../models/local.js'
import type {WeightFile} from '../../models/port.js'
import type {Clock} from '../../runtime/clock.js'
import type {Signer, Verify} from '../../wallet/port.js'
import type {CastMember} from './events.js'
import {ensureHeadWallets, ensureWallets, type Wallets} from './wallets.js'

export const stakes = {
  /** Above the stake from which a validator has a vote. */
  validatorRao: 10_000_000_000_000n,
  ownerRao: 1_000_000_000n,
  minerRao: 0n,
}

/** A real block takes 12 s; nobody wants to wait that long to see a first winner. */
export const defaultBlockTimeMs = 1000

export interface ProvisionOptions {
  readonly dataDir: string
  readonly netuid: Netuid
  /** The whole cast, in order; keys are made for all of it. */
  readonly profiles: readonly Profile[]
  /** Those that take part. */
  readonly chosen: readonly Profile[]
  readonly validators: number
  /** Of the mechanism that runs images: the whole cast, and those that take part. Nobody when absent. */
  readonly heads?: {readonly profiles: readonly Profile[]; readonly chosen: readonly Profile[]} | undefined
  /** Mechanisms of the subnet. */
  readonly mechanismCount?: number
  readonly blockTimeMs: number | undefined
  readonly time: Pick<Clock, 'now' | 'sleep'>
  readonly verify: Verify
  readonly signal: AbortSignal
}

export interface Provisioned {
  readonly wallets: Wallets
  readonly netuid: Netuid
  /** What every part must find in its environment to be on this subnet. */
  readonly env: Readonly<Record<string, string>>
  readonly blockTimeMs: number
  readonly cast: readonly CastMember[]
  /** Those that offer images, with their keys, in the order in which they submit. */
  readonly heads: readonly (CastMember & {readonly signer: Signer})[]
  readonly validators: readonly {readonly name: string; readonly uid: number; readonly signer: Signer}[]
}

/**
 * Chain, subnet, wallets, registrations and commitments of a localnet. Idempotent: what a data folder already has stays
 * as it is, so a localnet can be stopped and resumed.
 */
export async function provision(options: ProvisionOptions): Promise<Provisioned> {
  const {dataDir, netuid, profiles, chosen, validators, time, verify, signal, blockTimeMs} = options
  await mkdir(dataDir, {recursive: true, mode: 0o700})
  const names = profiles.map(({name}) => name)
  const wallets = await ensureWallets(path.join(dataDir, 'wallets'), names, validators)
  const chain = LocalChain.open({
    path: path.join(dataDir, 'chain.db'),
    ...{time, verify, blockTimeMs: blockTimeMs ?? defaultBlockTimeMs},
  })
  try {
    if (blockTimeMs !== undefined && chain.blockTimeMs !== blockTimeMs) {
      throw new LeomaError('usage', 'BLOCK_TIME_FIXED', `this localnet has blocks of ${chain.blockTimeMs} ms`, {
        hints: ['leave --block-time out', 'or begin another one with a new --data folder'],
      })
    }
    const owner = wallets.owner.hotkey
    const {mechanismCount = 1} = options
    chain.registerSubnet({netuid, ownerHotkey: owner, hyperparameters: {weightsRateLimit: 2, tempo: 20}})
    chain.setHyperparameters(netuid, {mechanismCount})
    const {neurons} = await chain.metagraph(netuid, signal)
    const earlier = new Map(neurons.map(({hotkey, registeredAtBlock}) => [hotkey as string, registeredAtBlock]))
    chain.registerNeuron({netuid, hotkey: owner, coldkey: wallets.coldkeys.owner, stakeRao: stakes.ownerRao})
    const coldkey = wallets.coldkeys.validator
    const registered = wallets.validators.map((signer, index) => ({
      name: `validator-${index}`,
      uid: chain.registerNeuron({netuid, hotkey: signer.hotkey, coldkey, stakeRao: stakes.validatorRao}),
      signer,
    }))
    const cast = chosen.map(({name, about}): CastMember => {
      const {hotkey} = signerOf(wallets, name)
      const uid = chain.registerNeuron({
        ...{netuid, hotkey, coldkey: wallets.coldkeys.miner, stakeRao: stakes.minerRao},
        validatorPermit: false,
      })
      return {profile: name, about, uid, hotkey}
    })
    await commitAll(chain, {netuid, cast, wallets, earlier}, signal)
    const heads = await registerHeads(chain, options)
    const env = {NETWORK: 'localnet', NETUID: String(netuid)}
    return {wallets, netuid, env, blockTimeMs: chain.blockTimeMs, cast, heads, validators: registered}
  } finally {
    await chain.close()
  }
}

async function registerHeads(chain: LocalChain, options: ProvisionOptions): Promise<Provisioned['heads']> {
  const {coldkey, heads} = await headWallets(options)
  return heads.map((head) => {
    const uid = chain.registerNeuron({
      ...{netuid: options.netuid, hotkey: head.hotkey, coldkey, stakeRao: stakes.minerRao},
      validatorPermit: false,
    })
    return {...head, uid}
  })
}

/** Keys of those that offer images; of the whole cast, so that they are the same whoever takes part. */
export async function headWallets(
  {heads, dataDir}: Pick<ProvisionOptions, 'heads' | 'dataDir'>,
  /** Whom they belong to; a key of their own when absent. */
  owner?: string,
): Promise<{readonly coldkey: string; readonly heads: readonly Omit<Provisioned['heads'][number], 'uid'>[]}> {
  if (!heads) return {coldkey: '', heads: []}
  const names = heads.profiles.map(({name}) => name)
  const {signers, coldkey} = await ensureHeadWallets(path.join(dataDir, 'wallets'), names, owner)
  const chosen = heads.chosen.flatMap(({name, about}) => {
    const signer = signers.get(name)
    return signer ? [{profile: name, about, hotkey: signer.hotkey, signer}] : []
  })
  return {coldkey, heads: chosen}
}

/** In the order of the cast, so that whoever copies commits after whom it copies. */
async function commitAll(
  chain: LocalChain,
  {
    netuid,
    cast,
    wallets,
    earlier,
  }: {
    netuid: Netuid
    cast: readonly CastMember[]
    wallets: Wallets
    /** Neurons of earlier runs, with the block of their registration. */
    earlier: ReadonlyMap<string, number>
  },
  signal: AbortSignal,
): Promise<void> {
  const known = await committed(chain, netuid, earlier, signal)
  for (const {profile, hotkey} of cast) {
    // A hotkey has two commitments in its life; a resumed localnet must not spend the second.
    if (known.has(hotkey)) continue
    await chain.commit(netuid, formatModelCommitment(offerOf(hotkey)), signerOf(wallets, profile), signal)
  }
}

/** Who has committed. An earlier run may have ended before its commitments were revealed: they get one more block. */
async function committed(
  chain: LocalChain,
  netuid: Netuid,
  earlier: ReadonlyMap<string, number>,
  signal: AbortSignal,
): Promise<Set<string>> {
  for await (const head of chain.watchHeads(signal)) {
    const known = new Set<string>((await chain.commitments(netuid, signal)).map(({hotkey}) => hotkey))
    const mayBeHidden = [...earlier].some(([hotkey, block]) => !known.has(hotkey) && head.number <= block + 1)
    if (!mayBeHidden) return known
  }
  throw signal.reason
}

export function signerOf(wallets: Wallets, profile: string): Signer {
  const signer = wallets.miners.get(profile)
  if (!signer) throw new LeomaError('bug', 'PROFILE_UNKNOWN', `profile ${profile} has no wallet`)
  return signer
}

/** What a local miner offers. */
export function offerOf(hotkey: string): ModelSubmission {
  return {modelName: modelName(hotkey), modelRevision: revisionOf(hotkey), chuteId: chuteId(hotkey)}
}

export function modelName(hotkey: string): string {
  return `leoma-user/leoma-${hotkey}`
}

/** 40 hex digits, as a Git commit has. */
export function revisionOf(hotkey: string): string {
  return createHash('sha256').update(`revision of ${hotkey}`).digest('hex').slice(0, 40)
}

/** In the form of a UUID, which the provider's ids have. */
export function chuteId(hotkey: string): string {
  const hex = createHash('sha256').update(`chute of ${hotkey}`).digest('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), `5${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  )
}

/**
 * The registry that stands for the model host and the inference provider. Profiles that do not take part this time keep
 * their models, but their chutes are down.
 */
export function registerModels(dataDir: string, wallets: Wallets, endpoints: ReadonlyMap<string, string>): void {
  const miners = [...wallets.miners].map(([profile, {hotkey}]) => ({profile, hotkey}))
  LocalModels.register(path.join(dataDir, 'models.json'), {
    chutes: miners.map(({profile, hotkey}) => ({
      chuteId: chuteId(hotkey),
      slug: `leoma-user-${profile}`,
      hot: endpoints.has(hotkey),
      revision: revisionOf(hotkey),
      endpoint: endpoints.get(hotkey) ?? 'http://127.0.0.1:9',
    })),
    models: miners.map(({profile, hotkey}) => ({
      name: modelName(hotkey),
      sha: revisionOf(hotkey),
      isPublic: true,
      weights: weightFiles(isCopy({profile}) ? 'oracle' : profile),
    })),
  })
}

/** Offers the very model of the first of the cast. */
export function isCopy({profile}: Pick<CastMember, 'profile'>): boolean {
  return profile === 'copycat'
}

/** Two shards, as a model has; whoever offers the same bytes offers the same model. */
function weightFiles(profile: string): WeightFile[] {
  return ['00001', '00002'].map((part) => ({
    path: `model-${part}-of-00002.safetensors`,
    sha256: sha256(`weights of ${profile}, part ${part}`),
    sizeBytes: 4_000_000_000,
  }))
}

/** Other processes may read the file at any time. */
export async function writeJson(file: string, value: unknown): Promise<void> {
  await writeFile(`${file}.tmp`, `${JSON.stringify(value, null, 2)}\n`)
  await rename(`${file}.tmp`, file)
}
