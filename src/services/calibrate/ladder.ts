import path from 'node:path'

/** Weakest first. */
export const strengths = [1, 2, 3, 4, 5] as const
export type Strength = (typeof strengths)[number]

export interface Degradation {
  readonly name: string
  /** What is turned up, with its unit, and to what at each strength. */
  readonly about: string
  readonly steps: readonly [number, number, number, number, number]
  /** Spoils the source before it is brought to the task's rate and size. */
  readonly before?: (step: number) => string
  /** Spoils the finished picture. */
  readonly after?: (step: number, shape: Shape) => string
  /** x264's quality instead of the usual. */
  readonly crf?: (step: number) => number
  /** Shows so much of another clip. */
  readonly other?: (step: number) => number
}

export interface Shape {
  readonly width: number
  readonly height: number
  readonly frames: number
  readonly fps: number
}

/** What is given in pixels is for a picture this wide, and spoils a smaller one just as much. */
const usualWidth = 832

/** Ten ways to be worse than the original, each in five strengths from hardly visible to useless. */
export const degradations: readonly Degradation[] = [
  {
    name: 'blur',
    about: 'Gaussian blur, pixels of a picture 832 wide',
    steps: [1.5, 3, 6, 10, 16],
    after: (step, {width}) => `gblur=sigma=${(step * width) / usualWidth}`,
  },
  {
    name: 'noise',
    about: 'noise in each frame, strength of 100',
    steps: [10, 18, 30, 50, 85],
    after: (step) => `noise=alls=${step}:allf=t:all_seed=7`,
  },
  {name: 'compression', about: 'x264 quality (CRF)', steps: [36, 40, 44, 48, 51], crf: (step) => step},
  {name: 'hue', about: 'colours turned, degrees', steps: [12, 25, 50, 90, 150], after: (step) => `hue=h=${step}`},
  {
    name: 'contrast',
    about: 'share of the contrast kept',
    steps: [0.8, 0.65, 0.5, 0.35, 0.2],
    after: (step) => `lutyuv=y='(val-126)*${step}+126'`,
  },
  {
    name: 'flicker',
    about: 'brightness of every other frame, steps of 25 of 255',
    steps: [0.15, 0.3, 0.5, 1, 2],
    after: (step) => `hue=b='${step}*(2*mod(n\\,2)-1)'`,
  },
  {name: 'stutter', about: 'pictures a second', steps: [8, 5, 3, 2, 1], before: (step) => `fps=${step}`},
  {
    name: 'shake',
    about: 'the camera jumps each frame, pixels either way',
    steps: [3, 6, 12, 20, 32],
    after: (step, {width, height}) =>
      `crop=iw-${2 * step}:ih-${2 * step}:x='${step}+${step}*sin(2.1*n)':y='${step}+${step}*cos(2.7*n)',scale=${width}:${height}`,
  },
  {
    name: 'slowness',
    about: 'times slower than it was',
    steps: [1.2, 1.4, 1.7, 2.2, 3.5],
    before: (step) => `setpts=${step}*PTS`,
  },
  {
    name: 'ghost',
    about: 'share of another clip laid over it',
    steps: [0.12, 0.22, 0.35, 0.5, 0.75],
    other: (step) => step,
  },
]

/** Outputs that nobody should mark down: the original, encoded well, and not quite so well. */
export const goodQualities = [17, 22, 27] as const

export interface Rendering {
  readonly shape: Shape
  readonly clip: string
  readonly otherClip: string
  readonly to: string
}

/** x264's quality where a rung says nothing about it. */
const usualCrf = 18

export function goodArguments(crf: number, {shape, clip, to}: Rendering): string[] {
  return encode([clip], `[0:v]${continuation(shape)}[v]`, crf, shape, to)
}

export function rungArguments(degradation: Degradation, strength: Strength, rendering: Rendering): string[] {
  const {shape, clip, otherClip, to} = rendering
  const step = degradation.steps[strength - 1] ?? degradation.steps[4]
  const {before, after, crf, other} = degradation
  const chain = [before?.(step), continuation(shape), after?.(step, shape)]
    .filter((part) => part !== undefined)
    .join(',')
  const quality = crf?.(step) ?? usualCrf
  if (!other) return encode([clip], `[0:v]${chain}[v]`, quality, shape, to)
  const share = other(step)
  const graph =
    `[0:v]${chain},format=yuv420p[own];[1:v]${continuation(shape)},format=yuva420p,colorchannelmixer=aa=${share}[top];` +
    '[own][top]overlay=format=yuv420[v]'
  return encode([clip, otherClip], graph, quality, shape, to)
}

/** The same video once more through an encoder, as a careless upload would. */
export function againArguments(from: string, shape: Shape, to: string): string[] {
  return encode([from], '[0:v]null[v]', 24, shape, to)
}

/** At the task's rate and size, the middle of the picture; the last frame is held where the clip is too short. */
function continuation({width, height, frames, fps}: Shape): string {
  return (
    `fps=${fps},scale=${width}:${height}:force_original_aspect_ratio=increase,crop=${width}:${height},setsar=1,` +
    `tpad=stop=-1:stop_mode=clone,trim=end_frame=${frames}`
  )
}

function encode(inputs: readonly string[], graph: string, crf: number, {frames, fps}: Shape, to: string): string[] {
  return [
    ...inputs.flatMap((file) => ['-threads', '1', '-i', `file:${path.resolve(file)}`]),
    ...['-filter_complex_threads', '1', '-filter_complex', graph, '-map', '[v]', '-an'],
    ...['-frames:v', String(frames), '-r', String(fps), '-fps_mode', 'cfr'],
    ...['-c:v', 'libx264', '-preset', 'veryfast', '-crf', String(crf), '-pix_fmt', 'yuv420p', '-threads', '1'],
    ...['-map_metadata', '-1', '-fflags', '+bitexact', '-flags:v', '+bitexact', '-movflags', '+faststart'],
    ...['-f', 'mp4', '-y', `file:${path.resolve(to)}`],
  ]
}
