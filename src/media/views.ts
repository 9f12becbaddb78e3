import {LeomaError} from '../errors.js'
import {
  type Decodable,
  decodeFrames,
  frameBytesOf,
  framesOf,
  type Plan,
  planOf,
  rawOutput,
  spacedPlan,
  withLimit,
} from './decode.js'
import {coverFilter} from './graph.js'
import type {Frames, View} from './port.js'
import {contentsOf, withScratchFiles} from './scratch.js'

/**
 * Several views out of one decode: a graph with an output for each, into files of their own. Decoding is nearly all
 * of the work, and views of one size are scaled once.
 */
export async function decodeViews(source: Decodable, views: readonly View[], maxFrames: number): Promise<Frames[]> {
  const {run, input, name, signal} = source
  const plans = views.map((view) => planFor(view, source, maxFrames))
  const limits = views.map((view, i) => ((plans[i]?.maxFrames ?? 0) + 1) * frameBytesOf(view))
  if (limits.reduce((sum, bytes) => sum + bytes, 0) > source.maxBytes)
    throw new LeomaError('bug', 'MEDIA_LIMIT', `${views.length} views of a video are too much at once`)
  const outputs = plans.flatMap((plan, i) => ['-map', `[out${i}]`, ...rawOutput(plan.maxFrames + 1, i)])
  const graph = ['-filter_complex', viewGraph(views, plans, maxFrames)]
  return withScratchFiles(views.length, async (files) => {
    await run([...input, ...graph, ...outputs], {signal, what: `decoding ${name}`, files})
    const contents = await contentsOf(files, limits)
    return Promise.all(
      views.map((view, i) => {
        const frames = framesOf(contents[i] ?? new Uint8Array(), view, name)
        const wanted = plans[i]?.maxFrames ?? 0
        const isAsClaimed = frames.count === wanted || (frames.count > wanted && plans[i]?.isCapped === true)
        // The places were wrong where the file is not as long as it claims: it has to be looked at again.
        if (isSpaced(view) && !isAsClaimed)
          return decodeFrames(source, {...view, maxFrames: Math.min(view.maxFrames, maxFrames)})
        return withLimit(frames, wanted)
      }),
    )
  })
}

function planFor(view: View, source: Decodable, maxFrames: number): Plan {
  const {pick} = view
  if (pick === 'all' || 'fps' in pick) return planOf(source, {...view, pick})
  return spacedPlan(source, {maxFrames: Math.min(view.maxFrames, maxFrames)}, pick.count)
}

function isSpaced({pick}: View): boolean {
  return pick !== 'all' && 'count' in pick
}

/**
 * `maxFrames` frames and one more reach the views. Choosing frames and scaling them can change places, because each
 * frame is scaled by itself: chosen first where a size is wanted once, scaled first where it is wanted again.
 */
function viewGraph(views: readonly View[], plans: readonly Plan[], maxFrames: number): string {
  const sizes = [...Map.groupBy(views.keys(), (i) => sizeOf(views[i] as View))]
  const chains = [
    `[0:V:0]trim=end_frame=${maxFrames + 1},split=${sizes.length}${sizes.map((_, s) => `[s${s}]`).join('')}`,
  ]
  for (const [s, [scaling, wanted]] of sizes.entries()) {
    const [only = 0, ...others] = wanted
    if (others.length === 0) {
      chains.push(`[s${s}]${[...(plans[only]?.choosing ?? []), scaling].join(',')}[out${only}]`)
      continue
    }
    chains.push(`[s${s}]${scaling},split=${wanted.length}${wanted.map((i) => `[w${i}]`).join('')}`)
    for (const i of wanted) chains.push(`[w${i}]${plans[i]?.choosing.join(',') || 'null'}[out${i}]`)
  }
  return chains.join(';')
}

function sizeOf({width, height, pixel}: View): string {
  return `${coverFilter(width, height)},format=${pixel}`
}
