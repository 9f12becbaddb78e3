import {readFile, stat, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {LeomaError} from '../errors.js'
import type {Judge} from '../judge/port.js'
import {checkGates} from '../mechanisms/video/gates.js'
import {defaults, VideoParams} from '../mechanisms/video/params.js'
import {overallOf, passes} from '../mechanisms/video/scoring.js'
import type {Media} from '../media/port.js'
import type {Chute, Generation, Generator} from '../models/port.js'
import type {Clock} from '../runtime/clock.js'
import {withDeadline} from '../runtime/deadline.js'
import type {CheckLine} from './miner-check-report.js'

export interface Rehearsal {
  readonly chute: Chute
  /** PNG at the task's size; taken from the clip when absent. One of the two must be there. */
  readonly firstFrame: string | undefined
  readonly prompt: string
  /** The video that the frame was taken from, for judges that compare with it. */
  readonly clip: string | undefined
  /** Where the video is left. */
  readonly to: string
  /** Private to this run. */
  readonly workDir: string
}

export interface RehearsalDeps {
  readonly generator: Generator
  readonly media: Media
  readonly judges: readonly Judge[]
  readonly params: VideoParams
  readonly time: Pick<Clock, 'now'>
}

const judgeDeadlineMs = 600_000
const maxPngBytes = 50_000_000
const pngSignature = Buffer.from('89504e470d0a1a0a', 'hex')

/** The exam in force, or the one that is built in when there is none, or none that this program knows. */
export function examParams(published: unknown): {params: VideoParams; isPublished: boolean} {
  const parsed = VideoParams.safeParse(published)
  return parsed.success ? {params: parsed.data, isPublished: true} : {params: defaults, isPublished: false}
}

/** One task as the sampler would set it and a validator would judge it, with nobody counting. */
export async function rehearse(
  rehearsal: Rehearsal,
  deps: RehearsalDeps,
  onLine: (line: CheckLine) => void,
  signal: AbortSignal,
): Promise<CheckLine[]> {
  const lines: CheckLine[] = []
  const say = (check: string, status: CheckLine['status'], more: Partial<CheckLine> = {}) => {
    const line = {check, status, reason: null, note: null, hint: null, ...more}
    lines.push(line)
    onLine(line)
    return status === 'ok'
  }
  const {media, params, generator, time} = deps
  const {width, height, frames, fps, deadlineMs, maxBytes} = params.request
  const firstFrame = path.join(rehearsal.workDir, 'first_frame.png')
  const image = await firstFrameOf(rehearsal, {width, height}, media, signal)
  await writeFile(firstFrame, image)
  const generation = await generator.generate(
    rehearsal.chute,
    {prompt: rehearsal.prompt, image, fps, frames, width, height, seed: 42},
    {deadlineAt: time.now() + deadlineMs, maxBytes, to: rehearsal.to},
    signal,
  )
  if (!say('generation', ...generationLine(generation))) return lines

  const gates = await checkGates(rehearsal.to, {media, params, kind: 'ti2v', firstFrame}, signal)
  if (!gates.ok) {
    say('gates', 'fails', {reason: `rejected:${gates.gate}`, note: gates.reason})
    return lines
  }
  say('gates', 'ok', {note: measuredNote(gates.measured)})
  say('judge', ...(await judgeLine(rehearsal, firstFrame, deps, signal)))
  return lines
}

async function firstFrameOf(
  {firstFrame, clip}: Rehearsal,
  size: {width: number; height: number},
  media: Media,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const wanted = `${size.width}×${size.height}`
  if (firstFrame === undefined) {
    if (clip !== undefined) return media.firstFrame(clip, size, signal)
    throw new LeomaError('usage', 'FIRST_FRAME_NEEDED', 'the video must begin with some picture', {
      hints: [`give a PNG of ${wanted} with --first-frame, or a video with --clip`],
    })
  }
  const {size: sizeBytes} = await stat(firstFrame)
  const bytes = sizeBytes <= maxPngBytes ? await readFile(firstFrame) : Buffer.alloc(0)
  const isPng = bytes.length > 24 && bytes.subarray(0, 8).equals(pngSignature)
  // Width and height are the first thing in a PNG.
  if (isPng && bytes.readUInt32BE(16) === size.width && bytes.readUInt32BE(20) === size.height) return bytes
  throw new LeomaError('usage', 'FIRST_FRAME_UNUSABLE', `${path.basename(firstFrame)} is not a PNG of ${wanted}`, {
    hints: [
      'leave out --first-frame: the picture is taken from --clip then',
      `ffmpeg -i PICTURE -vf scale=${size.width}:${size.height} frame.png`,
    ],
  })
}

function generationLine(generation: Generation): [CheckLine['status'], Partial<CheckLine>] {
  const {outcome, reason, latencyMs, attempts, file} = generation
  const seconds = latencyMs === null ? '' : `${(latencyMs / 1000).toFixed(1)} s`
  if (outcome === 'ok')
    return ['ok', {note: `${((file?.sizeBytes ?? 0) / 1e6).toFixed(1)} MB after ${seconds}, ${attempts} requests`}]
  const hint =
    outcome === 'busy'
      ? 'its instances are busy or still starting: run the check again'
      : "the chute's own log says more: https://chutes.ai"
  return ['fails', {reason: outcome, note: reason, hint}]
}

function measuredNote(measured: Readonly<Record<string, number>>): string {
  return Object.entries(measured)
    .map(([name, value]) => `${name} ${Number(value.toFixed(2))}`)
    .join(', ')
}

async function judgeLine(
  {clip, to, prompt}: Rehearsal,
  firstFrame: string,
  {judges, params}: RehearsalDeps,
  signal: AbortSignal,
): Promise<[CheckLine['status'], Partial<CheckLine>]> {
  const {name, version} = params.judge
  const judge = judges.find((candidate) => candidate.name === name && candidate.version === version)
  if (!judge)
    return ['unknown', {note: `the exam asks for judge ${name} ${version}`, hint: 'upgrade leoma, or set its key'}]
  const {options} = params.judge
  if (clip === undefined && (judge.needsClip?.(options) ?? true))
    return ['skipped', {note: `judge ${name} compares with the original: give it with --clip`}]
  const {width, height, frames, fps} = params.request
  const request = {
    ...{output: to, clip: clip ?? to, firstFrame, prompt, frames, fps, width, height},
    ...{options, criteria: params.judge, task: 'miner check'},
  }
  const report = await withDeadline('judging', judgeDeadlineMs, signal, (inner) => judge.score(request, inner))
  const overall = overallOf(report.aspects, params.judge.weights)
  const scores = Object.entries(report.aspects).map(([aspect, score]) => `${aspect} ${score}`)
  const note = `${overall} of 100 (${params.judge.passThreshold} passes): ${scores.join(', ')}`
  if (passes(report.aspects, overall, params.judge)) return ['ok', {note}]
  return ['fails', {reason: 'judged below the threshold', note, hint: report.issues[0] ?? null}]
}
