import {describe, expect, it} from 'vitest'
import {openBytes, plainField, revealedText, withCompactLength} from '../../../../src/chain/subtensor/data.js'

const bytes = (text: string) => new TextEncoder().encode(text)

describe('fields of a commitment', () => {
  it('name how many bytes are in them', () => {
    expect(plainField(bytes('hello'), {bigRaw: true})).toEqual({Raw5: '0x68656c6c6f'})
    expect(plainField(bytes(''), {bigRaw: true})).toEqual({Raw0: '0x'})
    expect(Object.keys(plainField(bytes('x'.repeat(128)), {bigRaw: true}))).toEqual(['Raw128'])
    expect(Object.keys(plainField(bytes('x'.repeat(129)), {bigRaw: true}))).toEqual(['BigRaw'])
  })

  it.each([
    [513, true],
    [129, false],
  ])('refuse %i bytes when a large field is known: %s', (length, bigRaw) => {
    expect(() => plainField(bytes('x'.repeat(length)), {bigRaw})).toThrow(
      expect.objectContaining({code: 'COMMIT_TOO_LONG'}),
    )
  })

  it('give back what is open and nothing of what is hidden', () => {
    const registration = (fields: Record<string, unknown>[]) => ({block: 1, info: {fields}})

    expect(openBytes(registration([{raw2: '0x6869'}, {bigRaw: '0x21'}]))).toEqual(Buffer.from('hi!'))
    expect(openBytes(registration([{raw0: null}]))).toEqual(Buffer.alloc(0))
    expect(openBytes(registration([{timelockEncrypted: {encrypted: '0x01', revealRound: 1}}]))).toBeUndefined()
    expect(openBytes(registration([{sha256: '0x01'}, {none: null}]))).toBeUndefined()
  })
})

describe('revealed texts', () => {
  it.each(['', 'short', 'x'.repeat(63), 'x'.repeat(64), 'ü'.repeat(300)])('come back as they were: %s', (text) => {
    expect(revealedText(withCompactLength(bytes(text)))).toBe(text)
  })

  it('may lack the length', () => {
    expect(revealedText(bytes('{"model_name": "a"}'))).toBe('{"model_name": "a"}')
  })

  it('are never an exception, whatever bytes they are', () => {
    for (const hostile of [[], [255], [3, 1, 2], [1], [254, 255], [0, 0]]) {
      expect(typeof revealedText(Uint8Array.from(hostile))).toBe('string')
    }
  })
})
