import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {commitmentText, formatModelCommitment, parseModelCommitment} from '../../../src/domain/commitment.js'
import {formatShortCommitment} from '../../../src/domain/short-commitment.js'

const author = '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY'
const submission = {
  modelName: `alice/leoma-v1-${author}`,
  modelRevision: '0123456789abcdef0123456789abcdef01234567',
  chuteId: '8f14e45f-ceea-467f-a0e6-5c1f4d7a9b3c',
}
const short = 'leoma:1:alice/leoma-v1-~:ASNFZ4mrze8BI0VniavN7wEjRWc:jxTkX87qRn-g5lwfTXqbPA'

describe('the short commitment', () => {
  it('says the same in 75 bytes as the published one in 195, and is read by the same reader', () => {
    expect(commitmentText('short', submission, author)).toBe(short)
    expect(short).toHaveLength(75)
    expect(formatModelCommitment(submission)).toHaveLength(195)
    expect(parseModelCommitment(short, author)).toEqual({ok: true, value: submission})
  })

  it('leaves 69 of 128 bytes for the name, where the hotkey counts one', () => {
    const modelName = `${'u'.repeat(39)}/leoma-${'m'.repeat(22)}${author}`

    expect(commitmentText('short', {...submission, modelName}, author)).toHaveLength(128)
  })

  it('names another repository for another author, so that a copied text is of no use', () => {
    const parsed = parseModelCommitment(short, '5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty')

    expect(parsed.ok && parsed.value.modelName).toBe('alice/leoma-v1-5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty')
  })

  it('takes the id of a chute as it is when it is no UUID', () => {
    const other = {...submission, chuteId: 'chute:one.2'}

    expect(commitmentText('short', other, author)).toMatch(/:=chute:one\.2$/)
    expect(parseModelCommitment(commitmentText('short', other, author) ?? '', author)).toEqual({ok: true, value: other})
  })

  it.each([
    ['a branch for a revision', {...submission, modelRevision: 'main'}],
    ['a name that means something else here', {...submission, modelName: 'a~b'}],
    ['a name with a separator', {...submission, modelName: 'a:b'}],
    ['nothing for a chute', {...submission, chuteId: ''}],
  ])('cannot say %s', (_, said) => {
    expect(formatShortCommitment(said, author)).toBeUndefined()
  })

  it.each([
    ['nothing behind the prefix', 'leoma:1:', 'missing_model_name'],
    ['no revision', 'leoma:1:alice/leoma-~', 'missing_model_revision'],
    ['a revision of 19 bytes', short.replace('wEjRWc:', 'wEjRW:'), 'missing_model_revision'],
    ['a revision with stray bits', short.replace('RWc:', 'RWd:'), 'missing_model_revision'],
    ['a chute of 15 bytes', short.slice(0, -2), 'missing_chute_id'],
    ['an empty chute', short.replace(/:[^:]*$/, ':='), 'missing_chute_id'],
    ['a UUID in full', short.replace(/:[^:]*$/, `:=${submission.chuteId}`), 'missing_model_name'],
    ['the hotkey in full', short.replace('~', author), 'missing_model_name'],
    ['a name with a space', short.replace('alice', 'al ice'), 'missing_model_name'],
    ['a megabyte', `leoma:1:${'a'.repeat(1_000_000)}`, 'missing_model_name'],
    ['a later version', short.replace(':1:', ':2:'), 'missing_model_name'],
  ])('harms only its author: %s', (_, text, reason) => {
    expect(parseModelCommitment(text, author)).toEqual({ok: false, reason})
  })

  it('is read back as it was written, whatever is in it', () => {
    const word = fc.stringMatching(/^[\w.-]{1,40}$/)
    const any = fc.record({
      modelName: fc.tuple(word, word, fc.constantFrom('', author)).map(([user, repo, end]) => `${user}/${repo}${end}`),
      modelRevision: fc.stringMatching(/^[0-9a-f]{40}$/),
      chuteId: fc.oneof(fc.uuid(), fc.stringMatching(/^[\w.:-]{1,60}$/)),
    })

    fc.assert(
      fc.property(any, (value) => {
        expect(parseModelCommitment(formatShortCommitment(value, author) ?? '', author)).toEqual({ok: true, value})
      }),
    )
  })

  it('has one text for each submission: no other is taken', () => {
    const nearly = fc.stringMatching(/^[\w.~/-]{0,20}(:[\w=.:-]{0,30}){0,3}$/).map((rest) => `leoma:1:${rest}`)
    const changed = fc
      .tuple(fc.nat(short.length - 1), fc.stringMatching(/^[\w~:=]?$/))
      .map(([at, by]) => short.slice(0, at) + by + short.slice(at + 1))

    fc.assert(
      fc.property(fc.oneof(nearly, changed), (text) => {
        const parsed = parseModelCommitment(text, author)
        if (parsed.ok && text.startsWith('leoma:1:')) expect(formatShortCommitment(parsed.value, author)).toBe(text)
      }),
    )
  })
})
