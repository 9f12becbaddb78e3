import {LeomaError} from '../errors.js'
import {collector} from './bytes.js'
import {type Decodable, frameBytesOf, framesOf, type Plan, planOf, rawOutput, withLimit} from './decode.js'
import {coverFilter} from './graph.js'
import type {Frames, View} from './port.js'

/**
 * Several views out of one decode: a graph with an output for each, through pipes of their own. Decoding is nearly all
 * of the work, and views of one size are scaled once.
 */
export async function decodeViews(source: Decodable, views: readonly View[], maxFrames: number): Promise<Frames[]> {
  const {run, input, name, signal} = source
  const plans = views.map((view) => planOf(source, view))
  const taken = views.map((view, i) => {
    const frames = (plans[i]?.maxFrames ?? 0) + 1
    const maxBytes = frames * frameBytesOf(view)
    return {frames, maxBytes, pixels: collector(maxBytes, (plans[i]?.expected ?? 0) * frameBytesOf(view))}
  })
  if (taken.reduce((sum, {maxBytes}) => sum + maxBytes, 0) > source.maxBytes)
    throw new LeomaError('bug', 'MEDIA_LIMIT', `${views.length} views of a video are too much at once`)
  const outputs = taken.flatMap(({frames}, i) => ['-map', `[out${i}]`, ...rawOutput(frames, `pipe:${pipeOf(i)}`)])
  const [first, ...more] = taken.map(({pixels, maxBytes}) => ({
    onOutput: (chunk: Uint8Array) => pixels.add(chunk),
    maxOutputBytes: maxBytes,
  }))
  const graph = viewGraph(views, plans, maxFrames)
  await run([...input, '-filter_complex', graph, ...outputs], {signal, what: `decoding ${name}`, ...first, more})
  return views.map((view, i) =>
    withLimit(framesOf(taken[i]?.pixels.bytes() ?? new Uint8Array(), view, name), plans[i]?.maxFrames ?? 0),
  )
}

/** stdout, and those behind stderr. */
function pipeOf(index: number): number {
  return index === 0 ? 1 : index + 2
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
