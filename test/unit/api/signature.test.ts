import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {
  evaluationDigest,
  evaluationPayload,
  parseSignature,
  pythonJson,
  requestMessage,
  signEvaluation,
  verifyEvaluation,
  verifyWrapped,
} from '../../../src/api/signature.js'
import {createSigner, verify} from '../../../src/wallet/keypair.js'

const alice = createSigner({uri: '//Alice'})
const bob = '5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty'
const empty = new Uint8Array()
const utf8 = (text: string) => new TextEncoder().encode(text)
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const bytes = (text: string) => {
  const parsed = parseSignature(text)
  if (!parsed) throw new Error('bad vector')
  return parsed
}

describe('the published request signature', () => {
  it('verifies the published vector of an empty body', () => {
    const message = requestMessage(empty, '1700000000')
    const signature =
      '0xc4e180c94597af2918a8272ca8d18ac222447eb24ec0d1988026b0206bc92905d8cd3fc4514d7df334c79f5414af44b4305d6c94475e7837b11a1b76a40ac18f'

    expect(new TextDecoder().decode(message)).toBe(
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855:1700000000',
    )
    expect(verifyWrapped(verify, message, bytes(signature), alice.hotkey)).toBe(true)
    expect(verifyWrapped(verify, requestMessage(empty, '1700000001'), bytes(signature), alice.hotkey)).toBe(false)
  })

  it('verifies the published vector of a JSON body', () => {
    const message = requestMessage(utf8(`{"hotkey":"${bob}","reason":"spam"}`), '1700000000')
    const signature =
      '0x0efe2e07e3d9e59e3147539d8359aec82cb8dde6859667b501fa7ff526add80824bf2ab15ab19d25f74d84acafd0618a06d5ea1228fbe49f5a4d749847ce0e81'

    expect(new TextDecoder().decode(message)).toBe(
      '0c70917f95d113f9d05a365167c609ddff364d82c4830472f5dbc3cd282d2bbf:1700000000',
    )
    expect(verifyWrapped(verify, message, bytes(signature), alice.hotkey)).toBe(true)
  })

  it('accepts a signature over the message in <Bytes>', () => {
    const message = requestMessage(empty, '1')
    const wrapped = Buffer.concat([Buffer.from('<Bytes>'), message, Buffer.from('</Bytes>')])

    expect(verifyWrapped(verify, message, alice.sign(wrapped), alice.hotkey)).toBe(true)
  })

  it.each([
    ['0xAB'.padEnd(130, 'A'), true],
    ['ab'.repeat(64), true],
    [`0X${'ab'.repeat(64)}`, false],
    ['ab'.repeat(63), false],
    ['', false],
    ['zz'.repeat(64), false],
  ])('reads %s as hex: %s', (text, ok) => {
    expect(parseSignature(text) !== undefined).toBe(ok)
  })
})

describe('the published evaluation signature', () => {
  const entry = {
    hotkey: bob,
    passed: true,
    status: 'passed',
    confidence: 89,
    reasoning: 'café "ok"\n',
    latency_ms: 41250,
    original_artifacts: '[]',
    generated_artifacts: '{}',
    presentation_order: 'single-video benchmark',
  } as const

  it('writes the published canonical text and verifies its signature', () => {
    const payload = evaluationPayload([entry])

    expect(payload).toBe(
      `[{"confidence": 89, "generated_artifacts": "{}", "hotkey": "${bob}", "latency_ms": 41250, "original_artifacts": "[]", "passed": true, "presentation_order": "single-video benchmark", "reasoning": "caf\\u00e9 \\"ok\\"\\n", "status": "passed"}]`,
    )
    expect(hex(evaluationDigest(payload))).toBe('292b4e81e9a02bbbfd8fae15fe8b03c7b981f72942552906f7d3c71d3f881094')
    const signature =
      '0xc88a465da17cff772459fe5f1fb17a629c65d54480d1f3878f0794038719502f21cb79caee8153ce19e4667934a5b10ac0d491bc8b1459109479844ff1f50685'
    expect(verifyEvaluation(verify, payload, signature, alice.hotkey)).toBe(true)
    expect(verifyEvaluation(verify, payload, signature, bob)).toBe(false)
  })

  it('signs what it verifies', () => {
    expect(verifyEvaluation(verify, evaluationPayload([entry]), signEvaluation(alice, [entry]), alice.hotkey)).toBe(
      true,
    )
  })

  it('escapes as Python does', () => {
    expect(pythonJson('\u007f\u0000/\b\f\r\t\\😀')).toBe('"\\u007f\\u0000/\\b\\f\\r\\t\\\\\\ud83d\\ude00"')
    expect(pythonJson({b: [], a: {}, c: null})).toBe('{"a": {}, "b": [], "c": null}')
  })

  it('is ASCII and means the same as JSON, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({unit: 'binary'}), (text) => {
        const written = pythonJson([{text}])
        expect(written).toMatch(/^[ -~]*$/)
        expect(JSON.parse(written)).toEqual([{text}])
      }),
    )
  })
})
