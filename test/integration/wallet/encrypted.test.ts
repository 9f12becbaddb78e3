import {chmodSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs'
import path from 'node:path'
import {describe, expect, it} from 'vitest'
import {loadHotkey} from '../../../src/wallet/files.js'
import {inspectWallets} from '../../../src/wallet/inspect.js'
import {verify} from '../../../src/wallet/keypair.js'
import {maskPassword, type Passwords, passwordVariable, unmaskPassword} from '../../../src/wallet/unlock.js'
import {tempFolder} from '../../helpers/temp-folder.js'

// One key, the well-known //Alice, as PyNaCl, ansible-vault and Python's cryptography encrypted it.
const vectors = path.resolve(import.meta.dirname, '../../vectors/wallet')
const password = 'test vector 42!'
const alice = '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY'
const vector = (name: string) => readFileSync(path.join(vectors, name))
const message = new TextEncoder().encode('a message')

function walletWith(content: Buffer, hotkey = 'h'): string {
  const wallets = tempFolder()
  const file = path.join(wallets, 'w', 'hotkeys', hotkey)
  mkdirSync(path.dirname(file), {recursive: true})
  writeFileSync(file, content, {mode: 0o600})
  return wallets
}

const given = (text: string): Passwords => ({fromVariable: (name) => maskPassword(name, text)})
const nobody: Passwords = {fromVariable: () => undefined}

describe('an encrypted hotkey', () => {
  it.each(['coldkey.nacl', 'coldkey.vault', 'coldkey.fernet'])('opens %s with its password', async (name) => {
    const wallets = walletWith(vector(name))

    const signer = await loadHotkey(wallets, 'w', 'h', {passwords: given(password)})

    expect(signer.hotkey).toBe(alice)
    expect(verify(message, signer.sign(message), alice)).toBe(true)
  })

  it.each(['coldkey.nacl', 'coldkey.vault', 'coldkey.fernet'])('refuses a wrong password for %s', async (name) => {
    const wallets = walletWith(vector(name))

    await expect(loadHotkey(wallets, 'w', 'h', {passwords: given('wrong')})).rejects.toMatchObject({
      kind: 'auth',
      code: 'PASSWORD_WRONG',
    })
  })

  it('names the variable that it looked for when nobody can be asked', async () => {
    const wallets = walletWith(vector('coldkey.vault'))
    const variable = passwordVariable(path.join(wallets, 'w', 'hotkeys', 'h'))

    await expect(loadHotkey(wallets, 'w', 'h', {passwords: nobody})).rejects.toMatchObject({
      code: 'WALLET_ENCRYPTED',
      hints: [expect.stringContaining(variable), expect.anything()],
    })
  })

  it('asks up to three times, and says whose password it wants', async () => {
    const wallets = walletWith(vector('coldkey.vault'))
    const asked: string[] = []
    const answers = ['no', 'not this', password]
    const ask = async (question: string) => {
      asked.push(question)
      return answers[asked.length - 1] ?? ''
    }

    const signer = await loadHotkey(wallets, 'w', 'h', {passwords: {...nobody, ask}})

    expect(signer.hotkey).toBe(alice)
    expect(asked).toHaveLength(3)
    expect(asked[0]).toContain(path.join('w', 'hotkeys', 'h'))
  })

  it('gives up after the third wrong answer', async () => {
    const wallets = walletWith(vector('coldkey.vault'))
    let asked = 0
    const ask = async () => `wrong ${++asked}`

    await expect(loadHotkey(wallets, 'w', 'h', {passwords: {...nobody, ask}})).rejects.toMatchObject({
      code: 'PASSWORD_WRONG',
    })
    expect(asked).toBe(3)
  })

  it.each([
    ['coldkey.nacl', 20],
    ['coldkey.vault', 200],
    ['coldkey.fernet', 50],
  ])('says that %s is damaged when it is cut short', async (name, length) => {
    const wallets = walletWith(vector(name).subarray(0, length))

    await expect(loadHotkey(wallets, 'w', 'h', {passwords: given(password)})).rejects.toMatchObject({
      code: 'WALLET_UNREADABLE',
      hints: [expect.stringContaining('backup')],
    })
  })

  it('ends with the signal while the key is being derived', async () => {
    const wallets = walletWith(vector('coldkey.fernet'))
    const stop = new AbortController()
    const loading = loadHotkey(wallets, 'w', 'h', {passwords: given(password), signal: stop.signal})

    stop.abort(new Error('stop'))

    await expect(loading).rejects.toThrow('stop')
  })

  it.skipIf(process.platform === 'win32')('is refused before any password when others may read it', async () => {
    const wallets = walletWith(vector('coldkey.vault'))
    chmodSync(path.join(wallets, 'w', 'hotkeys', 'h'), 0o644)

    await expect(loadHotkey(wallets, 'w', 'h', {passwords: given(password)})).rejects.toMatchObject({
      code: 'WALLET_EXPOSED',
      hints: [expect.stringContaining('chmod 600')],
    })
  })
})

describe('password variables', () => {
  it('are named and masked as Bittensor does it', () => {
    const variable = passwordVariable('/home/u/.bittensor/wallets/default/coldkey')

    expect(variable).toBe('BT_PW__HOME_U__BITTENSOR_WALLETS_DEFAULT_COLDKEY')
    expect(maskPassword(variable, password)).toBe('NjEsJHcpOis7Ijd/YW1+')
    expect(unmaskPassword(variable, 'NjEsJHcpOis7Ijd/YW1+')).toBe(password)
  })
})

describe('a hotkey named by its address', () => {
  it('is found under whatever name it has', async () => {
    const wallets = walletWith(vector('coldkey.json'), 'some-name')

    expect((await loadHotkey(wallets, 'other-wallet', alice)).hotkey).toBe(alice)
  })

  it('is not found when no file has it', async () => {
    const wallets = walletWith(vector('coldkey.json'))
    const bob = '5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty'

    await expect(loadHotkey(wallets, 'w', bob)).rejects.toMatchObject({code: 'WALLET_NOT_FOUND'})
  })
})

describe('inspectWallets', () => {
  it('says what is there, without any password', async () => {
    const wallets = walletWith(vector('coldkey.json'), 'open')
    const hotkeys = path.join(wallets, 'w', 'hotkeys')
    writeFileSync(path.join(hotkeys, 'closed'), vector('coldkey.vault'), {mode: 0o600})
    writeFileSync(path.join(hotkeys, 'closedpub.txt'), JSON.stringify({ss58Address: alice}))
    writeFileSync(path.join(hotkeys, 'cut'), '{"ss58Ad', {mode: 0o600})
    writeFileSync(path.join(wallets, 'w', 'coldkeypub.txt'), JSON.stringify({ss58Address: alice}))

    const [wallet] = await inspectWallets(wallets)

    expect(wallet).toMatchObject({name: 'w', coldkey: alice})
    expect(wallet?.hotkeys).toEqual([
      {name: 'closed', address: alice, isEncrypted: true, problem: null},
      {name: 'cut', address: null, isEncrypted: false, problem: expect.stringContaining('not JSON')},
      {name: 'open', address: alice, isEncrypted: false, problem: null},
    ])
  })
})
