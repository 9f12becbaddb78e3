import {mkdir, readFile, rm} from 'node:fs/promises'
import path from 'node:path'
import {z} from 'zod'
import {Sha256} from '../../domain/ids.js'
import {isAbort, LeomaError} from '../../errors.js'
import type {Quality} from '../../quality/port.js'
import type {Clock} from '../../runtime/clock.js'
import {DeadlineError, withDeadline} from '../../runtime/deadline.js'
import {retry} from '../../runtime/retry.js'
import type {Ending, PulledImage, Running, Sandbox, SandboxLimits} from '../../sandbox/port.js'
import {type Challenge, type ChallengeSet, fileOf} from './challenge-set.js'
import type {ChallengeResult, ImageResult} from './evidence.js'
import type {LineUp} from './line-up.js'
import type {TalkingHeadParams} from './params.js'
import {figuresOf, qualityOf, rounded} from './scores.js'

export interface RunDeps {
  readonly sandbox: Sandbox
  readonly quality: Quality
  readonly time: Pick<Clock, 'now' | 'sleep'>
  /** Private; videos lie there until they are scored. */
  readonly workDir: string
  /** Where `drawChallenges` put the inputs. */
  readonly challengesDir: string
  readonly params: TalkingHeadParams
}

type Entrant = LineUp['field'][number]

const gibibyte = 1024 ** 3
const mebibyte = 1024 ** 2
/** A result is a few words. */
const maxResultBytes = 64 * 1024
const pollMs = 10
const pullPauseMs = 2_000
/** How far a video may be longer or shorter than its sound. */
const toleranceS = 0.3
const openFiles = 4096

/** The miner's image did not do what was asked: one sentence for its owner. */
class ImageFault extends Error {}

/** What one run left behind, before it is scored. */
interface Delivered {
  readonly challenge: Challenge
  readonly timeS: number
  readonly peakVramGb: number | null
  readonly peakMemoryGb: number | null
  readonly video: string
  readonly sha256: string
}

/**
 * Measures one image: pull, start, warm-up runs, scored runs, and then, when nothing of it runs any more, the scores. What
 * goes wrong is a result; only an abort throws.
 */
export async function runImage(
  deps: RunDeps,
  entrant: Entrant,
  set: ChallengeSet,
  signal: AbortSignal,
): Promise<ImageResult> {
  const {params, sandbox, workDir} = deps
  const results: ChallengeResult[] = []
  let image: PulledImage | undefined
  const folder = path.join(workDir, 'videos')
  await rm(folder, {recursive: true, force: true})
  await mkdir(folder, {recursive: true, mode: 0o700})
  const unscored = (outcome: ImageResult['outcome'], reason: string) =>
    resultOf(deps, entrant, image, results, outcome, line(reason))
  try {
    image = await pull(deps, entrant, signal)
    const delivered = await withDeadline('this image', params.limits.imageMs, signal, (inner) =>
      runAll(deps, image as PulledImage, set, folder, results, inner),
    )
    for (const each of delivered) await score(deps, each, results, signal)
    return resultOf(deps, entrant, image, results, 'scored', null)
  } catch (error) {
    if (isAbort(error, signal)) throw error
    if (error instanceof ImageFault) return unscored('failed', error.message)
    if (error instanceof DeadlineError)
      return unscored('failed', `took longer than ${params.limits.imageMs / 1000} s altogether`)
    const {code, kind, message} = LeomaError.from(error)
    if (code === 'IMAGE_UNAVAILABLE' || code === 'IMAGE_TOO_LARGE') return unscored('unpullable', message)
    if (kind === 'data') return unscored('failed', message)
    // Ours: nothing is held against the miner.
    return unscored('skipped', `${code}: ${message}`)
  } finally {
    await rm(folder, {recursive: true, force: true})
    if (image) await sandbox.drop(image, signal).catch(() => {})
  }
}

/** All tries together have the time of one: who cannot be reached must not hold up the others. */
function pull(
  {sandbox, params, time}: RunDeps,
  {imageRef, digest}: Entrant,
  signal: AbortSignal,
): Promise<PulledImage> {
  const {pullAttempts, pullMs, imageMb} = params.limits
  const limits = {imageBytes: imageMb * mebibyte}
  return withDeadline('the pull', pullMs, signal, (inner) =>
    retry(() => sandbox.pull({imageRef, digest}, limits, inner), {
      ...{time, signal: inner, attempts: pullAttempts, firstPauseMs: pullPauseMs, maxPauseMs: pullPauseMs},
    }),
  ).catch((error: unknown) => {
    if (error instanceof DeadlineError && !signal.aborted)
      throw new LeomaError('data', 'IMAGE_UNAVAILABLE', `the image cannot be had within ${pullMs / 1000} s`)
    throw error
  })
}

async function runAll(
  deps: RunDeps,
  image: PulledImage,
  set: ChallengeSet,
  folder: string,
  results: ChallengeResult[],
  signal: AbortSignal,
): Promise<Delivered[]> {
  const {params, sandbox} = deps
  const {warmUp, scored} = params.challenges
  const running = await sandbox.start(image, {limits: sandboxLimits(params)}, signal)
  try {
    await until(deps, running, params.limits.readyMs, 'ready.txt', 'it was ready', signal)
    const delivered: Delivered[] = []
    for (const [at, challenge] of set.challenges.slice(0, warmUp + scored).entries()) {
      try {
        const one = await runOne(deps, running, challenge, path.join(folder, `${challenge.alias}.mp4`), signal)
        if (at >= warmUp) delivered.push(one)
      } catch (error) {
        if (!(error instanceof ImageFault)) throw error
        const where = at < warmUp ? 'in a warm-up run' : `in scored run ${at - warmUp + 1}`
        if (at >= warmUp) results.push(...delivered.map(unscoredRun), failedRun(challenge, error.message))
        throw new ImageFault(`${where} ${error.message}`)
      }
    }
    return delivered
  } finally {
    await running.stop()
  }
}

/**
 * One task by the published file protocol. Time runs from the task's appearance until the whole answer stands there, by
 * what the kernel noted on the files: how busy this process was meanwhile must cost nobody anything.
 */
async function runOne(
  deps: RunDeps,
  running: Running,
  challenge: Challenge,
  to: string,
  signal: AbortSignal,
): Promise<Delivered> {
  const {challengesDir, params, time} = deps
  const {fps, resolution, maxSeconds} = params.challenges
  const {alias, seed, text} = challenge
  const [json, mp4] = [`${alias}.json`, `${alias}.mp4`]
  if ((await running.has(json)) || (await running.has(mp4))) throw new ImageFault('answered before the task was set')
  await running.put('face.png', await readFile(fileOf(challengesDir, challenge, 'face')))
  await running.put('audio.wav', await readFile(fileOf(challengesDir, challenge, 'audio')))
  const task = {challenge_id: alias, text, seed, fps, resolution, max_seconds: maxSeconds}
  const askedAt = time.now()
  const appearedAt = await running.put('task.json', Buffer.from(JSON.stringify(task)))
  // Whatever a file system notes, it was not before we began to write, and not after we had written.
  const startedAt = Math.min(Math.max(appearedAt, askedAt), time.now())
  try {
    await until(deps, running, params.limits.challengeMs, json, 'it answered', signal)
    const saidAt = await readResult(running, json, `${to}.json`)
    const taken = await running.take(mp4, to, params.limits.outputMb * mebibyte)
    if (!taken.ok) throw new ImageFault(videoFault(taken.reason))
    const doneAt = Math.min(Math.max(saidAt, taken.doneAtMs, startedAt), time.now())
    const timeS = (doneAt - startedAt) / 1000
    const {peakMemoryBytes, peakVramBytes} = await running.usage()
    return {
      ...{challenge, timeS, video: to, sha256: taken.sha256},
      peakVramGb: peakVramBytes === null ? null : peakVramBytes / gibibyte,
      peakMemoryGb: peakMemoryBytes === null ? null : peakMemoryBytes / gibibyte,
    }
  } finally {
    for (const name of ['task.json', 'face.png', 'audio.wav']) await running.remove(name)
  }
}

/** Waits for a file of the program's; the deadline and its end are the program's faults. */
async function until(
  {time}: RunDeps,
  running: Running,
  ms: number,
  name: string,
  what: string,
  signal: AbortSignal,
): Promise<void> {
  const deadline = time.now() + ms
  while (!(await running.has(name))) {
    signal.throwIfAborted()
    if (running.hasEnded) {
      // What it wrote last was written before it ended.
      if (await running.has(name)) return
      throw new ImageFault(`${endingOf(await running.ended)} before ${what}`)
    }
    if (time.now() >= deadline) throw new ImageFault(`timed out: ${ms / 1000} s passed before ${what}`)
    await time.sleep(pollMs, signal)
  }
}

const Result = z.object({success: z.boolean(), error: z.string().optional()})

/** Resolves to when it was said. */
async function readResult(running: Running, name: string, to: string): Promise<number> {
  const taken = await running.take(name, to, maxResultBytes)
  if (!taken.ok) throw new ImageFault(`its result is no plain small file (${taken.reason})`)
  const parsed = Result.safeParse(parseJson(await readFile(to, 'utf8')))
  if (!parsed.success) throw new ImageFault('its result cannot be read')
  if (!parsed.data.success) throw new ImageFault(`reported a failure: ${parsed.data.error ?? 'without a reason'}`)
  return taken.doneAtMs
}

async function score(deps: RunDeps, run: Delivered, results: ChallengeResult[], signal: AbortSignal): Promise<void> {
  const {challengesDir, params, quality} = deps
  const {challenge, video} = run
  const {fps, resolution} = params.challenges
  const report = await quality.measure(
    {
      video,
      face: fileOf(challengesDir, challenge, 'face'),
      audio: fileOf(challengesDir, challenge, 'audio'),
      text: challenge.text,
      expected: {resolution, fps, durationS: challenge.durationS, toleranceS},
    },
    signal,
  )
  if (!report.ok) {
    const reason = `made a video that is no answer: ${report.code}, ${report.reason}`
    results.push({...unscoredRun(run), success: false, reason: line(reason)})
    throw new ImageFault(reason)
  }
  const {syncD, ...measured} = report.metrics
  results.push({...unscoredRun(run), metrics: {...measured, quality: rounded(qualityOf(measured))}})
}

function unscoredRun({challenge, timeS, peakVramGb, peakMemoryGb, sha256}: Delivered): ChallengeResult {
  const outputSha256 = Sha256.parse(sha256)
  return {
    ...{id: challenge.id, success: true, reason: null, timeS, peakVramGb, peakMemoryGb, outputSha256},
    metrics: null,
  }
}

function failedRun({id}: Challenge, reason: string): ChallengeResult {
  const nothing = {timeS: null, peakVramGb: null, peakMemoryGb: null, outputSha256: null, metrics: null}
  return {id, success: false, reason: line(reason), ...nothing}
}

function resultOf(
  {params, sandbox}: RunDeps,
  {hotkey, imageRef, digest, block, claimBlock, entered}: Entrant,
  image: PulledImage | undefined,
  challenges: readonly ChallengeResult[],
  outcome: ImageResult['outcome'],
  reason: string | null,
): ImageResult {
  return {
    ...{hotkey, imageRef, digest: Sha256.parse(digest), submittedAtBlock: block, claimedAtBlock: claimBlock, entered},
    ...{outcome, reason, isolation: image ? sandbox.info.isolation : null},
    contentSha256: image ? Sha256.parse(image.contentSha256) : null,
    challenges: [...challenges],
    ...figuresOf(outcome === 'scored' ? challenges : [], params),
  }
}

export function sandboxLimits({limits}: TalkingHeadParams): SandboxLimits {
  return {
    memoryBytes: limits.memoryMb * mebibyte,
    cpus: limits.cpus,
    pids: limits.pids,
    outputBytes: limits.outputMb * mebibyte,
    tmpBytes: limits.tmpMb * mebibyte,
    logBytes: limits.logBytes,
    openFiles,
    imageBytes: limits.imageMb * mebibyte,
    gpu: limits.gpu,
  }
}

function endingOf({reason, exitCode, said}: Ending): string {
  const how = reason === 'exited' ? `ended${exitCode === null ? '' : ` with ${exitCode}`}` : `was ended (${reason})`
  const lines = said.split('\n')
  // A program that crashes often ends with something else than why.
  const last = (lines.findLast((each) => /error|exception|panic/i.test(each)) ?? lines.at(-1))?.trim().slice(0, 120)
  return reason === 'exited' && last ? `${how}, saying "${last}",` : how
}

function videoFault(reason: 'absent' | 'not-a-file' | 'unreadable' | 'too-large' | 'changed'): string {
  const faults = {
    absent: 'answered without a video',
    'not-a-file': 'answered with something that is no plain file',
    unreadable: 'answered with a file that may not be read',
    'too-large': 'answered with a video that is too large',
    changed: 'was still writing the video when it said that it was done',
  }
  return faults[reason]
}

/** One printable line. */
function line(text: string): string {
  return text.replace(/[^\x20-\x7e]+/g, ' ').slice(0, 300)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
