import {mkdir, readdir, rename, writeFile} from 'node:fs/promises'
import path from 'node:path'
import pLimit from 'p-limit'
import {compareText} from '../../domain/ids.js'
import {LeomaError} from '../../errors.js'
import {type ClipsOptions, ensureClips} from '../localnet/clips.js'
import {isVideo} from '../localnet/sources.js'
import {type Figures, figuresOf} from './figures.js'
import {type Bench, type ClipWindow, type MeasuredOutput, measureClip, outputsPerClip} from './measure.js'
import {reportFiles} from './report.js'

export interface CalibrateOptions extends Omit<Bench, 'limit' | 'render'> {
  /** Folder of videos; clips of our own unless given. */
  readonly source?: string | undefined
  /** How many clips are used at most. */
  readonly clips: number
  readonly run: ClipsOptions['run']
  readonly concurrency: number
  readonly onProgress: (done: number, of: number) => void
  readonly onSkip: (file: string, reason: string) => void
}

export interface Calibration {
  readonly clips: readonly string[]
  /** Name and version; the first one decides. */
  readonly judges: readonly string[]
  readonly exam: {readonly passThreshold: number; readonly dominance: number; readonly window: number}
  readonly figures: Figures
  readonly outputs: readonly MeasuredOutput[]
}

/** Of our own clips, those that the reference judge's numbers did not come from: the series goes on for ever. */
const firstOwnClip = 8
const ownStartsAt = 3.5

/**
 * Makes good and degraded outputs of each clip, judges them as a validator would, and says how far apart they are, how
 * much of that is noise, and what follows for the exam. Throws `SOURCE_UNUSABLE` when there is no clip to work with.
 */
export async function calibrate(options: CalibrateOptions, signal: AbortSignal): Promise<Calibration> {
  const {params, judges, run} = options
  const windows =
    options.source === undefined ? await ownWindows(options, signal) : await windowsOf(options.source, options, signal)
  const bench: Bench = {
    ...options,
    limit: pLimit(options.concurrency),
    render: (args, what, inner) => run(args, {signal: inner, what, blame: 'program'}),
  }
  const total = windows.length * outputsPerClip(bench)
  let done = 0
  const outputs: MeasuredOutput[] = []
  for (const window of windows)
    outputs.push(...(await measureClip(window, bench, () => options.onProgress(++done, total), signal)))
  return {
    clips: windows.map(({name}) => name),
    judges: judges.map(({judge: {name, version}}) => `${name} ${version}`),
    exam: {
      passThreshold: params.judge.passThreshold,
      dominance: params.ranking.dominance,
      window: params.ranking.window,
    },
    figures: figuresOf(outputs, params),
    outputs,
  }
}

async function ownWindows({dir, clips, run}: CalibrateOptions, signal: AbortSignal): Promise<ClipWindow[]> {
  const made = await ensureClips(path.join(dir, 'clips'), clips, {run, signal, from: firstOwnClip})
  return made.map((source, index) => ({
    ...{name: path.parse(source).name, source, startS: ownStartsAt},
    other: made[(index + 1) % made.length] ?? source,
  }))
}

/** The videos of a folder that are long enough, in order of their names; the middle of each is used. */
async function windowsOf(
  folder: string,
  {params, clips, media, onSkip}: CalibrateOptions,
  signal: AbortSignal,
): Promise<ClipWindow[]> {
  const {durationS} = params.clip
  const names = await readdir(folder).catch((error: unknown) => {
    throw new LeomaError('usage', 'SOURCE_UNREADABLE', `the folder ${folder} cannot be read`, {cause: error})
  })
  const found: {name: string; source: string; startS: number}[] = []
  for (const name of names.filter(isVideo).sort(compareText)) {
    if (found.length >= clips) break
    const source = path.join(folder, name)
    try {
      const info = await media.probe(source, signal)
      if (info.durationS < durationS) onSkip(name, `shorter than ${durationS} s`)
      else
        found.push({
          name: path.parse(name).name,
          source,
          startS: Math.floor(((info.durationS - durationS) / 2) * 100) / 100,
        })
    } catch (error) {
      signal.throwIfAborted()
      onSkip(name, LeomaError.from(error).message)
    }
  }
  // One laid over another is one of the degradations.
  if (found.length < 2)
    throw new LeomaError(
      'usage',
      'SOURCE_UNUSABLE',
      `${folder} holds fewer than two videos of ${durationS} s or more`,
      {
        hints: ['leave --source out: leoma then makes clips of its own'],
      },
    )
  return found.map((window, index) => ({...window, other: found[(index + 1) % found.length]?.source ?? window.source}))
}

/** Writes the report's files into a folder, each one whole or not at all. */
export async function writeReport(dir: string, calibration: Calibration): Promise<string[]> {
  await mkdir(dir, {recursive: true})
  const files = Object.entries(reportFiles(calibration))
  for (const [name, text] of files) {
    const file = path.join(dir, name)
    await writeFile(`${file}.part`, text)
    await rename(`${file}.part`, file)
  }
  return files.map(([name]) => path.join(dir, name))
}
