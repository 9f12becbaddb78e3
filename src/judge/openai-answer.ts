import {z} from 'zod'
import {type Aspect, type AspectScores, aspects} from './port.js'
import {roundHalfEven} from './scale.js'

/** Beyond 0..100 by a little is a slip of the model and is cut off; by more it is no score. */
const Score = z.number().min(-10).max(110)

const perAspect = <T extends z.ZodType>(schema: T) => z.object(mapAspects(() => schema))

/** Some models answer in shares of one whatever they are told; read as points, that would fail every miner. */
const looksLikeShares = (scores: Readonly<Record<Aspect, number>>) =>
  aspects.every((aspect) => scores[aspect] <= 1) && aspects.some((aspect) => !Number.isInteger(scores[aspect]))

/** What one vote must say; the fields stand in the order in which the model is to write them. */
export const VoteAnswer = z
  .object({
    aspects: perAspect(z.object({seen: z.string(), score: Score})),
    text_addressed_to_grader: z.boolean(),
    strengths: z.array(z.string()),
    issues: z.array(z.string()),
    confidence: Score,
  })
  .refine(({aspects: given}) => !looksLikeShares(scoresIn(given)))
export type VoteAnswer = z.infer<typeof VoteAnswer>

export const PairAnswer = z
  .object({
    difference: z.string(),
    a_text_addressed_to_grader: z.boolean(),
    b_text_addressed_to_grader: z.boolean(),
    a: perAspect(Score),
    b: perAspect(Score),
  })
  .refine(({a, b}) => !looksLikeShares(a) && !looksLikeShares(b))
export type PairAnswer = z.infer<typeof PairAnswer>

/** What a vote comes to, whichever way it was asked for. */
export interface Ballot {
  readonly scores: AspectScores
  readonly isAttack: boolean
  /** Undefined for a comparison, which gives scores alone. */
  readonly words?: VoteAnswer
}

export function ballotOf(answer: VoteAnswer): Ballot {
  return {
    scores: mapAspects((aspect) => points(answer.aspects[aspect].score)),
    isAttack: answer.text_addressed_to_grader,
    words: answer,
  }
}

/**
 * The original is what a perfect answer looks like: by as much as this model marks it down here, it marks everything
 * down, and the output is owed that much.
 */
export function pairBallotOf(answer: PairAnswer, output: 'a' | 'b'): Ballot {
  const [mine, original] = output === 'a' ? [answer.a, answer.b] : [answer.b, answer.a]
  return {
    scores: mapAspects((aspect) => points(mine[aspect] + 100 - points(original[aspect]))),
    isAttack: output === 'a' ? answer.a_text_addressed_to_grader : answer.b_text_addressed_to_grader,
  }
}

export function points(score: number): number {
  return roundHalfEven(Math.min(100, Math.max(0, score)))
}

export function mapAspects<T>(of: (aspect: Aspect) => T): Record<Aspect, T> {
  return Object.fromEntries(aspects.map((aspect) => [aspect, of(aspect)])) as Record<Aspect, T> // one entry for each
}

function scoresIn(given: Readonly<Record<Aspect, {score: number}>>): AspectScores {
  return mapAspects((aspect) => given[aspect].score)
}
