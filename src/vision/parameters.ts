import type {Sampling} from './port.js'

interface Takes {
  readonly temperature: boolean
  readonly seed: boolean
  readonly effort: boolean
}

/** First match counts; what is not listed is taken to take everything (vLLM does), and told apart by its refusal. */
const table: readonly (readonly [RegExp, (sampling: Sampling) => Takes])[] = [
  [/^gpt-4/, () => ({temperature: true, seed: true, effort: false})],
  // Reasoning models take a temperature only while they do not reason.
  [/^(gpt-[5-9]|o\d)/, ({effort}) => ({temperature: effort === 'none', seed: false, effort: true})],
  [/^(models\/)?gemini-(3\.[6-9]|[4-9])/, () => ({temperature: false, seed: false, effort: true})],
]

const everything: Takes = {temperature: true, seed: true, effort: true}

/** The sampling wishes that a model is known to take; the sample's number makes seeds differ. */
export function wishesFor(model: string, sampling: Sampling, sample: number): Record<string, number | string> {
  const name = model.replace(/^openai\//, '')
  const takes = table.find(([pattern]) => pattern.test(name))?.[1](sampling) ?? everything
  return {
    ...(takes.temperature && sampling.temperature !== undefined ? {temperature: sampling.temperature} : {}),
    ...(takes.seed && sampling.seed !== undefined ? {seed: sampling.seed + sample} : {}),
    ...(takes.effort && sampling.effort !== undefined ? {reasoning_effort: sampling.effort} : {}),
  }
}
