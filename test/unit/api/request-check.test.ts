import {encodeAddress} from '@polkadot/util-crypto/address'
import {ed25519PairFromSeed, ed25519Sign} from '@polkadot/util-crypto/ed25519'
import {beforeAll, describe, expect, it} from 'vitest'
import {type CallerBook, type CheckOptions, checkRequest, type RequestLine} from '../../../src/api/request-check.js'
import {
  isNonce,
  requestMessage,
  requestMessage2,
  signatureText,
  signRequest,
  signRequest2,
} from '../../../src/api/signature.js'
import {verifyEd25519} from '../../../src/wallet/ed25519.js'
import {createSigner, verify, walletReady} from '../../../src/wallet/keypair.js'

beforeAll(walletReady)

const alice = createSigner({uri: '//Alice'})
const utf8 = (text: string) => new TextEncoder().encode(text)
const nowMs = 1_700_000_100_500
const body = utf8('{}')
const post: RequestLine = {netuid: 99, method: 'POST', target: '/samples/batch', body}

const book = (changes: Partial<CallerBook> = {}): CallerBook => ({
  isBlacklisted: () => false,
  isAdmin: () => false,
  isValidator: () => true,
  claim: () => true,
  ...changes,
})

function check(headers: Record<string, string>, changes: Partial<CheckOptions> = {}, line: RequestLine = post) {
  const request = {
    hotkey: headers['X-Validator-Hotkey'] ?? '',
    signature: headers['X-Signature'] ?? '',
    timestamp: headers['X-Timestamp'] ?? '',
    version: headers['X-Signature-Version'],
    nonce: headers['X-Nonce'],
  }
  const options = {nowMs, windowS: 300, verify, verifyEd25519, callers: book(), needs: 'validator', ...changes} as const
  return checkRequest(request, line, options)
}

const version1 = (atMs = nowMs) => signRequest(alice, body, atMs)
const version2 = (line: RequestLine = post, atMs = nowMs) => signRequest2(alice, line, atMs)

describe.each([
  ['1', version1],
  ['2', (atMs?: number) => version2(post, atMs)],
] as const)('a request signed in version %s', (version, headers) => {
  it('lets a registered validator in', () => {
    expect(check(headers())).toEqual({ok: true, hotkey: alice.hotkey, isAdmin: false})
  })

  it.each([
    ['now', 'Invalid timestamp format'],
    ['1.5', 'Invalid timestamp format'],
    ['', 'Invalid timestamp format'],
    ['1__0', 'Invalid timestamp format'],
    ['1700000100500', 'Timestamp expired (max 300s)'],
    ['0', 'Timestamp expired (max 300s)'],
  ])('is refused with the timestamp "%s"', (timestamp, detail) => {
    expect(check({...headers(), 'X-Timestamp': timestamp})).toEqual({ok: false, status: 401, detail})
  })

  it.each([
    [300, true],
    [301, false],
    [-300, true],
    [-301, false],
  ])('that is %s s old is taken: %s', (ageS, ok) => {
    expect(check(headers(nowMs - ageS * 1000)).ok).toBe(ok)
  })

  it('of somebody banned is refused before anybody looks at the signature', () => {
    const answer = check({...headers(), 'X-Signature': '0x00'}, {callers: book({isBlacklisted: () => true})})

    expect(answer).toEqual({ok: false, status: 401, detail: 'Hotkey is blacklisted'})
  })

  it.each(['0x00', '', `0x${'00'.repeat(64)}`])('cannot be verified with %s at all', (signature) => {
    const answer = check({...headers(), 'X-Signature': signature})

    expect(answer).toMatchObject({ok: false, status: 401})
    if (version === '1' || signature.length < 130)
      expect(answer).toMatchObject({detail: 'Signature verification failed'})
  })

  it('is refused with another body', () => {
    const other = {...post, body: utf8('{"other":1}')}

    expect(check(headers(), {}, other)).toEqual({ok: false, status: 401, detail: 'Invalid signature'})
  })

  it('turns strangers away after the signature, and validators from admin routes', () => {
    expect(check(headers(), {callers: book({isValidator: () => false})})).toMatchObject({
      status: 401,
      detail: expect.stringMatching(/^Validator not registered\./),
    })
    expect(check(headers(), {needs: 'admin'})).toEqual({ok: false, status: 403, detail: 'Admin access required'})
  })

  it('lets an admin in who is no validator', () => {
    const callers = book({isValidator: () => false, isAdmin: () => true})

    expect(check(headers(), {callers, needs: 'admin'})).toEqual({ok: true, hotkey: alice.hotkey, isAdmin: true})
  })

  it('is good once', () => {
    expect(check(headers(), {callers: book({claim: () => false})})).toMatchObject({ok: false, status: 401})
  })

  it('is remembered for as long as its time would be accepted', () => {
    const claims: unknown[][] = []
    const callers = book({claim: (...claim) => claims.push(claim) > 0})

    check(headers(nowMs + 300_000), {callers})

    expect(claims).toEqual([[expect.any(String), 1_700_000_400 + 300, false]])
  })

  it('may be signed by a browser, which wraps what it signs', () => {
    const made = headers()
    const timestamp = made['X-Timestamp'] ?? ''
    const nonce = made['X-Nonce'] ?? ''
    const message =
      version === '1'
        ? requestMessage(body, timestamp)
        : requestMessage2({...post, timestamp, nonce, hotkey: alice.hotkey})
    const wrapped = Buffer.concat([utf8('<Bytes>'), message, utf8('</Bytes>')])

    expect(check({...made, 'X-Signature': signatureText(alice.sign(wrapped))}).ok).toBe(true)
  })
})

describe('version 1', () => {
  it('reads a stamp as Python does', () => {
    const stamp = ' +1_700_000_100 '
    const signature = signatureText(alice.sign(requestMessage(body, stamp)))

    expect(check({...version1(), 'X-Timestamp': stamp, 'X-Signature': signature}).ok).toBe(true)
  })

  it('reads again with the signature of a read', () => {
    const get = {...post, method: 'GET', body: new Uint8Array()}
    const callers = book({claim: (_key, _expiry, mayRepeat) => !mayRepeat})

    expect(check(signRequest(alice, get.body, nowMs), {callers}, get).ok).toBe(true)
  })

  it.each(['DELETE', 'POST'])('is refused for a %s without a body, which it would say nothing about', (method) => {
    const line = {...post, method, body: new Uint8Array()}

    expect(check(signRequest(alice, line.body, nowMs), {}, line)).toMatchObject({
      ok: false,
      status: 401,
      detail: expect.stringContaining('version 2'),
    })
  })

  it('is not for keys that the published library does not know', () => {
    const {hotkey, sign} = ed25519Signer()
    const timestamp = String(Math.floor(nowMs / 1000))
    const signature = signatureText(sign(requestMessage(body, timestamp)))

    expect(check({'X-Validator-Hotkey': hotkey, 'X-Timestamp': timestamp, 'X-Signature': signature})).toMatchObject({
      detail: 'Signature verification failed',
    })
  })
})

function ed25519Signer() {
  const pair = ed25519PairFromSeed(new Uint8Array(32).fill(7))
  return {hotkey: encodeAddress(pair.publicKey, 42), sign: (message: Uint8Array) => ed25519Sign(message, pair)}
}

describe('version 2', () => {
  it('has a message that anybody can write down', () => {
    const message = requestMessage2({...post, timestamp: '1700000100', nonce: 'n'.repeat(16), hotkey: alice.hotkey})

    expect(new TextDecoder().decode(message)).toBe(
      [
        'leoma:request:v2',
        '99',
        'POST',
        '/samples/batch',
        '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
        '1700000100',
        'nnnnnnnnnnnnnnnn',
        alice.hotkey,
      ].join('\n'),
    )
  })

  it.each([
    ['another method', {method: 'DELETE'}],
    ['another path', {target: '/samples'}],
    ['another query', {target: '/samples/batch?limit=1'}],
    ['the API of another subnet', {netuid: 100}],
    ['another body', {body: utf8('{"a":1}')}],
  ])('cannot be shown with %s', (_, changes) => {
    expect(check(version2(), {}, {...post, ...changes})).toMatchObject({ok: false, detail: 'Invalid signature'})
  })

  it.each([
    ['another time', {'X-Timestamp': '1700000101'}],
    ['another nonce', {'X-Nonce': 'x'.repeat(22)}],
    ['the other version', {'X-Signature-Version': '1'}],
  ])('cannot be shown with %s', (_, changes) => {
    expect(check({...version2(), ...changes})).toMatchObject({ok: false, detail: 'Invalid signature'})
  })

  it.each(['', 'short', 'x'.repeat(65), `${'x'.repeat(20)}\n${'x'.repeat(20)}`, 'spaces are no nonce'])(
    'wants a nonce, not %j',
    (nonce) => {
      expect(isNonce(nonce)).toBe(false)
      expect(check({...version2(), 'X-Nonce': nonce})).toMatchObject({
        ok: false,
        detail: expect.stringMatching(/nonce/),
      })
    },
  )

  it('never signs twice alike', () => {
    const [first, second] = [version2(), version2()]

    expect(first['X-Nonce']).not.toBe(second['X-Nonce'])
  })

  it('is claimed by its nonce: other bytes may be a signature of the same message', () => {
    const claims: string[] = []
    const callers = book({claim: (key) => claims.push(key) > 0})
    const headers = version2()

    check(headers, {callers})

    expect(claims).toEqual([`${alice.hotkey} ${headers['X-Nonce']}`])
  })

  it('takes hotkeys that were made as ed25519 keys', () => {
    const {hotkey, sign} = ed25519Signer()
    const facts = {timestamp: String(Math.floor(nowMs / 1000)), nonce: 'n'.repeat(16), hotkey}
    const headers = {
      'X-Validator-Hotkey': hotkey,
      'X-Timestamp': facts.timestamp,
      'X-Nonce': facts.nonce,
      'X-Signature-Version': '2',
      'X-Signature': signatureText(sign(requestMessage2({...post, ...facts}))),
    }

    expect(check(headers)).toMatchObject({ok: true, hotkey})
    expect(check(headers, {}, {...post, target: '/other'})).toMatchObject({detail: 'Invalid signature'})
    expect(check(headers, {verifyEd25519: undefined})).toMatchObject({detail: 'Signature verification failed'})
  })

  it('is the last one there is', () => {
    expect(check({...version2(), 'X-Signature-Version': '3'})).toMatchObject({
      ok: false,
      detail: expect.stringContaining('Unknown signature version'),
    })
  })
})
