import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'
import {z} from 'zod'
import {revealedText, withCompactLength} from '../../src/chain/subtensor/data.js'
import {hiddenPayload} from '../../src/chain/subtensor/hidden-weights.js'
import {timelockEncrypt} from '../../src/chain/subtensor/timelock.js'
import {commitForms, commitmentText, parseModelCommitment} from '../../src/domain/commitment.js'
import {createColdkeyPub, createHotkey, loadColdkeyAddress, loadHotkey} from '../../src/wallet/files.js'
import {createSigner, verify, verifyWrapped, walletReady} from '../../src/wallet/keypair.js'
import {maskPassword} from '../../src/wallet/unlock.js'
import {tempFolder} from '../helpers/temp-folder.js'
import {askPython} from './python.js'

const Keys = z.object({hotkeys: z.record(z.string(), z.string()), coldkey: z.string()})
const Read = Keys.extend({public: z.record(z.string(), z.string()), signatures: z.record(z.string(), z.string())})
const Signed = z.object({address: z.string(), signatures: z.array(z.string())})

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'))
const hex = (data: Uint8Array) => Buffer.from(data).toString('hex')
const utf8 = (text: string) => new TextEncoder().encode(text)
const wrapped = (message: Uint8Array) => Buffer.concat([utf8('<Bytes>'), message, utf8('</Bytes>')])

const messages = [utf8('a message'), utf8('0x616263'), new Uint8Array(300).fill(0xff), new Uint8Array()]
/** A pulse that the beacon really published. */
const round = 1000
const pulse = 'b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39'

beforeAll(walletReady)

describe('key files', () => {
  const password = 'geheim é 42!'
  let folder: string
  let made: z.infer<typeof Keys>

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'leoma-interop-'))
    made = await askPython(Keys, 'make_keys', {folder, password})
  })

  afterAll(() => rmSync(folder, {recursive: true, force: true}))

  it.each(['mnemonic', 'seed', 'uri', 'private', 'nacl', 'vault', 'fernet'])(
    'of the Python wallet load here: %s',
    async (name) => {
      const passwords = {fromVariable: (variable: string) => maskPassword(variable, password)}
      const signer = await loadHotkey(folder, 'py', name, {passwords})

      expect(signer.hotkey).toBe(made.hotkeys[name])
      const checks = [{message: hex(utf8(name)), signature: hex(signer.sign(utf8(name)))}]
      expect(await askPython(z.array(z.boolean()), 'verify', {address: signer.hotkey, checks})).toEqual([true])
    },
  )

  it('of a coldkey load here, the public half', async () => {
    expect(await loadColdkeyAddress(folder, 'py')).toBe(made.coldkey)
  })

  it('of leoma load there, from a phrase and from a seed, with both public halves', async () => {
    const wallets = tempFolder()
    const phrase = await createHotkey(wallets, 'ours', 'phrase')
    const seed = await createHotkey(wallets, 'ours', 'seed', new Uint8Array(32).fill(5))
    await createColdkeyPub(wallets, 'ours', phrase.hotkey)

    const read = await askPython(Read, 'read_keys', {
      ...{folder: path.resolve(wallets), name: 'ours', hotkeys: ['phrase', 'seed']},
    })

    const addresses = {phrase: phrase.hotkey, seed: seed.hotkey}
    expect(read).toMatchObject({coldkey: phrase.hotkey, hotkeys: addresses, public: addresses})
    for (const [name, address] of Object.entries(addresses)) {
      expect(verify(utf8(name), bytes(read.signatures[name] ?? ''), address)).toBe(true)
    }
  })
})

describe('signatures', () => {
  const ours = createSigner({uri: '//Alice//interop'})

  it('made in Python hold here, raw, and around <Bytes> where that may be', async () => {
    const both = [...messages, ...messages.map(wrapped)]
    const {address, signatures} = await askPython(Signed, 'sign', {uri: '//Alice//interop', messages: both.map(hex)})

    expect(address).toBe(ours.hotkey)
    for (const [index, message] of messages.entries()) {
      const raw = bytes(signatures[index] ?? '')
      const around = bytes(signatures[index + messages.length] ?? '')
      expect(verify(message, raw, address)).toBe(true)
      expect(verify(message, around, address)).toBe(false)
      expect(verifyWrapped(message, around, address)).toBe(true)
    }
  })

  it('made here hold in Python, raw and around <Bytes>, and only for what was signed', async () => {
    const checks = messages.flatMap((message) => [
      {message: hex(message), signature: hex(ours.sign(message))},
      {message: hex(message), signature: hex(ours.sign(wrapped(message)))},
      {message: hex(message), signature: hex(ours.sign(utf8('another message')))},
    ])

    const held = await askPython(z.array(z.boolean()), 'verify', {address: ours.hotkey, checks})

    expect(held).toEqual(messages.flatMap(() => [true, true, false]))
  })
})

describe('timelocked', () => {
  /** As the package wraps what it seals: the bytes in SCALE, and their round. */
  const envelopeOf = (sealed: Uint8Array) => {
    const end = Buffer.alloc(8)
    end.writeBigUInt64LE(BigInt(round))
    return hex(Buffer.concat([withCompactLength(sealed), end]))
  }
  const opened = (sealed: Uint8Array) => askPython(z.string(), 'open_timelocked', {envelope: envelopeOf(sealed), pulse})

  it('weights that were hidden here are opened by the drand package of the SDK, and say what they should', async () => {
    const {hotkey} = createSigner({uri: '//Alice'})
    const key = bytes('d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d')
    const payload = hiddenPayload(key, {uids: [2, 300], values: [65_535, 1], given: 2}, 7)

    expect(hotkey).toBe('5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY')
    // In SCALE: hotkey, uids, values, version key.
    expect(await opened(timelockEncrypt(payload, round))).toBe(`80${hex(key)}0802002c0108ffff01000700000000000000`)
  })

  it('weights are as long as those that the SDK commits', async () => {
    const key = new Uint8Array(32).fill(7)
    const uids = Array.from({length: 256}, (_, uid) => uid)
    for (const few of [uids.slice(0, 1), uids]) {
      const parameters = {uids: few, values: few.map(() => 65_535), version_key: 7, hotkey: hex(key)}
      const theirs = await askPython(z.number(), 'weights_commit', parameters)

      const payload = hiddenPayload(key, {uids: few, values: parameters.values, given: few.length}, 7)
      expect(timelockEncrypt(payload, round)).toHaveLength(theirs)
    }
  })

  it('commitments too, but not by the pulse of another round', async () => {
    const text = withCompactLength(utf8('leoma:1:me/leoma-~:…'))

    expect(await opened(timelockEncrypt(text, round))).toBe(hex(text))
    await expect(opened(timelockEncrypt(text, round + 1))).rejects.toThrow(/ValueError: .*decrypt/i)
  })

  it('bytes have one length, whoever sealed them', async () => {
    const theirs = await askPython(z.string(), 'seal', {message: hex(utf8('a message')), round})

    expect(envelopeOf(timelockEncrypt(utf8('a message'), round))).toHaveLength(theirs.length)
  })
})

describe('commitments', () => {
  const hotkey = createSigner({uri: '//Alice'}).hotkey
  const submission = {
    modelName: `me/leoma-${hotkey}`,
    modelRevision: '0123456789abcdef0123456789abcdef01234567',
    chuteId: '6f9619ff-8b86-5011-b42d-00cf4fc964ff',
  }

  it.each(commitForms)('in form %s are read by the decoders of the SDK, revealed and in the open', async (form) => {
    const text = commitmentText(form, submission, hotkey) ?? ''
    const revealed = withCompactLength(utf8(text))
    const Texts = z.object({revealed: z.tuple([z.number(), z.string()]), plain: z.string()})

    const read = await askPython(Texts, 'read_commitments', {revealed: hex(revealed), plain: hex(utf8(text))})

    expect(read).toEqual({revealed: [42, text], plain: text})
    expect(parseModelCommitment(read.plain, hotkey)).toEqual({ok: true, value: submission})
    expect(revealedText(revealed)).toBe(text)
  })
})
