import {chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import {
  createColdkeyPub,
  createHotkey,
  ensureHotkey,
  listWallets,
  loadColdkeyAddress,
  loadHotkey,
} from '../../../src/wallet/files.js'
import {canonicalPrivateKey, createSigner, verify} from '../../../src/wallet/keypair.js'

const alice = '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY'
const aliceSeed = Buffer.from('e5be9a5092b81bca64be81d212e7f2f9eba183bb7a90954f7b76361f6edb5c0a', 'hex')
const message = new TextEncoder().encode('a message')
const hex = (bytes: Uint8Array) => `0x${Buffer.from(bytes).toString('hex')}`

let wallets: string
beforeEach(async () => {
  wallets = await mkdtemp(path.join(tmpdir(), 'leoma-wallets-'))
})
afterEach(() => rm(wallets, {recursive: true, force: true}))

async function writeKey(content: string, mode = 0o600): Promise<string> {
  const file = path.join(wallets, 'w', 'hotkeys', 'h')
  await mkdir(path.dirname(file), {recursive: true})
  await writeFile(file, content)
  await chmod(file, mode)
  return file
}

describe('loadHotkey', () => {
  const privateKey = hex(canonicalPrivateKey(aliceSeed))
  const secretSeed = hex(aliceSeed)

  it.each([
    ['only a private key', {privateKey}],
    ['a seed', {secretSeed, privateKey: null, secretPhrase: null}],
    ['a seed before a private key that is nonsense', {secretSeed, privateKey: '0x00'}],
  ])('reads a file with %s', async (_, fields) => {
    await writeKey(JSON.stringify({ss58Address: alice, accountId: '0x', ...fields}))

    const signer = await loadHotkey(wallets, 'w', 'h')

    expect(signer.hotkey).toBe(alice)
    expect(verify(message, signer.sign(message), alice)).toBe(true)
  })

  it('prefers the phrase to everything else', async () => {
    const secretPhrase = 'bottom drive obey lake curtain smoke basket hold race lonely fit walk'
    const ss58Address = createSigner({mnemonic: secretPhrase}).hotkey
    await writeKey(JSON.stringify({ss58Address, secretPhrase, secretSeed, privateKey}))

    expect((await loadHotkey(wallets, 'w', 'h')).hotkey).toBe(ss58Address)
  })

  it.each([
    ['seed', {secretSeed}],
    ['private key', {privateKey}],
  ])('refuses a %s that does not belong to the address', async (_, fields) => {
    await writeKey(JSON.stringify({ss58Address: createSigner({uri: '//Bob'}).hotkey, ...fields}))

    await expect(loadHotkey(wallets, 'w', 'h')).rejects.toMatchObject({kind: 'auth', code: 'KEY_INVALID'})
  })

  it.each(['$NACL\u0001\u0002', '$ANSIBLE_VAULT;1.1;AES256\n31', 'gAAAAABl'])(
    'says that a file beginning with %j is encrypted',
    async (content) => {
      await writeKey(content)

      await expect(loadHotkey(wallets, 'w', 'h')).rejects.toMatchObject({kind: 'auth', code: 'WALLET_ENCRYPTED'})
    },
  )

  it.each([0o640, 0o604, 0o660])('refuses mode %o with the command that mends it', async (mode) => {
    const file = await writeKey(JSON.stringify({ss58Address: alice, secretSeed}), mode)

    await expect(loadHotkey(wallets, 'w', 'h')).rejects.toMatchObject({
      code: 'WALLET_EXPOSED',
      hints: [`chmod 600 ${file}`],
    })
  })

  it.each([
    ['no JSON', `{"secretSeed": "${secretSeed}"`],
    ['a list', `["${secretSeed}"]`],
    ['a number for a phrase', `{"ss58Address": "${alice}", "secretPhrase": 7, "x": "${secretSeed}"}`],
    ['no secret', JSON.stringify({ss58Address: alice, secretSeed: null, x: secretSeed})],
    ['a whole disk', 'x'.repeat(70_000)],
  ])('refuses %s without repeating what it read', async (_, content) => {
    await writeKey(content)

    const error: unknown = await loadHotkey(wallets, 'w', 'h').catch((thrown: unknown) => thrown)

    expect(error).toMatchObject({kind: 'auth', code: 'WALLET_UNREADABLE'})
    expect(String(error)).not.toContain(secretSeed.slice(2, 10))
  })

  it('says what there is when the hotkey is missing', async () => {
    await createHotkey(wallets, 'w', 'first')
    await createHotkey(wallets, 'w', 'second')

    await expect(loadHotkey(wallets, 'w', 'third')).rejects.toMatchObject({
      code: 'WALLET_NOT_FOUND',
      hints: expect.arrayContaining(['wallet w has hotkeys first, second']),
    })
    await expect(loadHotkey(wallets, 'v', 'first')).rejects.toMatchObject({
      code: 'WALLET_NOT_FOUND',
      hints: expect.arrayContaining([`${wallets} has wallets w`]),
    })
  })

  it.each(['..', '.', '', 'a/b', 'a\\b', '../../etc'])('refuses %j as a name', async (name) => {
    await expect(loadHotkey(wallets, name, 'h')).rejects.toMatchObject({code: 'WALLET_NAME_INVALID'})
    await expect(loadHotkey(wallets, 'w', name)).rejects.toMatchObject({code: 'WALLET_NAME_INVALID'})
  })
})

describe('createHotkey', () => {
  it('writes a key that is read back, private to its owner', async () => {
    const made = await createHotkey(wallets, 'w', 'h')

    const folder = path.join(wallets, 'w', 'hotkeys')
    expect((await loadHotkey(wallets, 'w', 'h')).hotkey).toBe(made.hotkey)
    expect((await stat(path.join(folder, 'h'))).mode & 0o777).toBe(0o600)
    expect((await stat(folder)).mode & 0o777).toBe(0o700)
    expect((await stat(path.join(wallets, 'w'))).mode & 0o777).toBe(0o700)
    expect(await readdir(folder)).toEqual(['h', 'hpub.txt'])
  })

  it('makes the same key of the same seed, in each of the file’s forms', async () => {
    const made = await createHotkey(wallets, 'w', 'h', aliceSeed)

    const file: {privateKey: string; secretSeed: string} = JSON.parse(
      await readFile(path.join(wallets, 'w', 'hotkeys', 'h'), 'utf8'),
    )
    expect(made.hotkey).toBe(alice)
    expect(createSigner({secretSeed: file.secretSeed}).hotkey).toBe(alice)
    expect(createSigner({privateKey: Buffer.from(file.privateKey.slice(2), 'hex'), hotkey: alice}).hotkey).toBe(alice)
    expect(await readFile(path.join(wallets, 'w', 'hotkeys', 'hpub.txt'), 'utf8')).not.toContain('secret')
  })

  it('never replaces a key', async () => {
    const first = await createHotkey(wallets, 'w', 'h')

    await expect(createHotkey(wallets, 'w', 'h')).rejects.toMatchObject({kind: 'usage', code: 'WALLET_EXISTS'})
    expect((await loadHotkey(wallets, 'w', 'h')).hotkey).toBe(first.hotkey)
    expect(await readdir(path.join(wallets, 'w', 'hotkeys'))).toEqual(['h', 'hpub.txt'])
  })

  it('lets one of many makers win, and gives all of them that key', async () => {
    const made = await Promise.all(Array.from({length: 8}, () => ensureHotkey(wallets, 'w', 'h')))

    expect(new Set(made.map((signer) => signer.hotkey)).size).toBe(1)
    expect((await loadHotkey(wallets, 'w', 'h')).hotkey).toBe(made[0]!.hotkey)
  })
})

describe('the rest of a wallet', () => {
  it('gives the coldkey’s address without touching the coldkey', async () => {
    await createColdkeyPub(wallets, 'w', alice)

    expect(await loadColdkeyAddress(wallets, 'w')).toBe(alice)
    await expect(createColdkeyPub(wallets, 'w', alice)).rejects.toMatchObject({code: 'WALLET_EXISTS'})
    await expect(loadColdkeyAddress(wallets, 'v')).rejects.toMatchObject({code: 'WALLET_NOT_FOUND'})
  })

  it('lists wallets and hotkeys by name, and nothing for a folder that is not there', async () => {
    await createHotkey(wallets, 'beta', 'one')
    await createHotkey(wallets, 'alpha', 'two')
    await createHotkey(wallets, 'alpha', 'three')

    expect(await listWallets(wallets)).toEqual([
      {name: 'alpha', hotkeys: ['three', 'two']},
      {name: 'beta', hotkeys: ['one']},
    ])
    expect(await listWallets(path.join(wallets, 'none'))).toEqual([])
  })
})
