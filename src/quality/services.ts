import {openAsBlob} from 'node:fs'
import {z} from 'zod'
import {LeomaError} from '../errors.js'
import type {Clock} from '../runtime/clock.js'
import {withDeadline} from '../runtime/deadline.js'
import {retry} from '../runtime/retry.js'
import type {Box} from './picture.js'
import type {QualityRequest} from './port.js'

export interface SeenFace {
  readonly box: Box
  /** Cosine of the embeddings of this face and the reference, -1..1. */
  readonly likeness: number
}

/** Models that are too heavy for this process: whoever runs them follows README.md of this folder. */
export interface MetricServices {
  /** One entry for each index, undefined where no face is found. */
  readonly face?: {
    look(
      request: QualityRequest,
      indices: readonly number[],
      signal: AbortSignal,
    ): Promise<readonly (SeenFace | undefined)[]>
  }
  readonly speech?: {transcribe(video: string, signal: AbortSignal): Promise<string>}
  readonly lipsync?: {
    sync(video: string, signal: AbortSignal): Promise<{readonly syncC: number; readonly syncD: number}>
  }
}

export interface MetricServiceOptions {
  /** Base addresses; a service without one is not asked. */
  readonly urls: {readonly face?: string; readonly speech?: string; readonly lipsync?: string}
  /** Sent as a bearer token to each of them. */
  readonly token?: string | undefined
  readonly time: Pick<Clock, 'now' | 'sleep'>
  /** For one answer. */
  readonly timeoutMs: number
  /** Tries in all, for what may be better next time. */
  readonly attempts: number
}

const maxAnswerBytes = 4 * 1024 * 1024
const share = z.number().min(0).max(1)
const FaceAnswer = z.object({
  faces: z
    .array(
      z
        .object({
          box: z.tuple([share, share, share, share]).refine(([l, t, r, b]) => l < r && t < b, 'has no area'),
          likeness: z.number().min(-1).max(1),
        })
        .nullable(),
    )
    .max(1000),
})
const SpeechAnswer = z.object({text: z.string().max(20_000)})
const LipSyncAnswer = z.object({sync_c: share, sync_d: share})

export function httpMetricServices(options: MetricServiceOptions): MetricServices {
  const {face, speech, lipsync} = options.urls
  return {
    ...(face !== undefined && {
      face: {
        look: async (request, indices, signal) => {
          const parts = {video: request.video, face: request.face}
          const answer = await ask(
            options,
            `${face}/v1/face`,
            parts,
            {frames: JSON.stringify(indices)},
            FaceAnswer,
            signal,
          )
          if (answer.faces.length !== indices.length)
            throw broken(`${face}/v1/face`, `it answered ${answer.faces.length} frames instead of ${indices.length}`)
          return answer.faces.map((seen) => seen ?? undefined)
        },
      },
    }),
    ...(speech !== undefined && {
      speech: {
        transcribe: async (video, signal) =>
          (await ask(options, `${speech}/v1/transcribe`, {video}, {}, SpeechAnswer, signal)).text,
      },
    }),
    ...(lipsync !== undefined && {
      lipsync: {
        sync: async (video, signal) => {
          const {sync_c, sync_d} = await ask(options, `${lipsync}/v1/lipsync`, {video}, {}, LipSyncAnswer, signal)
          return {syncC: sync_c, syncD: sync_d}
        },
      },
    }),
  }
}

/** Files travel as a form; they are read from disk while they are sent. */
async function ask<T>(
  {token, time, timeoutMs, attempts}: MetricServiceOptions,
  url: string,
  files: Readonly<Record<string, string>>,
  fields: Readonly<Record<string, string>>,
  schema: z.ZodType<T>,
  signal: AbortSignal,
): Promise<T> {
  const once = () =>
    withDeadline(url, timeoutMs, signal, async (inner) => {
      const form = new FormData()
      for (const [name, file] of Object.entries(files)) form.set(name, await openAsBlob(file), name)
      for (const [name, value] of Object.entries(fields)) form.set(name, value)
      const headers = token === undefined ? {} : {authorization: `Bearer ${token}`}
      const response = await fetch(url, {method: 'POST', body: form, headers, signal: inner, redirect: 'error'})
      const text = await bounded(response, url)
      if (!response.ok) throw refused(url, response.status)
      const parsed = schema.safeParse(json(text))
      if (parsed.success) return parsed.data
      throw broken(url, parsed.error.issues[0]?.message ?? 'it is no JSON')
    }).catch((cause: unknown) => {
      if (cause instanceof LeomaError || signal.aborted) throw cause
      throw new LeomaError('upstream', 'METRICS_UNREACHABLE', `${url} does not answer`, {
        cause,
        hints: ['leoma doctor --role executor'],
      })
    })
  return retry(once, {time, signal, attempts, firstPauseMs: 500, maxPauseMs: 10_000})
}

async function bounded(response: Response, url: string): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > maxAnswerBytes) throw broken(url, `it is longer than ${maxAnswerBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** What a service says no to it will say no to again, unless it is busy. */
function refused(url: string, status: number): LeomaError {
  const retryable = status >= 500 || status === 429
  return new LeomaError('upstream', 'METRICS_REFUSED', `${url} answered with ${status}`, {retryable})
}

function broken(url: string, why: string): LeomaError {
  return new LeomaError('upstream', 'METRICS_UNREADABLE', `the answer of ${url} is not what it should be: ${why}`, {
    retryable: false,
  })
}
