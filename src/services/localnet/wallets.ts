import {randomBytes} from 'node:crypto'
import {compareText} from '../../domain/ids.js'
import {LeomaError} from '../../errors.js'
import {createColdkeyPub, ensureHotkey, loadColdkeyAddress} from '../../wallet/files.js'
import {createSigner} from '../../wallet/keypair.js'
import type {Signer} from '../../wallet/port.js'

/** Wallet and hotkey names of a localnet; with them every command of this program can act as each of its people. */
export const walletNames = {
  owner: {wallet: 'owner', hotkey: 'default'},
  validator: (index: number) => ({wallet: 'validator', hotkey: String(index)}),
  miner: (profile: string) => ({wallet: 'miner', hotkey: profile}),
  /** Of the mechanism that runs images; both casts have names in common. */
  head: (profile: string) => ({wallet: 'head', hotkey: profile}),
}

export interface Wallets {
  readonly owner: Signer
  readonly validators: readonly Signer[]
  /** By profile, for the whole cast, asked for or not. */
  readonly miners: ReadonlyMap<string, Signer>
  /** Address of the coldkey of each wallet; the secrets are thrown away, nothing here needs them. */
  readonly coldkeys: Readonly<Record<'owner' | 'validator' | 'miner', string>>
}

/**
 * The keys of a localnet, made at first and the same ever after.
 *
 * Miners' addresses ascend in the order of the cast, because the rules break ties by hotkey: what a profile ends up as
 * must follow from its profile, not from the luck of its key.
 */
export async function ensureWallets(
  walletsPath: string,
  cast: readonly string[],
  validators: number,
  /** Whom everything belongs to; keys of their own, whose secrets nobody keeps, when absent. */
  coldkey?: string,
): Promise<Wallets> {
  const seeds = ascendingSeeds(cast.length)
  const miners = new Map<string, Signer>()
  for (const [index, profile] of cast.entries()) {
    const {wallet, hotkey} = walletNames.miner(profile)
    miners.set(profile, await ensureHotkey(walletsPath, wallet, hotkey, seeds[index]))
  }
  const signers: Signer[] = []
  for (let index = 0; index < validators; index++) {
    const {wallet, hotkey} = walletNames.validator(index)
    signers.push(await ensureHotkey(walletsPath, wallet, hotkey))
  }
  const {wallet, hotkey} = walletNames.owner
  const owner = await ensureHotkey(walletsPath, wallet, hotkey)
  return {
    owner,
    validators: signers,
    miners,
    coldkeys: {
      owner: await ensureColdkey(walletsPath, 'owner', coldkey),
      validator: await ensureColdkey(walletsPath, 'validator', coldkey),
      miner: await ensureColdkey(walletsPath, 'miner', coldkey),
    },
  }
}

/** The keys of the miners that offer images, by profile, ascending in the order of their cast too. */
export async function ensureHeadWallets(
  walletsPath: string,
  profiles: readonly string[],
  /** As in `ensureWallets`. */
  coldkey?: string,
): Promise<{readonly signers: ReadonlyMap<string, Signer>; readonly coldkey: string}> {
  const seeds = ascendingSeeds(profiles.length)
  const signers = new Map<string, Signer>()
  for (const [index, profile] of profiles.entries()) {
    const {wallet, hotkey} = walletNames.head(profile)
    signers.set(profile, await ensureHotkey(walletsPath, wallet, hotkey, seeds[index]))
  }
  return {signers, coldkey: await ensureColdkey(walletsPath, 'head', coldkey)}
}

function ascendingSeeds(count: number): Uint8Array[] {
  return Array.from({length: count}, () => new Uint8Array(randomBytes(32)))
    .map((seed) => ({seed, hotkey: createSigner({seed}).hotkey}))
    .sort((a, b) => compareText(a.hotkey, b.hotkey))
    .map(({seed}) => seed)
}

async function ensureColdkey(walletsPath: string, wallet: string, given?: string): Promise<string> {
  try {
    return await loadColdkeyAddress(walletsPath, wallet)
  } catch (error) {
    if (!(error instanceof LeomaError && error.code === 'WALLET_NOT_FOUND')) throw error
  }
  const address = given ?? createSigner({seed: new Uint8Array(randomBytes(32))}).hotkey
  await createColdkeyPub(walletsPath, wallet, address)
  return address
}
