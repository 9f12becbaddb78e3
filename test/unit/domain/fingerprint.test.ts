import {createHash} from 'node:crypto'
import {describe, expect, it} from 'vitest'
import {sha256} from '../../../src/domain/canonical.js'
import {EarlierWeights, fingerprint} from '../../../src/domain/fingerprint.js'

type Weights = Parameters<EarlierWeights['add']>[0]

function shareTakenFrom(original: Weights, copy: Weights): number {
  const earlier = new EarlierWeights()
  earlier.add(original)
  return earlier.sharesOf(copy).get(0) ?? 0
}

const file = (name: string, sizeBytes = 100) => ({path: `${name}.safetensors`, sha256: sha256(name), sizeBytes})

describe('fingerprint', () => {
  it('is the hash of the sorted, distinct hashes, joined', () => {
    const [a, b] = [sha256('a'), sha256('b')].sort()

    expect(fingerprint([file('b'), file('a'), file('b')])).toBe(createHash('sha256').update(`${a}${b}`).digest('hex'))
  })

  it('depends on nothing but content: not on order, names or copies', () => {
    const renamed = {...file('a'), path: 'other.bin'}

    expect(fingerprint([renamed, file('b')])).toBe(fingerprint([file('b'), file('a'), renamed]))
    expect(fingerprint([file('a')])).not.toBe(fingerprint([file('a'), file('b')]))
  })

  it('does not exist without weights: two empty models are not copies of each other', () => {
    expect(fingerprint([])).toBeUndefined()
  })
})

describe('what a model takes from another', () => {
  it('is the share of its bytes that the other has too', () => {
    expect(shareTakenFrom([file('a', 300), file('c', 100)], [file('a', 300), file('b', 100)])).toBe(0.75)
    expect(shareTakenFrom([file('a')], [file('b')])).toBe(0)
    expect(shareTakenFrom([file('a'), file('b')], [file('b'), file('a')])).toBe(1)
  })

  it('does not make a fine-tune of a common base a copy of the base', () => {
    const base = [file('encoder', 100)]
    const tuned = [file('encoder', 100), file('own', 900)]

    expect(shareTakenFrom(base, tuned)).toBe(0.1)
    expect(shareTakenFrom(tuned, base)).toBe(1)
  })

  it('counts a file that is there twice once', () => {
    const twice = [file('a', 100), {...file('a', 100), path: 'again.bin'}, file('b', 100)]

    expect(shareTakenFrom([file('a', 100), file('c', 100)], twice)).toBe(0.5)
  })

  it('is told for each of several models apart', () => {
    const earlier = new EarlierWeights()
    for (const files of [[file('a'), file('b')], [file('c')], [file('b'), file('c')]]) earlier.add(files)

    expect([...earlier.sharesOf([file('b', 100), file('c', 300)])].sort()).toEqual([
      [0, 0.25],
      [1, 0.75],
      [2, 1],
    ])
  })

  it('is 0, and a number, for models without weights or of empty files', () => {
    expect(shareTakenFrom([], [])).toBe(0)
    expect(shareTakenFrom([file('a', 0)], [file('a', 0)])).toBe(0)
  })
})
