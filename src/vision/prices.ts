import type {Picture, Question} from './port.js'

/** US dollars for a million tokens. */
export interface Price {
  readonly in: number
  readonly out: number
}

/** Published prices of November 2026. The longest name that a model's begins with counts. */
const published: Readonly<Record<string, Price>> = {
  'gpt-4o': {in: 2.5, out: 10},
  'gpt-4o-mini': {in: 0.15, out: 0.6},
  'gpt-5.6-luna': {in: 0.2, out: 1.2},
  'gpt-6-luna': {in: 0.1, out: 0.5},
  'gpt-6.1-terra': {in: 1, out: 5},
}

/** Counted for a model that nobody gave a price for: dear, so that a budget errs on the safe side. */
const unknownPrice: Price = {in: 2.5, out: 10}

export function priceOf(
  model: string,
  given: Readonly<Record<string, Price>> = {},
): {readonly price: Price; readonly known: boolean} {
  const prices = {...published, ...given}
  const [name] = Object.keys(prices)
    .filter((prefix) => model === prefix || model.startsWith(`${prefix}-`) || model.endsWith(`/${prefix}`))
    .sort((a, b) => b.length - a.length)
  const price = name === undefined ? undefined : prices[name]
  return price ? {price, known: true} : {price: unknownPrice, known: false}
}

export function costOf({in: perIn, out: perOut}: Price, tokensIn: number, tokensOut: number): number {
  return (tokensIn * perIn + tokensOut * perOut) / 1e6
}

/** What a call may cost at most, roughly: 32-pixel patches at twice their published weight, three characters a token. */
export function expectedTokens(question: Question<unknown>): {tokensIn: number; tokensOut: number} {
  const textChars = (part: Question<unknown>['parts'][number]) => ('text' in part ? part.text.length : 0)
  const text = question.parts.reduce((sum, part) => sum + textChars(part), question.instructions.length)
  const pictures = question.parts.flatMap((part) => ('picture' in part ? [tokensOf(part.picture)] : []))
  return {
    tokensIn: Math.ceil(text / 3 + pictures.reduce((sum, tokens) => sum + tokens, 0)),
    tokensOut: question.maxTokens,
  }
}

function tokensOf({width, height}: Picture): number {
  return Math.max(85, Math.ceil(width / 32) * Math.ceil(height / 32) * 2.4)
}
