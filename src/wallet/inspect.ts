import {readdir} from 'node:fs/promises'
import {homedir} from 'node:os'
import path from 'node:path'
import {compareText} from '../domain/ids.js'
import {LeomaError} from '../errors.js'
import {schemeOf} from './encryption.js'
import {isCode, PublicFile, parseJson, readBounded, readPrivate, unreadable} from './key-file.js'
import type {KeyView, WalletView} from './port.js'
import {isHotkey, publicKeyOf} from './ss58.js'

/** `<path>/<name>/hotkeys/<hotkey>`, as every Bittensor tool keeps it. */
export interface WalletListing {
  readonly name: string
  /** Names of the hotkeys with a private file, in order. */
  readonly hotkeys: readonly string[]
}

/** All wallets under a path, by name; empty when there is no such folder. */
export async function listWallets(walletsPath: string): Promise<WalletListing[]> {
  const root = expand(walletsPath)
  const names = await namesIn(root, 'folders')
  return Promise.all(
    names.map(async (name) => ({
      name,
      hotkeys: (await namesIn(path.join(root, name, 'hotkeys'), 'files')).filter((file) => !file.endsWith('pub.txt')),
    })),
  )
}

/** The coldkey's address, from `coldkeypub.txt`; the coldkey itself is never read. */
export async function loadColdkeyAddress(walletsPath: string, name: string): Promise<string> {
  const file = path.join(walletFolder(walletsPath, name), 'coldkeypub.txt')
  const bytes = await readBounded(file, () => notFound(walletsPath, name, undefined))
  const {ss58Address} = parseJson(PublicFile, bytes.toString('utf8'), file)
  if (!publicKeyOf(ss58Address)) throw unreadable(file, 'its ss58Address is not an address with prefix 42')
  return ss58Address
}

/** What can be said of a private key file without its password. */
export async function readKeyView(file: string): Promise<KeyView> {
  const missing = async () => unreadable(file, 'it is gone')
  let isEncrypted = false
  let problem: string | null = null
  let address: string | null = null
  try {
    const bytes = await readPrivate(file, missing)
    isEncrypted = schemeOf(bytes) !== undefined
    if (!isEncrypted) address = parseJson(PublicFile, bytes.toString('utf8'), file).ss58Address
  } catch (error) {
    const {message, hints} = LeomaError.from(error)
    problem = [message, ...hints.slice(0, 1)].join('; try: ')
  }
  try {
    const bytes = await readBounded(`${file}pub.txt`, missing)
    address = parseJson(PublicFile, bytes.toString('utf8'), `${file}pub.txt`).ss58Address
  } catch {
    // Not every tool writes one.
  }
  return {address: address !== null && isHotkey(address) ? address : null, isEncrypted, problem}
}

/** Everything under a path, with addresses; nothing is decrypted. */
export async function inspectWallets(walletsPath: string): Promise<WalletView[]> {
  const wallets = await listWallets(walletsPath)
  return Promise.all(
    wallets.map(async ({name, hotkeys}) => ({
      name,
      coldkey: await loadColdkeyAddress(walletsPath, name).catch(() => null),
      hotkeys: await Promise.all(
        hotkeys.map(async (hotkey) => ({name: hotkey, ...(await readKeyView(hotkeyFile(walletsPath, name, hotkey)))})),
      ),
    })),
  )
}

export function expand(walletsPath: string): string {
  return path.resolve(walletsPath.replace(/^~(?=$|[/\\])/, homedir()))
}

/** A wallet's name comes from a flag or a variable: it must stay one piece of a path. */
export function piece(name: string, what: string): string {
  if (/^[^/\\\0]{1,128}$/.test(name) && name !== '.' && name !== '..') return name
  throw new LeomaError('usage', 'WALLET_NAME_INVALID', `${JSON.stringify(name.slice(0, 80))} is no name for a ${what}`)
}

export function walletFolder(walletsPath: string, name: string): string {
  return path.join(expand(walletsPath), piece(name, 'wallet'))
}

export function hotkeyFile(walletsPath: string, name: string, hotkey: string): string {
  return path.join(walletFolder(walletsPath, name), 'hotkeys', piece(hotkey, 'hotkey'))
}

async function namesIn(folder: string, kind: 'folders' | 'files'): Promise<string[]> {
  try {
    const entries = await readdir(folder, {withFileTypes: true})
    return entries
      .filter((entry) => !entry.name.startsWith('.') && !entry.name.endsWith('.tmp'))
      .filter((entry) => entry.isSymbolicLink() || (kind === 'folders' ? entry.isDirectory() : entry.isFile()))
      .map((entry) => entry.name)
      .sort(compareText)
  } catch (error) {
    if (isCode(error, 'ENOENT') || isCode(error, 'ENOTDIR')) return []
    throw error
  }
}

export async function notFound(walletsPath: string, name: string, hotkey: string | undefined): Promise<LeomaError> {
  const wallets = await listWallets(walletsPath)
  const wallet = wallets.find((candidate) => candidate.name === name)
  const root = expand(walletsPath)
  const hints: string[] = []
  if (wallet) hints.push(`wallet ${name} has ${some('hotkeys', wallet.hotkeys)}`)
  else
    hints.push(
      `${root} has ${some(
        'wallets',
        wallets.map((found) => found.name),
      )}`,
    )
  hints.push('set BT_WALLET_PATH, WALLET_NAME and HOTKEY_NAME', `btcli wallet new-hotkey --wallet.name ${name}`)
  const what = hotkey === undefined ? `coldkeypub.txt of wallet ${name}` : `hotkey ${hotkey} of wallet ${name}`
  return new LeomaError('auth', 'WALLET_NOT_FOUND', `no ${what} in ${root}`, {hints})
}

export function some(what: string, names: readonly string[]): string {
  if (names.length === 0) return `no ${what}`
  const shown = names.slice(0, 10).join(', ')
  return `${what} ${shown}${names.length > 10 ? ` and ${names.length - 10} more` : ''}`
}
