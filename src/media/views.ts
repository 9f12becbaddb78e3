import {LeomaError} from '../errors.js'
import {type Decodable, frameBytesOf, framesOf, type Plan, planOf, rawOutput, withLimit} from './decode.js'
import {coverFilter} from './graph.js'
import type {Frames, View} from './port.js'
import {contentsOf, withScratchFiles} from './scratch.js'

/**
 * Several views out of one decode: a graph with an output for each, into files of their own. Decoding is nearly all
 * of the work, and views of one size are scaled once.
 */
export async function decodeViews(source: Decodable, views: readonly View[], maxFrames: number): Promise<Frames[]> {
  const {run, input, name, signal} = source
  const plans = views.map((view) => planOf(source, view))
  const limits = views.map((view, i) => ((plans[i]?.maxFrames ?? 0) + 1) * frameBytesOf(view))
  if (limits.reduce((sum, bytes) => sum + bytes, 0) > source.maxBytes)
    throw new LeomaError('bug', 'MEDIA_LIMIT', `${views.length} views of a video are too much at once`)
  const outputs = plans.flatMap((plan, i) => ['-map', `[out${i}]`, ...rawOutput(plan.maxFrames + 1, i)])
  const graph = ['-filter_complex', viewGraph(views, plans, maxFrames)]
  return withScratchFiles(views.length, async (files) => {
    await run([...input, ...graph, ...outputs], {signal, what: `decoding ${name}`, files})
    const contents = await contentsOf(files, limits)
    return views.map((view, i) =>
      withLimit(framesOf(contents[i] ?? new Uint8Array(), view, name), plans[i]?.maxFrames ?? 0),
    )
  })
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
