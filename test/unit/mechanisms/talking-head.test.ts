import {describe, expect, it} from 'vitest'
import {z} from 'zod'
import {
  type ChallengeResult,
  type ImageResult,
  TalkingHeadEvidence,
} from '../../../src/mechanisms/talking-head/evidence.js'
import {type Candidate, lineUp} from '../../../src/mechanisms/talking-head/line-up.js'
import {defaults} from '../../../src/mechanisms/talking-head/params.js'
import {fold, initial, weigh} from '../../../src/mechanisms/talking-head/rules.js'
import type {TalkingHeadState} from '../../../src/mechanisms/talking-head/state.js'
import {
  formatImageCommitment,
  parseImageCommitment,
  parseImageRef,
} from '../../../src/mechanisms/talking-head/submission.js'
import {aResult, aRound, type ResultSetup} from '../../helpers/talking-head.js'
import {aHotkey, aSha, aView} from '../../helpers/video.js'
import file from '../../vectors/talking-head/ranking.json' with {type: 'json'}

const {cases} = z
  .object({
    cases: z.array(
      z.object({
        name: z.string(),
        params: z.record(z.string(), z.number()),
        miners: z.array(z.string()),
        rounds: z.array(z.array(z.looseObject({name: z.string()}))),
        rows: z.array(z.tuple([z.string(), z.number().nullable(), z.number(), z.string()])),
        decision: z.string(),
        burnShare: z.number(),
      }),
    ),
  })
  .parse(file)

const params = (ranking: Partial<(typeof defaults)['ranking']> = {}) => ({
  ...defaults,
  ranking: {...defaults.ranking, ...ranking},
})

function folded(rounds: readonly (readonly ResultSetup[])[], exam = params()): TalkingHeadState {
  return rounds.reduce((state, results, index) => {
    const evidence = TalkingHeadEvidence.parse({
      ...aRound(results, 10 * (index + 1)),
      sequence: index + 1,
      block: 10 * (index + 1),
    })
    return fold(state, evidence, exam)
  }, initial())
}

/** Each run as good as can be, by its own word. */
const inflated = ({challenges}: ImageResult) =>
  challenges.map((run) => ({...run, metrics: run.metrics && {...run.metrics, quality: 1}}))

const sentences = (state: TalkingHeadState, miners: readonly string[], exam = params()) => {
  const {rows} = weigh(state, aView(miners), exam)
  return Object.fromEntries(rows.map(({hotkey, sentence}) => [hotkey, sentence]))
}

describe('the ranking', () => {
  it.each(cases)('$name', ({params: changed, miners, rounds, rows, decision, burnShare}) => {
    // The file holds the short form of results; `TalkingHeadEvidence` checks what becomes of it.
    const state = folded(rounds as unknown as ResultSetup[][], params(changed))
    const weighed = weigh(state, aView(miners), params(changed))

    const places = new Map(state.standings.map(({hotkey, place}) => [hotkey, place]))
    expect(weighed.rows.map(({hotkey, rank, weight}) => [hotkey, rank, weight, places.get(hotkey)])).toEqual(
      rows.map(([name, ...rest]) => [aHotkey(name), ...rest]),
    )
    expect(weighed).toMatchObject({decision, burnShare})
  })

  it.each([
    ['the score', {finalScore: 0.99}],
    ['the score and all that it is made of', {finalScore: 0.99, quality: 0.99, factor: 1, timeS: 0.1, peakVramGb: 0.1}],
    ['the quality of each run', {challenges: inflated(aResult({name: 'a', finalScore: 0.5}))}],
  ])('reckons from what was measured: %s that a record claims changes nothing', (_, claims) => {
    const honest = [
      {name: 'a', finalScore: 0.5},
      {name: 'b', finalScore: 0.6},
    ]
    const state = folded([
      [
        {name: 'a', finalScore: 0.5, claims},
        {name: 'b', finalScore: 0.6},
      ],
    ])

    expect(state).toEqual(folded([honest]))
    expect(weigh(state, aView(['a', 'b']), params()).rows[0]).toMatchObject({hotkey: aHotkey('b'), rank: 1})
  })

  it.each([
    ['a run is missing', (runs: ChallengeResult[]) => runs.slice(1)],
    ['a run has no metrics', ([first, ...rest]: ChallengeResult[]) => [{...first, metrics: null}, ...rest]],
    ['a run has no time', ([first, ...rest]: ChallengeResult[]) => [{...first, timeS: null}, ...rest]],
    ['a good run stands there twice', (runs: ChallengeResult[]) => [...runs, ...runs.slice(0, 1)]],
  ])('gives nothing for a score when %s', (_, spoil) => {
    const {challenges} = aResult({name: 'a', finalScore: 0.9})
    const spoiled = spoil([...challenges]) as ChallengeResult[]
    const state = folded([
      [
        {name: 'a', claims: {challenges: spoiled, finalScore: 0.9}},
        {name: 'b', finalScore: 0.1},
      ],
    ])

    expect(state.standings.find(({hotkey}) => hotkey === aHotkey('a'))).toMatchObject({score: 0, place: 'dropped'})
    expect(state.winner?.hotkey).toBe(aHotkey('b'))
  })

  it('says what a miner can act on', () => {
    const state = folded([
      [
        {name: 'a', finalScore: 0.7},
        {name: 'b', finalScore: 0.6},
        {name: 'c', finalScore: 0.9, image: 'a', claimedAtBlock: 50},
        {name: 'd', outcome: 'unpullable', reason: 'no such image', finalScore: 0},
        {name: 'e', isolation: 'process', finalScore: 0.9},
      ],
    ])
    const said = sentences(state, ['a', 'b', 'c', 'd', 'e', 'f'])

    expect(said[aHotkey('a')]).toMatch(/^wins: scored 0\.7000 in round 1 .*; next is uid 1, which scored 0\.6000$/)
    expect(said[aHotkey('b')]).toContain('behind uid 0 by 0.1000; it runs again in the next round')
    expect(said[aHotkey('c')]).toContain('its image is that of uid 0, which claimed it first')
    expect(said[aHotkey('d')]).toContain('could not be pulled in round 1 (no such image)')
    expect(said[aHotkey('e')]).toContain('without the sandbox that the exam asks for')
    expect(said[aHotkey('f')]).toBe('not ranked yet: its image runs in the next round')
  })

  it('does not let a banned winner burn everything, or pay it', () => {
    const state = folded([
      [
        {name: 'a', finalScore: 0.9},
        {name: 'b', finalScore: 0.6},
      ],
    ])
    const view = aView(['a', 'b'])
    const banned = {
      ...view,
      miners: view.miners.map((miner) =>
        miner.hotkey === aHotkey('a') ? {...miner, isValid: false, invalidReason: 'blacklisted'} : miner,
      ),
    }

    expect(weigh(state, banned, params()).rows.find(({weight}) => weight === 1)?.hotkey).toBe(aHotkey('b'))
  })
})

describe('who runs in the next round', () => {
  const candidate = (name: string, changed: Partial<Candidate> = {}): Candidate => ({
    hotkey: aHotkey(name),
    imageRef: `registry.example/${name}@sha256:${aSha(`image ${name}`)}`,
    digest: aSha(`image ${name}`),
    block: 1,
    claimBlock: changed.block ?? 1,
    isBlacklisted: false,
    ...changed,
  })
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
  const entered = (state: TalkingHeadState, candidates: readonly Candidate[]) =>
    lineUp(state, candidates).field.map(({hotkey, entered}) => [hotkey, entered])

  it('is everybody in the first one, the oldest submission first', () => {
    expect(
      entered(initial(), [candidate('b', {block: 3}), candidate('c', {block: 2}), candidate('a', {block: 3})]),
    ).toEqual([
      [aHotkey('c'), 'new'],
      [aHotkey('a'), 'new'],
      [aHotkey('b'), 'new'],
    ])
  })

  it('is the best five of the last one by final score, and who is new', () => {
    const state = folded([names.slice(0, 7).map((name, index) => ({name, finalScore: 0.1 * (index + 1)}))])

    const {field, excluded} = lineUp(
      state,
      names.map((name) => candidate(name)),
    )

    expect(field.map(({hotkey, entered}) => [hotkey, entered])).toEqual(
      ['c', 'd', 'e', 'f', 'g', 'h'].map((name) => [aHotkey(name), name === 'h' ? 'new' : 'carried']),
    )
    expect(excluded).toEqual([
      {hotkey: aHotkey('a'), reason: 'dropped'},
      {hotkey: aHotkey('b'), reason: 'dropped'},
    ])
  })

  it('leaves out who is banned and whose image could not be pulled, until they submit again', () => {
    const state = folded([[{name: 'a', outcome: 'unpullable', reason: 'gone', finalScore: 0}, {name: 'b'}]])

    expect(lineUp(state, [candidate('a'), candidate('b', {isBlacklisted: true})])).toEqual({
      field: [],
      excluded: [
        {hotkey: aHotkey('a'), reason: 'barred'},
        {hotkey: aHotkey('b'), reason: 'blacklisted'},
      ],
    })
    expect(entered(state, [candidate('a', {block: 99})])).toEqual([[aHotkey('a'), 'new']])
  })

  it('runs one image once: for who claimed it first, however late that one submitted it again', () => {
    const image = {digest: aSha('image x')}

    const {field, excluded} = lineUp(initial(), [
      candidate('a', {...image, block: 2, claimBlock: 2}),
      candidate('b', {...image, block: 50, claimBlock: 1}),
    ])

    expect(field.map(({hotkey}) => hotkey)).toEqual([aHotkey('b')])
    expect(excluded).toEqual([{hotkey: aHotkey('a'), reason: 'copy'}])
  })

  it('keeps what the executor failed to look at as it was', () => {
    const state = folded([
      [{name: 'a'}],
      [
        {name: 'a', outcome: 'skipped'},
        {name: 'b', outcome: 'skipped'},
      ],
    ])

    expect(entered(state, [candidate('a'), candidate('b')])).toEqual([
      [aHotkey('a'), 'carried'],
      [aHotkey('b'), 'new'],
    ])
  })

  it('keeps the score of an image while the one that replaces it waits', () => {
    const state = folded([[{name: 'a', finalScore: 0.7}]])
    const replaced = candidate('a', {digest: aSha('image new'), block: 12})

    expect(entered(state, [replaced])).toEqual([[aHotkey('a'), 'new']])
    expect(weigh(state, aView(['a']), params()).rows[0]).toMatchObject({rank: 1, weight: 1, numbers: {score: 0.7}})
  })
})

describe('a submission', () => {
  const digest = 'a'.repeat(64)

  it.each([
    [`alice/head@sha256:${digest}`, 'alice/head'],
    [`docker.io/alice/head:v1.2@sha256:${digest}`, 'docker.io/alice/head'],
    [`localhost:5000/head@sha256:${digest}`, 'localhost:5000/head'],
    [`ghcr.io/a-b/c_d/e__f@sha256:${digest}`, 'ghcr.io/a-b/c_d/e__f'],
  ])('%s is an image', (text, repository) => {
    expect(parseImageRef(text)).toEqual({ok: true, value: {imageRef: text, repository, digest}})
  })

  it.each([
    ['alice/head', 'image_ref_without_digest'],
    ['alice/head:latest', 'image_ref_without_digest'],
    [`alice/head@sha256:${digest.slice(1)}`, 'image_ref_without_digest'],
    [`alice/head@sha256:${digest.toUpperCase()}`, 'image_ref_without_digest'],
    [`alice/head@sha512:${digest}`, 'image_ref_without_digest'],
    [`alice/head@sha256:${digest}0`, 'image_ref_without_digest'],
    [`--privileged@sha256:${digest}`, 'image_ref_invalid'],
    [`-v/:/host@sha256:${digest}`, 'image_ref_invalid'],
    [`alice/Head@sha256:${digest}`, 'image_ref_invalid'],
    [`alice/../head@sha256:${digest}`, 'image_ref_invalid'],
    [`alice/head $(id)@sha256:${digest}`, 'image_ref_invalid'],
    [`@sha256:${digest}`, 'image_ref_invalid'],
    [`alice/head\n@sha256:${digest}`, 'image_ref_invalid'],
    [`${'a'.repeat(400)}@sha256:${digest}`, 'image_ref_too_long'],
    ['blacklist', 'image_ref_without_digest'],
  ])('%s is none', (text, reason) => {
    expect(parseImageRef(text)).toEqual({ok: false, reason})
  })

  it('takes no longer for text made to confuse a pattern', () => {
    const hostile = `${'a-'.repeat(190)}!@sha256:${digest}`

    expect(parseImageRef(hostile.slice(0, 399)).ok).toBe(false)
    expect(parseImageRef(`${'a'.repeat(300)}!`).ok).toBe(false)
  })

  it('survives a commitment, beside what the hotkey offers to other mechanisms', () => {
    const parsed = parseImageRef(`alice/head@sha256:${digest}`)
    if (!parsed.ok) throw new Error(parsed.reason)

    expect(formatImageCommitment(parsed.value)).toBe(`{"image_ref": "alice/head@sha256:${digest}"}`)
    expect(parseImageCommitment(formatImageCommitment(parsed.value))).toEqual(parsed)
    expect(parseImageCommitment(JSON.stringify({model_name: 'a/b', image_ref: `alice/head@sha256:${digest}`}))).toEqual(
      parsed,
    )
    expect(parseImageCommitment('[]')).toEqual({ok: false, reason: 'missing_image_ref'})
  })
})
