import {z} from 'zod'
import {boundedText, seconds, url} from './schemas.js'

const dollars = z
  .string()
  .trim()
  .regex(/^\d{1,9}(\.\d{1,6})?$/, 'is not an amount of dollars')
  .transform(Number)

const price = /^([^=\s]{1,100})=(\d{1,6}(?:\.\d{1,6})?)\/(\d{1,6}(?:\.\d{1,6})?)$/

/** `model=in/out`, separated by commas, in dollars for a million tokens. */
const prices = z
  .string()
  .transform((text) =>
    text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== ''),
  )
  .pipe(z.array(z.string().regex(price, 'is not a list like my-model=0.10/0.50')))
  .transform((parts) => {
    const read = parts.map((part) => price.exec(part) ?? [])
    return Object.fromEntries(read.map(([, name = '', given, out]) => [name, {in: Number(given), out: Number(out)}]))
  })

const askers = ['sampler', 'evaluator', 'miner'] as const

/** Where vision models are asked and what that may cost. Which model judges, and how, is in the exam. */
export const visionVariables = {
  OPENAI_API_KEY: {
    schema: boundedText(4096),
    about: 'key for the provider of vision models',
    roles: askers,
    secret: true,
  },
  OPENAI_BASE_URL: {
    schema: url,
    about: "address of the provider: OpenAI's, or any that speaks its chat API",
    roles: askers,
    default: 'https://api.openai.com/v1',
  },
  JUDGE_TIMEOUT: {
    schema: seconds({min: 1, max: 280}),
    about: 'longest wait for one answer of a vision model, in seconds',
    roles: askers,
    default: '90',
  },
  JUDGE_BUDGET_PER_HOUR: {
    schema: dollars,
    about: 'most that vision models may cost in any 60 minutes, in US dollars; then nothing is judged for a while',
    roles: askers,
    default: '5',
  },
  JUDGE_BUDGET_PER_TASK: {
    schema: dollars,
    about: 'most that vision models may cost for one task, or for one source of a caption, in US dollars',
    roles: askers,
    default: '2',
  },
  JUDGE_PRICES: {
    schema: prices,
    about:
      'what models cost in dollars for a million tokens, in/out, separated by commas: my-model=0.10/0.50; one without a known price counts as 2.50/10',
    roles: askers,
  },
  CAPTION_MODEL: {
    schema: boundedText(100),
    about:
      'vision model that writes prompts where no text lies beside a source, and checks that clips may be published',
    roles: ['sampler'],
  },
} as const
