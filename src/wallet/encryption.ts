import {createDecipheriv, createHmac, pbkdf2Sync, timingSafeEqual} from 'node:crypto'

/** How a key file may be encrypted; told by how it begins. */
export type Scheme = 'NaCl' | 'Ansible Vault' | 'Fernet'

const starts: readonly (readonly [start: string, scheme: Scheme])[] = [
  ['$NACL', 'NaCl'],
  ['$ANSIBLE_VAULT', 'Ansible Vault'],
  ['gAAAAA', 'Fernet'],
]

/** Undefined for a file that is not encrypted. */
export function schemeOf(file: Uint8Array): Scheme | undefined {
  const head = Buffer.from(file.subarray(0, 16)).toString('latin1')
  return starts.find(([start]) => head.startsWith(start))?.[1]
}

/** What opening a file comes to; never an exception, because it crosses from one thread to another. */
export type Opened = {readonly content: Uint8Array} | {readonly failed: 'password' | 'damaged'}

const salts = {
  nacl: '137183dff15a09bc9c90b5518739e9b1',
  fernet: 'Iguesscyborgslikemyselfhaveatendencytobeparanoidaboutourorigins',
}
const pbkdf2 = {vaultRounds: 10_000, fernetRounds: 10_000_000}
/** The "sensitive" costs of libsodium: five seconds and half a gigabyte. */
const argon2 = {opsLimit: 8, memLimitBytes: 512 * 1024 * 1024}
const damaged: Opened = {failed: 'damaged'}
const wrongPassword: Opened = {failed: 'password'}

/** Blocks its thread for seconds: run it in one that may be blocked. */
export async function openKeyFile(file: Uint8Array, password: string): Promise<Opened> {
  switch (schemeOf(file)) {
    case 'NaCl':
      return openNacl(file, password)
    case 'Ansible Vault':
      return openVault(Buffer.from(file).toString('latin1'), password)
    case 'Fernet':
      return openFernet(Buffer.from(file).toString('latin1'), password)
    default:
      return {content: file}
  }
}

async function openNacl(file: Uint8Array, password: string): Promise<Opened> {
  const {default: sodium} = await import('libsodium-wrappers-sumo')
  await sodium.ready
  const nonceEnd = 5 + sodium.crypto_secretbox_NONCEBYTES
  if (file.length < nonceEnd + sodium.crypto_secretbox_MACBYTES) return damaged
  const salt = Buffer.from(salts.nacl, 'hex')
  const {opsLimit, memLimitBytes} = argon2
  const key = sodium.crypto_pwhash(32, password, salt, opsLimit, memLimitBytes, sodium.crypto_pwhash_ALG_ARGON2I13)
  try {
    return {content: sodium.crypto_secretbox_open_easy(file.subarray(nonceEnd), file.subarray(5, nonceEnd), key)}
  } catch {
    return wrongPassword
  }
}

/** A header line, then hex of three lines of hex: salt, HMAC, AES-256-CTR with PKCS#7 padding. */
function openVault(text: string, password: string): Opened {
  const lines = text.split('\n').slice(1).join('').trim()
  if (!/^([0-9a-f]{2})+$/i.test(lines)) return damaged
  const parts = Buffer.from(lines, 'hex').toString('latin1').split('\n')
  const [salt, mac, sealed] = parts.map((part) => Buffer.from(part, 'hex'))
  if (!salt?.length || mac?.length !== 32 || !sealed?.length) return damaged
  const derived = pbkdf2Sync(password, salt, pbkdf2.vaultRounds, 80, 'sha256')
  const expected = createHmac('sha256', derived.subarray(32, 64)).update(sealed).digest()
  if (!timingSafeEqual(expected, mac)) return wrongPassword
  const decipher = createDecipheriv('aes-256-ctr', derived.subarray(0, 32), derived.subarray(64))
  const padded = Buffer.concat([decipher.update(sealed), decipher.final()])
  const padding = padded.at(-1) ?? 0
  if (padding < 1 || padding > 16 || padding > padded.length) return damaged
  return {content: padded.subarray(0, padded.length - padding)}
}

/** Version byte, time, IV, AES-128-CBC, HMAC. */
function openFernet(text: string, password: string): Opened {
  const token = Buffer.from(text.trim(), 'base64url')
  if (token.length < 1 + 8 + 16 + 16 + 32) return damaged
  const key = pbkdf2Sync(password, salts.fernet, pbkdf2.fernetRounds, 32, 'sha256')
  const signed = token.subarray(0, -32)
  const expected = createHmac('sha256', key.subarray(0, 16)).update(signed).digest()
  if (!timingSafeEqual(expected, token.subarray(-32))) return wrongPassword
  try {
    const decipher = createDecipheriv('aes-128-cbc', key.subarray(16), signed.subarray(9, 25))
    return {content: Buffer.concat([decipher.update(signed.subarray(25)), decipher.final()])}
  } catch {
    return damaged
  }
}
