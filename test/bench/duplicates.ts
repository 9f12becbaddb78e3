import {mkdir, mkdtemp, rm, writeFile} from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import pLimit from 'p-limit'
import type {Hotkey} from '../../src/domain/ids.js'
import {compareOutputs, type DuplicateRule, see} from '../../src/mechanisms/video/duplicates.js'
import {checkGates, hashClip} from '../../src/mechanisms/video/gates.js'
import {defaults} from '../../src/mechanisms/video/params.js'
import {parseHash} from '../../src/mechanisms/video/video-hash.js'
import {FfmpegMedia} from '../../src/media/ffmpeg.js'
import {lazyFfmpeg} from '../../src/media/resolve.js'
import {createRunner, fileArgument} from '../../src/media/run.js'
import {ensureClips} from '../../src/services/localnet/clips.js'
import {renderProfile, type VideoProfile} from '../../src/services/localnet/recipes.js'
import type {Measured} from './run.js'

const run = createRunner({ffmpeg: lazyFfmpeg({})})
const media = new FfmpegMedia({run})
const {signal} = new AbortController()
/** Half the size of the shipped exam's: hashes are made of 208×120 either way. */
const request = {...defaults.request, width: 416, height: 240}
const params = {...defaults, request}
const rule = shippedRule()
const {width: w, height: h, frames, fps} = request

const fit = `fps=${fps},scale=${w}:${h}:force_original_aspect_ratio=increase,crop=${w}:${h},setsar=1`
const tail = `tpad=stop=-1:stop_mode=clone,trim=end_frame=${frames}`

/**
 * Good answers of models that are not each other's copy: they follow what really happened and leave it by ways of their
 * own, growing with time. No two of them may be taken for one.
 */
const renderings: Readonly<Record<string, string>> = {
  turning: `${fit},${tail},scale=${w + 20}:${h + 12},rotate=a='0.03*t/5':ow=${w}:oh=${h}`,
  slower: `setpts=1.04*PTS,${fit},${tail}`,
  faster: `setpts=0.97*PTS,${fit},${tail}`,
  closing: `${fit},${tail},scale=w='2*trunc(${w}*(1+0.05*n/${frames})/2)':h='2*trunc(${h}*(1+0.05*n/${frames})/2)':eval=frame,crop=${w}:${h}`,
  sliding: `${fit},${tail},scale=${w + 24}:${h + 14},crop=${w}:${h}:x='12+11*t/5.1':y='7-6*t/5.1'`,
  swaying: `${fit},${tail},scale=${w + 24}:${h + 14},crop=${w}:${h}:x='12+5*sin(1.3*t)':y='7+3*sin(1.9*t)'`,
  tilting: `${fit},${tail},perspective=x0='0-8*on/${frames}':y0=0:x1='W+6*on/${frames}':y1='0-5*on/${frames}':x2=0:y2=H:x3=W:y3=H:eval=frame`,
}
/** Of the cast: what is close to the hidden clip, and what strays from it. */
const profiles: readonly (readonly [string, VideoProfile, number])[] = [
  ['oracle', 'oracle', 0],
  ['drift', 'drift', 0],
  ['busy', 'busy', 0],
  ['drift, far', 'drift', 2],
  ['busy, far', 'busy', 2],
  ['zoom', 'zoom', 0],
]
const copied = ['turning', 'slower', 'swaying']

const hold = 'tpad=stop=1:stop_mode=clone'
/** What a copier does to hide it: filter, and x264's CRF. */
const disguises: Readonly<Record<string, readonly [string, number]>> = {
  'encoded again, badly': ['null', 36],
  'scaled down and up': [`scale=320:184,scale=${w}:${h}`, 26],
  'of another size': [`scale=${w - 16}:${h - 8}`, 26],
  'one frame early': [`trim=start_frame=1,setpts=PTS-STARTPTS,${hold}`, 26],
  'one frame late': [`tpad=start=1:start_mode=clone,trim=end_frame=${frames}`, 26],
  mirrored: ['hflip', 26],
  brighter: ['eq=brightness=0.06:contrast=1.08', 26],
  darker: ['eq=brightness=-0.06:gamma=0.9', 26],
  grainy: ['noise=alls=10:allf=t:all_seed=3', 26],
  'all of these': [
    `trim=start_frame=1,setpts=PTS-STARTPTS,${hold},hflip,eq=brightness=0.05,scale=320:184,scale=${w}:${h}`,
    34,
  ],
}

const encode = (crf: number) =>
  ['-an', '-frames:v', `${frames}`, '-r', `${fps}`, '-fps_mode', 'cfr', '-c:v', 'libx264', '-preset', 'ultrafast']
    .concat(['-crf', `${crf}`, '-pix_fmt', 'yuv420p', '-threads', '1', '-fflags', '+bitexact', '-flags:v', '+bitexact'])
    .concat(['-f', 'mp4', '-y'])

function shippedRule(): DuplicateRule {
  const {duplicateOutputs} = defaults.gates
  if (!duplicateOutputs) throw new Error('the shipped exam has no rule against copies')
  return duplicateOutputs
}

type Look = ReturnType<typeof see>
interface Clip {
  readonly looks: ReadonlyMap<string, Look>
  readonly copies: readonly {readonly original: string; readonly disguise: string; readonly look: Look}[]
}

/** Recall of copies under every disguise, and the false alarms among answers that are none, over eight clips. */
export async function bench(): Promise<Measured[]> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'leoma-duplicates-'))
  try {
    const sources = await ensureClips(path.join(dir, 'sources'), 8, {run, signal})
    const limit = pLimit(2)
    const clips = await Promise.all(
      sources.map((source, index) => limit(() => examine(source, path.join(dir, `${index}`)))),
    )
    const honest = clips.flatMap(({looks}) => {
      const all = [...looks.values()]
      return all.flatMap((a, i) => all.slice(i + 1).map((b) => [a, b] as const))
    })
    const alarms = honest.flatMap(([a, b]) => compareOutputs(a, b, rule) ?? [])
    const shares = honest.flatMap(([a, b]) => shareOf(a, b) ?? []).sort((a, b) => a - b)
    const found = clips.flatMap(({copies, looks}) =>
      copies.map(({disguise, original, look}) => {
        const from = looks.get(original) as Look
        return {disguise, isFound: compareOutputs(from, look, rule) !== undefined, share: shareOf(from, look)}
      }),
    )
    const recall = (of: typeof found) => of.filter(({isFound}) => isFound).length / of.length
    const perDisguise = Object.keys(disguises).map((disguise) => {
      const of = found.filter((copy) => copy.disguise === disguise)
      const worst = Math.max(...of.map(({share}) => share ?? 0))
      return {
        name: `copies found: ${disguise}`,
        ratio: recall(of),
        limit: 0.85,
        bad: 'under' as const,
        note: `of ${of.length}; at most ${worst.toFixed(2)} of the way to the hidden clip apart, the exam allows ${rule.maxShare}`,
      }
    })
    return [
      {
        name: 'false alarms among different answers',
        ratio: alarms.length,
        limit: 0,
        note: `of ${honest.length} pairs${alarms.map(({copy, original, distance, deviation}) => ` ${original}/${copy} ${distance.toFixed(3)}/${deviation.toFixed(3)}`).join(',')}; the nearest two at ${(shares[0] ?? 0).toFixed(2)} of the way to the hidden clip`,
      },
      {
        name: 'copies found: all disguises',
        ratio: recall(found),
        limit: 0.95,
        bad: 'under',
        note: `of ${found.length}`,
      },
      ...perDisguise,
    ]
  } finally {
    await rm(dir, {recursive: true, force: true})
  }
}

async function examine(source: string, dir: string): Promise<Clip> {
  await mkdir(dir, {recursive: true})
  const clip = path.join(dir, 'clip.mp4')
  const firstFrame = path.join(dir, 'first.png')
  await media.cut(source, clip, {startS: source.includes('cut') ? 4.2 : 3.1, durationS: 5}, signal)
  await writeFile(firstFrame, await media.firstFrame(clip, {width: w, height: h}, signal))
  const hidden = parseHash(await hashClip(clip, {media, request}, signal))
  const look = async (name: string, file: string): Promise<Look> => {
    const checked = await checkGates(file, {media, params, kind: 'ti2v', firstFrame}, signal)
    if (!checked.ok) throw new Error(`${name} of ${path.basename(source)}: ${checked.reason}`)
    const {perceptualHash} = checked
    return see({hotkey: name as Hotkey, commitmentBlock: 1, sha256: name, perceptualHash}, hidden, {maxShift: 2}) // a name for a key
  }
  const looks = new Map<string, Look>()
  for (const [name, profile, answerIndex] of profiles) {
    const to = path.join(dir, `${name}.mp4`)
    const recipe = {clip, firstFrame, answerIndex, width: w, height: h, frames, fps, to}
    const render = (args: readonly string[], inner: AbortSignal) => run(args, {signal: inner, what: name})
    await renderProfile(profile, {...recipe, run: render}, signal)
    looks.set(name, await look(name, to))
  }
  const copies: Clip['copies'][number][] = []
  for (const [name, graph] of Object.entries(renderings)) {
    const to = path.join(dir, `${name}.mp4`)
    await run(['-i', fileArgument(clip), '-vf', graph, ...encode(20), fileArgument(to)], {signal, what: name})
    looks.set(name, await look(name, to))
    if (!copied.includes(name)) continue
    for (const [disguise, [filter, crf]] of Object.entries(disguises)) {
      const copy = path.join(dir, 'copy.mp4')
      await run(['-i', fileArgument(to), '-vf', filter, ...encode(crf), fileArgument(copy)], {signal, what: disguise})
      copies.push({original: name, disguise, look: await look(disguise, copy)})
    }
  }
  return {looks, copies}
}

/** How far apart two are, as a share of the way to the hidden clip; undefined where the clip itself explains it. */
function shareOf(a: Look, b: Look): number | undefined {
  const loose = compareOutputs(a, b, {...rule, maxShare: 100})
  return loose && loose.distance / loose.deviation
}
