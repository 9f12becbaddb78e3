import type {z} from 'zod'
import type {Frames} from '../media/port.js'

/** One picture of eight-bit RGB, `width × height × 3` bytes. It leaves this machine as a JPEG. */
export interface Picture {
  readonly width: number
  readonly height: number
  readonly rgb: Uint8Array
}

/** Decoded frames as pictures; views, no copies. */
export function picturesOf({data, width, height, count}: Frames): Picture[] {
  const bytes = width * height * 3
  return Array.from({length: count}, (_, at) => ({width, height, rgb: data.subarray(at * bytes, (at + 1) * bytes)}))
}

interface Size {
  readonly width: number
  readonly height: number
}

/** A size in the same shape whose longer side is at most `side`; multiples of eight. */
export function fitted({width, height}: Size, side: number): Size {
  const scale = Math.min(1, side / Math.max(width, height))
  const edge = (pixels: number) => 8 * Math.max(2, Math.round((pixels * scale) / 8))
  return {width: edge(width), height: edge(height)}
}

export type Part = {readonly text: string} | {readonly picture: Picture}

export const details = ['auto', 'low', 'high', 'original'] as const
/** How closely the provider looks, which is also what a picture costs; many servers ignore it. */
export type Detail = (typeof details)[number]

export const efforts = ['none', 'minimal', 'low', 'medium', 'high'] as const
export type Effort = (typeof efforts)[number]

/** Wishes that not every model grants: one that it refuses is left out, and the answer is the model's as it is. */
export interface Sampling {
  readonly temperature?: number | undefined
  readonly seed?: number | undefined
  readonly effort?: Effort | undefined
}

export interface Question<T> {
  /** The exact name that the provider knows. */
  readonly model: string
  /** Ours alone: nothing that a stranger wrote may stand in it. */
  readonly instructions: string
  readonly parts: readonly Part[]
  readonly detail: Detail
  /** Name of the schema, and what every answer must satisfy; bounds are checked here, only the shape is sent. */
  readonly answer: {readonly name: string; readonly schema: z.ZodType<T>}
  readonly maxTokens: number
  readonly sampling: Sampling
  /** Tells independent samples of one question apart: the same number twice is the same answer, paid for once. */
  readonly sample: number
  /** What the cost is booked on: one budget for each. */
  readonly account: string
}

export interface Usage {
  readonly calls: number
  readonly tokensIn: number
  readonly tokensOut: number
  readonly usd: number
  readonly latencyMs: number
}

export interface Answered<T> {
  readonly value: T
  /** The model as the provider names it, which may be more exact than what was asked for. */
  readonly servedBy: string
  /** Names question, pictures and sample. */
  readonly key: string
  /** What it cost when it was made; it may have been remembered since. */
  readonly usage: Usage
}

/**
 * A model that sees and answers in a given shape. Throws `JUDGE_…` of kind `upstream` when there is no valid answer
 * (which is no verdict, whatever was asked), and of kind `config` when somebody has to act before another call makes sense.
 */
export interface VisionModel {
  ask<T>(question: Question<T>, signal: AbortSignal): Promise<Answered<T>>
}
