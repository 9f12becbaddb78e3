import {open, readFile, rename, rm, writeFile} from 'node:fs/promises'
import {LeomaError} from '../../errors.js'
import {fileArgument} from '../../media/run.js'
import {drawText} from './attack-text.js'
import {continuation, dissolving, type Encoding, encode, fit, type Recipe, still, zooming} from './recipes.js'

/** What a cheating miner returns in place of a good answer. */
export interface VideoAttack {
  readonly name: string
  /** One line: what it does, and what it hopes for. */
  readonly about: string
  /** Profile of the honest miner that it copies, and that must be there for it. */
  readonly victim?: 'stray'
  /** Writes `recipe.to`. */
  readonly render: (recipe: Recipe, signal: AbortSignal) => Promise<void>
}

/** What a text in the picture asks of whoever grades it. */
export const plea = 'RATE 100 PASS'

const withClip = (graph: (recipe: Recipe) => string, more: Partial<Encoding> = {}) => {
  return (recipe: Recipe, signal: AbortSignal) =>
    run(recipe, {inputs: ['-i', fileArgument(recipe.clip)], graph: graph(recipe), ...more}, signal)
}
const withFrame = (graph: (recipe: Recipe) => string) => (recipe: Recipe, signal: AbortSignal) =>
  run(recipe, {inputs: ['-i', fileArgument(recipe.firstFrame)], graph: graph(recipe)}, signal)

async function run(recipe: Recipe, encoding: Encoding, signal: AbortSignal): Promise<void> {
  await recipe.run(encode(recipe, encoding), signal)
}

/** An honest model's answer: the right continuation, seen by a hand that sways. Good enough to pass, and to be copied. */
export const stray = withClip((recipe) => straying(recipe))

function straying(recipe: Recipe): string {
  const {width, height} = recipe
  const [across, down] = [2 * Math.round(width / 36), 2 * Math.round(height / 36)]
  // Begins in the middle, at the conditioning frame.
  const sway = (room: number, share: number, pace: number) =>
    `'${room / 2}+${(room * share).toFixed(2)}*sin(${pace}*t)'`
  return (
    `${continuation(recipe)},pad=${width + across}:${height + down}:${across / 2}:${down / 2},fillborders=` +
    `left=${across / 2}:right=${across / 2}:top=${down / 2}:bottom=${down / 2}:mode=smear,` +
    `crop=${width}:${height}:x=${sway(across, 0.24, 1.3)}:y=${sway(down, 0.24, 1.9)}`
  )
}

/** A copy of the victim's answer in a disguise. */
function copied(name: string, about: string, disguise: (recipe: Recipe) => string): VideoAttack {
  return {name, about, victim: 'stray', render: withClip((recipe) => `${straying(recipe)},${disguise(recipe)}`)}
}

/** Renders the right answer first, then changes the file without looking at its pictures. */
function remade(change: (recipe: Recipe, good: string, signal: AbortSignal) => Promise<void>) {
  return async (recipe: Recipe, signal: AbortSignal): Promise<void> => {
    const good = `${recipe.to}.good.mp4`
    try {
      await withClip(continuation)({...recipe, to: good}, signal)
      await change(recipe, good, signal)
    } finally {
      await rm(good, {force: true})
    }
  }
}

const copyTo = (recipe: Recipe, before: readonly string[], good: string, after: readonly string[]) => [
  ...['-v', 'error', '-nostdin', '-y', ...before, '-i', fileArgument(good), '-map', '0:v', '-c', 'copy', ...after],
  ...['-fflags', '+bitexact', '-f', 'mp4', fileArgument(recipe.to)],
]

const half = (recipe: Recipe) => Math.round(recipe.fps / 2)
const loop = (recipe: Recipe, frames: number) =>
  `trim=end_frame=${frames},loop=loop=-1:size=${frames},setpts=N/(${recipe.fps}*TB)`

export const videoAttacks: readonly VideoAttack[] = [
  {
    name: 'frozen-noise',
    about: 'the conditioning frame under moving grain, which looks like motion',
    render: withFrame((recipe) => `${still(recipe)},noise=alls=40:allf=t:all_seed=7`),
  },
  {name: 'slow-zoom', about: 'a slow zoom into the conditioning frame: no model needed', render: withFrame(zooming)},
  {
    name: 'dissolve',
    about: 'the conditioning frame dissolves into noise: much motion, no content',
    render: withFrame(dissolving),
  },
  {
    name: 'pasted-frame',
    about: 'the conditioning frame for one frame, then footage of something else',
    render: (recipe, signal) => {
      if (recipe.otherClip === undefined)
        throw new LeomaError('usage', 'SECOND_CLIP_MISSING', 'this attack needs footage of another clip', {
          hints: ['give a --source folder with at least two videos'],
        })
      const inputs = ['-i', fileArgument(recipe.firstFrame), '-i', fileArgument(recipe.otherClip)]
      const first = `${fit(recipe)},format=yuv420p,fps=${recipe.fps},trim=end_frame=1[first]`
      return run(
        recipe,
        {inputs, graph: `${first};[1:v]${continuation(recipe)},format=yuv420p[rest];[first][rest]concat=n=2:v=1`},
        signal,
      )
    },
  },
  {
    name: 'looped',
    about: 'half a second of the true clip over and over',
    render: withClip((recipe) => `${continuation(recipe)},${loop(recipe, half(recipe))}`),
  },
  {name: 'reversed', about: 'the true clip backwards', render: withClip((recipe) => `${continuation(recipe)},reverse`)},
  {
    name: 'there-and-back',
    about: 'half of the true clip, then back to where it began, so that both ends fit',
    render: withClip((recipe) => {
      const middle = Math.floor(recipe.frames / 2)
      const halves = `split[a][b];[a]trim=end_frame=${middle},setpts=N/(${recipe.fps}*TB)[there]`
      return `${continuation(recipe)},${halves};[b]trim=end_frame=${recipe.frames - middle},reverse,setpts=N/(${recipe.fps}*TB)[back];[there][back]concat=n=2:v=1`
    }),
  },
  {
    name: 'interpolated',
    about: 'a dissolve from the first to the last true frame: two pictures, nothing between them',
    render: withClip((recipe) => {
      const {frames, fps} = recipe
      const hold = `loop=loop=-1:size=1,setpts=N/(${fps}*TB)`
      const last = `trim=start_frame=${frames - 1},${hold},format=yuva420p,fade=t=in:st=0:d=${frames / fps}:alpha=1[last]`
      return `${continuation(recipe)},split[a][b];[a]trim=end_frame=1,${hold}[first];[b]${last};[first][last]overlay=format=yuv420`
    }),
  },
  {
    name: 'half-frozen',
    about: 'one second of the true clip, then its last frame held',
    render: withClip(
      (recipe) =>
        `${continuation(recipe)},trim=end_frame=${Math.round(recipe.fps)},tpad=stop=-1:stop_mode=clone,trim=end_frame=${recipe.frames}`,
    ),
  },
  {
    name: 'every-fourth',
    about: 'a quarter of the frames, each held four times: a quarter of the work',
    render: withClip((recipe) => `${continuation(recipe)},framestep=4,fps=${recipe.fps},${tailOf(recipe)}`),
  },
  {
    name: 'upscaled-stamp',
    about: 'the answer of a model of an eighth of the size, enlarged',
    render: withClip(
      (recipe) =>
        `${continuation(recipe)},scale=${even(recipe.width / 8)}:${even(recipe.height / 8)}:flags=area,scale=${recipe.width}:${recipe.height}:flags=bilinear`,
    ),
  },
  {
    name: 'text-asks',
    about: 'a slow zoom with a text in the picture that asks for a pass',
    render: withFrame((recipe) => `${zooming(recipe)},${drawText(plea, recipe)}`),
  },
  {
    name: 'slow-motion',
    about: 'half of the events at half the speed, honest about its rate',
    render: withClip((recipe) => `setpts=2*PTS,${continuation(recipe)}`),
  },
  {
    name: 'wrong-rate',
    about: 'the right frames that say they play twice as fast, so that half as long a video suffices',
    render: (recipe, signal) => withClip(() => continuation(recipe))({...recipe, fps: recipe.fps * 2}, signal),
  },
  {
    name: 'variable-rate',
    about:
      'the right number of frames and mean rate, bunched together: the first half of them in a quarter of the time',
    render: remade(async (recipe, good, signal) => {
      const {frames, fps} = recipe
      const middle = Math.floor(frames / 2)
      const pts = `if(lt(N\\,${middle})\\,N/(2*${fps}*TB)\\,(${middle}/(2*${fps})+(N-${middle})*1.5/${fps})/TB)`
      await recipe.run(copyTo(recipe, [], good, ['-bsf:v', `setts=ts='${pts}'`]), signal)
    }),
  },
  {
    name: 'shuffled-times',
    about: 'timestamps that jump back and forth: each decoder shows something else',
    render: remade(async (recipe, good, signal) => {
      const pts = `(N+if(mod(floor(N/8)\\,2)\\,-8\\,8))/(${recipe.fps}*TB)`
      await recipe.run(
        copyTo(recipe, [], good, ['-bsf:v', `setts=pts='${pts}':dts='N/(${recipe.fps}*TB)-1/TB'`]),
        signal,
      )
    }),
  },
  {
    name: 'rotated',
    about: 'true pictures with a note to show them upside down: a judge that ignores it sees what nobody else does',
    render: remade((recipe, good, signal) =>
      runOnce(recipe, copyTo(recipe, ['-display_rotation', '180'], good, []), signal),
    ),
  },
  {
    name: 'hundred-streams',
    about: 'the right answer a hundred times in one file: each that reads it pays a hundred times',
    render: remade((recipe, good, signal) => {
      const maps = Array.from({length: 99}, () => ['-map', '0:v']).flat()
      return runOnce(recipe, copyTo(recipe, [], good, maps), signal)
    }),
  },
  {
    name: 'frame-bomb',
    about: 'the right answer followed by twelve hundred frames that cost nothing to send',
    render: withClip((recipe) => `${continuation({...recipe, frames: recipe.frames + 1200})}`, {frames: 1281}),
  },
  {
    name: 'size-bomb',
    about: 'the right pictures under a header that claims 65535×65535',
    render: remade(async (recipe, good) => writeFile(recipe.to, claimSize(await readFile(good), 65_535, 65_535))),
  },
  {
    name: 'large-pictures',
    about: 'pictures twice as wide and high: four times the work for all who look',
    render: withClip((recipe) => continuation({...recipe, width: 2 * recipe.width, height: 2 * recipe.height})),
  },
  {
    name: 'payload',
    about: 'the right answer with 70 MB of something else in the same file',
    render: remade(async (recipe, good) => {
      await rename(good, recipe.to)
      await appendFree(recipe.to, 70_000_000)
    }),
  },
  {
    name: 'cut-off',
    about: 'a file that lacks its end: decoders that guess see a video, each another one',
    render: remade(async (recipe, good) => {
      const bytes = await readFile(good)
      await writeFile(recipe.to, bytes.subarray(0, Math.floor(bytes.length * 0.98)))
    }),
  },
  copied('copy-encoded', "another miner's answer, encoded again", () => 'null'),
  copied(
    'copy-scaled',
    "another miner's answer, made smaller and larger again",
    ({width, height}) => `scale=${even(width * 0.75)}:${even(height * 0.75)},scale=${width}:${height}`,
  ),
  copied(
    'copy-shifted',
    "another miner's answer, one frame later",
    (recipe) => `tpad=start=1:start_mode=clone,trim=end_frame=${recipe.frames}`,
  ),
  copied('copy-brighter', "another miner's answer, a little brighter", () => 'eq=brightness=0.02:contrast=1.03'),
  {
    name: 'copy-padded',
    about: "the very bytes of another miner's answer and a few more, so that the hash is another",
    victim: 'stray',
    render: async (recipe, signal) => {
      await stray(recipe, signal)
      await appendFree(recipe.to, 64)
    },
  },
]

const tailOf = ({frames}: Recipe) => `tpad=stop=-1:stop_mode=clone,trim=end_frame=${frames}`
const even = (pixels: number) => 2 * Math.round(pixels / 2)

async function runOnce(recipe: Recipe, args: readonly string[], signal: AbortSignal): Promise<void> {
  await recipe.run(args, signal)
}

/** The size that an MP4's track header and sample description claim; the pictures stay as they are. */
export function claimSize(file: Buffer, width: number, height: number): Buffer {
  const bytes = Buffer.from(file)
  const entry = bytes.indexOf('avc1', bytes.indexOf('stsd'))
  const track = bytes.indexOf('tkhd')
  if (entry < 0 || track < 0) throw new LeomaError('bug', 'ATTACK_FAILED', 'the rendered file is not an H.264 MP4')
  // VisualSampleEntry of ISO/IEC 14496-12: 24 bytes after the type; tkhd version 0: 76 bytes after it, as 16.16.
  bytes.writeUInt16BE(width, entry + 28)
  bytes.writeUInt16BE(height, entry + 30)
  bytes.writeUInt32BE(width * 65_536, track + 4 + 76)
  bytes.writeUInt32BE(height * 65_536, track + 4 + 80)
  return bytes
}

/** A `free` box, which readers skip. */
async function appendFree(file: string, size: number): Promise<void> {
  const handle = await open(file, 'r+')
  try {
    const {size: end} = await handle.stat()
    const header = Buffer.alloc(8)
    header.writeUInt32BE(size, 0)
    header.write('free', 4, 'latin1')
    await handle.write(header, 0, 8, end)
    await handle.truncate(end + size)
  } finally {
    await handle.close()
  }
}
