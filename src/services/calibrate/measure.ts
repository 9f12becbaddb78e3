import {mkdir, rm, writeFile} from 'node:fs/promises'
import path from 'node:path'
import type {LimitFunction} from 'p-limit'
import type {Judge} from '../../judge/port.js'
import type {VideoParams} from '../../mechanisms/video/params.js'
import type {Media} from '../../media/port.js'
import {withStop} from '../../runtime/stop.js'
import {judgeFile} from '../judge-file.js'
import {
  againArguments,
  degradations,
  goodArguments,
  goodQualities,
  type Rendering,
  rungArguments,
  type Strength,
  strengths,
} from './ladder.js'

/** Runs ffmpeg with these arguments; rejects when it fails. */
export type Render = (args: readonly string[], what: string, signal: AbortSignal) => Promise<unknown>

/** A judge, and the exam with it in it. */
export interface JudgeChoice {
  readonly judge: Judge
  readonly params: VideoParams
}

export interface Bench {
  readonly params: VideoParams
  /** The first decides; the others are compared with it. */
  readonly judges: readonly JudgeChoice[]
  readonly media: Media
  readonly render: Render
  readonly dir: string
  readonly limit: LimitFunction
  /** Degradations that are tried; all of them unless a test is in a hurry. */
  readonly rungs?: readonly string[]
}

/** What one judge makes of one output. A gate that fails makes 0, as no judge is asked then. */
export interface Mark {
  readonly overall: number
  readonly passed: boolean
  readonly gate: string | null
}

export interface MeasuredOutput {
  readonly clip: string
  /** `good`, or the name of the degradation. */
  readonly kind: string
  /** 0 for what is good. */
  readonly strength: Strength | 0
  /** One per judge. */
  readonly marks: readonly Mark[]
  /** The first judge, asked about the same bytes a second time. */
  readonly twice?: Mark
  /** The first judge about the same video encoded once more. */
  readonly again?: Mark
}

export interface ClipWindow {
  readonly name: string
  readonly source: string
  readonly startS: number
  /** Footage of something else. */
  readonly other: string
}

/** Of which outputs a second encoding is judged: what is good, and what is near the line. */
const encodedAgain: readonly number[] = [0, 2]

/** Makes the whole ladder from one window of one clip, judges all of it, and cleans up. */
export async function measureClip(
  window: ClipWindow,
  bench: Bench,
  onDone: () => void,
  signal: AbortSignal,
): Promise<MeasuredOutput[]> {
  const {params, media, dir, limit} = bench
  const folder = path.join(dir, window.name)
  await mkdir(folder, {recursive: true})
  try {
    const clip = path.join(folder, 'clip.mp4')
    await media.cut(window.source, clip, {startS: window.startS, durationS: params.clip.durationS}, signal)
    const otherClip = path.join(folder, 'other.mp4')
    await media.cut(window.other, otherClip, {startS: 0, durationS: params.clip.durationS}, signal)
    const firstFrame = path.join(folder, 'first.png')
    await writeFile(firstFrame, await media.firstFrame(clip, params.request, signal))
    const cut = {window, clip, otherClip, firstFrame}
    return await withStop(signal, async (either, stop) => {
      const outputs = outputsOf(bench).map((output, index) =>
        limit(async () => {
          either.throwIfAborted()
          const measured = await measureOutput(output, {...cut, file: path.join(folder, `${index}.mp4`)}, bench, either)
          onDone()
          return measured
        }).catch((error: unknown) => {
          // A judge without its key fails for all of them: the rest need not be made. The first reason is the one that stays.
          stop(error)
          throw error
        }),
      )
      const settled = await Promise.allSettled(outputs)
      either.throwIfAborted()
      return settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
    })
  } finally {
    await rm(folder, {recursive: true, force: true})
  }
}

interface Output {
  readonly kind: string
  readonly strength: Strength | 0
  readonly argumentsFor: (rendering: Rendering) => string[]
}

function outputsOf({rungs}: Pick<Bench, 'rungs'>): Output[] {
  const good = goodQualities.map(
    (crf): Output => ({kind: 'good', strength: 0, argumentsFor: (rendering) => goodArguments(crf, rendering)}),
  )
  const used = degradations.filter(({name}) => rungs?.includes(name) ?? true)
  const bad = used.flatMap((degradation) =>
    strengths.map(
      (strength): Output => ({
        ...{kind: degradation.name, strength},
        argumentsFor: (rendering) => rungArguments(degradation, strength, rendering),
      }),
    ),
  )
  return [...good, ...bad]
}

/** How many outputs one clip makes. */
export function outputsPerClip(bench: Pick<Bench, 'rungs'>): number {
  return outputsOf(bench).length
}

interface Cut {
  readonly window: ClipWindow
  readonly clip: string
  readonly otherClip: string
  readonly firstFrame: string
  /** To write. */
  readonly file: string
}

async function measureOutput(
  output: Output,
  {window, clip, otherClip, firstFrame, file}: Cut,
  {params, judges, media, render}: Bench,
  signal: AbortSignal,
): Promise<MeasuredOutput> {
  const {kind, strength} = output
  const {request: shape} = params
  const name = `${kind} ${strength} of ${window.name}`
  const second = `${file}.again.mp4`
  const markOf = async (choice: JudgeChoice, of: string): Promise<Mark> => {
    const given = {file: of, clip, firstFrame, prompt: `what happens in ${window.name}`}
    const {overall, passed, gates} = await judgeFile(given, choice, media, signal)
    return {overall: overall ?? 0, passed, gate: gates.failed}
  }
  try {
    await render(output.argumentsFor({shape, clip, otherClip, to: file}), `making ${name}`, signal)
    const marks: Mark[] = []
    for (const choice of judges) marks.push(await markOf(choice, file))
    const [first] = judges
    if (!first || !encodedAgain.includes(strength)) return {clip: window.name, kind, strength, marks}
    const twice = strength === 0 ? {twice: await markOf(first, file)} : {}
    await render(againArguments(file, shape, second), `encoding ${name} again`, signal)
    return {clip: window.name, kind, strength, marks, ...twice, again: await markOf(first, second)}
  } finally {
    await Promise.all([file, second].map((made) => rm(made, {force: true})))
  }
}
