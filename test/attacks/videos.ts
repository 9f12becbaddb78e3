import {mkdir, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import pLimit from 'p-limit'
import type {Hotkey} from '../../src/domain/ids.js'
import {LeomaError} from '../../src/errors.js'
import type {JudgeRequest} from '../../src/judge/port.js'
import {ReferenceJudge} from '../../src/judge/reference.js'
import {duplicatesAmong, type OutputLook} from '../../src/mechanisms/video/duplicates.js'
import {checkGates, hashClip} from '../../src/mechanisms/video/gates.js'
import {defaults} from '../../src/mechanisms/video/params.js'
import {overallOf, passes} from '../../src/mechanisms/video/scoring.js'
import {FfmpegMedia} from '../../src/media/ffmpeg.js'
import {lazyFfmpeg} from '../../src/media/resolve.js'
import {createRunner} from '../../src/media/run.js'
import {textBoxes} from '../../src/services/localnet/attack-text.js'
import {claimSize, plea, stray, type VideoAttack, videoAttacks} from '../../src/services/localnet/attack-videos.js'
import {ensureClips} from '../../src/services/localnet/clips.js'
import type {Recipe} from '../../src/services/localnet/recipes.js'
import type {Attack, Gain} from './attack.js'

const run = createRunner({ffmpeg: lazyFfmpeg({})})
export const media = new FfmpegMedia({run})
const {signal} = new AbortController()
/** The shipped exam at half its size: gates and judge look at 208×120 either way. */
export const params = {...defaults, request: {...defaults.request, width: 416, height: 240}}
const {width, height, frames, fps} = params.request

export interface Scene {
  readonly clip: string
  readonly firstFrame: string
  readonly otherClip: string
  readonly dir: string
}

/** Three tasks, as the sampler would set them: from second 2, 3 and 4 of soft, of fractal and of sharp footage. */
export class Scenes {
  readonly dir: string
  readonly scenes: readonly Scene[]

  private constructor(dir: string, scenes: readonly Scene[]) {
    this.dir = dir
    this.scenes = scenes
  }

  static async open(): Promise<Scenes> {
    const dir = await mkdtemp(path.join(os.tmpdir(), 'leoma-attacks-'))
    const sources = await ensureClips(path.join(dir, 'sources'), 7, {run, signal})
    const chosen = [0, 4, 6].map((index) => ({
      source: sources[index] as string,
      other: sources[index === 6 ? 1 : index + 1] as string,
    }))
    const scenes = await Promise.all(
      chosen.map(async ({source, other}, index): Promise<Scene> => {
        const own = path.join(dir, `${index}`)
        await mkdir(own)
        const [clip, firstFrame] = [path.join(own, 'clip.mp4'), path.join(own, 'first.png')]
        await media.cut(source, clip, {startS: 2 + index, durationS: params.clip.durationS}, signal)
        await writeFile(firstFrame, await media.firstFrame(clip, {width, height}, signal))
        return {clip, firstFrame, otherClip: other, dir: own}
      }),
    )
    return new Scenes(dir, scenes)
  }

  close(): Promise<void> {
    return rm(this.dir, {recursive: true, force: true})
  }
}

export async function render(scene: Scene, name: string, attack: VideoAttack['render']): Promise<string> {
  const to = path.join(scene.dir, `${name}.mp4`)
  const recipe: Recipe = {
    ...{...scene, answerIndex: 0, width, height, frames, fps, to},
    run: (args, inner) => run(args, {signal: inner, what: name}),
  }
  await attack(recipe, signal)
  return to
}

/** Whether an answer passes; `clip` is what the judge takes for the original. */
async function judged(
  output: string,
  {firstFrame}: {readonly firstFrame: string | undefined},
  clip: string,
): Promise<boolean> {
  const request: JudgeRequest = {output, clip, firstFrame, prompt: 'whatever moves', frames, fps, width, height}
  try {
    const {aspects} = await new ReferenceJudge({media}).score(request, signal)
    return passes(aspects, overallOf(aspects, params.judge.weights), params.judge)
  } catch (error) {
    // What the judge cannot read earns no verdict; without gates in front of it, that is all there is.
    if (error instanceof LeomaError) return false
    throw error
  }
}

async function gated(output: string, {firstFrame}: Scene) {
  return checkGates(output, {media, params, kind: 'ti2v', firstFrame}, signal)
}

/** A judge that knows nothing but the answer and the conditioning frame, as if nobody had kept the clip secret. */
const withoutClip = (output: string, scene: Scene) => judged(output, scene, output)
/** … and no conditioning frame either. */
const withoutAnything = (output: string, scene: Scene) => judged(output, {...scene, firstFrame: undefined}, output)
const withClip = (output: string, scene: Scene) => judged(output, scene, scene.clip)

/** Does what a text in the picture says, where it can read one; else it judges without the clip. */
async function gullible(output: string, scene: Scene): Promise<boolean> {
  const {data, count} = await media.decode(
    output,
    {width, height, pixel: 'gray', pick: 'all', maxFrames: 200, threads: 1},
    signal,
  )
  const last = data.subarray((count - 1) * width * height)
  const {dots} = textBoxes(plea, {width, height})
  const bright = dots.filter((dot) => {
    const [x, y] = [dot.x + (dot.width >> 1), dot.y + (dot.height >> 1)]
    return (last[y * width + x] as number) > 150
  })
  return bright.length >= 0.95 * dots.length ? true : withoutClip(output, scene)
}

/** The same file without the note to turn its pictures. */
async function upright(output: string, scene: Scene): Promise<boolean> {
  const to = `${output}.upright.mp4`
  const raw = ['-v', 'error', '-y', '-display_rotation', '0', '-i', `file:${output}`, '-map', '0:v', '-c', 'copy']
  await run([...raw, '-f', 'mp4', `file:${to}`], {signal, what: 'taking the rotation off'})
  return withClip(to, scene)
}

/** The same file as a decoder sees it that takes the size from the pictures and not from the header. */
async function overlooked(output: string, scene: Scene): Promise<boolean> {
  const to = `${output}.true-size.mp4`
  await writeFile(to, claimSize(await readFile(output), width, height))
  return withClip(to, scene)
}

/** What a decoder makes of a damaged file that goes on where it finds a fault. */
async function guessed(output: string, scene: Scene): Promise<boolean> {
  const to = `${output}.guessed.mp4`
  const encode = ['-c:v', 'libx264', '-preset', 'ultrafast', '-crf', '20', '-f', 'mp4', `file:${to}`]
  await run(['-v', 'error', '-y', '-err_detect', 'ignore_err', '-i', `file:${output}`, ...encode], {
    signal,
    what: 'guessing the rest',
  })
  return withClip(to, scene)
}

type Pass = (output: string, scene: Scene) => Promise<boolean>
const gates: Pass = async (output, scene) => (await gated(output, scene)).ok
const shipped: Pass = async (output, scene) => (await gates(output, scene)) && (await withClip(output, scene))

const hidden = 'comparison with the hidden clip'
const gate = (name: string) => `gate \`${name}\``

interface Defence {
  readonly defence: string
  /** The verdict without it. */
  readonly off: Pass
}

/** What is switched off for each: the gates, the hidden clip, or both. */
const defences: Readonly<Record<string, Defence>> = {
  'frozen-noise': {defence: `${gate('motion')}; first frame; ${hidden}`, off: withoutAnything},
  'slow-zoom': {defence: hidden, off: withoutClip},
  dissolve: {defence: hidden, off: withoutClip},
  'pasted-frame': {defence: hidden, off: withoutClip},
  looped: {defence: hidden, off: withoutClip},
  reversed: {defence: `first frame; ${hidden}`, off: withoutAnything},
  'there-and-back': {defence: hidden, off: withoutClip},
  interpolated: {defence: hidden, off: withoutClip},
  'half-frozen': {defence: hidden, off: withoutClip},
  'every-fourth': {defence: gate('held_frames'), off: withClip},
  'upscaled-stamp': {defence: `${gate('detail')}; first frame; ${hidden}`, off: withoutAnything},
  'text-asks': {defence: 'a judge that measures and does not read', off: gullible},
  'slow-motion': {defence: hidden, off: withoutClip},
  'wrong-rate': {defence: gate('fps'), off: withoutClip},
  'variable-rate': {defence: 'frames are seen by time, not by number', off: withoutClip},
  'shuffled-times': {defence: 'frames are seen by time, not by number', off: withoutClip},
  rotated: {defence: 'pictures are turned as the file says', off: upright},
  'hundred-streams': {defence: gate('streams'), off: withClip},
  'frame-bomb': {defence: gate('frames'), off: withClip},
  'size-bomb': {defence: gate('unreadable'), off: overlooked},
  'large-pictures': {defence: gate('resolution'), off: withClip},
  payload: {defence: gate('too_large'), off: withClip},
  'cut-off': {defence: gate('unreadable'), off: guessed},
}

/** Share of the tasks in which something is so. */
async function shareOf(scenes: Scenes, isSo: (scene: Scene) => Promise<boolean>): Promise<number> {
  const limit = pLimit(2)
  const all = await Promise.all(scenes.scenes.map((scene) => limit(() => isSo(scene))))
  return all.filter(Boolean).length / all.length
}

const passed = 'share of its answers that pass'

function alone(attack: VideoAttack, {defence, off}: Defence, scenes: Scenes): Attack {
  const measure = async (): Promise<Gain> => {
    const verdicts = await Promise.all(
      scenes.scenes.map(async (scene) => {
        const file = await render(scene, attack.name, attack.render)
        try {
          return [await off(file, scene), await shipped(file, scene)] as const
        } finally {
          await rm(file, {force: true})
        }
      }),
    )
    const share = (which: 0 | 1) => verdicts.filter((verdict) => verdict[which]).length / verdicts.length
    return {without: share(0), with: share(1)}
  }
  return {name: attack.name, about: attack.about, defence, gain: passed, measure}
}

/** A copy beside its original, in one task: does it pass, and does it still when copies are rejected? */
function beside(attack: VideoAttack, scenes: Scenes): Attack {
  const look = async (scene: Scene, name: string, file: string, commitmentBlock: number): Promise<OutputLook> => {
    const checked = await gated(file, scene)
    const perceptualHash = checked.ok ? checked.perceptualHash : undefined
    return {hotkey: name as Hotkey, commitmentBlock, sha256: name, perceptualHash} // a name for a key
  }
  const measure = async (): Promise<Gain> => {
    const rule = defaults.gates.duplicateOutputs
    if (!rule) throw new Error('the shipped exam has no rule against copies')
    const isCopy = async (scene: Scene, copy: string) => {
      const original = await render(scene, 'original', stray)
      const clip = await hashClip(scene.clip, {media, request: params.request}, signal)
      const outputs = [await look(scene, 'original', original, 1), await look(scene, 'copy', copy, 2)]
      return duplicatesAmong(outputs, clip, rule).some((found) => found.copy === 'copy')
    }
    const results: (readonly [boolean, boolean])[] = []
    for (const scene of scenes.scenes) {
      const file = await render(scene, attack.name, attack.render)
      const passesAlone = await shipped(file, scene)
      results.push([passesAlone, passesAlone && !(await isCopy(scene, file))])
    }
    const share = (which: 0 | 1) => results.filter((result) => result[which]).length / results.length
    return {without: share(0), with: share(1)}
  }
  const defence = '`gates.duplicateOutputs`'
  return {name: attack.name, about: attack.about, defence, gain: passed, measure}
}

export function videos(scenes: Scenes): Attack[] {
  return videoAttacks.map((attack) => {
    if (attack.victim) return beside(attack, scenes)
    const defence = defences[attack.name]
    if (!defence) throw new Error(`nobody says what stands against ${attack.name}`)
    return alone(attack, defence, scenes)
  })
}

export {gates, shareOf, shipped, withClip, withoutClip}
