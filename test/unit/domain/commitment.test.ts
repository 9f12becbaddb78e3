import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {formatModelCommitment, parseModelCommitment} from '../../../src/domain/commitment.js'

const author = '5abc'
const submission = {modelName: 'user/leoma-5abc', modelRevision: 'a'.repeat(40), chuteId: 'c0ffee'}

describe('the published commitment', () => {
  it('is written with the published keys, order and separators, and read back', () => {
    const text = formatModelCommitment(submission)

    expect(text).toBe(`{"model_name": "user/leoma-5abc", "model_revision": "${'a'.repeat(40)}", "chute_id": "c0ffee"}`)
    expect(parseModelCommitment(text, author)).toEqual({ok: true, value: submission})
  })

  it.each([
    ['no JSON at all', 'hello', 'missing_model_name'],
    ['a bare array', '[]', 'missing_model_name'],
    [
      'a number where a name should be',
      '{"model_name": 7, "model_revision": "x", "chute_id": "y"}',
      'missing_model_name',
    ],
    [
      'an object where a revision should be',
      '{"model_name": "m", "model_revision": {}, "chute_id": "y"}',
      'missing_model_revision',
    ],
    ['an empty chute', '{"model_name": "m", "model_revision": "r", "chute_id": " "}', 'missing_chute_id'],
    [
      'an over-long name',
      `{"model_name": "${'m'.repeat(300)}", "model_revision": "r", "chute_id": "c"}`,
      'missing_model_name',
    ],
    ['a megabyte of text', `{"model_name": "${'m'.repeat(1_000_000)}"}`, 'missing_model_name'],
  ])('harms only its author: %s', (_, text, reason) => {
    expect(parseModelCommitment(text, author)).toEqual({ok: false, reason})
  })

  it('tolerates extra keys', () => {
    const text = JSON.stringify({...JSON.parse(formatModelCommitment(submission)), extra: [1]})

    expect(parseModelCommitment(text, author)).toEqual({ok: true, value: submission})
  })

  it('never throws', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), fc.string({unit: 'binary'})), (text) => {
        expect(parseModelCommitment(text, author)).toHaveProperty('ok')
      }),
    )
  })
})
