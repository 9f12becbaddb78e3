import {mkdir, readdir, rename, rm} from 'node:fs/promises'
import {join} from 'node:path'
import pLimit from 'p-limit'
import {fileArgument, type RunFfmpeg} from '../../media/run.js'
import {withStop} from '../../runtime/stop.js'

export interface ClipsOptions {
  readonly run: RunFfmpeg
  readonly signal: AbortSignal
  /** Place in the series of the first clip; 0 unless given. */
  readonly from?: number
  /** Called after each clip that had to be made. */
  readonly onProgress?: (progress: {readonly done: number; readonly total: number; readonly name: string}) => void
}

/** Two at a time: x264 fills about one core at these sizes. */
const AT_ONCE = 2

/**
 * Makes sure that `dir` holds `count` of a fixed series of moving source clips, and answers their paths. A file
 * under its final name is whole, because it was renamed to it; it is not made again. The series never ends: after one
 * round through the recipes they come back with other seeds, colours and speeds.
 */
export async function ensureClips(dir: string, count: number, options: ClipsOptions): Promise<string[]> {
  await mkdir(dir, {recursive: true})
  const present = new Set(await readdir(dir))
  const clips = Array.from({length: count}, (_, index) => clipRecipe((options.from ?? 0) + index))
  const missing = clips.filter((clip) => !present.has(clip.name))
  const limit = pLimit(AT_ONCE)
  let done = 0
  // All of them, not the first failure: no process may still write into the folder when this returns.
  const results = await withStop(options.signal, (signal, stop) =>
    Promise.allSettled(
      missing.map((clip) =>
        limit(async () => {
          signal.throwIfAborted()
          await makeClip(dir, clip, options.run, signal)
          done++
          options.onProgress?.({done, total: missing.length, name: clip.name})
        }).catch((error: unknown) => {
          stop(error)
          throw error
        }),
      ),
    ),
  )
  for (const result of results) if (result.status === 'rejected') throw result.reason
  return clips.map((clip) => join(dir, clip.name))
}

async function makeClip(dir: string, clip: ClipRecipe, run: RunFfmpeg, signal: AbortSignal): Promise<void> {
  const partial = join(dir, `.${clip.name}.part`)
  const h264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-crf', '15', '-g', '60', '-pix_fmt', 'yuv420p']
  const output = [
    '-threads',
    '2',
    '-fflags',
    '+bitexact',
    '-flags',
    '+bitexact',
    '-movflags',
    '+faststart',
    '-f',
    'mp4',
  ]
  try {
    await run(
      ['-filter_complex', `${clip.graph},format=yuv420p[out]`, '-map', '[out]', '-an', '-t', `${DURATION_S}`].concat(
        h264,
        output,
        ['-y', fileArgument(partial)],
      ),
      {signal, what: `making ${clip.name}`, blame: 'program'},
    )
    await rename(partial, join(dir, clip.name))
  } finally {
    await rm(partial, {force: true})
  }
}

export interface ClipRecipe {
  readonly name: string
  /** A filter graph without input and with one open output. */
  readonly graph: string
}

/** Long enough for a five-second window that starts two seconds after the last cut. */
const DURATION_S = 11

/**
 * Subjects of the clips. Each moves all the time and in a way that neither a still nor a slow zoom continues, and its
 * detail is soft enough that H.264 keeps it.
 */
const recipes: readonly {readonly name: string; readonly graph: (variation: Variation) => string}[] = [
  {name: 'orbits', graph: orbits},
  {name: 'pan', graph: pan},
  {name: 'cut', graph: cut},
  {name: 'cells', graph: cells},
  {name: 'turntable', graph: turntable},
  {name: 'portrait', graph: portrait},
  {name: 'testcard', graph: testcard},
  {name: 'weave', graph: weave},
]

/** The `index`-th clip of the series, from 0; always the same. */
export function clipRecipe(index: number): ClipRecipe {
  const recipe = recipes[index % recipes.length] as (typeof recipes)[number] // the remainder is within the list
  const round = Math.floor(index / recipes.length)
  const variation: Variation = {
    seed: 101 + index * 17,
    speed: 1 + (round % 5) * 0.13,
    hue: (round * 67) % 360,
  }
  return {name: `${recipe.name}-${round + 1}.mp4`, graph: recipe.graph(variation)}
}

interface Variation {
  readonly seed: number
  /** 1 or somewhat faster. */
  readonly speed: number
  /** Degrees by which colours are turned. */
  readonly hue: number
}

interface Shape {
  readonly width: number
  readonly height: number
  readonly fps: number
}

/** Three discs on crossing orbits before a drifting sky. */
function orbits({seed, speed, hue}: Variation): string {
  const shape = {width: 832, height: 480, fps: 24}
  return chain(
    `${sky(shape, seed, 0.02)},hue=h=${hue}[bg]`,
    `${disc(150, '#e8503a', shape.fps)}[a]`,
    `${disc(210, '#f2c14e', shape.fps)}[b]`,
    `${disc(110, '#3ad0c8', shape.fps)}[c]`,
    place('bg', 'a', `W/2-w/2+300*sin(${1.3 * speed}*t)`, `H/2-h/2+150*cos(${1.7 * speed}*t)`, '1'),
    place('1', 'b', `W/2-w/2+280*cos(${0.9 * speed}*t+1)`, `H/2-h/2+120*sin(${1.1 * speed}*t)`, '2'),
    place('2', 'c', `mod(${210 * speed}*t,W+w)-w`, `H/2-h/2+180*sin(${2.1 * speed}*t)`),
  )
}

/** A camera that swings over a large landscape of soft islands. */
function pan({seed, speed, hue}: Variation): string {
  const shape = {width: 960, height: 540, fps: 25}
  const land = still(islands(seed, '#d9b26a', '#1f4e79'), 2200, 1200, shape.fps)
  const x = `(in_w-out_w)*(0.5+0.5*sin(${0.55 * speed}*t))`
  const y = `(in_h-out_h)*(0.5+0.5*cos(${0.8 * speed}*t))`
  return `${land},hue=h=${hue},crop=${shape.width}:${shape.height}:x='${x}':y='${y}'`
}

/** Two shots: three seconds over bright islands, then boxes that fall through the dark. */
function cut({seed, speed, hue}: Variation): string {
  const shape = {width: 854, height: 480, fps: 30}
  const land = still(islands(seed, '#fff4d6', '#7fb069'), 1600, 900, shape.fps)
  const size = `${shape.width}:${shape.height}`
  const first = `${land},hue=h=${hue},crop=${size}:x='(in_w-out_w)*t/3':y='(in_h-out_h)*(1-t/3)',trim=end=3,setsar=1`
  return chain(
    `${first},format=yuv420p[first]`,
    `${still(islands(seed + 1, '#3c2a4d', '#0d1321'), shape.width, shape.height, shape.fps)}[bg]`,
    `${box(170, 130, '#ee4266', shape.fps)}[a]`,
    `${box(110, 190, '#ffd23f', shape.fps)}[b]`,
    `${box(240, 90, '#3bceac', shape.fps)}[c]`,
    place('bg', 'a', `90+60*sin(${2.2 * speed}*t)`, `mod(${190 * speed}*t+100,H+h)-h`, '1'),
    place('1', 'b', `340+90*cos(${1.4 * speed}*t)`, `mod(${270 * speed}*t+300,H+h)-h`, '2'),
    place('2', 'c', `mod(${230 * speed}*t+500,W+w)-w`, `260+120*sin(${1.6 * speed}*t)`, '3'),
    '[3]trim=end=9,setsar=1,format=yuv420p[second]',
    '[first][second]concat=n=2:v=1',
  )
}

/** A colony of cells under a microscope that drifts: it grows, dies and never repeats. */
function cells({seed, speed, hue}: Variation): string {
  const colours = 'life_color=#c8f560:death_color=#5a1846:mold_color=#12355b:mold=12'
  const life = `life=s=80x60:rate=${Math.round(10 * speed)}:ratio=0.42:random_seed=${seed}:${colours}`
  const drift = `crop=720:540:x='120+110*sin(${0.9 * speed}*t)':y='90+80*cos(${0.7 * speed}*t)'`
  // Between two generations the picture moves on, so that each frame differs from the one before.
  return `${settled(life)},framerate=fps=20,gblur=sigma=0.5,hue=h=${hue},scale=960:720:flags=bicubic,${drift}`
}

/** A fractal turning under the camera, with a lamp that passes over it. */
function turntable({speed, hue}: Variation): string {
  const fps = 24
  const fractal = `mandelbrot=s=400x400:rate=${fps}:maxiter=48:start_scale=2.2:end_scale=1.4:end_pts=264:inner=mincol`
  return chain(
    `${fractal},gblur=sigma=1,hue=h=${hue},rotate=a='${0.5 * speed}*t':c=#20242c,scale=640:640:flags=bicubic,crop=640:480,setsar=1[bg]`,
    `${disc(140, '#fff1b8', fps)}[lamp]`,
    place('bg', 'lamp', `W/2-w/2+240*cos(${1.5 * speed}*t)`, `H/2-h/2+150*sin(${1.9 * speed}*t)`),
  )
}

/** Held upright: blocks that bounce before a turning sky. */
function portrait({seed, speed, hue}: Variation): string {
  const shape = {width: 480, height: 854, fps: 30}
  return chain(
    `${sky(shape, seed, 0.03)},hue=h=${hue}[bg]`,
    `${box(200, 140, '#2d3047', shape.fps)}[a]`,
    `${disc(180, '#f95738', shape.fps)}[b]`,
    place('bg', 'a', `abs(mod(${170 * speed}*t,2*(W-w))-(W-w))`, `H/2-h/2+170*sin(${1.3 * speed}*t)`, '1'),
    place('1', 'b', `abs(mod(${220 * speed}*t+90,2*(W-w))-(W-w))`, `H/2-h/2+190*cos(${1.9 * speed}*t)`),
  )
}

/** A test card that slides diagonally out of the picture and in again. */
function testcard({speed, hue}: Variation): string {
  const slide = `scroll=horizontal=${(0.004 * speed).toFixed(5)}:vertical=${(0.003 * speed).toFixed(5)}`
  return `testsrc2=s=640x480:r=25,gblur=sigma=1.2,hue=h=${hue},${slide}`
}

/** Cloth from a loom: rows of a cellular automaton run down the picture while it sways. */
function weave({seed, speed, hue}: Variation): string {
  const rows = `cellauto=s=80x50:rate=${Math.round(7 * speed)}:rule=${seed % 2 === 0 ? 110 : 30}:random_seed=${seed}`
  const dye = `format=gbrp,curves=r='0/0.25 1/0.8':g='0/0.2 1/0.7':b='0/0.35 1/0.45',hue=h=${hue}`
  const sway = `crop=800:500:x='80+75*sin(${1.2 * speed}*t)':y='50+45*sin(${1.7 * speed}*t)'`
  return `${settled(rows)},framerate=fps=24,gblur=sigma=0.7,${dye},scale=960:600:flags=bicubic,${sway}`
}

/** Leaves out the first generations, in which a random beginning collapses. */
function settled(automaton: string): string {
  return `${automaton},trim=start_frame=12,setpts=PTS-STARTPTS`
}

const chain = (...parts: readonly string[]): string => parts.join(';')

/** Lays the stream `over` at a moving place on `under`. Without `name` the result is the graph's output. */
function place(under: string, over: string, x: string, y: string, name?: string): string {
  return `[${under}][${over}]overlay=x='${x}':y='${y}':shortest=1${name === undefined ? '' : `[${name}]`}`
}

function sky({width, height, fps}: Shape, seed: number, speed: number): string {
  const colours = 'n=4:c0=#1b2a49:c1=#5c80bc:c2=#e8c547:c3=#465362'
  return `gradients=s=${width}x${height}:r=${fps}:seed=${seed}:${colours}:speed=${speed}`
}

/** One random generation of cells: enlarged and blurred by `still`, it is a map of islands. */
function islands(seed: number, land: string, sea: string): string {
  return `life=s=44x24:ratio=0.45:random_seed=${seed}:life_color=${land}:death_color=${sea}`
}

/** The first picture of a source, enlarged softly and held: its cost is that of one frame. */
function still(source: string, width: number, height: number, fps: number): string {
  return hold(`${source},trim=end_frame=1,scale=${width}:${height}:flags=bicubic,gblur=sigma=6,format=yuv420p`, fps)
}

/** A disc with a soft edge and a highlight, lit from the upper left. */
function disc(size: number, colour: string, fps: number): string {
  const r = size / 2
  const light = `(1.15-0.75*hypot(X-${0.7 * r},Y-${0.7 * r})/${size})`
  const shade = ['r', 'g', 'b'].map((plane) => `${plane}='clip(${plane}(X,Y)*${light},0,255)'`).join(':')
  const edge = `a='255*clip((${r - 2}-hypot(X-${r},Y-${r}))/5,0,1)'`
  return hold(`color=c=${colour}:s=${size}x${size},trim=end_frame=1,format=rgba,geq=${shade}:${edge}`, fps)
}

/** A box whose face shades from one side to the other. */
function box(width: number, height: number, colour: string, fps: number): string {
  const shade = ['r', 'g', 'b'].map((plane) => `${plane}='clip(${plane}(X,Y)*(1.1-0.5*X/W),0,255)'`).join(':')
  return hold(`color=c=${colour}:s=${width}x${height},trim=end_frame=1,format=rgba,geq=${shade}:a=255`, fps)
}

/** Repeats the one frame of a source for ever. */
function hold(source: string, fps: number): string {
  return `${source},loop=loop=-1:size=1,setpts=N/(${fps}*TB),fps=${fps}`
}
