import {readFile, stat} from 'node:fs/promises'
import path from 'node:path'
import {z} from 'zod'
import type {TaskKind} from '../domain/task.js'
import {LeomaError} from '../errors.js'
import {type Aspect, aspects, type Judge, type JudgeReport, type JudgeRequest} from '../judge/port.js'
import {checkGates} from '../mechanisms/video/gates.js'
import {defaults, VideoParams} from '../mechanisms/video/params.js'
import {overallOf, passes} from '../mechanisms/video/scoring.js'
import type {Media} from '../media/port.js'
import {withDeadline} from '../runtime/deadline.js'

export interface FileToJudge {
  readonly file: string
  /** PNG; without it the video is judged as one made from text alone. */
  readonly firstFrame?: string | undefined
  /** The original, for judges that compare with it. */
  readonly clip?: string | undefined
  readonly prompt: string
}

export interface JudgeChoice {
  /** Instead of the exam's. */
  readonly judge?: string | undefined
  /** Instead of the one in the judge's options. */
  readonly model?: string | undefined
}

export interface JudgedFile {
  readonly file: string
  readonly kind: TaskKind
  readonly judge: {readonly name: string; readonly version: number; readonly options: unknown}
  readonly gates: {
    readonly passed: boolean
    /** The one that failed, and why. */
    readonly failed: string | null
    readonly reason: string | null
    readonly measured: Readonly<Record<string, number>>
  }
  /** Null when a gate failed: then no judge was asked. */
  readonly scores: (Omit<JudgeReport, 'aspects'> & {readonly aspects: readonly AspectRow[]}) | null
  readonly overall: number | null
  readonly passed: boolean
  /** One sentence. */
  readonly why: string
}

export interface AspectRow {
  readonly aspect: Aspect
  readonly score: number
  readonly weight: number
  readonly isCritical: boolean
}

const judgeDeadlineMs = 600_000

/** The parameters in a file: bare, as `EXAM_FILE` has them, or inside an exam as the owner's API publishes it. */
export async function readExamFile(file: string): Promise<VideoParams> {
  const invalid = (why: string, cause?: unknown) =>
    new LeomaError('usage', 'EXAM_FILE_INVALID', `${file} is no exam: ${why}`, {
      hints: ['a file as EXAM_FILE takes it, or what GET /exam of the owner answers'],
      ...(cause === undefined ? {} : {cause}),
    })
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw invalid('it cannot be read', error)
  })
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw invalid('it is not JSON', error)
  }
  const wrapped = z
    .union([z.object({exam: z.object({params: z.json()})}), z.object({params: z.json()})])
    .safeParse(json)
  const inner = wrapped.success ? ('exam' in wrapped.data ? wrapped.data.exam.params : wrapped.data.params) : json
  const params = VideoParams.safeParse(inner)
  if (params.success) return params.data
  throw invalid(z.prettifyError(params.error))
}

/** The exam that is judged by: that of a file or the built-in one, with another judge in it when one is asked for. */
export function chooseJudge(
  exam: VideoParams | undefined,
  {judge: name, model}: JudgeChoice,
  judges: readonly Judge[],
): {judge: Judge; params: VideoParams} {
  const params = exam ?? defaults
  const isExams = name === undefined || name === params.judge.name
  const judge = judges.find((one) =>
    isExams ? one.name === params.judge.name && one.version === params.judge.version : one.name === name,
  )
  if (!judge) {
    const known = judges.map((one) => `${one.name} ${one.version}`).join(', ')
    const wanted = isExams ? `${params.judge.name} ${params.judge.version}` : name
    throw new LeomaError('usage', 'JUDGE_UNKNOWN', `there is no judge ${wanted}; there is ${known}`, {
      hints: ['upgrade leoma if the exam asks for it'],
    })
  }
  const given = isExams ? params.judge.options : (judge.defaults ?? {})
  const options = VideoParams.shape.judge.shape.options.parse(model === undefined ? given : {...given, model})
  const checked = judge.options.safeParse(options)
  if (!checked.success) {
    throw new LeomaError('usage', 'JUDGE_OPTIONS_INVALID', `judge ${judge.name}: ${z.prettifyError(checked.error)}`, {
      hints: ['only judge openai has a model to choose'],
    })
  }
  return {judge, params: {...params, judge: {...params.judge, name: judge.name, version: judge.version, options}}}
}

/**
 * Does with one file what a validator does with an answer: the gates, then one judge. For miners before they commit, and
 * for calibration; nothing is signed, stored or sent.
 */
export async function judgeFile(
  given: FileToJudge,
  {judge, params}: {judge: Judge; params: VideoParams},
  media: Media,
  signal: AbortSignal,
): Promise<JudgedFile> {
  const kind = given.firstFrame === undefined ? 't2v' : 'ti2v'
  const {options} = params.judge
  if (given.clip === undefined && (judge.needsClip?.(options) ?? true)) {
    throw new LeomaError(
      'usage',
      'CLIP_NEEDED',
      `judge ${judge.name} compares with the original: give it with --clip`,
      {
        hints: ['or --judge openai, which needs no original'],
      },
    )
  }
  await requireInputs(given, media, signal)
  const first = given.firstFrame === undefined ? {} : {firstFrame: given.firstFrame}
  const views = judge.views?.({...params.request, options}) ?? []
  const gates = await checkGates(given.file, {media, params, kind, views, ...first}, signal)
  const common = {file: given.file, kind, judge: {name: judge.name, version: judge.version, options}} as const
  if (!gates.ok) {
    const {gate, reason, measured} = gates
    return {
      ...common,
      gates: {passed: false, failed: gate, reason, measured},
      ...{scores: null, overall: null, passed: false},
      why: `fails at gate ${gate}, before any judging: ${reason}`,
    }
  }
  const report = await score(given, {judge, params, seen: gates.seen}, signal)
  const overall = overallOf(report.aspects, params.judge.weights)
  return {
    ...common,
    gates: {passed: true, failed: null, reason: null, measured: gates.measured},
    scores: {...report, aspects: rowsOf(report, params)},
    overall,
    passed: passes(report.aspects, overall, params.judge),
    why: whyOf(report, overall, params.judge),
  }
}

function score(
  {file, firstFrame, clip, prompt}: FileToJudge,
  {judge, params, seen}: {judge: Judge; params: VideoParams; seen: JudgeRequest['seen']},
  signal: AbortSignal,
): Promise<JudgeReport> {
  const {width, height, frames, fps} = params.request
  return withDeadline('judging', judgeDeadlineMs, signal, (inner) =>
    judge.score(
      {
        ...{output: file, firstFrame, prompt, width, height, frames, fps},
        // A judge that would look at it was refused without it.
        clip: clip ?? file,
        options: params.judge.options,
        criteria: params.judge,
        task: `by hand ${path.basename(file)}`,
        seen,
      },
      inner,
    ),
  )
}

/** What a person typed is looked at first: a gate or a judge would blame the video for a mistyped path. */
async function requireInputs(given: FileToJudge, media: Media, signal: AbortSignal): Promise<void> {
  const unreadable = (what: string, file: string, cause: unknown) =>
    new LeomaError('usage', 'INPUT_UNREADABLE', `the ${what}, ${file}, cannot be read`, {
      hints: [cause instanceof Error ? cause.message : 'check the path'],
      cause,
    })
  const read = async (what: string, file: string, look: () => Promise<unknown>) => {
    try {
      await look()
    } catch (error) {
      signal.throwIfAborted()
      throw unreadable(what, file, error)
    }
  }
  const {file, firstFrame, clip} = given
  await read('video', file, async () => {
    if (!(await stat(file)).isFile()) throw new Error('it is not a file')
  })
  if (firstFrame !== undefined) {
    const still = {width: 16, height: 16, pixel: 'gray', pick: 'all', maxFrames: 1} as const
    await read('first frame', firstFrame, () => media.decode(firstFrame, still, signal))
  }
  if (clip !== undefined) await read('original clip', clip, () => media.probe(clip, signal))
}

function rowsOf(report: JudgeReport, {judge}: VideoParams): AspectRow[] {
  return aspects.map((aspect) => ({
    aspect,
    score: report.aspects[aspect],
    weight: judge.weights[aspect],
    isCritical: judge.critical.includes(aspect),
  }))
}

function whyOf(report: JudgeReport, overall: number, judge: VideoParams['judge']): string {
  const {passThreshold, criticalThreshold} = judge
  const weak = judge.critical.filter((aspect) => report.aspects[aspect] < criticalThreshold)
  const faults = [
    ...(overall < passThreshold ? [`overall ${overall} is under ${passThreshold}`] : []),
    ...weak.map((aspect) => `${aspect} ${report.aspects[aspect]} is under ${criticalThreshold}, which is critical`),
  ]
  if (faults.length > 0) return `fails: ${faults.join('; ')}`
  return `passes: overall ${overall} of at least ${passThreshold}, and no critical aspect under ${criticalThreshold}`
}
