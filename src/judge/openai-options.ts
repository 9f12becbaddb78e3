import {z} from 'zod'
import {details, efforts} from '../vision/port.js'

const odd = (most: number) =>
  z
    .number()
    .int()
    .min(1)
    .max(most)
    .refine((count) => count % 2 === 1, 'is not odd, so that there may be no middle')

/**
 * Everything of the vision judge that can change a score; it is part of the exam, so nothing has a default here. What a
 * judge's version fixes and is not listed: the wording behind `rubric`, JPEG quality, and the order of the parts.
 */
export const OpenAiJudgeOptions = z
  .strictObject({
    /** The provider's name of one exact model. A name that moves (`…-latest`) would change the exam without notice. */
    model: z
      .string()
      .regex(/^[A-Za-z0-9][\w.:@/-]{0,99}$/)
      .refine((name) => !/(^|[-:@/.])latest$/i.test(name), 'is a name that moves on to other models'),
    rubric: z.literal(1),
    frames: z.strictObject({
      /** Evenly spaced over the whole video, first and last included. */
      count: z.number().int().min(2).max(32),
      /** Longer side in pixels; the other follows the task's shape. */
      side: z.number().int().min(128).max(1024),
    }),
    detail: z.enum(details),
    /** Of one answer; reasoning counts. */
    maxTokens: z.number().int().min(200).max(32_000),
    /** Independent answers, of which each aspect's median counts. */
    votes: odd(9),
    /** Within `margin` points of the verdict's turning, the number of votes is raised to `votes`. */
    recheck: z.strictObject({margin: z.number().min(0).max(50), votes: odd(15)}).nullable(),
    /** Within `margin` points of it, the output is also compared with the hidden original, in both orders: two more votes. */
    pairwise: z.strictObject({margin: z.number().min(0).max(50)}).nullable(),
    /** Sent only to models that take them; null leaves them to the provider. */
    temperature: z.number().min(0).max(2).nullable(),
    seed: z.number().int().min(0).max(2_147_483_647).nullable(),
    effort: z.enum(efforts).nullable(),
  })
  .refine(({recheck, votes}) => recheck === null || recheck.votes > votes, 'recheck adds no vote')
export type OpenAiJudgeOptions = z.infer<typeof OpenAiJudgeOptions>

/** What `leoma judge` uses while no exam says otherwise, and a start for an owner's own. */
export const openAiJudgeDefaults: OpenAiJudgeOptions = {
  model: 'gpt-6-luna',
  rubric: 1,
  frames: {count: 12, side: 512},
  detail: 'auto',
  maxTokens: 1500,
  votes: 1,
  recheck: {margin: 6, votes: 3},
  pairwise: null,
  temperature: null,
  seed: null,
  effort: null,
}
