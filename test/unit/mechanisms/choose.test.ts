import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {sha256} from '../../../src/domain/canonical.js'
import {
  buildCorpus,
  type CorpusEntry,
  chooseClip,
  chooseWindow,
  choosingBlock,
  generationSeed,
  unusableBecause,
  usableShots,
} from '../../../src/mechanisms/video/choose.js'
import {defaults} from '../../../src/mechanisms/video/params.js'

const clip = {...defaults.clip, minSourceBytes: 0}

const anEntry = (name: string, overrides: Partial<CorpusEntry> = {}): CorpusEntry => ({
  key: `${name}.mp4`,
  sha256: sha256(name),
  sizeBytes: 2_000_000,
  durationS: 12,
  cuts: [],
  ...overrides,
})

const blockHash = (number: number) => `0x${sha256(`block ${number}`)}`

describe('the one-shot rule', () => {
  it('keeps a margin from a cut only in a shot that is long enough to afford it', () => {
    expect(usableShots(20, [10], clip)).toEqual([
      {startS: 0, endS: 9.85},
      {startS: 10.15, endS: 20},
    ])
    expect(usableShots(10.2, [5.1], clip)).toEqual([
      {startS: 0, endS: 5.1},
      {startS: 5.1, endS: 10.2},
    ])
  })

  it('drops shots shorter than a clip, and videos shorter than one', () => {
    expect(usableShots(9, [4.5], clip)).toEqual([])
    expect(usableShots(4.9, [], clip)).toEqual([])
    expect(usableShots(5, [], clip)).toEqual([{startS: 0, endS: 5}])
  })

  it.each([
    ['too short', anEntry('a', {durationS: 3}), /lasts 3\.0 s/],
    ['no uncut stretch', anEntry('a', {durationS: 12, cuts: [6]}), /no uncut stretch of 7 s/],
    ['too small', anEntry('a', {sizeBytes: 10}), /smaller/],
    ['too large', anEntry('a', {sizeBytes: 300_000_000}), /larger/],
  ])('says why a source is unusable: %s', (_, entry, reason) => {
    expect(unusableBecause(entry, {...clip, minSourceBytes: 1000})).toMatch(reason)
  })

  it('starts two seconds into the shot at least, and ends inside it', () => {
    fc.assert(
      fc.property(fc.double({min: 7, max: 60, noNaN: true}), fc.string(), (durationS, seed) => {
        const window = chooseWindow(anEntry('a', {durationS}), seed, clip)

        expect(window?.clipStartS).toBeGreaterThanOrEqual(2)
        expect((window?.clipStartS ?? 99) + clip.durationS).toBeLessThanOrEqual(durationS + 0.001)
      }),
    )
  })

  it('chooses among the shots within a second of the longest', () => {
    const entry = anEntry('a', {durationS: 40, cuts: [8, 20, 32]})
    const starts = new Set(Array.from({length: 200}, (_, index) => chooseWindow(entry, `seed ${index}`, clip)?.startS))

    expect([...starts].sort()).toEqual([20.15, 8.15])
  })
})

describe('the choice of a clip', () => {
  const corpus = buildCorpus(
    ['a', 'b', 'c', 'd'].map((name) => anEntry(name)),
    0.18,
  )
  const choose = (block: number, recent: readonly string[] = [], restTasks = 100) =>
    chooseClip({blockHash: blockHash(block), taskId: 1, corpus, recent}, {...clip, restTasks})

  it('can be repeated by anyone, and lists the corpus in one order', () => {
    const reversed = buildCorpus(corpus.entries.toReversed(), 0.18)

    expect(reversed).toEqual(corpus)
    expect(choose(7)).toEqual(choose(7))
  })

  it('follows the block hash', () => {
    const keys = new Set(Array.from({length: 60}, (_, block) => choose(block)?.entry.key))

    expect(keys.size).toBe(4)
  })

  it('lets a used source rest, and takes the longest rested one when all have been used', () => {
    const used = corpus.entries.map(({sha256: sha}) => sha)

    for (let block = 0; block < 20; block++) {
      expect(used.slice(0, 3)).not.toContain(choose(block, used.slice(0, 3))?.entry.sha256)
      expect(choose(block, used)?.entry.sha256).toBe(used[0])
    }
  })

  it('names nothing when no source can be cut', () => {
    const short = buildCorpus([anEntry('a', {durationS: 6})], 0.18)

    expect(chooseClip({blockHash: blockHash(1), taskId: 1, corpus: short, recent: []}, clip)).toBeUndefined()
  })

  it('moves with any change of the corpus list, so that a list cannot be swapped unseen', () => {
    const other = buildCorpus([...corpus.entries, anEntry('e')], 0.18)
    const chosen = chooseClip({blockHash: blockHash(7), taskId: 1, corpus: other, recent: []}, clip)

    expect(chosen?.corpusSha256).not.toBe(choose(7)?.corpusSha256)
  })

  it('uses the newest multiple of the interval, so that a block cannot be picked', () => {
    expect([99, 100, 101, 199].map((head) => choosingBlock(head, 100))).toEqual([0, 100, 100, 100])
  })

  it('gives all miners one seed of 31 bits', () => {
    const seed = generationSeed(blockHash(1), 1)

    expect(Number.isInteger(seed)).toBe(true)
    expect(seed).toBeGreaterThanOrEqual(0)
    expect(seed).toBeLessThan(2 ** 31)
    expect(generationSeed(blockHash(1), 2)).not.toBe(seed)
  })
})
