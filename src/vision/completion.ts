import {z} from 'zod'
import {type Failure, filtered, malformed, refused, truncated} from './failures.js'
import type {Question, Usage} from './port.js'
import {costOf, type Price} from './prices.js'
import {MalformedAnswer, parseAnswer} from './strict-json.js'

/** What a chat completion must have; everything else in it is ignored. */
export const Completion = z.object({
  model: z.string().optional(),
  choices: z
    .array(
      z.object({
        finish_reason: z.string().nullish(),
        message: z.object({content: z.string().nullish(), refusal: z.string().nullish()}),
      }),
    )
    .min(1),
  usage: z
    .object({prompt_tokens: z.number().min(0).catch(0), completion_tokens: z.number().min(0).catch(0)})
    .nullish()
    .catch(null),
})

/** One answer in a Failure's clothes, so that `retry` can tell what to do with it. */
export class Failed extends Error {
  readonly failure: Failure

  constructor(failure: Failure) {
    super(failure.error.message, {cause: failure.error})
    this.failure = failure
  }
}

/** The text of a valid answer; throws `Failed` when there is none. */
export function contentOf({choices}: z.infer<typeof Completion>, question: Question<unknown>): string {
  const [choice] = choices
  const refusal = choice?.message.refusal
  if (refusal) throw new Failed(refused(refusal))
  if (choice?.finish_reason === 'length') throw new Failed(truncated(question.maxTokens))
  if (choice?.finish_reason === 'content_filter') throw new Failed(filtered())
  const text = choice?.message.content ?? ''
  try {
    parseAnswer(text, question.answer.schema)
  } catch (error) {
    if (error instanceof MalformedAnswer) throw new Failed(malformed(error.message))
    throw error
  }
  return text
}

/** What the provider says it used, or what was expected when it does not say. */
export function usageOf(
  usage: z.infer<typeof Completion>['usage'],
  expected: {tokensIn: number; tokensOut: number},
  price: Price,
  latencyMs: number,
): Usage {
  const tokensIn = usage?.prompt_tokens ?? expected.tokensIn
  const tokensOut = usage?.completion_tokens ?? expected.tokensOut
  return {calls: 1, tokensIn, tokensOut, usd: costOf(price, tokensIn, tokensOut), latencyMs}
}

/** Says what came instead of a completion without repeating it. */
export function shapeOf(body: unknown): string {
  if (typeof body !== 'string') return 'the body is no chat completion'
  return /^\s*<(!doctype|html)/i.test(body) ? 'the body is a web page' : 'the body is plain text'
}
