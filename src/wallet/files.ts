import {type FileHandle, link, mkdir, open, readdir, rm} from 'node:fs/promises'
import {homedir} from 'node:os'
import path from 'node:path'
import {mnemonicGenerate, mnemonicToMiniSecret} from '@polkadot/util-crypto/mnemonic'
import {randomAsHex} from '@polkadot/util-crypto/random'
import {z} from 'zod'
import {compareText, type Hotkey} from '../domain/ids.js'
import {LeomaError} from '../errors.js'
import {canonicalPrivateKey, createSigner, hexBytes, type Secret} from './keypair.js'
import type {Signer} from './port.js'
import {parseHotkey, publicKeyOf} from './ss58.js'

/** `<path>/<name>/hotkeys/<hotkey>`, as every Bittensor tool keeps it. */
export interface WalletListing {
  readonly name: string
  /** Names of the hotkeys with a private file, in order. */
  readonly hotkeys: readonly string[]
}

/** Key files have about 700 bytes. */
const maxKeyFileBytes = 64 * 1024

const text = z.string().nullish()
const KeyFile = z.object({
  ss58Address: z.string(),
  secretPhrase: text,
  secretSeed: text,
  privateKey: text,
})
const PublicFile = z.object({ss58Address: z.string()})

const encrypted: readonly (readonly [start: string, scheme: string])[] = [
  ['$NACL', 'NaCl'],
  ['$ANSIBLE_VAULT', 'Ansible Vault'],
  ['gAAAAA', 'Fernet'],
]

/**
 * Reads a hotkey that is not encrypted. Throws, all of kind `auth`: `WALLET_NOT_FOUND`, `WALLET_EXPOSED` (others may
 * read the file), `WALLET_ENCRYPTED`, `WALLET_UNREADABLE`, `KEY_INVALID`.
 */
export async function loadHotkey(walletsPath: string, name: string, hotkey: string): Promise<Signer> {
  const file = hotkeyFile(walletsPath, name, hotkey)
  const bytes = await readPrivate(file, () => notFound(walletsPath, name, hotkey))
  const content = bytes.toString('utf8')
  const scheme = encrypted.find(([start]) => content.startsWith(start))?.[1]
  if (scheme !== undefined) {
    throw new LeomaError('auth', 'WALLET_ENCRYPTED', `hotkey ${file} is encrypted (${scheme})`, {
      hints: [
        'use a hotkey without a password: a service must be able to start unattended, and a hotkey holds no funds',
        'btcli wallet regen-hotkey --no-use-password',
      ],
    })
  }
  const key = parseJson(KeyFile, content, file)
  const signer = createSigner(secretOf(key, file))
  if (signer.hotkey !== key.ss58Address) {
    throw new LeomaError('auth', 'KEY_INVALID', `the secret in ${file} does not belong to ${key.ss58Address}`, {
      hints: ['restore the file from its mnemonic: btcli wallet regen-hotkey'],
    })
  }
  return signer
}

/** The coldkey's address, from `coldkeypub.txt`; the coldkey itself is never read. */
export async function loadColdkeyAddress(walletsPath: string, name: string): Promise<string> {
  const file = path.join(walletFolder(walletsPath, name), 'coldkeypub.txt')
  const bytes = await readBounded(file, () => notFound(walletsPath, name, undefined))
  const {ss58Address} = parseJson(PublicFile, bytes.toString('utf8'), file)
  if (!publicKeyOf(ss58Address)) throw unreadable(file, 'its ss58Address is not an address with prefix 42')
  return ss58Address
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

function expand(walletsPath: string): string {
  return path.resolve(walletsPath.replace(/^~(?=$|[/\\])/, homedir()))
}

/** A wallet's name comes from a flag or a variable: it must stay one piece of a path. */
function piece(name: string, what: string): string {
  if (/^[^/\\\0]{1,128}$/.test(name) && name !== '.' && name !== '..') return name
  throw new LeomaError('usage', 'WALLET_NAME_INVALID', `${JSON.stringify(name.slice(0, 80))} is no name for a ${what}`)
}

function walletFolder(walletsPath: string, name: string): string {
  return path.join(expand(walletsPath), piece(name, 'wallet'))
}

function hotkeyFile(walletsPath: string, name: string, hotkey: string): string {
  return path.join(walletFolder(walletsPath, name), 'hotkeys', piece(hotkey, 'hotkey'))
}

async function readPrivate(file: string, missing: () => Promise<LeomaError>): Promise<Buffer> {
  return readBounded(file, missing, async (handle) => {
    const {mode} = await handle.stat()
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw new LeomaError('auth', 'WALLET_EXPOSED', `${file} can be read by other users of this machine`, {
        hints: [`chmod 600 ${file}`],
      })
    }
  })
}

async function readBounded(
  file: string,
  missing: () => Promise<LeomaError>,
  check?: (handle: FileHandle) => Promise<void>,
): Promise<Buffer> {
  let handle: FileHandle
  try {
    handle = await open(file, 'r')
  } catch (error) {
    if (isCode(error, 'ENOENT') || isCode(error, 'ENOTDIR')) throw await missing()
    throw unreadable(file, 'it cannot be opened', error)
  }
  try {
    const stat = await handle.stat()
    if (!stat.isFile()) throw unreadable(file, 'it is not a file')
    if (stat.size > maxKeyFileBytes) throw unreadable(file, `it has ${stat.size} bytes, a key file about 700`)
    await check?.(handle)
    return await handle.readFile()
  } finally {
    await handle.close()
  }
}

/** The parser's own message is left out: it quotes the text, which may hold a secret. */
function parseJson<T>(schema: z.ZodType<T>, content: string, file: string): T {
  let json: unknown
  try {
    json = JSON.parse(content)
  } catch {
    throw unreadable(file, 'it is not JSON')
  }
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  const fields = parsed.error.issues.map((issue) => issue.path.join('.')).filter((field) => field !== '')
  throw unreadable(file, fields.length > 0 ? `its ${fields.join(', ')} cannot be read` : 'it is not a JSON object')
}

/**
 * Through a temporary file and a hard link: the link fails when the name is taken, so that two processes cannot replace
 * each other's key, and nobody ever sees half a file.
 */
async function writeNew(file: string, content: string): Promise<void> {
  await mkdir(path.dirname(file), {recursive: true, mode: 0o700})
  const temporary = `${file}.${randomAsHex(8).slice(2)}.tmp`
  try {
    const handle = await open(temporary, 'wx', 0o600)
    try {
      await handle.writeFile(content)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await link(temporary, file)
  } catch (error) {
    if (isCode(error, 'EEXIST')) {
      throw new LeomaError('usage', 'WALLET_EXISTS', `${file} exists and is not replaced`, {
        hints: ['choose another name'],
        cause: error,
      })
    }
    throw error
  } finally {
    await rm(temporary, {force: true})
  }
}

function ignoreExisting(error: unknown): void {
  if (!(error instanceof LeomaError && error.code === 'WALLET_EXISTS')) throw error
}

async function notFound(walletsPath: string, name: string, hotkey: string | undefined): Promise<LeomaError> {
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

function some(what: string, names: readonly string[]): string {
  if (names.length === 0) return `no ${what}`
  const shown = names.slice(0, 10).join(', ')
  return `${what} ${shown}${names.length > 10 ? ` and ${names.length - 10} more` : ''}`
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

function unreadable(file: string, why: string, cause?: unknown): LeomaError {
  return new LeomaError('auth', 'WALLET_UNREADABLE', `${file}: ${why}`, cause === undefined ? {} : {cause})
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
