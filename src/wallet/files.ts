import path from 'node:path'
import {mnemonicGenerate, mnemonicToMiniSecret} from '@polkadot/util-crypto/mnemonic'
import type {z} from 'zod'
import type {Hotkey} from '../domain/ids.js'
import {LeomaError} from '../errors.js'
import {hotkeyFile, listWallets, notFound, readKeyView, walletFolder} from './inspect.js'
import {KeyFile, parseJson, readPrivate, unreadable, writeNew} from './key-file.js'
import {canonicalPrivateKey, createSigner, hexBytes, type Secret} from './keypair.js'
import type {Signer} from './port.js'
import {isHotkey, parseHotkey, publicKeyOf} from './ss58.js'
import {type Passwords, unlock} from './unlock.js'

export {listWallets, loadColdkeyAddress} from './inspect.js'

/**
 * Reads a hotkey, by its name or by its address. Throws, all of kind `auth`: `WALLET_NOT_FOUND`, `WALLET_EXPOSED` (others
 * may read the file), `WALLET_UNREADABLE`, `KEY_INVALID`, and what `unlock` throws for an encrypted one.
 */
export async function loadHotkey(
  walletsPath: string,
  name: string,
  hotkey: string,
  {passwords = nobody, signal = never}: {readonly passwords?: Passwords; readonly signal?: AbortSignal} = {},
): Promise<Signer> {
  const file = await locate(walletsPath, name, hotkey)
  const bytes = await readPrivate(file, () => notFound(walletsPath, name, hotkey))
  const key = parseJson(KeyFile, (await unlock(file, bytes, passwords, signal)).toString('utf8'), file)
  const signer = createSigner(secretOf(key, file))
  if (signer.hotkey !== key.ss58Address) {
    throw new LeomaError('auth', 'KEY_INVALID', `the secret in ${file} does not belong to ${key.ss58Address}`, {
      hints: ['restore the file from its mnemonic: btcli wallet regen-hotkey'],
    })
  }
  return signer
}

const nobody: Passwords = {fromVariable: () => undefined}
const never = new AbortController().signal

/** People name a hotkey by its address too: then any wallet's file of that address will do, the named wallet's first. */
async function locate(walletsPath: string, name: string, hotkey: string): Promise<string> {
  const file = hotkeyFile(walletsPath, name, hotkey)
  if (!isHotkey(hotkey)) return file
  const wallets = await listWallets(walletsPath)
  const inOrder = [
    ...wallets.filter((wallet) => wallet.name === name),
    ...wallets.filter((wallet) => wallet.name !== name),
  ]
  for (const wallet of inOrder) {
    for (const candidate of wallet.hotkeys) {
      const {address} = await readKeyView(hotkeyFile(walletsPath, wallet.name, candidate))
      if (address === hotkey) return hotkeyFile(walletsPath, wallet.name, candidate)
    }
  }
  return file
}

/**
 * Writes a new hotkey, from a 32-byte seed or else a fresh mnemonic, and its public half. Throws `WALLET_EXISTS` (kind
 * `usage`) rather than replace a key.
 */
export async function createHotkey(
  walletsPath: string,
  name: string,
  hotkey: string,
  seed?: Uint8Array,
): Promise<Signer> {
  const file = hotkeyFile(walletsPath, name, hotkey)
  const secretPhrase = seed ? null : mnemonicGenerate(12)
  const secret = seed ?? mnemonicToMiniSecret(secretPhrase ?? '')
  const signer = createSigner({seed: secret})
  const publicPart = publicJson(signer.hotkey)
  const privatePart = {
    ...publicPart,
    privateKey: hex(canonicalPrivateKey(secret)),
    secretPhrase,
    secretSeed: hex(secret),
  }
  await writeNew(file, JSON.stringify(privatePart))
  await writeNew(`${file}pub.txt`, JSON.stringify(publicPart)).catch(ignoreExisting)
  return signer
}

/** The hotkey of that name, made first when it is not there. Safe for several processes at once. */
export async function ensureHotkey(
  walletsPath: string,
  name: string,
  hotkey: string,
  seed?: Uint8Array,
): Promise<Signer> {
  try {
    return await loadHotkey(walletsPath, name, hotkey)
  } catch (error) {
    if (!(error instanceof LeomaError && error.code === 'WALLET_NOT_FOUND')) throw error
  }
  await createHotkey(walletsPath, name, hotkey, seed).catch(ignoreExisting)
  return loadHotkey(walletsPath, name, hotkey)
}

/** Writes `coldkeypub.txt` of a wallet that has none. Throws `WALLET_EXISTS` for one that has. */
export async function createColdkeyPub(walletsPath: string, name: string, address: string): Promise<void> {
  const file = path.join(walletFolder(walletsPath, name), 'coldkeypub.txt')
  await writeNew(file, JSON.stringify(publicJson(parseHotkey(address))))
}

// The order in which Bittensor's own tools look at a file.
function secretOf(key: z.infer<typeof KeyFile>, file: string): Secret {
  if (key.secretPhrase) return {mnemonic: key.secretPhrase}
  if (key.secretSeed) return {secretSeed: key.secretSeed}
  if (key.privateKey) return {privateKey: hexBytes(key.privateKey, 'privateKey'), hotkey: key.ss58Address}
  throw unreadable(file, 'it holds no secretPhrase, secretSeed or privateKey')
}

function publicJson(address: Hotkey) {
  const publicKey = hex(publicKeyOf(address) ?? new Uint8Array())
  return {accountId: publicKey, publicKey, ss58Address: address}
}

function hex(bytes: Uint8Array): string {
  return `0x${Buffer.from(bytes).toString('hex')}`
}

function ignoreExisting(error: unknown): void {
  if (!(error instanceof LeomaError && error.code === 'WALLET_EXISTS')) throw error
}
