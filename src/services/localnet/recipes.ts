import {resolve} from 'node:path'
import {LeomaError} from '../../errors.js'

/** What each local miner's video is made of; the faults that are not about pictures (`busy`'s refusals, `broken-…`) live in the server. */
export const videoProfiles = ['oracle', 'drift', 'busy', 'zoom', 'frozen', 'noise', 'wrong-frame', 'short'] as const
export type VideoProfile = (typeof videoProfiles)[number]

/** Runs ffmpeg with these arguments and rejects when it fails. */
export type RunFfmpeg = (args: readonly string[], signal: AbortSignal) => Promise<unknown>

export interface Recipe {
  /** The hidden clip of the task: what really happened after the conditioning frame. */
  readonly clip: string
  /** The conditioning frame as PNG. */
  readonly firstFrame: string
  /** Footage of something else; `wrong-frame` needs it. */
  readonly otherClip?: string
  /** How many answers this miner has given before: every third answer of `drift` and `busy` drifts too far. */
  readonly answerIndex: number
  readonly width: number
  readonly height: number
  readonly frames: number
  readonly fps: number
  /** MP4 file to write. */
  readonly to: string
  readonly run: RunFfmpeg
}

/** How far `drift` has gone at the end of the video; it starts at nothing. */
interface Drift {
  /** Gaussian blur in pixels. */
  readonly blurPx: number
  /** ffmpeg's noise strength, 0..100. */
  readonly noise: number
  /** Degrees of hue per second. */
  readonly hueDegreesPerS: number
  /** Share of the saturation lost per second. */
  readonly fadePerS: number
}

const lightDrift: Drift = {blurPx: 6, noise: 10, hueDegreesPerS: 8, fadePerS: 0.1}
/** Another model's: as good, and wrong in other places. */
const otherDrift: Drift = {blurPx: 4, noise: 14, hueDegreesPerS: -8, fadePerS: 0.08}
const heavyDrift: Drift = {blurPx: 40, noise: 70, hueDegreesPerS: 30, fadePerS: 0.18}
const otherHeavyDrift: Drift = {blurPx: 32, noise: 90, hueDegreesPerS: -30, fadePerS: 0.16}

/** True for the answers with which `drift` and `busy` must fail: the third, the sixth and so on. */
export function driftsTooFar(answerIndex: number): boolean {
  return answerIndex % 3 === 2
}

/** Writes the profile's video. ffmpeg runs on one thread: a whole cast renders side by side. */
export async function renderProfile(profile: VideoProfile, recipe: Recipe, signal: AbortSignal): Promise<void> {
  await recipe.run(recipeArguments(profile, recipe), signal)
}

export function recipeArguments(profile: VideoProfile, recipe: Recipe): readonly string[] {
  switch (profile) {
    case 'oracle':
      return encode(recipe, {inputs: from(recipe.clip), graph: continuation(recipe)})
    case 'drift':
      return encode(recipe, {
        inputs: from(recipe.clip),
        graph: drifting(recipe, driftsTooFar(recipe.answerIndex) ? heavyDrift : lightDrift),
      })
    case 'busy':
      return encode(recipe, {
        inputs: from(recipe.clip),
        graph: drifting(recipe, driftsTooFar(recipe.answerIndex) ? otherHeavyDrift : otherDrift, 11),
      })
    case 'wrong-frame':
      if (recipe.otherClip === undefined)
        throw new LeomaError('usage', 'SECOND_CLIP_MISSING', 'the wrong-frame miner needs footage of another clip', {
          hints: ['give a --source folder with at least two videos', 'leave wrong-frame out of --miners'],
        })
      return encode(recipe, {inputs: from(recipe.otherClip), graph: continuation(recipe)})
    case 'short':
      return encode(recipe, {inputs: from(recipe.clip), graph: continuation(recipe), frames: Math.round(recipe.fps)})
    case 'frozen':
      return encode(recipe, {inputs: from(recipe.firstFrame), graph: still(recipe)})
    case 'zoom':
      return encode(recipe, {inputs: from(recipe.firstFrame), graph: zooming(recipe)})
    case 'noise':
      return encode(recipe, {inputs: from(recipe.firstFrame), graph: dissolving(recipe)})
  }
}

export interface Encoding {
  readonly inputs: readonly string[]
  readonly graph: string
  readonly frames?: number
}

export function encode({frames, fps, to}: Recipe, encoding: Encoding): readonly string[] {
  return [
    ...['-v', 'error', '-nostdin', '-y', '-threads', '1', ...encoding.inputs],
    ...['-filter_complex_threads', '1', '-filter_complex', `[0:v]${encoding.graph}[v]`, '-map', '[v]', '-an'],
    ...['-frames:v', String(encoding.frames ?? frames), '-r', String(fps), '-fps_mode', 'cfr'],
    ...['-c:v', 'libx264', '-preset', 'ultrafast', '-crf', '20', '-pix_fmt', 'yuv420p', '-threads', '1'],
    // Bit-exact, so that the same recipe gives the same SHA-256 on every run.
    ...['-map_metadata', '-1', '-fflags', '+bitexact', '-flags:v', '+bitexact', '-movflags', '+faststart'],
    ...['-f', 'mp4', `file:${resolve(to)}`],
  ]
}

/** The path in full, since ffmpeg may run in another folder, and marked as a path, since it may hold a colon. */
function from(file: string): readonly string[] {
  return ['-i', `file:${resolve(file)}`]
}

/** Covers the size and crops the middle, as the conditioning frame was made. */
export function fit({width, height}: Recipe): string {
  return `scale=${width}:${height}:force_original_aspect_ratio=increase,crop=${width}:${height},setsar=1`
}

/** The clip is a little shorter than what is asked for (5.0 s against 81 frames at 16 per second): its last frame is held. */
export function continuation(recipe: Recipe): string {
  return `fps=${recipe.fps},${fit(recipe)},tpad=stop=-1:stop_mode=clone,trim=end_frame=${recipe.frames}`
}

/** The conditioning frame for as long as frames are asked for, decoded once. */
export function still(recipe: Recipe): string {
  return `${fit(recipe)},format=yuv420p,loop=loop=-1:size=1,setpts=N/(${recipe.fps}*TB)`
}

function drifting(recipe: Recipe, {blurPx, noise, hueDegreesPerS, fadePerS}: Drift, seed = 7): string {
  const spoilt = `gblur=sigma=${blurPx},${grain(recipe, noise, seed)}`
  return (
    `${continuation(recipe)},split[clean][copy];[copy]${spoilt},${fadeIn(recipe)}[spoilt];` +
    `[clean][spoilt]overlay=format=yuv420,hue=h=${hueDegreesPerS}*t:s=max(0\\,1-${fadePerS}*t)`
  )
}

/** To a quarter larger by the end. */
export function zooming(recipe: Recipe): string {
  const {width, height, frames} = recipe
  const growth = `(1+0.25*n/${frames})`
  return (
    `${still(recipe)},scale=w=2*trunc(${width}*${growth}/2):h=2*trunc(${height}*${growth}/2):eval=frame:flags=bilinear,` +
    `crop=${width}:${height}`
  )
}

export function dissolving(recipe: Recipe): string {
  return (
    `${still(recipe)},split[clean][copy];[copy]lutyuv=y=128:u=128:v=128,${grain(recipe, 100)},${fadeIn(recipe)}[noise];` +
    '[clean][noise]overlay=format=yuv420'
  )
}

/** Noise with grains of four pixels: as disturbing as finer ones, and a fifth of the bytes and of the time. */
export function grain({width, height}: Recipe, strength: number, seed = 7): string {
  return (
    `scale=${Math.ceil(width / 4)}:${Math.ceil(height / 4)}:flags=area,noise=alls=${strength}:allf=t:all_seed=${seed},` +
    `scale=${width}:${height}:flags=bilinear`
  )
}

/** From clear to opaque over the whole video; the layer is laid over the clean picture. */
function fadeIn({frames, fps}: Recipe): string {
  return `format=yuva420p,fade=t=in:st=0:d=${frames / fps}:alpha=1`
}
