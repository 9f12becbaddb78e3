import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {type Ballot, ballotOf, mapAspects, pairBallotOf, VoteAnswer} from '../../../src/judge/openai-answer.js'
import {OpenAiJudgeOptions, openAiJudgeDefaults} from '../../../src/judge/openai-options.js'
import {median, slackOf, spokesman, tally} from '../../../src/judge/openai-votes.js'
import {aspects} from '../../../src/judge/port.js'
import {defaults} from '../../../src/mechanisms/video/params.js'
import {overallOf, passes} from '../../../src/mechanisms/video/scoring.js'
import {pair, vote} from '../../fakes/openai-server.js'

const ballot = (score: number, isAttack = false): Ballot => ({scores: mapAspects(() => score), isAttack})
const worded = (score: number) => ballotOf(VoteAnswer.parse(vote(score)))

describe('votes', () => {
  it('give each aspect its own median', () => {
    const votes = [
      [90, 10, 50],
      [80, 20, 60],
      [10, 30, 70],
    ].map(([a = 0, b = 0, c = 0]) => ({
      scores: mapAspects((aspect) => (aspect === 'motion_quality' ? a : aspect === 'visual_quality' ? b : c)),
      isAttack: false,
    }))

    expect(tally(votes).scores).toMatchObject({motion_quality: 80, visual_quality: 20, prompt_adherence: 60})
    expect(tally(votes).spread).toBe(80)
  })

  it('count the same in every order', () => {
    const scores = fc.array(fc.integer({min: 0, max: 100}), {minLength: 1, maxLength: 9})
    fc.assert(
      fc.property(scores, (given) => {
        const votes = given.map((score) => ballot(score))
        expect(tally([...votes].reverse())).toEqual(tally(votes))
      }),
    )
  })

  it('one wild vote among three moves nothing', () => {
    expect(tally([ballot(80), ballot(100), ballot(0)]).scores.motion_quality).toBe(80)
  })

  it('of a majority that saw an attack leave nothing that passes', () => {
    expect(tally([ballot(95, true), ballot(95, true), ballot(95)])).toMatchObject({
      isAttack: true,
      scores: {prompt_adherence: 10},
    })
    expect(tally([ballot(95, true), ballot(95), ballot(95)])).toMatchObject({
      isAttack: false,
      scores: {prompt_adherence: 95},
    })
  })

  it('are spoken for by the one with words that is nearest to the outcome', () => {
    const votes = [worded(40), worded(80), ballot(78)]

    expect(spokesman(votes, tally(votes))).toBe(1)
  })

  it.each([
    [72.5, 72],
    [73.5, 74],
    [104, 100],
    [-3, 0],
  ])('a score of %d is %d points', (score, counted) => {
    expect(ballotOf(VoteAnswer.parse(vote(score))).scores.motion_quality).toBe(counted)
    expect(median([score])).toBe(counted)
  })
})

describe('a comparison', () => {
  it('owes the output what the original was marked down by', () => {
    expect(pairBallotOf(pair(70, 90), 'a').scores.motion_quality).toBe(80)
    expect(pairBallotOf(pair(90, 70), 'b').scores.motion_quality).toBe(80)
  })

  it('never goes beyond a hundred, nor below nothing', () => {
    expect(pairBallotOf(pair(90, 60), 'a').scores.motion_quality).toBe(100)
    expect(pairBallotOf(pair(-5, 105), 'a').scores.motion_quality).toBe(0)
  })

  it('looks at the output alone for an attack', () => {
    const answer = pair(80, 90, {b_text_addressed_to_grader: true})

    expect([pairBallotOf(answer, 'a').isAttack, pairBallotOf(answer, 'b').isAttack]).toEqual([false, true])
  })
})

describe('slack', () => {
  const criteria = defaults.judge

  it('is not negative exactly when a verdict passes', () => {
    const scores = fc.tuple(...aspects.map(() => fc.integer({min: 0, max: 100})))
    fc.assert(
      fc.property(scores, (given) => {
        const made = mapAspects((aspect) => given[aspects.indexOf(aspect)] ?? 0)
        const slack = slackOf(made, criteria)
        const overall = overallOf(made, criteria.weights)
        // Between them lies the rounding of the overall, which a margin is always wider than.
        if (slack >= 0) expect(passes(made, overall, criteria)).toBe(true)
        if (slack < -0.5) expect(passes(made, overall, criteria)).toBe(false)
      }),
    )
  })

  it('is that of the aspect that decides', () => {
    const made = {...mapAspects(() => 95), temporal_consistency: 47}

    expect(slackOf(made, criteria)).toBe(-3)
  })
})

describe('the options', () => {
  it('take their own defaults', () => {
    expect(OpenAiJudgeOptions.parse(openAiJudgeDefaults)).toEqual(openAiJudgeDefaults)
  })

  it.each([
    ['a model that moves', {model: 'gpt-6-latest'}],
    ['a model that moves, by another name', {model: 'qwen/qwen-vl:latest'}],
    ['a model that is no name', {model: 'gpt 6\nX-Header: 1'}],
    ['an even number of votes', {votes: 2}],
    ['a second look that adds nothing', {votes: 3, recheck: {margin: 5, votes: 3}}],
    ['a rubric that does not exist', {rubric: 2}],
    ['a word that means nothing', {votess: 3}],
    ['a single frame', {frames: {count: 1, side: 512}}],
  ])('refuse %s', (_, changes) => {
    expect(OpenAiJudgeOptions.safeParse({...openAiJudgeDefaults, ...changes}).success).toBe(false)
  })

  it('have nothing that an exam could leave out', () => {
    for (const name of Object.keys(openAiJudgeDefaults)) {
      const {[name as 'model']: _, ...rest} = openAiJudgeDefaults
      expect(OpenAiJudgeOptions.safeParse(rest).success, name).toBe(false)
    }
  })
})
